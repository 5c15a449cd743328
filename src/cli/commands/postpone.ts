import type { Command } from 'commander';
import { localTimezone } from '../../config/local-zone.ts';
import { NotFoundError } from '../../core/errors.ts';
import { toShortText } from '../../core/instants.ts';
import { normalizeName } from '../../core/names.ts';
import { ALL_NODES, nameOf } from '../../core/task.ts';
import { isStateOf } from '../../runner/definition.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { type Postponed, postponeTask } from '../../runner/postpone.ts';
import { findTask, type StoredTask } from '../../store/definitions.ts';
import { listNodes } from '../../store/nodes.ts';
import { actorName } from '../actor.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { openEventLog } from '../event-log.ts';
import { EXIT } from '../exit-codes.ts';
import { type Session, withSession } from '../session.ts';
import { taskJson } from '../task-json.ts';
import { viewTask } from '../task-view.ts';
import { tellTask } from '../tell-task.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Put a task off by a whole period: a live run is asked to end, due slots are skipped, a pending attempt is given up, back-off begins anew, and the period counts from now.',
    )
    .argument('<name>', 'name of the task')
    .option('-n, --node <NAME>', 'only on this node (default: on every node)')
    .action(actionOf(postpone));
}

function postpone(context: Context, name: string, flags: { readonly node?: string }): Promise<number> {
  return withSession(context, {}, async (session) => {
    const node = flags.node === undefined ? undefined : normalizeName(flags.node);
    const stored = await findTask(session.store.database, name);
    const done = await postponeStates(context, session, stored, node);
    const registry = await openRegistry(session.config, context.io.cwd);
    const view = await viewTask(context, session, await findTask(session.store.database, name), registry);
    const where = node === undefined ? '' : ` on node ${JSON.stringify(node)}`;
    tellTask(context, session, view, {
      done: `postponed task ${JSON.stringify(nameOf(stored.record))}${where}${whatElse(done)}`,
      word: 'next',
      document: { ...taskJson(view), postponed: done.map(toJson) },
    });
    return EXIT.ok;
  });
}

async function postponeStates(
  context: Context,
  session: Session,
  stored: StoredTask,
  node: string | undefined,
): Promise<readonly Postponed[]> {
  const { config, store, clock } = session;
  // A state of another scope, or of a node that is gone from the task, only remembers what was handled.
  const keys = stored.states
    .filter((state) => isStateOf(stored.record.fields, state))
    .map(({ scopeKey }) => scopeKey)
    .filter((scopeKey) => node === undefined || [node, ALL_NODES].includes(scopeKey));
  if (keys.length === 0) {
    const where = node === undefined ? ' yet' : ` on node ${JSON.stringify(node)}`;
    throw new NotFoundError(`task ${JSON.stringify(nameOf(stored.record))} has no state${where}`);
  }
  const nodes = await listNodes(store.driver);
  const zones = new Map(nodes.map(({ name, timezone }) => [name, timezone]));
  const log = await openEventLog(context, session, { show: false });
  const actor = actorName(context.io.uid);
  const registry = openRegistry(config, context.io.cwd);
  return postponeTask(
    {
      driver: store.driver,
      node: { name: config.node },
      clock,
      actor,
      registry: () => registry,
      timezoneOf: (scopeKey) => zones.get(scopeKey) ?? localTimezone(context.io.env),
      onEvent: ({ life }) => log.write({ ...life, actor }),
    },
    stored.record,
    keys,
  );
}

function whatElse(done: readonly Postponed[]): string {
  const skipped = done.reduce((sum, { skipped: count }) => sum + count, 0);
  const runs = done.flatMap(({ cancelled }) => cancelled.map(({ id }) => id));
  return [
    ...(skipped === 0 ? [] : [`; skipped ${skipped} due slot${skipped === 1 ? '' : 's'}`]),
    ...(runs.length === 0 ? [] : [`; asked run ${runs.join(', ')} to end`]),
  ].join('');
}

function toJson({ scopeKey, nextSlotAt, cancelled, skipped }: Postponed) {
  return {
    scope: scopeKey,
    nextSlotAt: nextSlotAt === null ? null : toShortText(nextSlotAt),
    cancelRequested: cancelled.map(({ id }) => id),
    skippedSlots: skipped,
  };
}

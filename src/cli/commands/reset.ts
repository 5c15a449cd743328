import type { Command } from 'commander';
import { normalizeName } from '../../core/names.ts';
import { nameOf } from '../../core/task.ts';
import { processIdentity } from '../../execute/processes.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { giveUpUnseenRuns } from '../../runner/recovery.ts';
import type { RunnerEvent } from '../../runner/runner.ts';
import { resetTask } from '../../store/reset.ts';
import { listAliveRuns } from '../../store/task-runs.ts';
import { actorName } from '../actor.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { logRunnerEvent, openEventLog } from '../event-log.ts';
import { changedTask, logChange } from '../event-log-change.ts';
import { EXIT } from '../exit-codes.ts';
import { type Session, withSession } from '../session.ts';
import { viewTask } from '../task-view.ts';
import { tellTask } from '../tell-task.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Start a task afresh: take back that it is terminated, its failures and a pending attempt, and count from now. Repairs a task whose slots a wrong clock handled in the future.',
    )
    .argument('<name>', 'name of the task')
    .option('-n, --node <NAME>', 'only on this node (default: on every node)')
    .action(actionOf(reset));
}

function reset(context: Context, name: string, flags: { readonly node?: string }): Promise<number> {
  return withSession(context, {}, async (session) => {
    const node = flags.node === undefined ? undefined : normalizeName(flags.node);
    const actor = actorName(context.io.uid);
    const stored = await resetTask(session.store.database, name, { node, now: session.clock(), actor });
    await giveUpUnseen(context, session, { taskId: stored.record.id, node: node ?? session.config.node });
    const registry = await openRegistry(session.config, context.io.cwd);
    const view = await viewTask(context, session, stored, registry);
    await logChange(context, session, { event: 'reset', ...changedTask(view, node), actor });
    const where = node === undefined ? '' : ` on node ${JSON.stringify(node)}`;
    const done = `reset task ${JSON.stringify(nameOf(stored.record))}${where}`;
    tellTask(context, session, view, { done, word: 'next' });
    return EXIT.ok;
  });
}

/** Whoever resets a task whose runner on the node cannot be seen from here says that it is dead; one that can be seen goes on. */
async function giveUpUnseen(
  context: Context,
  session: Session,
  { taskId, node }: { readonly taskId: number; readonly node: string },
): Promise<void> {
  const { store, clock } = session;
  const liveRuns = await listAliveRuns(store.driver, taskId);
  const identity = processIdentity();
  const log = await openEventLog(context, session, { show: false });
  const onEvent = (event: RunnerEvent) => logRunnerEvent(log, event);
  const given = await giveUpUnseenRuns({ driver: store.driver, identity, clock, onEvent }, liveRuns, node);
  if (given > 0) {
    context.output.note(
      `gave up ${given === 1 ? 'a live run' : `${given} live runs`} whose runner cannot be seen from here`,
    );
  }
}

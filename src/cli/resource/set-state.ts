import { NotFoundError, UsageError } from '../../core/errors.ts';
import { RESOURCE_STATES, type ResourceState } from '../../core/requires.ts';
import { type ResourceReport, recordWord } from '../../store/resource-looks.ts';
import { listResourceStates } from '../../store/resources.ts';
import { actorName } from '../actor.ts';
import type { Context } from '../context.ts';
import { openEventLog } from '../event-log.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { foundResource } from './define-resource.ts';
import { noteUnknownNode } from './unknown-node.ts';

type SetFlags = { readonly node?: string; readonly why?: string; readonly force?: boolean };

/** Records how somebody says that a resource is. */
export function setByHand(
  context: Context,
  given: string,
  word: string,
  { node, why, force = false }: SetFlags,
): Promise<number> {
  const state = readState(word);
  return withSession(context, { node }, async (session) => {
    const { store, config, clock } = session;
    const { name, probe } = await foundResource(session, given);
    if (probe !== 'none' && !force) {
      throw new UsageError(
        `resource set: expected a resource without a probe, got ${JSON.stringify(name)}, whose probe is ${probe} (--force sets it until the next look)`,
      );
    }
    const reason = reasonOf(actorName(context.io.uid), why);
    const said = { resource: name, node: config.node, state, why: reason };
    const [last] = await listResourceStates(store.driver, { resource: name, node: config.node });
    const recorded = await recordWord(store.driver, { ...said, at: clock() });
    if (recorded === 'gone') {
      throw new NotFoundError(
        `resource set: expected a resource that is defined, got ${JSON.stringify(name)}, which somebody has just removed`,
      );
    }
    const changed = recorded === 'changed';
    if (changed) {
      const log = await openEventLog(context, session, { show: false });
      log.resource({ ...said, before: last?.state ?? null });
    }
    tell(context, said, changed);
    if (node !== undefined) {
      await noteUnknownNode(context, session);
    }
    return EXIT.ok;
  });
}

function reasonOf(actor: string, why: string | undefined): string {
  const by = `set by ${actor}`;
  return why === undefined || why.trim() === '' ? by : `${by}: ${why.trim()}`;
}

type Said = Omit<ResourceReport, 'at'>;

function tell({ output }: Context, said: Said, changed: boolean): void {
  if (output.isJson) {
    output.document({ ...said, changed });
    return;
  }
  const { resource, node, state } = said;
  const already = changed ? '' : ' already';
  output.line(
    printable(`resource ${JSON.stringify(resource)} is ${state}${already} on node ${JSON.stringify(node)}`),
  );
}

function readState(word: string): ResourceState {
  const given = word.trim().replaceAll(/\s+/g, ' ');
  const state = RESOURCE_STATES.find((known) => known === given);
  if (state === undefined) {
    throw new UsageError(
      `resource set: expected one of the states ${RESOURCE_STATES.join(', ')}, got ${JSON.stringify(word)}`,
    );
  }
  return state;
}

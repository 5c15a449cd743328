import { isBack, type KnownResource, knownText, type ResourceLookup } from '../core/conditions.ts';
import type { Decision } from '../core/due.ts';
import { restsOffline } from '../core/gate.ts';
import { type Instant, SECOND_MS, toShortText } from '../core/instants.ts';
import { joinMessages } from '../core/outcome.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import { blockageText, offlineText, skipText, waitText } from './reasons.ts';

/** What a tick would look at. */
type Looked = {
  readonly task: Task;
  /** As it was before the decision. */
  readonly state: TaskState;
  /** What is recorded of the resources of the node. */
  readonly known: ResourceLookup | undefined;
};

/** Why nothing would run, in words; undefined for what would. */
export function whyNotRun(decision: Decision, { task, state, known }: Looked): string | undefined {
  switch (decision.kind) {
    case 'skip': {
      const { count } = decision.slots;
      const slots = count === 1 ? '' : `${count} slots `;
      return (
        joinMessages(`${slots}would be skipped, ${skipText(decision)}`, blockageText(state)) ?? undefined
      );
    }
    case 'offline-disabled':
      return `rests since ${secondText(decision.since)}: ${restText(task, { known: known?.(task.offlineResource ?? '') })}`;
    case 'waiting':
    case 'excluded':
    case 'still-running':
    case 'handled-in-future':
    case 'held':
    case 'blocked':
      return waitText(decision, task);
    case 'terminated':
      return `terminated: ${decision.reason ?? 'without a reason'}`;
    case 'give-up':
    case 'over':
      return `would be terminated: ${decision.reason}`;
    case 'go-offline':
      return `would rest, ${offlineText(decision.resource)}`;
    case 'online':
      return `would count from now: ${wakeText(task, known)}`;
    default:
      return undefined;
  }
}

function secondText(instant: Instant): string {
  return toShortText(instant - (instant % SECOND_MS));
}

/** How a resource was found, and where, if that is to be told. */
export type FoundResource = { readonly known: KnownResource | undefined; readonly node?: string | undefined };

/**
 * Why a task rests, and until when: `its resource db is down since 2026-11-21T00:55:10Z (new disks); it wakes when that
 * is known not to be down`.
 */
export function restText(
  { offlineResource }: Pick<Task, 'offlineResource'>,
  { known, node }: FoundResource,
): string {
  const where = node === undefined ? '' : ` on node ${JSON.stringify(node)}`;
  const how = known === undefined ? 'not defined' : knownText(known);
  return `its resource ${offlineResource ?? ''}${where} is ${how}; it wakes when that is known not to be down`;
}

/** Why a task that rests would rest no more. */
function wakeText(task: Task, lookup: ResourceLookup | undefined): string {
  const name = task.offlineResource ?? '';
  const known = lookup?.(name);
  if (!restsOffline(task) || lookup === undefined || !isBack(known)) {
    return 'it does not rest when it is offline any more';
  }
  return known === undefined
    ? `there is no resource ${name} any more, which is not known to be down then`
    : `its resource ${name} is ${knownText(known)}`;
}

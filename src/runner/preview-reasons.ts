import { isBack, knownText, type ResourceLookup } from '../core/conditions.ts';
import type { Decision } from '../core/due.ts';
import { restsOffline } from '../core/gate.ts';
import { SECOND_MS, toShortText } from '../core/instants.ts';
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
      return restText(decision, task, known);
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

function restText(
  { since }: Extract<Decision, { kind: 'offline-disabled' }>,
  { offlineResource }: Task,
  lookup: ResourceLookup | undefined,
): string {
  const name = offlineResource ?? '';
  const known = lookup?.(name);
  const how = known === undefined ? 'not looked at' : knownText(known);
  return `rests since ${toShortText(since - (since % SECOND_MS))}, until its resource ${name} is known not to be down: it is ${how}`;
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

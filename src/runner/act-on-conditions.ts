import type { Decision } from '../core/due.ts';
import type { Instant } from '../core/instants.ts';
import { comeOnline, goOffline } from '../core/offline.ts';
import { nextSlotOf } from '../core/slots.ts';
import { ALL_NODES } from '../core/task.ts';
import { failurePolicyOf, type StatePatch, settle } from '../core/transitions.ts';
import { noteBlocked } from '../store/blocked.ts';
import { giveUpState, settleState } from '../store/move-state.ts';
import type { Valid } from './act.ts';
import { type LifeEventKind, tellLife } from './events.ts';
import type { Handled, Handling } from './handled.ts';
import { blockageText, offlineText, skippedText, waitText } from './reasons.ts';
import type { Runner } from './runner.ts';
import { skip } from './skip.ts';

/** Leaves the slot of a state due that is blocked here, and notes why. It is told once, when the blockage begins. */
export async function block(
  runner: Runner,
  valid: Valid,
  decision: Extract<Decision, { kind: 'blocked' }>,
): Promise<Handling> {
  const { task, state, timetable } = valid;
  if (!(await noteBlockage(runner, valid, decision.reason))) {
    return 'lost';
  }
  const reason = waitText(decision, task);
  const begins = state.blockedReason === null;
  tellOf(runner, valid, { event: begins ? 'blocked' : 'waiting', reason: begins ? decision.reason : reason });
  return notRun(valid, reason, nextSlotOf(timetable, state));
}

/**
 * The note of a state that nodes share names the node that was blocked first, and only that node writes it anew: nodes
 * that find different reasons would overwrite each other's in every tick.
 */
function noteBlockage(
  { driver, node }: Runner,
  { state, timetable }: Valid,
  reason: string,
): Promise<boolean> {
  const place = state.scopeKey === ALL_NODES ? `on node ${JSON.stringify(node.name)}: ` : '';
  const isOthers = state.blockedReason !== null && !state.blockedReason.startsWith(place);
  const note = isOthers ? state.blockedReason : `${place}${reason}`;
  const patch = { ...settle(state, timetable), fault: null, blockedReason: note };
  if (
    patch.earliestStart !== state.earliestStart ||
    patch.dueTick !== state.dueTick ||
    state.fault !== null
  ) {
    return settleState(driver, state, patch);
  }
  return note === null || note === state.blockedReason
    ? Promise.resolve(true)
    : noteBlocked(driver, state, note);
}

/** Lets a task rest because it is offline. The slots that were due are recorded as skipped. */
export async function rest(
  runner: Runner,
  valid: Valid,
  { resource, slots }: Extract<Decision, { kind: 'go-offline' }>,
): Promise<Handling> {
  const { task, timetable, state } = valid;
  const because = `${offlineText(resource)}; it rests until that is up`;
  const policy = { failurePolicy: failurePolicyOf(task, timetable) };
  if (slots === undefined) {
    const patch = goOffline(state, timetable, { slots, at: runner.clock(), ...policy });
    if (!(await settleState(runner.driver, state, { ...patch, fault: null }))) {
      return 'lost';
    }
    tellOf(runner, valid, { event: 'offline', reason: because, nextSlotAt: null });
    return notRun(valid, because, null);
  }
  const subject = { record: { id: task.id, fields: task }, task, timetable, state };
  const patch = await skip(runner, subject, {
    slots,
    reason: 'offline',
    message: [because, blockageText(state)].filter((text) => text !== null).join('; '),
    mended: true,
    patchOf: (taking) => goOffline(state, timetable, taking),
    event: 'offline',
  });
  return patch === undefined ? 'lost' : notRun(valid, `${skippedText(slots)}, ${because}`, null);
}

/** Lets a task that rested because it was offline wait for its slots again. */
export async function wakeUp(runner: Runner, valid: Valid): Promise<Handling> {
  const { task, timetable, state, tick } = valid;
  const patch: StatePatch = comeOnline(state, { task, timetable }, tick);
  // An attempt that was pending is given up where the task counts anew.
  const move = state.retryAt !== null && patch.retryAt === null ? giveUpState : settleState;
  if (!(await move(runner.driver, state, patch))) {
    return 'lost';
  }
  const nextSlotAt = patch.nextSlot ?? null;
  tellOf(runner, valid, { event: 'online', reason: wakeReason(valid), nextSlotAt });
  return { ...notRun(valid, 'online again: it counts from now', nextSlotAt), again: true };
}

function wakeReason({ task: { offlineResource, offline } }: Valid): string {
  return offline === 'disable' && offlineResource !== null
    ? `its resource ${offlineResource} is up again`
    : 'it does not rest when it is offline any more';
}

type Told = {
  readonly event: LifeEventKind;
  readonly reason: string;
  readonly nextSlotAt?: Instant | null;
};

function tellOf(runner: Runner, { task, timetable, state }: Valid, told: Told): void {
  const subject = { task: task.name, scope: state.scopeKey, node: runner.node.name, slotAt: null };
  tellLife(runner, { ...subject, nextSlotAt: nextSlotOf(timetable, state), ...told });
}

function notRun(
  { task }: Valid,
  reason: string,
  nextSlotAt: Instant | null,
): Extract<Handled, { kind: 'not-run' }> {
  return { kind: 'not-run', notRun: { task: task.name, reason, nextSlotAt, newFault: false } };
}

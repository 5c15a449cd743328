import type { Decision } from '../core/due.ts';
import { type Instant, toShortText } from '../core/instants.ts';
import { comeOnline, goOffline, takenOffline } from '../core/offline.ts';
import { joinMessages } from '../core/outcome.ts';
import { nextSlotOf, type SlotRange } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES } from '../core/task.ts';
import { failurePolicyOf, type StatePatch, settle } from '../core/transitions.ts';
import { noteBlocked } from '../store/blocked.ts';
import { giveUpState, settleState } from '../store/move-state.ts';
import type { Valid } from './act.ts';
import { type LifeEventKind, tellLife } from './events.ts';
import { failedWithPending, leftOut, SUPERSEDED } from './failed-with-pending.ts';
import type { Handled, Handling } from './handled.ts';
import { blockageText, offlineText, skippedText, supersededText, waitText } from './reasons.ts';
import type { Runner } from './runner.ts';
import { skip } from './skip.ts';

/** Acts on what a decision makes of the conditions of a task. */
export function actOnConditions(
  runner: Runner,
  valid: Valid,
  decision: Extract<Decision, { kind: 'blocked' | 'go-offline' | 'online' }>,
): Promise<Handling> {
  switch (decision.kind) {
    case 'blocked':
      return block(runner, valid, decision);
    case 'go-offline':
      return rest(runner, valid, decision);
    case 'online':
      return wakeUp(runner, valid);
  }
}

/** Leaves the slot of a state due that is blocked here, and notes why. It is told once, when the blockage begins. */
async function block(
  runner: Runner,
  valid: Valid,
  decision: Extract<Decision, { kind: 'blocked' }>,
): Promise<Handling> {
  const { task, state, timetable } = valid;
  if (!(await noteBlockage(runner, valid, decision.note))) {
    return 'lost';
  }
  const reason = waitText(decision, task);
  // A task whose only slot waited for its return is blocked by something else now.
  const begins = state.blockedReason === null || state.blockedReason.includes(RESTED);
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
  const place = placeOf(state, node);
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

/** What the note of a state that nodes share begins with. */
function placeOf({ scopeKey }: TaskState, { name }: Runner['node']): string {
  return scopeKey === ALL_NODES ? `on node ${JSON.stringify(name)}: ` : '';
}

/**
 * Lets a task rest because it is offline. The slots that were due are recorded as skipped, or else the pending attempt;
 * such an attempt is left out in either case.
 */
async function rest(
  runner: Runner,
  valid: Valid,
  decision: Extract<Decision, { kind: 'go-offline' }>,
): Promise<Handling> {
  const { task, timetable, state } = valid;
  const { resource } = decision;
  const taken = takenOffline(decision);
  const slots = taken.slots ?? (taken.attempt === undefined ? undefined : handledSlotOf(state));
  const because = offlineText(resource);
  const rests = `${because}; it rests until that is known not to be down`;
  if (slots === undefined) {
    const failurePolicy = failurePolicyOf(task, timetable);
    const patch = goOffline(state, timetable, { slots, at: runner.clock(), failurePolicy });
    if (!(await settleState(runner.driver, state, { ...patch, fault: null }))) {
      return 'lost';
    }
    tellOf(runner, valid, { event: 'offline', reason: rests, nextSlotAt: null });
    return notRun(valid, rests, null);
  }
  const isLeftOut = decision.attempt !== undefined;
  const subject = { record: { id: task.id, fields: task }, task, timetable, state };
  const patch = await skip(runner, subject, {
    ...{ slots, attempt: taken.attempt, reason: 'offline' },
    message: joinMessages(rests, pendingText(valid, decision), blockageText(state)) ?? rests,
    mended: true,
    dropped: isLeftOut ? 'offline' : undefined,
    patchOf: (taking) => goOffline(state, timetable, { ...taking, slots: taken.slots }),
    event: 'offline',
  });
  if (patch === undefined) {
    return 'lost';
  }
  const end = leftOut(resource, patch);
  return {
    ...notRun(valid, `${skippedText(slots)}, ${patch.terminatedReason ?? rests}`, null),
    superseded: await failedWithPending(runner, state, isLeftOut ? end : { ...end, because: SUPERSEDED }),
  };
}

/** What becomes of the pending attempt with it; null where there is none. */
function pendingText(
  { state }: Valid,
  { attempt }: Extract<Decision, { kind: 'go-offline' }>,
): string | null {
  if (attempt !== undefined) {
    return `attempt ${attempt} is left out`;
  }
  return supersededText(state, state.retryAt === null ? undefined : state.attempt + 1);
}

function handledSlotOf({ handledSlot }: TaskState): SlotRange | undefined {
  return handledSlot === null ? undefined : { first: handledSlot, slot: handledSlot, count: 1 };
}

/** Lets a task that rested because it was offline wait for its slots again. */
export async function wakeUp(runner: Runner, valid: Valid): Promise<NotRunHandled | 'lost'> {
  const { task, timetable, state, tick } = valid;
  const patch: StatePatch = { ...comeOnline(state, { task, timetable }, tick), ...restedNote(runner, valid) };
  const isDropped = state.retryAt !== null && patch.retryAt === null;
  const moved = isDropped
    ? await giveUpState(runner.driver, state, patch, 'offline')
    : await settleState(runner.driver, state, patch);
  if (!moved) {
    return 'lost';
  }
  const nextSlotAt = patch.nextSlot ?? null;
  const resource = task.offlineResource ?? '';
  const reason = patch.terminatedReason ?? wakeReason(valid);
  tellOf(runner, valid, {
    event: patch.terminatedReason === undefined ? 'online' : 'terminated',
    reason,
    nextSlotAt,
  });
  return {
    ...notRun(valid, patch.terminatedReason ?? 'online again: it counts from now', nextSlotAt),
    superseded: isDropped ? await failedWithPending(runner, state, leftOut(resource, patch)) : undefined,
    again: true,
  };
}

const RESTED = 'it rested since ';

/** The only slot of a task has waited for the return, and its row is to say so. */
function restedNote({ node }: Runner, { task, timetable, state }: Valid): StatePatch {
  const { offlineDisabledAt, terminatedAt } = state;
  const hasWaited = timetable.once && task.active && terminatedAt === null;
  return hasWaited && offlineDisabledAt !== null
    ? {
        blockedReason: `${placeOf(state, node)}${RESTED}${toShortText(offlineDisabledAt)}, while its resource ${task.offlineResource ?? ''} was down`,
      }
    : {};
}

function wakeReason({ task: { offlineResource, offline } }: Valid): string {
  return offline === 'disable' && offlineResource !== null
    ? `its resource ${offlineResource} is not known to be down any more`
    : 'it does not rest when it is offline any more';
}

type NotRunHandled = Extract<Handled, { kind: 'not-run' }>;

type Told = {
  readonly event: LifeEventKind;
  readonly reason: string;
  readonly nextSlotAt?: Instant | null;
};

function tellOf(runner: Runner, { task, timetable, state }: Valid, told: Told): void {
  const subject = { task: task.name, scope: state.scopeKey, node: runner.node.name, slotAt: null };
  tellLife(runner, { ...subject, nextSlotAt: nextSlotOf(timetable, state), ...told });
}

function notRun({ task }: Valid, reason: string, nextSlotAt: Instant | null): NotRunHandled {
  return { kind: 'not-run', notRun: { task: task.name, reason, nextSlotAt, newFault: false } };
}

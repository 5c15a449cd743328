import type { Decision } from './due.ts';
import { floorToMinute, type Instant, SECOND_MS } from './instants.ts';
import type { SlotRange, TickTime } from './slots.ts';
import type { TaskState } from './state.ts';
import type { Task } from './task.ts';
import { tickNumber } from './tick-time.ts';
import type { Timetable } from './timetable.ts';
import {
  failureCounted,
  failurePolicyOf,
  RESTING,
  type StatePatch,
  skipDue,
  type Taking,
  terminated,
  waitingFor,
  waitingOrOver,
  whyGivenUpWith,
} from './transitions.ts';

/** What was decided to skip, and why. */
export type Skip = Extract<Decision, { readonly kind: 'skip' }>;

/** Slots that are skipped. `tickAt` is the minute from which the task counts if that is because it is offline. */
export type Skipping = Omit<Taking, 'slots'> & { readonly tickAt: Instant };

/** The state after the slots of the decision were skipped. */
export function afterSkip(
  { slots, reason, attempt }: Skip,
  { state, timetable }: { readonly state: TaskState; readonly timetable: Timetable },
  { tickAt, ...taking }: Skipping,
): StatePatch {
  if (reason !== 'offline') {
    return skipDue(state, timetable, { slots, ...taking });
  }
  return attempt === undefined
    ? skipOffline(state, timetable, { slots, tickAt, ...taking })
    : skipRetry(state, timetable, { ...taking, attempt });
}

/** What is due while the task is offline is taken, and it counts from the tick. */
function skipOffline(
  state: TaskState,
  timetable: Timetable,
  { tickAt, ...taking }: Taking & { readonly tickAt: Instant },
): StatePatch {
  const countedFrom = Math.max(state.countedFrom, floorToMinute(tickAt));
  return { ...skipDue({ ...state, countedFrom }, timetable, taking), countedFrom };
}

/** A pending attempt is left out: its slot has failed for good. */
function skipRetry(
  state: TaskState,
  timetable: Timetable,
  { attempt = 1, at, failurePolicy }: Omit<Taking, 'slots'>,
): StatePatch {
  const failed = failureCounted(state, failurePolicy, state.lastEndedAt ?? at);
  const taken: TaskState = { ...state, ...failed, retryAt: null, attempt, lastStatus: 'skipped' };
  const reason =
    whyGivenUpWith(state, failurePolicy, at) ?? (timetable.once ? 'its only slot was skipped' : undefined);
  return {
    ...failed,
    ...waitingFor(timetable, taken),
    blockedReason: null,
    ...(reason === undefined ? {} : terminated(at, reason)),
  };
}

/** Going offline takes the slots that are due, else the pending attempt of that number, if there is one. */
export type GoingOffline = Omit<Taking, 'slots'> & { readonly slots: SlotRange | undefined };

/** What going offline takes by its decision. Slots get attempts of their own. */
export function takenOffline({
  slots,
  attempt,
}: Extract<Decision, { readonly kind: 'go-offline' }>): Pick<GoingOffline, 'slots' | 'attempt'> {
  return { slots, ...(slots === undefined && attempt !== undefined ? { attempt } : {}) };
}

/**
 * The state of a task that rests from now on because it is offline. A pending attempt goes with what is taken, and its
 * slot has failed for good; where nothing is taken it is kept, for the task whose only slot waits for it. One that has
 * failed too often with it is terminated, and does not rest.
 */
export function goOffline(
  state: TaskState,
  timetable: Timetable,
  { slots, ...taking }: GoingOffline,
): StatePatch {
  const taken = takeOffline(state, timetable, { slots, ...taking });
  const isTerminated = (taken.terminatedAt ?? null) !== null;
  return isTerminated ? taken : { ...taken, ...RESTING, offlineDisabledAt: taking.at };
}

function takeOffline(state: TaskState, timetable: Timetable, { slots, ...taking }: GoingOffline): StatePatch {
  if (slots !== undefined) {
    return skipDue(state, timetable, { slots, ...taking });
  }
  return taking.attempt === undefined ? {} : skipRetry(state, timetable, taking);
}

/**
 * The state of a task that is online again. It counts from the tick, as one that is switched on again, with the enabled
 * delay; only the one slot of a task that has no other is as due as it was. An operator's switch and a termination stay.
 * An attempt that is pending still, since the task had only one slot before, is left out: its slot has failed for good.
 */
export function comeOnline(
  state: TaskState,
  { task, timetable }: { readonly task: Task; readonly timetable: Timetable },
  tick: Pick<TickTime, 'tickAt' | 'ticks'>,
): StatePatch {
  if (!task.active || state.terminatedAt !== null) {
    return { ...RESTING, offlineDisabledAt: null };
  }
  if (timetable.once) {
    return { ...waitingOrOver(task, timetable, state), offlineDisabledAt: null };
  }
  const minute = floorToMinute(tick.tickAt);
  const firstSlot = task.enabledDelaySeconds === null ? null : minute + task.enabledDelaySeconds * SECOND_MS;
  const countedFrom = firstSlot ?? minute;
  const reason = state.retryAt === null ? undefined : whyGivenUpWith(state, task, minute);
  const policy = failurePolicyOf(task, timetable);
  const failed = state.retryAt === null ? {} : failureCounted(state, policy, state.lastEndedAt ?? minute);
  if (reason !== undefined) {
    return { ...failed, ...terminated(minute, reason), offlineDisabledAt: null };
  }
  const fresh: TaskState = {
    ...state,
    ...failed,
    countedFrom,
    firstSlot,
    anchoredAt: null,
    currentPeriodSeconds: null,
    countedTick: tickNumber(state, tick),
    retryAt: null,
  };
  return { ...failed, ...waitingFor(timetable, fresh), countedFrom, firstSlot, offlineDisabledAt: null };
}

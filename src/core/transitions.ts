import { whyGivenUp } from './deactivation.ts';
import { floorToMinute, type Instant } from './instants.ts';
import { doubledPeriod, type PeriodPolicy, takenPeriod } from './period.ts';
import {
  dueTickOf,
  earliestOf,
  nextSlotOf,
  nextStartOf,
  type SlotRange,
  type TickNumbers,
  tickCountedAfter,
} from './slots.ts';
import type { RunStatus, TaskState } from './state.ts';
import type { Task, TaskDefinition } from './task.ts';
import { tickNumber } from './tick-time.ts';
import type { Timetable } from './timetable.ts';

/** What a transition changes in a state. The epoch is not among it: the store raises it with every transition. */
export type StatePatch = Partial<Omit<TaskState, 'taskId' | 'scopeKey' | 'epoch'>>;

/** Due slots that are taken, and with what. */
export type Taking = {
  readonly slots: SlotRange;
  /** The number of their first attempt: 1, or the next free one of a slot that was taken before a reset. */
  readonly attempt?: number;
  /** The minute of the tick that claims them, or the instant at which they are skipped. */
  readonly at: Instant;
  readonly failurePolicy: FailurePolicy;
};

/**
 * The state after its due slots were taken to be run. A pending attempt of an older slot is given up with it: that slot
 * has failed for good.
 */
export function claimSlots(state: TaskState, timetable: Timetable, taking: Taking): StatePatch {
  return take(state, timetable, taking, 'running');
}

/**
 * The state after its due slots were skipped. A task with one slot only is done then, and one whose pending attempt was
 * superseded by them may have failed too often.
 */
export function skipDue(state: TaskState, timetable: Timetable, taking: Taking): StatePatch {
  const patch = take(state, timetable, taking, 'skipped');
  const givenUp = state.retryAt === null ? undefined : whyGivenUpWith(state, taking.failurePolicy, taking.at);
  const reason = givenUp ?? (timetable.once ? 'its only slot was skipped' : undefined);
  return reason === undefined ? patch : { ...patch, ...terminated(taking.at, reason) };
}

function take(
  state: TaskState,
  timetable: Timetable,
  { slots, attempt = 1, at, failurePolicy }: Taking,
  lastStatus: RunStatus,
): StatePatch {
  // The failure of the slot before counts first: back-off by failures has made the period longer already.
  const failed = state.retryAt === null ? {} : failureCounted(state, failurePolicy, state.lastEndedAt ?? at);
  const before = { ...state, ...failed };
  const taken: TaskState = {
    ...before,
    handledSlot: slots.slot,
    countedTick: tickCountedAfter(timetable, state, slots),
    retryAt: null,
    attempt,
    lastStatus,
    ...(timetable.period === null ? {} : takenPeriod(timetable.period, before, at)),
  };
  return { ...failed, ...waitingFor(timetable, taken), firstAttempt: attempt, blockedReason: null };
}

/** The state after a pending attempt of the handled slot was taken in the tick of that minute. */
export function takeRetry(
  state: TaskState,
  timetable: Timetable,
  { attempt, at }: { readonly attempt: number; readonly at: Instant },
): StatePatch {
  const anchor = timetable.period?.anchor ?? 'slot';
  const anchoredAt = anchor === 'slot' ? state.anchoredAt : floorToMinute(at);
  const taken: TaskState = { ...state, anchoredAt, retryAt: null, attempt, lastStatus: 'running' };
  return { ...waitingFor(timetable, taken), blockedReason: null };
}

/** The state after it was looked at anew: what it waits for now. */
export function settle(state: TaskState, timetable: Timetable): StatePatch {
  return waitingFor(timetable, state);
}

/** The state of a task that waits for nothing: inactive, invalid, terminated, offline-disabled, or not of this node. */
export const RESTING: StatePatch = {
  nextSlot: null,
  earliestStart: null,
  dueTick: null,
  blockedReason: null,
};

/** What a state as it stands waits for, with all that decides it. */
export function waitingFor(timetable: Timetable, state: TaskState): StatePatch {
  return {
    handledSlot: state.handledSlot,
    anchoredAt: state.anchoredAt,
    currentPeriodSeconds: state.currentPeriodSeconds,
    countedTick: state.countedTick,
    dueTick: dueTickOf(timetable, state),
    attempt: state.attempt,
    retryAt: state.retryAt,
    nextSlot: nextSlotOf(timetable, state),
    earliestStart: earliestOf(state.retryAt, nextStartOf(timetable, state)),
  };
}

/**
 * The same for a task as it stands. One that is to go when it is done, and has nothing to come any more, is kept for a tick
 * that may end it.
 */
export function waitingOrOver(
  { removeWhenDone }: Pick<Task, 'removeWhenDone'>,
  timetable: Timetable,
  state: TaskState,
): StatePatch {
  const patch = waitingFor(timetable, state);
  const isOver = removeWhenDone && timetable.once && patch.earliestStart === null && patch.dueTick === null;
  return isOver ? { ...patch, earliestStart: 'decide-anew' } : patch;
}

/**
 * The state after it was postponed: it counts from the minute of `now`, and waits a whole period. As with SSSD, back-off
 * begins anew, and with `every_run` this is a scheduling like any other, so that the period doubles.
 */
export function postponed(
  state: TaskState,
  timetable: Timetable,
  { now, ticks, active }: { readonly now: Instant; readonly ticks: TickNumbers; readonly active: boolean },
): StatePatch {
  const { period } = timetable;
  const minute = floorToMinute(now);
  const fresh: TaskState = {
    ...state,
    countedFrom: minute,
    firstSlot: null,
    anchoredAt: null,
    currentPeriodSeconds: null,
    countedTick: tickNumber(state, { tickAt: minute, ticks }),
    retryAt: null,
  };
  const { countedFrom, firstSlot } = fresh;
  const currentPeriodSeconds =
    active && period?.backoff === 'every_run' ? doubledPeriod(period, fresh) : null;
  const patch = waitingFor(timetable, { ...fresh, currentPeriodSeconds });
  const rests = !active || state.offlineDisabledAt !== null;
  return { ...patch, countedFrom, firstSlot, blockedReason: null, ...(rests ? RESTING : {}) };
}

/** What follows from the failures of slots. */
export type FailurePolicy = {
  readonly deactivateAfter: string;
  readonly period: PeriodPolicy | null;
};

/** The failure policy of a task. */
export function failurePolicyOf(task: Task, timetable: Timetable): FailurePolicy {
  return { deactivateAfter: task.deactivateAfter, period: timetable.period };
}

/** One more slot has failed for good: the count first, then the period, which back-off on failure doubles. */
export function failureCounted(
  state: TaskState,
  { period }: FailurePolicy,
  at: Instant,
): Pick<TaskState, 'failures' | 'firstFailureAt' | 'currentPeriodSeconds'> {
  return {
    failures: state.failures + 1,
    firstFailureAt: state.firstFailureAt ?? at,
    currentPeriodSeconds:
      period?.backoff === 'on_failure' ? doubledPeriod(period, state) : state.currentPeriodSeconds,
  };
}

/** Why the task is given up if its pending attempt is, which is one more failure; undefined if it goes on. */
export function whyGivenUpWith(
  state: TaskState,
  { deactivateAfter }: Pick<TaskDefinition, 'deactivateAfter'>,
  now: Instant,
): string | undefined {
  const { failures, firstFailureAt, lastEndedAt } = state;
  const counted = { failures: failures + 1, firstFailureAt: firstFailureAt ?? lastEndedAt };
  return whyGivenUp(deactivateAfter, counted, now);
}

/** The state of a task that is given up instead of taking a newer slot while an attempt was pending. */
export function giveUp(
  state: TaskState,
  policy: FailurePolicy,
  { reason, at }: { readonly reason: string; readonly at: Instant },
): StatePatch {
  return { ...terminated(at, reason), ...failureCounted(state, policy, state.lastEndedAt ?? at) };
}

/** The end of a state: nothing of it comes any more. */
export function terminated(at: Instant, reason: string): StatePatch {
  return { ...RESTING, retryAt: null, terminatedAt: at, terminatedReason: reason };
}

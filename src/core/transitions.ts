import { whyGivenUp } from './deactivation.ts';
import { floorToMinute, type Instant } from './instants.ts';
import type { JsonValue } from './json.ts';
import { doubledPeriod, type PeriodPolicy, takenPeriod } from './period.ts';
import {
  dueTickOf,
  earliestOf,
  NO_TICK,
  nextSlotOf,
  nextStartOf,
  type SlotRange,
  type TickNumbers,
  tickCountedAfter,
  tickNumber,
} from './slots.ts';
import { DONE, type RunStatus, type TaskState } from './state.ts';
import type { RetryCause, Task, TaskDefinition } from './task.ts';
import { periodTimetable, type Timetable } from './timetable.ts';

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
  return { ...failed, ...waitingFor(timetable, taken), firstAttempt: attempt };
}

/** The state after a pending attempt of the handled slot was taken in the tick of that minute. */
export function takeRetry(
  state: TaskState,
  timetable: Timetable,
  { attempt, at }: { readonly attempt: number; readonly at: Instant },
): StatePatch {
  const anchor = timetable.period?.anchor ?? 'slot';
  const anchoredAt = anchor === 'slot' ? state.anchoredAt : floorToMinute(at);
  return waitingFor(timetable, { ...state, anchoredAt, retryAt: null, attempt, lastStatus: 'running' });
}

/** The state after it was looked at anew: what it waits for now. */
export function settle(state: TaskState, timetable: Timetable): StatePatch {
  return waitingFor(timetable, state);
}

/** The state of a task that waits for nothing: inactive, invalid, terminated, or not of this node. */
export const RESTING: StatePatch = { nextSlot: null, earliestStart: null, dueTick: null };

function waitingFor(timetable: Timetable, state: TaskState): StatePatch {
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
  return { ...patch, countedFrom, firstSlot, ...(active ? {} : RESTING) };
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
function failureCounted(
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
  return {
    ...RESTING,
    ...failureCounted(state, policy, state.lastEndedAt ?? at),
    retryAt: null,
    terminatedAt: at,
    terminatedReason: reason,
  };
}

/** A run that has ended, as far as its state is concerned. */
export type EndedRun = {
  readonly slot: Instant;
  readonly attempt: number;
  readonly status: Exclude<RunStatus, 'running' | 'skipped'>;
  /** For `cancelled`: true when the runner was shut down, false when a person cancelled the run. */
  readonly byShutdown: boolean;
  readonly message: string | null;
  readonly endedAt: Instant;
  /** What the module keeps for its next run; written only on success. */
  readonly moduleState: JsonValue | undefined;
};

/** What the end of a run follows: plain data, since a spooled result keeps it. */
export type EndPolicy = FailurePolicy &
  Pick<TaskDefinition, 'retryLimit' | 'retryDelaySeconds' | 'retryMaxDelaySeconds' | 'retryOn'> & {
    /** The task is done when its slot has ended for good. */
    readonly once: boolean;
    readonly randomOffsetSeconds: number;
  };

/** For a run after which nothing follows: one by hand, or of a task that is gone. */
export const NO_FOLLOW_UP: EndPolicy = {
  deactivateAfter: '',
  period: null,
  retryLimit: 0,
  retryDelaySeconds: 0,
  retryMaxDelaySeconds: 0,
  retryOn: [],
  once: false,
  randomOffsetSeconds: 0,
};

/** The end policy of a task. */
export function endPolicyOf(task: Task, timetable: Timetable): EndPolicy {
  const { retryLimit, retryDelaySeconds, retryMaxDelaySeconds, retryOn } = task;
  return {
    ...failurePolicyOf(task, timetable),
    ...{ retryLimit, retryDelaySeconds, retryMaxDelaySeconds, retryOn },
    once: timetable.once,
    randomOffsetSeconds: timetable.randomOffsetSeconds,
  };
}

export type AfterRun = { readonly patch: StatePatch; readonly retryAt: Instant | null };

/**
 * The state after a run ended: succeeded or failed for good goes on to the next slot; a failure that the policy retries
 * leaves an attempt pending; `stopped` terminates the state. A run of a slot that is no longer the handled one (runs
 * beside each other), or that was taken once more since, is never retried: what is newer has superseded it.
 *
 * In this order: the retries of the slot; its failure for good is counted; back-off makes the period longer; too many
 * failures terminate.
 */
export function afterRun(
  state: TaskState,
  policy: EndPolicy & { readonly active: boolean },
  run: EndedRun,
): AfterRun {
  const ended: StatePatch = { lastStatus: run.status, lastEndedAt: run.endedAt, ...anchored(policy, run) };
  if (run.status === 'stopped') {
    const reason = run.message ?? 'stopped by its module';
    return {
      retryAt: null,
      patch: { ...ended, failures: 0, firstFailureAt: null, ...terminated(run.endedAt, reason) },
    };
  }
  const pending = isOfLastTaking(state, run) ? retryInstant(policy, run, state.firstAttempt) : null;
  const retryAt = policy.active && state.terminatedAt === null ? pending : null;
  const counted = retryAt === null ? countedEnd(state, policy, run) : {};
  const after = { ...state, ...ended, ...counted };
  const reason = retryAt === null ? whyTerminated(after, policy, run) : undefined;
  if (reason !== undefined && state.terminatedAt === null) {
    return { retryAt: null, patch: { ...ended, ...counted, ...terminated(run.endedAt, reason) } };
  }
  const pendingPatch = retryAt === null ? {} : { retryAt };
  return {
    retryAt,
    patch: { ...ended, ...counted, ...pendingPatch, ...comingAfter(after, policy, retryAt) },
  };
}

/**
 * The state after a run of it that was claimed before has succeeded at the instant, as a dry run and a simulation
 * assume. The module is taken to keep what it had. Slot and attempt of the run do not matter: only what fails is
 * tried again.
 */
export function afterSuccess(
  state: TaskState,
  policy: EndPolicy & { readonly active: boolean },
  at: Instant,
): StatePatch {
  return afterRun(state, policy, {
    slot: state.handledSlot ?? at,
    attempt: state.attempt,
    status: 'succeeded',
    byShutdown: false,
    message: null,
    endedAt: at,
    moduleState: undefined,
  }).patch;
}

/** From where the next slot counts: the end, except that a success counts from its start with that anchor. */
function anchored({ period }: EndPolicy, { status, endedAt }: EndedRun): StatePatch {
  const fromEnd = period?.anchor === 'finish' || (period?.anchor === 'start' && status !== 'succeeded');
  return fromEnd ? { anchoredAt: floorToMinute(endedAt) } : {};
}

/** What a slot that has ended for good leaves in the counters. A cancelled run is neither success nor failure. */
function countedEnd(state: TaskState, policy: EndPolicy, run: EndedRun): StatePatch {
  switch (run.status) {
    case 'succeeded':
      return {
        failures: 0,
        firstFailureAt: null,
        ...(policy.period?.backoff === 'on_failure' ? { currentPeriodSeconds: null } : {}),
        ...(run.moduleState === undefined ? {} : { moduleState: run.moduleState }),
      };
    case 'cancelled':
      return {};
    default:
      return failureCounted(state, policy, run.endedAt);
  }
}

function whyTerminated(after: TaskState, policy: EndPolicy, run: EndedRun): string | undefined {
  const failed = run.status !== 'succeeded' && run.status !== 'cancelled';
  const givenUp = failed ? whyGivenUp(policy.deactivateAfter, after, run.endedAt) : undefined;
  return givenUp ?? (policy.once && after.countedTick === NO_TICK ? doneText(run) : undefined);
}

function doneText({ status }: EndedRun): string {
  return status === 'succeeded' ? `${DONE} run` : `${DONE} ended ${status}`;
}

function terminated(at: Instant, reason: string): StatePatch {
  return { ...RESTING, retryAt: null, terminatedAt: at, terminatedReason: reason };
}

/** What the state waits for after the run. A row that is to be decided anew keeps saying so. */
function comingAfter(
  after: TaskState,
  policy: EndPolicy & { readonly active: boolean },
  retryAt: Instant | null,
): StatePatch {
  const isWaiting = policy.active && after.terminatedAt === null;
  if (after.earliestStart === 'decide-anew' || !isWaiting) {
    return {};
  }
  if (policy.period === null) {
    return retryAt === null ? {} : { earliestStart: earliestOf(after.earliestStart, retryAt) };
  }
  const timetable = periodTimetable(policy.period, policy.randomOffsetSeconds);
  // The end of an older run leaves the pending attempt of a newer one as it is.
  const pending = retryAt ?? after.retryAt;
  const { nextSlot, earliestStart } = waitingFor(timetable, { ...after, retryAt: pending });
  return { nextSlot: nextSlot ?? null, earliestStart: earliestStart ?? null };
}

/**
 * The state as it would be if a run of the slot, the last thing that happened to it, had not been recorded as lost: the
 * attempt or the failure that this left is taken back, and what followed from it. The policy tells whether that failure
 * made the period longer.
 */
export function withoutLost(
  state: TaskState,
  slot: Instant,
  { period: policy }: Pick<FailurePolicy, 'period'>,
): TaskState {
  if (slot === state.handledSlot && state.retryAt !== null) {
    const { earliestStart, nextSlot } = state;
    return {
      ...state,
      retryAt: null,
      earliestStart: earliestStart === 'decide-anew' ? earliestStart : nextSlot,
    };
  }
  const failures = Math.max(0, state.failures - 1);
  const { currentPeriodSeconds: period, terminatedAt, lastEndedAt } = state;
  const isOfFailures = policy?.backoff === 'on_failure';
  return {
    ...state,
    failures,
    firstFailureAt: failures === 0 ? null : state.firstFailureAt,
    // Where another failure follows it doubles to the same length; a success makes it the period itself.
    currentPeriodSeconds: period === null || !isOfFailures ? period : Math.max(1, Math.floor(period / 2)),
    ...(terminatedAt !== null && terminatedAt === lastEndedAt
      ? { terminatedAt: null, terminatedReason: null, earliestStart: 'decide-anew' as const }
      : {}),
  };
}

/** A slot from before the state counted anew is over with that. */
function isOfLastTaking(state: TaskState, { slot, attempt }: EndedRun): boolean {
  const { handledSlot, firstAttempt, countedFrom, firstSlot } = state;
  return slot === handledSlot && attempt >= firstAttempt && (slot >= countedFrom || slot === firstSlot);
}

function retryInstant(policy: EndPolicy, run: EndedRun, firstAttempt: number): Instant | null {
  const cause = retryCauseOf(run);
  const retriesUsed = run.attempt - firstAttempt;
  if (cause === undefined || !policy.retryOn.includes(cause) || retriesUsed >= policy.retryLimit) {
    return null;
  }
  const delaySeconds = Math.min(policy.retryDelaySeconds * 2 ** retriesUsed, policy.retryMaxDelaySeconds);
  return run.endedAt + delaySeconds * 1_000;
}

function retryCauseOf({ status, byShutdown }: EndedRun): RetryCause | undefined {
  switch (status) {
    case 'failed':
    case 'timed_out':
    case 'lost':
      return status;
    case 'cancelled':
      return byShutdown ? 'shutdown' : undefined;
    default:
      return undefined;
  }
}

import { whyGivenUp } from './deactivation.ts';
import { floorToMinute, type Instant } from './instants.ts';
import type { JsonValue } from './json.ts';
import { earliestOf, NO_TICK } from './slots.ts';
import { DONE, type RunStatus, type TaskState } from './state.ts';
import type { RetryCause, Task, TaskDefinition } from './task.ts';
import { periodTimetable, type Timetable } from './timetable.ts';
import {
  type FailurePolicy,
  failureCounted,
  failurePolicyOf,
  type StatePatch,
  terminated,
  waitingFor,
} from './transitions.ts';

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
  if (policy.period === null && retryAt !== null) {
    return { earliestStart: earliestOf(after.earliestStart, retryAt) };
  }
  if (policy.period === null) {
    // One that was made to count anew while it ran may have another slot to come, or none: the next tick sees to it.
    return policy.once ? { earliestStart: 'decide-anew' } : {};
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

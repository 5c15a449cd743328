import { earliestOf, nextSlotOf, type SlotRange } from './due.ts';
import type { Instant } from './instants.ts';
import type { JsonValue } from './json.ts';
import type { Schedule } from './schedule/schedule.ts';
import type { RunStatus, TaskState } from './state.ts';
import type { RetryCause, TaskDefinition } from './task.ts';

/** What a transition changes in a state. The epoch is not among it: the store raises it with every transition. */
export type StatePatch = Partial<Omit<TaskState, 'taskId' | 'scopeKey' | 'epoch'>>;

/**
 * The state after its due slots were taken, to run them or to skip them. The attempt is their first one: 1, or the next
 * free number of a slot that was taken before a reset. A pending attempt of an older slot is given up with it: that slot
 * has failed for good.
 */
export function takeSlots(state: TaskState, schedule: Schedule, slots: SlotRange, attempt = 1): StatePatch {
  const taken = { ...state, handledSlot: slots.slot, retryAt: null, attempt };
  const failed =
    state.retryAt === null
      ? {}
      : { failures: state.failures + 1, firstFailureAt: state.firstFailureAt ?? state.lastEndedAt };
  return { ...waitingFor(schedule, taken), ...failed, firstAttempt: attempt };
}

/** The state after a pending attempt of the handled slot was taken. */
export function takeRetry(state: TaskState, schedule: Schedule, attempt: number): StatePatch {
  return waitingFor(schedule, { ...state, retryAt: null, attempt });
}

/** The state after it was looked at anew: what it waits for now. */
export function settle(state: TaskState, schedule: Schedule): StatePatch {
  return waitingFor(schedule, state);
}

/** The state of a task that waits for nothing: inactive, invalid, terminated, or not of this node. */
export const RESTING: StatePatch = { nextSlot: null, earliestStart: null };

function waitingFor(schedule: Schedule, state: TaskState): StatePatch {
  const nextSlot = nextSlotOf(schedule, state);
  return {
    handledSlot: state.handledSlot,
    attempt: state.attempt,
    retryAt: state.retryAt,
    nextSlot,
    earliestStart: earliestOf(state.retryAt, nextSlot),
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

export type RetryPolicy = Pick<
  TaskDefinition,
  'retryLimit' | 'retryDelaySeconds' | 'retryMaxDelaySeconds' | 'retryOn'
>;

export type AfterRun = { readonly patch: StatePatch; readonly retryAt: Instant | null };

/**
 * The state after a run ended: succeeded or failed for good goes on to the next slot; a failure that the policy retries
 * leaves an attempt pending; `stopped` terminates the state. A run of a slot that is no longer the handled one (runs
 * beside each other), or that was taken once more since, is never retried: what is newer has superseded it.
 */
export function afterRun(
  state: TaskState,
  policy: RetryPolicy & { readonly active: boolean },
  run: EndedRun,
): AfterRun {
  const patch: StatePatch = { lastStatus: run.status, lastEndedAt: run.endedAt };
  if (run.status === 'succeeded') {
    return {
      retryAt: null,
      patch: {
        ...patch,
        failures: 0,
        firstFailureAt: null,
        ...(run.moduleState === undefined ? {} : { moduleState: run.moduleState }),
      },
    };
  }
  if (run.status === 'stopped') {
    const terminated = {
      terminatedAt: run.endedAt,
      terminatedReason: run.message ?? 'stopped by its module',
    };
    return { retryAt: null, patch: { ...patch, ...RESTING, retryAt: null, failures: 0, ...terminated } };
  }
  const retryAt = isOfLastTaking(state, run) ? retryInstant(policy, run, state.firstAttempt) : null;
  if (retryAt !== null && policy.active && state.terminatedAt === null) {
    return { retryAt, patch: { ...patch, retryAt, earliestStart: earliestStartWith(state, retryAt) } };
  }
  const failed = run.status !== 'cancelled';
  return {
    retryAt: null,
    patch: failed
      ? { ...patch, failures: state.failures + 1, firstFailureAt: state.firstFailureAt ?? run.endedAt }
      : patch,
  };
}

/** A row that is to be decided anew keeps saying so. */
function earliestStartWith(state: TaskState, retryAt: Instant): TaskState['earliestStart'] {
  return state.earliestStart === 'decide-anew' ? state.earliestStart : earliestOf(state.nextSlot, retryAt);
}

/**
 * The state as it would be if a run of the slot, the last thing that happened to it, had not been recorded as lost: the
 * attempt or the failure that this left is taken back.
 */
export function withoutLost(state: TaskState, slot: Instant): TaskState {
  if (slot === state.handledSlot && state.retryAt !== null) {
    const { earliestStart, nextSlot } = state;
    return {
      ...state,
      retryAt: null,
      earliestStart: earliestStart === 'decide-anew' ? earliestStart : nextSlot,
    };
  }
  const failures = Math.max(0, state.failures - 1);
  return { ...state, failures, firstFailureAt: failures === 0 ? null : state.firstFailureAt };
}

function isOfLastTaking({ handledSlot, firstAttempt }: TaskState, { slot, attempt }: EndedRun): boolean {
  return slot === handledSlot && attempt >= firstAttempt;
}

function retryInstant(policy: RetryPolicy, run: EndedRun, firstAttempt: number): Instant | null {
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

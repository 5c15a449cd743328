import type { Instant } from './instants.ts';
import type { JsonValue } from './json.ts';

/** How a run stands, or how it ended. */
export const RUN_STATUSES = [
  'running',
  'succeeded',
  'failed',
  'timed_out',
  'stopped',
  'cancelled',
  'lost',
  'skipped',
] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** Why a row of the ledger is there: its slot came, a person asked for it, or a definition has a fault. */
export type RunTrigger = 'schedule' | 'manual' | 'fault';

/** The state of one (task, scope): what has been handled, what comes next. */
export type TaskState = {
  readonly taskId: number;
  /** The node's name for scope `each`, `*` for scope `one`. */
  readonly scopeKey: string;
  /** Raised by every transition; a run's epoch is its fencing token. */
  readonly epoch: number;
  readonly countedFrom: Instant;
  /** One slot before those of the schedule: the creation minute of `run_immediately`, or the boot of `@reboot`. */
  readonly firstSlot: Instant | null;
  readonly handledSlot: Instant | null;
  /** With anchor `start` or `finish`: the minute of the claim or of the end from which the next slot is counted. */
  readonly anchoredAt: Instant | null;
  /** What back-off has made of the period; null is the period itself. */
  readonly currentPeriodSeconds: number | null;
  /** The number of the tick from which a schedule of ticks counts: of its registration, or that it last took. */
  readonly countedTick: number;
  /** The number of the tick at which it is due; null where none is waited for. */
  readonly dueTick: number | null;
  /** Slots up to here may have ledger rows although they count as unhandled: set when a reset lowered the handled slot. */
  readonly repeatableUntil: Instant | null;
  readonly nextSlot: Instant | null;
  /** `decide-anew` marks a row whose definition changed; null waits for nothing. */
  readonly earliestStart: Instant | 'decide-anew' | null;
  /** The last attempt of the handled slot. */
  readonly attempt: number;
  /** The number of its first attempt: 1, unless a reset let the slot be taken once more. Retries are counted from it. */
  readonly firstAttempt: number;
  /** When the next attempt of the handled slot may start, if one is pending. */
  readonly retryAt: Instant | null;
  readonly failures: number;
  readonly firstFailureAt: Instant | null;
  /** The fault that the ledger already names. */
  readonly fault: string | null;
  readonly lastRunToken: string | null;
  readonly lastStatus: RunStatus | null;
  readonly lastStartedAt: Instant | null;
  readonly lastEndedAt: Instant | null;
  readonly terminatedAt: Instant | null;
  readonly terminatedReason: string | null;
  readonly moduleState: JsonValue | null;
  /** Why its due slot does not start although it is its turn: a requirement does not hold. */
  readonly blockedReason: string | null;
  /** Since when it rests because its task is offline. Neither the operator's switch nor a termination. */
  readonly offlineDisabledAt: Instant | null;
};

/** A state in which nothing has happened yet: it counts from the instant. */
export function newState(
  countedFrom: Instant,
  has: Partial<Pick<TaskState, 'firstSlot' | 'handledSlot' | 'scopeKey' | 'taskId'>> = {},
): TaskState {
  return {
    taskId: 0,
    scopeKey: '',
    epoch: 0,
    countedFrom,
    firstSlot: null,
    handledSlot: null,
    anchoredAt: null,
    currentPeriodSeconds: null,
    countedTick: 0,
    dueTick: null,
    repeatableUntil: null,
    nextSlot: null,
    earliestStart: 'decide-anew',
    attempt: 0,
    firstAttempt: 1,
    retryAt: null,
    failures: 0,
    firstFailureAt: null,
    fault: null,
    lastRunToken: null,
    lastStatus: null,
    lastStartedAt: null,
    lastEndedAt: null,
    terminatedAt: null,
    terminatedReason: null,
    moduleState: null,
    blockedReason: null,
    offlineDisabledAt: null,
    ...has,
  };
}

/**
 * How the reason of a state begins that was terminated because its only slot has ended. The triggers of the migrations
 * know these words too: another schedule gives such a task a slot again.
 */
export const DONE = 'done: its only slot has';

/** True for the reason of a termination in which nothing is wrong: the only slot has ended. */
export function saysDone(terminatedReason: string | null): boolean {
  return terminatedReason?.startsWith(DONE) === true;
}

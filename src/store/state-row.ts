import { type Instant, toText } from '../core/instants.ts';
import type { RunStatus, TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import { instantOf, jsonOf, numberOf, numberOrNull, textOf } from './cells.ts';
import type { Row, SqlValue } from './driver.ts';

/** The empty text that marks a state for the next tick: it sorts before every instant. */
const DECIDE_ANEW = '';

/** What a row of periodic_task_state waits for. */
export function waitOf(row: Row): Pick<TaskState, 'taskId' | 'scopeKey' | 'earliestStart' | 'dueTick'> {
  return {
    taskId: numberOf(row['task_id']),
    scopeKey: String(row['scope_key']),
    earliestStart: row['earliest_start'] === DECIDE_ANEW ? 'decide-anew' : instantOf(row['earliest_start']),
    dueTick: numberOrNull(row['due_tick']),
  };
}

/** Reads a row of periodic_task_state. */
export function stateOf(row: Row): TaskState {
  return {
    ...waitOf(row),
    epoch: numberOf(row['epoch']),
    countedFrom: instantOf(row['counted_from']) ?? 0,
    firstSlot: instantOf(row['first_slot']),
    handledSlot: instantOf(row['handled_slot']),
    anchoredAt: instantOf(row['anchored_at']),
    currentPeriodSeconds: numberOrNull(row['current_period_s']),
    countedTick: numberOf(row['counted_tick']),
    repeatableUntil: instantOf(row['repeatable_until']),
    nextSlot: instantOf(row['next_slot']),
    attempt: numberOf(row['attempt']),
    firstAttempt: numberOf(row['first_attempt']),
    retryAt: instantOf(row['retry_at']),
    failures: numberOf(row['failures']),
    firstFailureAt: instantOf(row['first_failure_at']),
    fault: textOf(row['fault']),
    lastRunToken: textOf(row['last_run_token']),
    lastStatus: textOf(row['last_status']) as RunStatus | null,
    lastStartedAt: instantOf(row['last_started_at']),
    lastEndedAt: instantOf(row['last_ended_at']),
    terminatedAt: instantOf(row['terminated_at']),
    terminatedReason: textOf(row['terminated_reason']),
    moduleState: jsonOf(row['module_state']),
    blockedReason: textOf(row['blocked_reason']),
    offlineDisabledAt: instantOf(row['offline_disabled_at']),
  };
}

const STATE_COLUMNS = {
  countedFrom: 'counted_from',
  firstSlot: 'first_slot',
  handledSlot: 'handled_slot',
  anchoredAt: 'anchored_at',
  currentPeriodSeconds: 'current_period_s',
  countedTick: 'counted_tick',
  dueTick: 'due_tick',
  repeatableUntil: 'repeatable_until',
  nextSlot: 'next_slot',
  earliestStart: 'earliest_start',
  attempt: 'attempt',
  firstAttempt: 'first_attempt',
  retryAt: 'retry_at',
  failures: 'failures',
  firstFailureAt: 'first_failure_at',
  fault: 'fault',
  lastRunToken: 'last_run_token',
  lastStatus: 'last_status',
  lastStartedAt: 'last_started_at',
  lastEndedAt: 'last_ended_at',
  terminatedAt: 'terminated_at',
  terminatedReason: 'terminated_reason',
  moduleState: 'module_state',
  blockedReason: 'blocked_reason',
  offlineDisabledAt: 'offline_disabled_at',
} as const satisfies Readonly<Record<keyof StatePatch, string>>;

const STATE_INSTANTS: ReadonlySet<string> = new Set([
  'countedFrom',
  'firstSlot',
  'handledSlot',
  'anchoredAt',
  'repeatableUntil',
  'nextSlot',
  'earliestStart',
  'retryAt',
  'firstFailureAt',
  'lastStartedAt',
  'lastEndedAt',
  'terminatedAt',
  'offlineDisabledAt',
]);

/** The assignments of a patch, for the SET part of a statement, and their values in that order. */
export function stateAssignments(patch: StatePatch): {
  readonly sql: string;
  readonly values: readonly SqlValue[];
} {
  const fields = Object.keys(STATE_COLUMNS).filter((field) => patch[field as keyof StatePatch] !== undefined);
  return {
    sql: fields.map((field) => `, ${STATE_COLUMNS[field as keyof StatePatch]} = ?`).join(''),
    values: fields.map((field) => stateValue(field, patch[field as keyof StatePatch])),
  };
}

function stateValue(field: string, value: StatePatch[keyof StatePatch]): SqlValue {
  if (value === null || value === undefined) {
    return null;
  }
  if (value === 'decide-anew') {
    return DECIDE_ANEW;
  }
  if (STATE_INSTANTS.has(field)) {
    return toText(value as Instant);
  }
  return field === 'moduleState' ? JSON.stringify(value) : (value as SqlValue);
}

import { fromText, type Instant, toText } from '../core/instants.ts';
import type { JsonValue } from '../core/json.ts';
import type { RunStatus, RunTrigger, TaskState } from '../core/state.ts';
import type { TaskDefinition, TaskRecord } from '../core/task.ts';
import type { StatePatch } from '../core/transitions.ts';
import type { Row, SqlValue } from './driver.ts';

/** The empty text that marks a state for the next tick: it sorts before every instant. */
const DECIDE_ANEW = '';

/** The columns of periodic_task that hold a definition, by the name of their field. */
export const DEFINITION_COLUMNS = {
  name: 'name',
  active: 'active',
  module: 'module',
  options: 'options',
  scheduleKind: 'schedule_kind',
  schedule: 'schedule',
  timezone: 'timezone',
  scope: 'scope',
  ordering: 'ordering',
  anchor: 'anchor',
  runImmediately: 'run_immediately',
  firstDelaySeconds: 'first_delay_s',
  enabledDelaySeconds: 'enabled_delay_s',
  randomOffsetSeconds: 'random_offset_s',
  catchUp: 'catch_up',
  catchUpMax: 'catch_up_max',
  startDeadlineSeconds: 'start_deadline_s',
  timeoutSeconds: 'timeout_s',
  killGraceSeconds: 'kill_grace_s',
  retryLimit: 'retry_limit',
  retryDelaySeconds: 'retry_delay_s',
  retryMaxDelaySeconds: 'retry_max_delay_s',
  retryOn: 'retry_on',
  retryPastNext: 'retry_past_next',
  backoff: 'backoff',
  maxPeriodSeconds: 'max_period_s',
  deactivateAfter: 'deactivate_after',
  overlap: 'overlap',
  maxParallel: 'max_parallel',
  confirmation: 'confirmation',
  runUser: 'run_user',
  memoryLimitBytes: 'memory_limit_bytes',
  requires: 'requires',
  offlineResource: 'offline_resource',
  offline: 'offline',
  removeWhenDone: 'remove_when_done',
  owner: 'owner',
  gone: 'gone',
} as const satisfies Readonly<Record<Exclude<keyof TaskDefinition, 'nodes' | 'tags'>, string>>;

/** Reads a row of periodic_task. What plain SQL wrote into it is left as it is, for the check to judge. */
export function taskRecordOf(
  row: Row,
  parts: { nodes: readonly string[]; tags: readonly string[] },
): TaskRecord {
  return {
    id: numberOf(row['id']),
    createdAt: instantOf(row['created_at']) ?? 0,
    updatedAt: instantOf(row['updated_at']) ?? 0,
    fields: {
      name: row['name'],
      active: booleanOf(row['active']),
      module: row['module'],
      options: parsedJson(row['options']),
      scheduleKind: row['schedule_kind'],
      schedule: row['schedule'],
      timezone: row['timezone'],
      scope: row['scope'],
      ordering: row['ordering'],
      anchor: row['anchor'],
      runImmediately: booleanOf(row['run_immediately']),
      firstDelaySeconds: row['first_delay_s'],
      enabledDelaySeconds: row['enabled_delay_s'],
      randomOffsetSeconds: row['random_offset_s'],
      catchUp: row['catch_up'],
      catchUpMax: row['catch_up_max'],
      startDeadlineSeconds: row['start_deadline_s'],
      timeoutSeconds: row['timeout_s'],
      killGraceSeconds: row['kill_grace_s'],
      retryLimit: row['retry_limit'],
      retryDelaySeconds: row['retry_delay_s'],
      retryMaxDelaySeconds: row['retry_max_delay_s'],
      retryOn: listOf(row['retry_on']),
      retryPastNext: booleanOf(row['retry_past_next']),
      backoff: row['backoff'],
      maxPeriodSeconds: row['max_period_s'],
      deactivateAfter: row['deactivate_after'],
      overlap: row['overlap'],
      maxParallel: row['max_parallel'],
      confirmation: booleanOf(row['confirmation']),
      runUser: row['run_user'],
      memoryLimitBytes: bigNumberOf(row['memory_limit_bytes']),
      requires: row['requires'],
      offlineResource: row['offline_resource'],
      offline: row['offline'],
      removeWhenDone: booleanOf(row['remove_when_done']),
      owner: row['owner'],
      gone: booleanOf(row['gone']),
      nodes: parts.nodes,
      tags: parts.tags,
    },
  };
}

/** The columns of periodic_task for the fields of a definition that are given; nodes and tags have tables of their own. */
export function definitionRow(definition: Partial<TaskDefinition>): Record<string, SqlValue> {
  const row: Record<string, SqlValue> = {};
  for (const [field, column] of Object.entries(DEFINITION_COLUMNS)) {
    const value = definition[field as keyof typeof DEFINITION_COLUMNS];
    if (value !== undefined) {
      row[column] = definitionValue(field, value);
    }
  }
  return row;
}

function definitionValue(field: string, value: TaskDefinition[keyof TaskDefinition]): SqlValue {
  if (field === 'options') {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return value.join(',');
  }
  return typeof value === 'boolean' ? Number(value) : (value as SqlValue);
}

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

/** A row of the ledger. `output` is there only where it was asked for. */
export type Run = {
  readonly id: number;
  readonly token: string;
  readonly taskId: number;
  readonly taskName: string;
  readonly module: string;
  readonly scopeKey: string;
  readonly node: string;
  readonly trigger: RunTrigger;
  readonly slot: Instant | null;
  readonly slotFirst: Instant | null;
  readonly slotCount: number;
  readonly attempt: number;
  readonly epoch: number;
  readonly endEpoch: number | null;
  readonly status: RunStatus;
  readonly reason: string | null;
  readonly message: string | null;
  readonly createdAt: Instant;
  readonly startedAt: Instant | null;
  readonly endedAt: Instant | null;
  readonly durationMs: number | null;
  readonly deadlineAt: Instant | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly result: JsonValue | null;
  readonly outputBytes: number;
  readonly lateResult: JsonValue | null;
  readonly machineId: string | null;
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
  readonly pid: number | null;
  readonly pidStarted: string | null;
  /** Why it is asked to stop while it is alive, such as `postponed`; null if nobody asks. */
  readonly cancelRequested: string | null;
  /** How far it is, as it said last; null if it never did. */
  readonly progress: { readonly done: number; readonly total: number } | null;
  /** Until when the runner holds it, by the database's clock; null for a run without a lease. */
  readonly leaseUntil: Instant | null;
  /** The lease has ended, by the database's clock; known only where it was asked for. */
  readonly isLeaseOver: boolean;
};

/** Every column of periodic_run but the output, which may be large. */
export const RUN_COLUMNS = `id, token, task_id, task_name, module, scope_key, node, trigger_kind, slot, slot_first,
  slot_count, attempt, epoch, end_epoch, status, reason, message, created_at, started_at, ended_at, duration_ms,
  deadline_at, exit_code, "signal", result, output_bytes, late_result, machine_id, boot_id, pid_namespace, pid,
  pid_started, cancel_requested, progress_done, progress_total, lease_until`;

/** Reads a row of periodic_run. */
export function runOf(row: Row): Run {
  return {
    id: numberOf(row['id']),
    token: String(row['token']),
    taskId: numberOf(row['task_id']),
    taskName: String(row['task_name']),
    module: String(row['module']),
    scopeKey: String(row['scope_key']),
    node: String(row['node']),
    trigger: String(row['trigger_kind']) as RunTrigger,
    slot: instantOf(row['slot']),
    slotFirst: instantOf(row['slot_first']),
    slotCount: numberOf(row['slot_count']),
    attempt: numberOf(row['attempt']),
    epoch: numberOf(row['epoch']),
    endEpoch: numberOrNull(row['end_epoch']),
    status: String(row['status']) as RunStatus,
    reason: textOf(row['reason']),
    message: textOf(row['message']),
    createdAt: instantOf(row['created_at']) ?? 0,
    startedAt: instantOf(row['started_at']),
    endedAt: instantOf(row['ended_at']),
    durationMs: numberOrNull(row['duration_ms']),
    deadlineAt: instantOf(row['deadline_at']),
    exitCode: numberOrNull(row['exit_code']),
    signal: textOf(row['signal']),
    result: jsonOf(row['result']),
    outputBytes: numberOf(row['output_bytes']),
    lateResult: jsonOf(row['late_result']),
    machineId: textOf(row['machine_id']),
    bootId: textOf(row['boot_id']),
    pidNamespace: textOf(row['pid_namespace']),
    pid: numberOrNull(row['pid']),
    pidStarted: textOf(row['pid_started']),
    cancelRequested: textOf(row['cancel_requested']),
    progress: progressOf(row),
    leaseUntil: instantOf(row['lease_until']),
    isLeaseOver: Boolean(row['is_lease_over'] ?? 0),
  };
}

function progressOf(row: Row): Run['progress'] {
  const [done, total] = [numberOrNull(row['progress_done']), numberOrNull(row['progress_total'])];
  return done === null || total === null ? null : { done, total };
}

type Cell = Row[string] | undefined;

/** Engines differ in what they return for a number: text where it may be a big one. */
export function numberOf(cell: Cell): number {
  return Number(cell ?? 0);
}

export function numberOrNull(cell: Cell): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

export function textOf(cell: Cell): string | null {
  return cell === null || cell === undefined ? null : String(cell);
}

export function instantOf(cell: Cell): Instant | null {
  return typeof cell === 'string' ? (fromText(cell) ?? null) : null;
}

/** The text of an instant that may be missing. */
export function instantText(instant: Instant | null | undefined): string | null {
  return instant === null || instant === undefined ? null : toText(instant);
}

function booleanOf(cell: Cell): unknown {
  return cell === 0 || cell === 1 || typeof cell === 'boolean' ? Boolean(cell) : cell;
}

/** Engines hand out a whole number as text where it may be too big for a number. */
function bigNumberOf(cell: Cell): unknown {
  return typeof cell === 'string' && /^-?\d{1,15}$/.test(cell) ? Number(cell) : cell;
}

function listOf(cell: Cell): unknown {
  return typeof cell === 'string'
    ? cell.split(',').flatMap((word) => (word.trim() === '' ? [] : [word.trim()]))
    : cell;
}

/** JSON that an operator may have written by hand: text that is not JSON stays text, and the check refuses it. */
function parsedJson(cell: Cell): unknown {
  try {
    return typeof cell === 'string' ? JSON.parse(cell) : cell;
  } catch {
    return cell;
  }
}

/** JSON that only this program writes. */
function jsonOf(cell: Cell): JsonValue | null {
  return typeof cell === 'string' ? (parsedJson(cell) as JsonValue) : null;
}

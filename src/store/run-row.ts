import type { Instant } from '../core/instants.ts';
import type { JsonValue } from '../core/json.ts';
import type { RunStatus, RunTrigger } from '../core/state.ts';
import { instantOf, jsonOf, numberOf, numberOrNull, textOf } from './cells.ts';
import type { Row } from './driver.ts';
import type { RowIdentity } from './ledger-rows.ts';

/** A row of the ledger. `output` is there only where it was asked for. */
export type Run = RowIdentity & {
  readonly id: number;
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

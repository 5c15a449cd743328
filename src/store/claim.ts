import type { SlotRange } from '../core/due.ts';
import { type Instant, toText } from '../core/instants.ts';
import type { RunTrigger, TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { instantText, RUN_COLUMNS, type Run, runOf, stateAssignments } from './rows.ts';

/** Who runs: enough to prove at the next tick that the runner is dead, and not another process with its number. */
export type RunnerIdentity = {
  readonly machineId: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly pid: number;
  readonly pidStarted: string;
};

/** A run that is about to start. */
export type NewRun = {
  readonly token: string;
  readonly taskId: number;
  readonly taskName: string;
  readonly module: string;
  readonly scopeKey: string;
  readonly node: string;
  readonly trigger: RunTrigger;
  readonly slots: SlotRange | null;
  readonly attempt: number;
  readonly reason: string | null;
  readonly message: string | null;
  readonly startedAt: Instant;
  /** When time limit and grace are over; after that a runner that cannot be seen counts as dead. */
  readonly deadlineAt: Instant | null;
  readonly runner: RunnerIdentity;
};

export type ClaimResult =
  /** `state` is what the claim left. */
  | { readonly kind: 'won'; readonly epoch: number; readonly state: TaskState }
  /** Another runner, or a change of the definition, was first. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'full'; readonly running: readonly Run[] };

/**
 * Claims one attempt: raises the epoch where it is still what the caller read, and records the run, in one transaction.
 * Losing is a value. A run for a slot is refused as `full` while `maxRunning` scheduled runs of the node are alive.
 *
 * @throws Error when the ledger already holds this attempt although the epoch was won: that is a fault of this program
 */
export function claimRun(
  driver: Driver,
  claim: {
    readonly state: TaskState;
    readonly patch: StatePatch;
    readonly run: NewRun;
    readonly maxRunning: number;
  },
): Promise<ClaimResult> {
  const { state, run, maxRunning } = claim;
  const patch: StatePatch =
    run.trigger === 'schedule'
      ? {
          ...claim.patch,
          lastRunToken: run.token,
          lastStatus: 'running',
          lastStartedAt: run.startedAt,
          fault: null,
        }
      : {};
  return driver.transaction(async (statements) => {
    const won = await moveState(statements, state, patch, {
      sql: `AND (? = 'manual' OR (SELECT count(*) FROM periodic_run WHERE live_node = ? AND trigger_kind = 'schedule') < ?)`,
      values: [run.trigger, run.node, maxRunning],
    });
    if (!won) {
      return run.trigger === 'schedule' ? fullOrLost(statements, run.node, maxRunning) : { kind: 'lost' };
    }
    await giveUpPending(statements, state, run.slots);
    await insertRun(statements, { ...startedRow(run), epoch: state.epoch + 1 });
    const epoch = state.epoch + 1;
    return { kind: 'won', epoch, state: { ...state, ...patch, epoch } };
  });
}

/** A newer slot ends the hope of the older one, whose run said until now that another attempt would follow. */
async function giveUpPending(
  statements: Statements,
  state: TaskState,
  slots: SlotRange | null,
): Promise<void> {
  if (state.retryAt !== null && slots !== null && slots.slot !== state.handledSlot) {
    await statements.run(
      "UPDATE periodic_run SET reason = 'superseded' WHERE token = ? AND reason = 'retry'",
      [state.lastRunToken],
    );
  }
}

async function fullOrLost(statements: Statements, node: string, maxRunning: number): Promise<ClaimResult> {
  const rows = await statements.all(
    `SELECT ${RUN_COLUMNS} FROM periodic_run WHERE live_node = ? AND trigger_kind = 'schedule' ORDER BY id`,
    [node],
  );
  return rows.length >= maxRunning ? { kind: 'full', running: rows.map(runOf) } : { kind: 'lost' };
}

/**
 * Moves a state without starting anything: it was settled, marked or put to rest. False when another was first.
 */
export function settleState(driver: Driver, state: TaskState, patch: StatePatch): Promise<boolean> {
  return driver.transaction((statements) => moveState(statements, state, patch));
}

/** Removes the state that stands for a task without nodes. False when another was first. */
export async function dropState(driver: Driver, state: TaskState): Promise<boolean> {
  const changed = await driver.run(
    'DELETE FROM periodic_task_state WHERE task_id = ? AND scope_key = ? AND epoch = ?',
    [state.taskId, state.scopeKey, state.epoch],
  );
  return changed === 1;
}

/** Due slots that are taken without being run, and why: what their row in the ledger says. */
export type SkippedSlots = {
  readonly token: string;
  readonly taskId: number;
  readonly taskName: string;
  readonly module: string;
  readonly scopeKey: string;
  readonly node: string;
  readonly slots: SlotRange;
  readonly attempt: number;
  readonly reason: string;
  readonly message: string | null;
  readonly at: Instant;
};

/**
 * Takes due slots without running them. Neighbouring slots that were skipped for the same reason share one row.
 * False when another runner was first.
 */
export function skipSlots(
  driver: Driver,
  skip: { readonly state: TaskState; readonly patch: StatePatch; readonly skipped: SkippedSlots },
): Promise<boolean> {
  const { state, skipped } = skip;
  const patch: StatePatch = { ...skip.patch, lastRunToken: skipped.token, lastStatus: 'skipped' };
  return driver.transaction(async (statements) => {
    if (!(await moveState(statements, state, patch))) {
      return false;
    }
    await giveUpPending(statements, state, skipped.slots);
    if (!(await extendSkipped(statements, state, skipped))) {
      await insertRun(statements, { ...skippedRow(skipped), epoch: state.epoch + 1 });
    }
    return true;
  });
}

/**
 * Slots are neighbours when nothing lies between the last one that was handled and the first of the new ones. A state
 * that began to count later has left slots out in between, and one that was reset may have been taken back.
 */
async function extendSkipped(
  statements: Statements,
  { lastStatus, lastRunToken, handledSlot, countedFrom }: TaskState,
  skipped: SkippedSlots,
): Promise<boolean> {
  if (lastStatus !== 'skipped' || handledSlot === null || handledSlot < countedFrom) {
    return false;
  }
  const { token, slots, attempt, reason, message, node, at } = skipped;
  const changed = await statements.run(
    `UPDATE periodic_run SET token = ?, slot = ?, slot_count = slot_count + ?, attempt = ?, message = ?, ended_at = ?
     WHERE token = ? AND status = 'skipped' AND slot = ? AND reason = ? AND node = ?`,
    [
      ...[token, toText(slots.slot), slots.count, attempt, message, toText(at)],
      ...[lastRunToken, toText(handledSlot), reason, node],
    ],
  );
  return changed === 1;
}

/**
 * Records a fault of a definition, once: the caller has compared it with the fault that the state already names.
 * False when another runner was first.
 */
export function recordFault(
  driver: Driver,
  fault: { readonly state: TaskState; readonly patch: StatePatch; readonly row: FaultRow },
): Promise<boolean> {
  const { state, row } = fault;
  return driver.transaction(async (statements) => {
    if (!(await moveState(statements, state, { ...fault.patch, fault: row.message }))) {
      return false;
    }
    const { at, ...rest } = row;
    await insertRun(statements, {
      ...identityRow(rest),
      trigger_kind: 'fault',
      status: 'failed',
      reason: 'invalid',
      message: row.message,
      epoch: state.epoch + 1,
      created_at: toText(at),
      ended_at: toText(at),
    });
    return true;
  });
}

/** A fault of a definition, as the ledger records it; `message` is also what the state remembers. */
export type FaultRow = {
  readonly token: string;
  readonly taskId: number;
  readonly taskName: string;
  readonly module: string;
  readonly scopeKey: string;
  readonly node: string;
  readonly message: string;
  readonly at: Instant;
};

/** The conditional update that every transition is: raise the epoch where it is still what the writer read. */
export async function moveState(
  statements: Statements,
  state: TaskState,
  patch: StatePatch,
  condition: { readonly sql: string; readonly values: readonly SqlValue[] } = { sql: '', values: [] },
): Promise<boolean> {
  const { sql, values } = stateAssignments(patch);
  const changed = await statements.run(
    `UPDATE periodic_task_state SET epoch = epoch + 1${sql}
     WHERE task_id = ? AND scope_key = ? AND epoch = ? ${condition.sql}`,
    [...values, state.taskId, state.scopeKey, state.epoch, ...condition.values],
  );
  return changed === 1;
}

async function insertRun(statements: Statements, row: Readonly<Record<string, SqlValue>>): Promise<void> {
  const columns = Object.keys(row);
  await statements.run(
    `INSERT INTO periodic_run (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(row),
  );
}

function startedRow(run: NewRun): Record<string, SqlValue> {
  const startedAt = toText(run.startedAt);
  return {
    ...identityRow(run),
    ...slotRow(run.slots),
    trigger_kind: run.trigger,
    live_node: run.node,
    attempt: run.attempt,
    status: 'running',
    reason: run.reason,
    message: run.message,
    created_at: startedAt,
    started_at: startedAt,
    deadline_at: instantText(run.deadlineAt),
    machine_id: run.runner.machineId,
    boot_id: run.runner.bootId,
    pid_namespace: run.runner.pidNamespace,
    pid: run.runner.pid,
    pid_started: run.runner.pidStarted,
  };
}

function skippedRow(skipped: SkippedSlots): Record<string, SqlValue> {
  return {
    ...identityRow(skipped),
    ...slotRow(skipped.slots),
    trigger_kind: 'schedule',
    attempt: skipped.attempt,
    status: 'skipped',
    reason: skipped.reason,
    message: skipped.message,
    created_at: toText(skipped.at),
    ended_at: toText(skipped.at),
  };
}

type RowIdentity = Pick<NewRun, 'token' | 'taskId' | 'taskName' | 'module' | 'scopeKey' | 'node'>;

function identityRow(run: RowIdentity): Record<string, SqlValue> {
  return {
    token: run.token,
    task_id: run.taskId,
    task_name: run.taskName,
    module: run.module,
    scope_key: run.scopeKey,
    node: run.node,
  };
}

function slotRow(slots: SlotRange | null): Record<string, SqlValue> {
  return {
    slot: instantText(slots?.slot),
    slot_first: instantText(slots?.first),
    slot_count: slots?.count ?? 0,
  };
}

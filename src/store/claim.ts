import { type Instant, toText } from '../core/instants.ts';
import type { SlotRange } from '../core/slots.ts';
import type { RunTrigger, TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { identityRow, insertRun, type RowIdentity, slotRow } from './ledger-rows.ts';
import { giveUpPending, moveState } from './move-state.ts';
import { instantText, RUN_COLUMNS, type Run, runOf } from './rows.ts';

/** Who runs: enough to prove at the next tick that the runner is dead, and not another process with its number. */
export type RunnerIdentity = {
  readonly machineId: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly pid: number;
  readonly pidStarted: string;
};

/** A run that is about to start. */
export type NewRun = RowIdentity & {
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

async function fullOrLost(statements: Statements, node: string, maxRunning: number): Promise<ClaimResult> {
  const rows = await statements.all(
    `SELECT ${RUN_COLUMNS} FROM periodic_run WHERE live_node = ? AND trigger_kind = 'schedule' ORDER BY id`,
    [node],
  );
  return rows.length >= maxRunning ? { kind: 'full', running: rows.map(runOf) } : { kind: 'lost' };
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

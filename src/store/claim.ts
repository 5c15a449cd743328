import { type Instant, toText } from '../core/instants.ts';
import { LEASE_S } from '../core/lease.ts';
import type { SlotRange } from '../core/slots.ts';
import type { RunTrigger, TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import { instantText, numberOf } from './cells.ts';
import { nowText } from './dialect.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { findHold, type Hold } from './hold.ts';
import { identityRow, insertRun, type RowIdentity, slotRow } from './ledger-rows.ts';
import { dropPending, giveUpPending, type Move, moveState } from './move-state.ts';
import { RUN_COLUMNS, type Run, runOf } from './run-row.ts';

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
  /** The run holds a lease that its runner renews: other nodes judge it by that. */
  readonly isLeased: boolean;
  readonly runner: RunnerIdentity;
};

export type ClaimResult =
  /** `state` is what the claim left. `removed`: the task has gone with it, since the run takes the place of its end. */
  | { readonly kind: 'won'; readonly epoch: number; readonly state: TaskState; readonly removed?: true }
  /** Another runner, or a change of the definition, was first. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'full'; readonly running: readonly Run[] }
  /** The node was drained, or maintenance began, since the tick looked. */
  | { readonly kind: 'held'; readonly hold: Hold };

type Won = Extract<ClaimResult, { readonly kind: 'won' }>;

export type Claim = {
  readonly state: TaskState;
  /** How the claim changes the state; ignored for a run by hand without a slot, which leaves it as it is. */
  readonly patch: StatePatch;
  readonly run: NewRun;
  readonly maxRunning: number;
};

/**
 * Claims one attempt: raises the epoch where it is still what the caller read, and records the run, in one transaction.
 * Losing is a value. A run for a slot is refused as `full` while `maxRunning` scheduled runs of the node are alive, and
 * as `held` on a node that starts nothing. A claim whose commit went unanswered is looked up by the token of its run.
 *
 * @throws Error when the ledger already holds this attempt although the epoch was won: that is a fault of this program
 */
export function claimRun(driver: Driver, claim: Claim): Promise<ClaimResult> {
  const { state, run } = claim;
  const patch = patchOf(claim);
  const epoch = state.epoch + 1;
  const won: Won = { kind: 'won', epoch, state: { ...state, ...patch, epoch } };
  let result = won;
  return driver.transaction(
    async (statements) => {
      const move = await takeState(driver, statements, { ...claim, patch });
      if (move === 'lost') {
        return run.trigger === 'schedule' ? whyRefused(statements, claim) : { kind: 'lost' };
      }
      failpoint('claim.moved');
      await endPending(statements, claim);
      failpoint('claim.superseded');
      const lease = run.isLeased ? { lease_until: nowText(driver.engine, LEASE_S) } : {};
      await insertRun(statements, { ...startedRow(run), epoch }, lease);
      failpoint('claim.recorded');
      result = move === 'removed' ? { ...won, removed: true } : won;
      return result;
    },
    { confirm: async (statements) => ((await isRecorded(statements, run.token)) ? result : undefined) },
  );
}

function patchOf({ patch, run }: Claim): StatePatch {
  if (run.trigger === 'schedule') {
    return { ...patch, ...startedPatch(run) };
  }
  return run.slots === null ? {} : patch;
}

/** A run by hand leaves the attempt that is pending of another slot alone; one of that very slot it takes the place of. */
async function endPending(statements: Statements, { state, patch, run }: Claim): Promise<void> {
  if (run.trigger === 'schedule') {
    await giveUpPending(statements, state, run.slots);
  } else if (state.retryAt !== null && patch.retryAt === null) {
    await dropPending(statements, state, 'rerun');
  }
}

function startedPatch(run: NewRun): StatePatch {
  return {
    lastRunToken: run.token,
    lastStatus: 'running',
    lastStartedAt: run.startedAt,
    fault: null,
  };
}

async function takeState(driver: Driver, statements: Statements, claim: Claim): Promise<Move> {
  const { state, patch, run, maxRunning } = claim;
  if (run.trigger !== 'schedule') {
    return moveState(statements, state, patch);
  }
  if (driver.engine !== 'sqlite') {
    // Two ticks of a node that claim at the same time would not count each other's run.
    await statements.all('SELECT name FROM periodic_node WHERE name = ? FOR UPDATE', [run.node]);
  }
  return moveState(statements, state, patch, {
    sql: `AND (SELECT count(*) FROM periodic_run WHERE live_node = ? AND trigger_kind = 'schedule') < ?
      AND NOT EXISTS (SELECT 1 FROM periodic_node WHERE name = ? AND drained_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM periodic_maintenance WHERE until IS NULL OR until > ?)`,
    values: [run.node, maxRunning, run.node, toText(run.startedAt)],
  });
}

async function whyRefused(statements: Statements, { state, run, maxRunning }: Claim): Promise<ClaimResult> {
  const [now] = await statements.all(
    'SELECT epoch FROM periodic_task_state WHERE task_id = ? AND scope_key = ?',
    [state.taskId, state.scopeKey],
  );
  if (now === undefined || numberOf(now['epoch']) !== state.epoch) {
    return { kind: 'lost' };
  }
  const rows = await statements.all(
    `SELECT ${RUN_COLUMNS} FROM periodic_run WHERE live_node = ? AND trigger_kind = 'schedule' ORDER BY id`,
    [run.node],
  );
  if (rows.length >= maxRunning) {
    return { kind: 'full', running: rows.map(runOf) };
  }
  const hold = await findHold(statements, run.node, run.startedAt);
  return hold === undefined ? { kind: 'lost' } : { kind: 'held', hold };
}

async function isRecorded(statements: Statements, token: string): Promise<boolean> {
  const rows = await statements.all('SELECT id FROM periodic_run WHERE token = ?', [token]);
  return rows.length > 0;
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

import { floorToMinute, type Instant, toText } from '../core/instants.ts';
import type { JsonValue } from '../core/json.ts';
import { type AfterRun, afterRun, type EndPolicy } from '../core/run-end.ts';
import { parseEvery } from '../core/schedule/every.ts';
import type { RunStatus, TaskState } from '../core/state.ts';
import { numberOrNull } from './cells.ts';
import type { Row, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { moveState } from './move-state.ts';
import { RUN_COLUMNS, type Run, runOf } from './run-row.ts';
import { stateOf } from './state-row.ts';

/** How a run ended, in a form that JSON keeps: the spool stores it when the database cannot. */
export type RunEnd = {
  readonly status: Exclude<RunStatus, 'running' | 'skipped'>;
  readonly reason: string | null;
  readonly message: string | null;
  /** For `cancelled`: the runner was shut down, rather than a person having cancelled the run. */
  readonly byShutdown: boolean;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly result: JsonValue | null;
  readonly output: { readonly text: string; readonly bytes: number };
  /** What the module keeps for its next run; absent leaves it as it is. */
  readonly moduleState?: JsonValue | undefined;
  readonly endedAt: Instant;
  readonly durationMs: number | null;
};

/** What comes after a run; all null for a run by hand, and where the task is gone. */
export type Coming = {
  /** When its next attempt may start, if the policy leaves one pending. */
  readonly retryAt: Instant | null;
  readonly nextSlot: Instant | null;
  /** Why the state was terminated with this run, if it was. */
  readonly terminated: string | null;
  /** The task was removed with that, as it asked for. */
  readonly removed?: true;
};

export const NOTHING_COMES: Coming = { retryAt: null, nextSlot: null, terminated: null };

/** What is needed of a run to move its state on. */
export type RunKey = Pick<Run, 'token' | 'taskId' | 'scopeKey' | 'trigger' | 'slot' | 'attempt'>;

/** An end without a result leaves the one that the run recorded together with what it did. */
const KEPT_RESULT = 'result = coalesce(?, result)';

export async function writeEnd(
  statements: Statements,
  token: string,
  end: RunEnd,
  { from, condition = '' }: { readonly from: 'running' | 'lost'; readonly condition?: string },
): Promise<boolean> {
  const row: Record<string, SqlValue> = {
    status: end.status,
    reason: end.reason,
    message: end.message,
    ended_at: toText(end.endedAt),
    duration_ms: end.durationMs,
    exit_code: end.exitCode,
    '"signal"': end.signal,
    result: end.result === null ? null : JSON.stringify(end.result),
    output: end.output.text,
    output_bytes: end.output.bytes,
  };
  const changed = await statements.run(
    `UPDATE periodic_run SET live_node = NULL, ${Object.keys(row)
      .map((column) => (column === 'result' ? KEPT_RESULT : `${column} = ?`))
      .join(', ')} WHERE token = ? AND status = ? ${condition}`,
    [...Object.values(row), token, from],
  );
  return changed === 1;
}

export async function readRun(statements: Statements, token: string): Promise<Run | undefined> {
  const [row] = await statements.all(`SELECT ${RUN_COLUMNS} FROM periodic_run WHERE token = ?`, [token]);
  return row === undefined ? undefined : runOf(row);
}

type ReadState = {
  readonly state: TaskState;
  readonly active: boolean;
  /** The definition has the period that the run's policy has: it was not changed while the task ran. */
  readonly isOfPolicy: boolean;
};

export async function readState(
  statements: Statements,
  run: Pick<RunKey, 'taskId' | 'scopeKey'>,
  { period }: EndPolicy,
): Promise<ReadState | undefined> {
  const [row] = await statements.all(
    `SELECT s.*, t.active, t.schedule_kind, t.schedule, t.anchor, t.backoff, t.max_period_s FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id
     WHERE s.task_id = ? AND s.scope_key = ?`,
    [run.taskId, run.scopeKey],
  );
  return row === undefined
    ? undefined
    : {
        state: stateOf(row),
        active: Boolean(row['active']),
        isOfPolicy: isPeriodOf(row, period),
      };
}

function isPeriodOf(row: Row, period: EndPolicy['period']): boolean {
  if (row['schedule_kind'] !== 'every' || period === null) {
    return row['schedule_kind'] !== 'every' && period === null;
  }
  try {
    return (
      parseEvery(String(row['schedule'])) === period.periodSeconds &&
      row['anchor'] === period.anchor &&
      row['backoff'] === period.backoff &&
      numberOrNull(row['max_period_s']) === period.maxPeriodSeconds
    );
  } catch {
    // Plain SQL may have written anything.
    return false;
  }
}

/** Moves the state on after a run. A removed task has none: then the ledger alone tells how the run ended. */
export async function moveOn(
  statements: Statements,
  run: RunKey,
  end: RunEnd,
  options: { readonly policy: EndPolicy; readonly known: TaskState | undefined },
): Promise<Coming> {
  if (run.trigger !== 'schedule' || run.slot === null) {
    return NOTHING_COMES;
  }
  // The state may move after it was read: a run beside this one, or a changed definition. Then it is read again.
  // A change of the definition moves it too, so a task whose state has not moved since the claim is still active.
  let known = options.known;
  for (;;) {
    const read =
      known === undefined
        ? await readState(statements, run, options.policy)
        : { state: known, active: true, isOfPolicy: true };
    known = undefined;
    if (read === undefined) {
      return NOTHING_COMES;
    }
    const after = nextState(read, { ...run, slot: run.slot }, end, options.policy);
    const move = await moveState(statements, read.state, after.patch);
    if (move !== 'lost') {
      failpoint('finish.moved');
      const coming = comingAfter(read.state, after);
      await markEnd(statements, run.token, { ...coming, status: end.status, endEpoch: read.state.epoch + 1 });
      failpoint('finish.marked');
      return move === 'removed' ? { ...coming, removed: true } : coming;
    }
  }
}

export function comingAfter(state: TaskState, { patch, retryAt }: AfterRun): Coming {
  return {
    retryAt,
    nextSlot: patch.nextSlot === undefined ? state.nextSlot : patch.nextSlot,
    terminated: patch.terminatedReason ?? null,
  };
}

/** What moving a state left; there is no epoch where there was no state to move. */
export type Moved = Coming & { readonly endEpoch: number | null };

/** What only some ends need: a lost run the epoch by which a late result knows that nothing came since. */
export async function markEnd(
  statements: Statements,
  token: string,
  {
    status,
    endEpoch,
    retryAt,
  }: Omit<Moved, 'nextSlot' | 'terminated'> & {
    readonly status: RunEnd['status'];
  },
): Promise<void> {
  if (status === 'lost' || retryAt !== null) {
    await statements.run(
      'UPDATE periodic_run SET end_epoch = ?, reason = coalesce(?, reason) WHERE token = ?',
      [endEpoch, retryAt === null ? null : 'retry', token],
    );
  }
}

export function nextState(
  { state, active, isOfPolicy }: ReadState,
  { slot, attempt }: { readonly slot: Instant; readonly attempt: number },
  end: RunEnd,
  policy: EndPolicy,
): AfterRun {
  const { status, byShutdown, message, endedAt, moduleState } = end;
  const ended = { slot, attempt, status, byShutdown, message, endedAt, moduleState };
  if (isOfPolicy) {
    return afterRun(state, { ...policy, active }, ended);
  }
  // What comes next is not for a period to say that the task does not have any more: the next tick decides anew.
  const after = afterRun(state, { ...policy, period: null, active }, ended);
  const isResting = !active || (state.terminatedAt ?? after.patch.terminatedAt ?? null) !== null;
  const anew = isResting ? {} : ({ earliestStart: 'decide-anew' } as const);
  return { ...after, patch: { ...after.patch, anchoredAt: floorToMinute(endedAt), ...anew } };
}

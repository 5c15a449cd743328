import { floorToMinute, type Instant, toText } from '../core/instants.ts';
import type { JsonValue } from '../core/json.ts';
import { joinMessages } from '../core/outcome.ts';
import { type AfterRun, afterRun, type EndPolicy, withoutLost } from '../core/run-end.ts';
import { parseEvery } from '../core/schedule/every.ts';
import type { RunStatus, TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import { nowText } from './dialect.ts';
import type { Driver, Row, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { markLeftovers } from './leftovers.ts';
import { moveState } from './move-state.ts';
import { numberOrNull, RUN_COLUMNS, type Run, runOf, stateOf } from './rows.ts';

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
};

const NOTHING_COMES: Coming = { retryAt: null, nextSlot: null, terminated: null };

/** What became of the end of a run. */
export type FinishResult =
  | ({ readonly kind: 'recorded' } & Coming)
  /** The run had an end already; nothing was changed. */
  | { readonly kind: 'already-ended' }
  | { readonly kind: 'unknown' };

/** What is needed of a run to move its state on. */
export type RunKey = Pick<Run, 'token' | 'taskId' | 'scopeKey' | 'trigger' | 'slot' | 'attempt'>;

export type FinishRules = EndPolicy & {
  /**
   * The run and its state as the claim left them. Whoever claimed hands them in to spare reading them again; if the state
   * has moved since, it is read all the same.
   */
  readonly claimed?: { readonly run: RunKey; readonly state: TaskState };
  /** The run is ended because its lease is over: not where that was renewed meanwhile. */
  readonly isLeaseOver?: boolean;
  /** The machine on which processes of the run may be left, which its own node has to end. */
  readonly leftoverOn?: string | undefined;
};

/**
 * Records the end of a live run and moves its state on, in one transaction; the end of a run by hand leaves the state
 * alone. A run that has an end already keeps it.
 */
export function finishRun(
  driver: Driver,
  token: string,
  end: RunEnd,
  rules: FinishRules,
): Promise<FinishResult> {
  const { claimed, isLeaseOver = false, leftoverOn, ...policy } = rules;
  const finish = async (statements: Statements): Promise<FinishResult> => {
    const stillOver = isLeaseOver ? `AND lease_until <= ${nowText(driver.engine)}` : '';
    const changed = await writeEnd(statements, token, end, { from: 'running', condition: stillOver });
    const run = changed && claimed !== undefined ? claimed.run : await readRun(statements, token);
    if (run === undefined) {
      return { kind: 'unknown' };
    }
    if (!changed) {
      return { kind: 'already-ended' };
    }
    failpoint('finish.ended');
    if (leftoverOn !== undefined) {
      await markLeftovers(statements, token, leftoverOn);
    }
    const coming = await moveOn(statements, run, end, { policy, known: claimed?.state });
    return { kind: 'recorded', ...coming };
  };
  return driver.transaction(finish, { confirm: (statements) => findEnd(statements, token, end) });
}

/** What was recorded of this very end, if it was: told from another by its instant. */
async function findEnd(
  statements: Statements,
  token: string,
  end: RunEnd,
): Promise<FinishResult | undefined> {
  const run = await readRun(statements, token);
  if (run?.status !== end.status || run.endedAt !== end.endedAt) {
    return undefined;
  }
  const [row] = await statements.all(
    'SELECT * FROM periodic_task_state WHERE task_id = ? AND scope_key = ?',
    [run.taskId, run.scopeKey],
  );
  if (run.trigger !== 'schedule' || row === undefined) {
    return { kind: 'recorded', ...NOTHING_COMES };
  }
  const { retryAt, nextSlot, terminatedReason } = stateOf(row);
  return { kind: 'recorded', retryAt, nextSlot, terminated: terminatedReason };
}

/** What became of a result that came late. `kept-as-late` is told once: the run has another end, and keeps it. */
export type LateResult =
  | ({ readonly kind: 'recorded'; readonly run: Run } & Coming)
  | { readonly kind: 'already-ended' }
  | { readonly kind: 'kept-as-late'; readonly run: Run }
  | { readonly kind: 'unknown' };

/**
 * Records a result that could not be written when the run ended. It becomes the end of a run that is still live, or
 * that was declared lost with nothing since; any other run keeps its end, and the result beside it. Recording the same
 * result again changes nothing.
 */
export function recordLateEnd(
  driver: Driver,
  token: string,
  end: RunEnd,
  policy: EndPolicy,
): Promise<LateResult> {
  const late = { ...end, message: joinMessages(end.message, 'reported late') };
  const record = async (statements: Statements): Promise<LateResult> => {
    const wasLive = await writeEnd(statements, token, late, { from: 'running' });
    const run = await readRun(statements, token);
    if (run === undefined) {
      return { kind: 'unknown' };
    }
    if (wasLive) {
      failpoint('replay.ended');
      return {
        kind: 'recorded',
        run,
        ...(await moveOn(statements, run, end, { policy, known: undefined })),
      };
    }
    const undone = await undoLost(statements, run, { end, policy });
    failpoint('replay.undone');
    if (undone !== undefined && (await writeEnd(statements, token, late, { from: 'lost' }))) {
      failpoint('replay.corrected');
      await markEnd(statements, token, { ...undone, status: end.status });
      failpoint('replay.marked');
      const { retryAt, nextSlot, terminated } = undone;
      return { kind: 'recorded', run: { ...run, status: end.status }, retryAt, nextSlot, terminated };
    }
    return keepLate(statements, token, end);
  };
  return driver.transaction(record, { confirm: (statements) => findLateEnd(statements, token, late) });
}

async function findLateEnd(
  statements: Statements,
  token: string,
  end: RunEnd,
): Promise<LateResult | undefined> {
  const found = await findEnd(statements, token, end);
  const run = await readRun(statements, token);
  return found?.kind === 'recorded' && run?.message === end.message ? { ...found, run } : undefined;
}

async function writeEnd(
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
      .map((column) => `${column} = ?`)
      .join(', ')} WHERE token = ? AND status = ? ${condition}`,
    [...Object.values(row), token, from],
  );
  return changed === 1;
}

async function readRun(statements: Statements, token: string): Promise<Run | undefined> {
  const [row] = await statements.all(`SELECT ${RUN_COLUMNS} FROM periodic_run WHERE token = ?`, [token]);
  return row === undefined ? undefined : runOf(row);
}

type ReadState = {
  readonly state: TaskState;
  readonly active: boolean;
  /** The definition has the period that the run's policy has: it was not changed while the task ran. */
  readonly isOfPolicy: boolean;
};

async function readState(
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
async function moveOn(
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
    if (await moveState(statements, read.state, after.patch)) {
      failpoint('finish.moved');
      const coming = comingAfter(read.state, after);
      await markEnd(statements, run.token, { ...coming, status: end.status, endEpoch: read.state.epoch + 1 });
      failpoint('finish.marked');
      return coming;
    }
  }
}

function comingAfter(state: TaskState, { patch, retryAt }: AfterRun): Coming {
  return {
    retryAt,
    nextSlot: patch.nextSlot === undefined ? state.nextSlot : patch.nextSlot,
    terminated: patch.terminatedReason ?? null,
  };
}

/** What moving a state left; there is no epoch where there was no state to move. */
type Moved = Coming & { readonly endEpoch: number | null };

/** What only some ends need: a lost run the epoch by which a late result knows that nothing came since. */
async function markEnd(
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

function nextState(
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

/**
 * Moves the state as if the run had ended so instead of being lost. Only where nothing has moved it since, which the
 * update itself makes sure of: undefined otherwise, and when the run was not lost.
 */
async function undoLost(
  statements: Statements,
  run: Run,
  { end, policy }: { readonly end: RunEnd; readonly policy: EndPolicy },
): Promise<Moved | undefined> {
  if (run.status !== 'lost') {
    return undefined;
  }
  const read = run.trigger === 'schedule' ? await readState(statements, run, policy) : undefined;
  if (read === undefined || run.slot === null) {
    return { endEpoch: null, ...NOTHING_COMES };
  }
  if (read.state.epoch !== run.endEpoch) {
    return undefined;
  }
  const before = withoutLost(read.state, run.slot, policy);
  const after = nextState({ ...read, state: before }, { ...run, slot: run.slot }, end, policy);
  const moved = await moveState(statements, before, { ...whatLostChanges(before), ...after.patch });
  return moved ? { endEpoch: before.epoch + 1, ...comingAfter(before, after) } : undefined;
}

function whatLostChanges(before: TaskState): StatePatch {
  const { retryAt, earliestStart, failures, firstFailureAt } = before;
  const { currentPeriodSeconds, terminatedAt, terminatedReason } = before;
  return {
    retryAt,
    earliestStart,
    failures,
    firstFailureAt,
    currentPeriodSeconds,
    terminatedAt,
    terminatedReason,
  };
}

async function keepLate(statements: Statements, token: string, end: RunEnd): Promise<LateResult> {
  // Read again: another replay of the same result may have recorded it meanwhile.
  const run = await readRun(statements, token);
  if (run === undefined || (run.endedAt === end.endedAt && run.status === end.status)) {
    return { kind: 'already-ended' };
  }
  const { output, ...rest } = end;
  const changed = await statements.run(
    'UPDATE periodic_run SET late_result = ? WHERE token = ? AND late_result IS NULL',
    [JSON.stringify({ ...rest, endedAt: toText(end.endedAt), outputBytes: output.bytes }), token],
  );
  failpoint('replay.kept');
  return changed === 1 ? { kind: 'kept-as-late', run } : { kind: 'already-ended' };
}

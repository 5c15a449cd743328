import { toText } from '../core/instants.ts';
import { joinMessages } from '../core/outcome.ts';
import { type EndPolicy, withoutLost } from '../core/run-end.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import type { Driver, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { findEnd } from './finish.ts';
import { moveState } from './move-state.ts';
import {
  type Coming,
  comingAfter,
  type Moved,
  markEnd,
  moveOn,
  NOTHING_COMES,
  nextState,
  type RunEnd,
  readRun,
  readState,
  writeEnd,
} from './run-end-rows.ts';
import type { Run } from './run-row.ts';

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
      const { endEpoch: _, ...coming } = undone;
      return { kind: 'recorded', run: { ...run, status: end.status }, ...coming };
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
  const move = await moveState(statements, before, { ...whatLostChanges(before), ...after.patch });
  if (move === 'lost') {
    return undefined;
  }
  const coming = { endEpoch: before.epoch + 1, ...comingAfter(before, after) };
  return move === 'removed' ? { ...coming, removed: true } : coming;
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

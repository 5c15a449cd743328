import type { EndPolicy } from '../core/run-end.ts';
import type { TaskState } from '../core/state.ts';
import { nowText } from './dialect.ts';
import type { Driver, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { markLeftovers } from './leftovers.ts';
import {
  type Coming,
  moveOn,
  NOTHING_COMES,
  type RunEnd,
  type RunKey,
  readRun,
  writeEnd,
} from './run-end-rows.ts';
import { stateOf } from './state-row.ts';

/** What became of the end of a run. */
export type FinishResult =
  | ({ readonly kind: 'recorded' } & Coming)
  /** The run had an end already; nothing was changed. */
  | { readonly kind: 'already-ended' }
  | { readonly kind: 'unknown' };

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
export async function findEnd(
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

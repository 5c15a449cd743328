import { type Instant, toText } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import { refuseGivenUp } from './asking-run.ts';
import { instantText } from './cells.ts';
import type { Driver, Statements } from './driver.ts';
import { requestCancel } from './live-runs.ts';
import { dropPending, moveState } from './move-state.ts';
import type { Run } from './run-row.ts';
import { listAliveRuns } from './task-runs.ts';

/** Who postponed a task, and when. */
export type PostponeAudit = { readonly at: Instant; readonly actor: string; readonly taskName: string };

export type PostponeChange = {
  readonly patch: StatePatch;
  readonly audit: PostponeAudit;
  /** The token of the run that asks, if one does: it is not ended by that. */
  readonly asking?: string | undefined;
};

/**
 * Moves a state that is postponed, in one transaction: an attempt that is pending is given up, and live runs of the state
 * are asked to end, but for the one that asks. Returns those; undefined, and nothing has changed, when another was first.
 *
 * @throws UsageError when the run that asks has an end
 */
export async function postponeState(
  driver: Driver,
  state: TaskState,
  change: PostponeChange,
): Promise<readonly Run[] | undefined> {
  try {
    return await driver.transaction(async (statements) => {
      await refuseGivenUp(statements, change.asking);
      // Runs before the state, as at the end of a run: in the other order the two would wait for each other.
      const cancelled = await cancelRuns({ ...driver, ...statements }, state, change.asking);
      if ((await moveState(statements, state, change.patch)) === 'lost') {
        throw new LostError();
      }
      // A reset or a switch may have dropped the attempt before: then its run goes on to say why.
      if (state.retryAt !== null) {
        await dropPending(statements, state, 'postponed');
      }
      await insertAudit(statements, state, change);
      return cancelled;
    });
  } catch (error) {
    if (error instanceof LostError) {
      return undefined;
    }
    throw error;
  }
}

/** Takes back what the transaction has done so far. */
class LostError extends Error {}

/** Asks the scheduled runs of a state that are alive to end. Runs by hand go on: they belong to no period. */
export async function cancelRuns(
  driver: Pick<Driver, 'engine' | 'all' | 'run'>,
  { taskId, scopeKey }: Pick<TaskState, 'taskId' | 'scopeKey'>,
  spared: string | undefined,
): Promise<readonly Run[]> {
  const asked: Run[] = [];
  for (const run of await listAliveRuns(driver, taskId)) {
    const isOfState = run.scopeKey === scopeKey && run.trigger === 'schedule';
    if (isOfState && run.token !== spared && (await requestCancel(driver, run.token, 'postponed'))) {
      asked.push(run);
    }
  }
  return asked;
}

async function insertAudit(
  statements: Statements,
  { taskId, scopeKey, nextSlot, retryAt }: TaskState,
  { patch, audit }: PostponeChange,
): Promise<void> {
  const before = { scopeKey, nextSlot: instantText(nextSlot), retryAt: instantText(retryAt) };
  const after = {
    scopeKey,
    countedFrom: instantText(patch.countedFrom),
    nextSlot: instantText(patch.nextSlot),
  };
  await statements.run(
    `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, "before", "after")
     VALUES (?, ?, 'postponed', ?, ?, ?, ?)`,
    [toText(audit.at), audit.actor, taskId, audit.taskName, JSON.stringify(before), JSON.stringify(after)],
  );
}

import type { Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { IS_STATE_OF_TASK } from './states-of-task.ts';

/**
 * Keeps others from ending the last states of a task at the same time, each of which would not see the other's end and
 * leave the task to it. To be called before a state is moved: whoever changes a definition locks the task first, too.
 * False for a task that stays when it is done, and for one that is gone.
 */
export async function lockIfToGo({ run }: Pick<Statements, 'run'>, taskId: number): Promise<boolean> {
  const found = await run(
    `UPDATE periodic_task SET remove_when_done = remove_when_done WHERE id = ? AND remove_when_done = ${TRUE}`,
    [taskId],
  );
  return found === 1;
}

/**
 * Removes a task that is locked if nothing of it is left to come, in the transaction that terminates the last state it
 * has; its runs stay in the ledger. True when it did.
 */
export async function removeIfDone({ run }: Pick<Statements, 'run'>, taskId: number): Promise<boolean> {
  const removed = await run(`DELETE FROM periodic_task WHERE id = ? AND ${NOTHING_IS_LEFT}`, [taskId]);
  if (removed === 0) {
    return false;
  }
  failpoint('remove-done.removed');
  await run(
    "UPDATE periodic_audit SET actor = 'periodic-cron' WHERE task_id = ? AND action = 'removed' AND actor = 'outside'",
    [taskId],
  );
  return true;
}

// Every engine compares a boolean with this.
const TRUE = '(1 = 1)';

const NOTHING_IS_LEFT = `NOT EXISTS (
  SELECT 1 FROM periodic_task_state s WHERE s.task_id = periodic_task.id AND s.terminated_at IS NULL
    AND ${IS_STATE_OF_TASK})`;

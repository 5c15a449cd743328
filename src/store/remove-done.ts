import type { StatePatch } from '../core/transitions.ts';
import type { Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';

/**
 * Removes a task that is to go when it is done, in the transaction that terminates the last state it has; its runs stay in
 * the ledger. True when it did. What `patch` does not terminate costs nothing.
 */
export async function removeIfDone(
  { run }: Pick<Statements, 'run'>,
  taskId: number,
  { terminatedAt }: StatePatch,
): Promise<boolean> {
  if (terminatedAt === undefined || terminatedAt === null) {
    return false;
  }
  const removed = await run(
    `DELETE FROM periodic_task WHERE id = ? AND remove_when_done = ${TRUE} AND ${NOTHING_IS_LEFT}`,
    [taskId],
  );
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

/** States of nodes that the task has left, or of another scope, only remember what was handled. */
const NOTHING_IS_LEFT = `NOT EXISTS (
  SELECT 1 FROM periodic_task_state s WHERE s.task_id = periodic_task.id AND s.terminated_at IS NULL
    AND ((periodic_task.scope = 'one' AND s.scope_key = '*')
      OR (periodic_task.scope <> 'one' AND EXISTS (
        SELECT 1 FROM periodic_task_node n WHERE n.task_id = s.task_id AND n.node IN (s.scope_key, '*')))))`;

import type { TaskState } from '../core/state.ts';
import type { Driver } from './driver.ts';

/**
 * Notes why the due slot of a state does not start, on the state as it was read. It is no transition, so it takes no
 * claim away: a claim by another runner that comes first makes it void, and one that comes later clears it.
 *
 * False when another was first, be it only with a note of its own.
 */
export async function noteBlocked(driver: Driver, state: TaskState, reason: string): Promise<boolean> {
  const { taskId, scopeKey, epoch, blockedReason } = state;
  const read = blockedReason === null ? 'IS NULL' : '= ?';
  const changed = await driver.run(
    `UPDATE periodic_task_state SET blocked_reason = ?
     WHERE task_id = ? AND scope_key = ? AND epoch = ? AND blocked_reason ${read}`,
    [reason, taskId, scopeKey, epoch, ...(blockedReason === null ? [] : [blockedReason])],
  );
  return changed === 1;
}

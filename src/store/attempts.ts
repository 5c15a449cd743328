import { type Instant, toText } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import { numberOf } from './cells.ts';
import type { Driver } from './driver.ts';

/** The greatest attempt of a slot in the ledger; 0 if it has none. */
export async function greatestAttempt(
  driver: Driver,
  { taskId, scopeKey }: Pick<TaskState, 'taskId' | 'scopeKey'>,
  slot: Instant,
): Promise<number> {
  const [row] = await driver.all(
    'SELECT max(attempt) AS attempt FROM periodic_run WHERE task_id = ? AND scope_key = ? AND slot = ?',
    [taskId, scopeKey, toText(slot)],
  );
  return numberOf(row?.['attempt']);
}

import { didYouMean } from '../config/near-miss.ts';
import { NotFoundError } from '../core/errors.ts';
import { numberOf } from './cells.ts';
import type { Statements } from './driver.ts';

/** The unique key of the names of tasks. */
export const NAME_KEY = 'periodic_task_name_unique';

/** What identifies a task: enough to load the rest by. */
export type FoundTask = { readonly id: number; readonly scope: string };

/** How many names a search for a near miss compares. */
const COMPARED_NAMES = 1_000;

/**
 * Looks a task up by its name in its normal form, without a query builder.
 *
 * @throws NotFoundError that names the task that was most likely meant
 */
export async function lookUpTask({ all }: Pick<Statements, 'all'>, name: string): Promise<FoundTask> {
  const [row] = await all('SELECT id, scope FROM periodic_task WHERE name = ?', [name]);
  if (row !== undefined) {
    return { id: numberOf(row['id']), scope: String(row['scope']) };
  }
  const rows = await all('SELECT name FROM periodic_task ORDER BY name LIMIT ?', [COMPARED_NAMES]);
  const hint = didYouMean(
    name,
    rows.map((one) => String(one['name'])),
  );
  throw new NotFoundError(`there is no task ${JSON.stringify(name)}${hint}`);
}

/** Whether a run of the task is alive on any node, by hand or not. */
export async function hasLiveRun({ all }: Pick<Statements, 'all'>, taskId: number): Promise<boolean> {
  const rows = await all("SELECT id FROM periodic_run WHERE task_id = ? AND live_node > '' LIMIT 1", [
    taskId,
  ]);
  return rows.length > 0;
}

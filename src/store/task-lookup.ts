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
export async function lookUpTask(statements: Pick<Statements, 'all'>, name: string): Promise<FoundTask> {
  const found = await findTask(statements, name);
  if (found === undefined) {
    throw await unknownTask(statements, name);
  }
  return found;
}

async function findTask({ all }: Pick<Statements, 'all'>, name: string): Promise<FoundTask | undefined> {
  const [row] = await all('SELECT id, scope FROM periodic_task WHERE name = ?', [name]);
  return row === undefined ? undefined : { id: numberOf(row['id']), scope: String(row['scope']) };
}

async function unknownTask({ all }: Pick<Statements, 'all'>, name: string): Promise<NotFoundError> {
  const rows = await all('SELECT name FROM periodic_task ORDER BY name LIMIT ?', [COMPARED_NAMES]);
  const hint = didYouMean(
    name,
    rows.map((one) => String(one['name'])),
  );
  return new NotFoundError(`there is no task ${JSON.stringify(name)}${hint}`);
}

/**
 * Whether a run of the task with this name is alive on any node, by hand or not. A task that was removed may still run;
 * the audit knows its name as long as history is kept.
 *
 * @throws NotFoundError for a name that no task has or had
 */
export async function isTaskRunning(statements: Pick<Statements, 'all'>, name: string): Promise<boolean> {
  const found = await findTask(statements, name);
  if (found !== undefined) {
    return hasLiveRun(statements, 'task_id', found.id);
  }
  if (await hasLiveRun(statements, 'task_name', name)) {
    return true;
  }
  const had = await statements.all('SELECT id FROM periodic_audit WHERE task_name = ? LIMIT 1', [name]);
  if (had.length === 0) {
    throw await unknownTask(statements, name);
  }
  return false;
}

/** Live runs are few, and a short stretch of an index. */
async function hasLiveRun(
  { all }: Pick<Statements, 'all'>,
  column: 'task_id' | 'task_name',
  value: number | string,
): Promise<boolean> {
  const rows = await all(`SELECT id FROM periodic_run WHERE ${column} = ? AND live_node > '' LIMIT 1`, [
    value,
  ]);
  return rows.length > 0;
}

import { ALL_NODES } from '../core/task.ts';
import { numberOf } from './cells.ts';
import type { Driver, SqlValue } from './driver.ts';
import { leaseOver } from './lease.ts';
import { RUN_COLUMNS, type Run, runOf } from './run-row.ts';

/** The newest run of each task, faults apart: of all nodes, or of the state that counts on one. */
export async function listLastRuns(
  driver: Driver,
  { taskId, node }: { readonly taskId?: number | undefined; readonly node?: string | undefined },
): Promise<readonly Run[]> {
  const here: readonly SqlValue[] = node === undefined ? [] : [node, ALL_NODES];
  const rows = await driver.all(
    `SELECT ${RUN_COLUMNS} FROM periodic_run WHERE id IN (
       SELECT (SELECT r.id FROM periodic_run r
               WHERE r.task_id = t.id AND r.trigger_kind <> 'fault'
                 ${here.length === 0 ? '' : 'AND r.scope_key IN (?, ?)'}
               ORDER BY r.id DESC LIMIT 1)
       FROM periodic_task t ${taskId === undefined ? '' : 'WHERE t.id = ?'})`,
    taskId === undefined ? here : [...here, taskId],
  );
  return rows.map(runOf);
}

/** Every run that is alive, or those of one task, in the order of their start. */
export async function listAliveRuns(
  driver: Pick<Driver, 'engine' | 'all'>,
  taskId?: number,
): Promise<readonly Run[]> {
  // Only live runs have a node there, so this is a short stretch of the index; sorting by id would lead away from it.
  const rows = await driver.all(
    `SELECT ${RUN_COLUMNS}, ${leaseOver(driver.engine)} FROM periodic_run WHERE live_node > '' ${taskId === undefined ? '' : 'AND task_id = ?'}`,
    taskId === undefined ? [] : [taskId],
  );
  return rows.map(runOf).toSorted((one, other) => one.id - other.id);
}

/** How many rows the ledger holds of a task, removed or not. */
export async function countRuns(driver: Driver, taskId: number): Promise<number> {
  const [row] = await driver.all('SELECT count(*) AS count FROM periodic_run WHERE task_id = ?', [taskId]);
  return numberOf(row?.['count']);
}

/** The run with this token; undefined when the ledger has none. */
export async function findRun(driver: Driver, token: string): Promise<Run | undefined> {
  const [row] = await driver.all(`SELECT ${RUN_COLUMNS} FROM periodic_run WHERE token = ?`, [token]);
  return row === undefined ? undefined : runOf(row);
}

/** How long a run of each task took on average, in ms, by the runs that succeeded and that the ledger still holds. */
export async function averageDurations(driver: Driver): Promise<ReadonlyMap<number, number>> {
  const rows = await driver.all(
    `SELECT task_id, avg(duration_ms) AS average FROM periodic_run
     WHERE status = 'succeeded' AND duration_ms IS NOT NULL GROUP BY task_id`,
    [],
  );
  return new Map(rows.map((row) => [numberOf(row['task_id']), Math.round(numberOf(row['average']))]));
}

import { DAY_MS, type Instant, toText } from '../core/instants.ts';
import { numberOf } from './cells.ts';
import type { Engine, SqlValue, Statements } from './driver.ts';
import { IS_STATE_OF_TASK } from './states-of-task.ts';

/** Numbers that a single statement tells. */
export type StoredNumber =
  | 'tasks'
  | 'active_tasks'
  | 'terminated_tasks'
  | 'failed_tasks'
  | 'runs_total'
  | 'runs_last_day'
  | 'failed_runs_last_day'
  | 'live_runs'
  | 'nodes'
  | 'database_bytes';

type Reading = Pick<Statements, 'all'> & { readonly engine: Engine };

/** Looks up one number of this installation; a day counts back from `now`. */
export async function storedNumber(driver: Reading, name: StoredNumber, now: Instant): Promise<number> {
  const sql = name === 'database_bytes' ? BYTES[driver.engine] : SQL[name];
  const params: readonly SqlValue[] = sql.includes('?') ? [toText(now - DAY_MS)] : [];
  const [row] = await driver.all(sql, params);
  return numberOf(row?.['number']);
}

const FAILED = "('failed', 'timed_out', 'lost')";
const SINCE = 'created_at >= ? AND started_at IS NOT NULL';

const SQL: Readonly<Record<Exclude<StoredNumber, 'database_bytes'>, string>> = {
  tasks: 'SELECT count(*) AS number FROM periodic_task',
  active_tasks: 'SELECT count(*) AS number FROM periodic_task WHERE active',
  terminated_tasks: tasksWith('s.terminated_at IS NOT NULL'),
  failed_tasks: tasksWith(`s.last_status IN ${FAILED}`),
  runs_total: 'SELECT count(*) AS number FROM periodic_run WHERE started_at IS NOT NULL',
  runs_last_day: `SELECT count(*) AS number FROM periodic_run WHERE ${SINCE}`,
  failed_runs_last_day: `SELECT count(*) AS number FROM periodic_run WHERE ${SINCE} AND status IN ${FAILED}`,
  // By its index: only live runs have a node there.
  live_runs: 'SELECT count(*) AS number FROM periodic_run WHERE live_node IS NOT NULL',
  nodes: 'SELECT count(*) AS number FROM periodic_node',
};

/** How many tasks have a state like this, among those by which they go. */
function tasksWith(condition: string): string {
  return `SELECT count(DISTINCT s.task_id) AS number FROM periodic_task_state s
    JOIN periodic_task ON periodic_task.id = s.task_id WHERE ${condition} AND ${IS_STATE_OF_TASK}`;
}

const BYTES: Readonly<Record<Engine, string>> = {
  sqlite:
    'SELECT c.page_count * s.page_size AS number FROM pragma_page_count() AS c, pragma_page_size() AS s',
  postgres: 'SELECT pg_database_size(current_database()) AS number',
  // As the server last estimated it.
  mariadb: `SELECT coalesce(sum(data_length + index_length), 0) AS number FROM information_schema.tables
    WHERE table_schema = database()`,
};

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';

export const PROGRAM = fileURLToPath(new URL('../bin/periodic-cron.js', import.meta.url));
export const NODE = 'bench';

const FAR = '2099-01-01T00:00:00.000Z';

/** The no-op of the shipped modules: pruning without any limit. */
export const NO_OP = JSON.stringify({ max_age_days: null, max_runs: null, max_bytes: null });

/** @param {string} path */
export function tickArgs(path) {
  return [PROGRAM, 'run_scheduled', '-c', '--node', NODE, '--database', `sqlite:${path}`];
}

/**
 * A database with so many tasks, none of them due.
 *
 * @param {string} folder
 * @param {number} tasks
 */
export function idleDatabase(folder, tasks) {
  const path = join(folder, `idle-${tasks}.sqlite`);
  fill(path, tasks, { module: 'prune_history', options: NO_OP });
  withDatabase(path, (database) => rest(database));
  return path;
}

/**
 * A database with so many tasks of the module, and the function that makes all of them due.
 *
 * @param {string} folder
 * @param {{ name: string, tasks: number, module: string, options?: string }} settings
 */
export function dueDatabase(folder, { name, tasks, module, options = NO_OP }) {
  const path = join(folder, `${name}.sqlite`);
  fill(path, tasks, { module, options });
  return { path, makeDue: () => withDatabase(path, makeDue) };
}

/** @param {string} path @param {number} tasks @param {{ module: string, options: string }} what */
function fill(path, tasks, { module, options }) {
  // The first tick makes the database and registers the node.
  execFileSync(process.execPath, tickArgs(path), { stdio: 'ignore' });
  withDatabase(path, (database) => {
    database.pragma('synchronous = OFF');
    database
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO periodic_task (name, module, options, schedule_kind, schedule)
         SELECT 'task ' || i, ?, ?, 'every', '1m' FROM n`,
      )
      .run(tasks, module, options);
    database
      .prepare(
        `INSERT INTO periodic_task_node (task_id, node) SELECT id, ? FROM periodic_task WHERE name LIKE 'task %'`,
      )
      .run(NODE);
    database.exec(`DELETE FROM periodic_task_state WHERE scope_key = ''`);
    rest(database);
  });
}

/** @param {import('better-sqlite3').Database} database */
function rest(database) {
  database.prepare('UPDATE periodic_task_state SET earliest_start = ?, next_slot = ?').run(FAR, FAR);
}

/** @param {import('better-sqlite3').Database} database */
function makeDue(database) {
  // One slot is due, no older one is missed.
  const past = new Date(Math.floor(Date.now() / 60_000 - 1) * 60_000).toISOString();
  database.exec('DELETE FROM periodic_run');
  database
    .prepare(
      `UPDATE periodic_task_state SET earliest_start = ?, next_slot = ?, counted_from = ?, handled_slot = NULL
       WHERE scope_key = ?`,
    )
    .run(past, past, past, NODE);
}

/** @param {string} path @param {(database: import('better-sqlite3').Database) => void} work */
function withDatabase(path, work) {
  const database = new Database(path);
  try {
    work(database);
    database.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { type Instant, toText } from '../../src/core/instants.ts';
import type { Row } from '../../src/store/driver.ts';
import { migrateSqlite } from '../../src/store/migrate.ts';
import { at } from './builders.ts';

/** The one clock of a test's world; it moves only when the test moves it. */
export type VirtualClock = { now: Instant };

/** A connection to a migrated SQLite file, as an operator with plain SQL has it. */
export type Operator = {
  readonly path: string;
  /** What the triggers read that this connection fires. */
  readonly clock: VirtualClock;
  readonly sql: Database.Database;
  /** Inserts a task by plain SQL: columns of periodic_task, and its nodes. Returns its id. */
  readonly addTask: (task: PlainTask) => number;
  /** Changes columns of a task by plain SQL. */
  readonly changeTask: (name: string, columns: Columns) => void;
  /** The row of a task's state; of one on a node when it has several. */
  readonly stateRow: (name: string, scopeKey?: string) => Row;
  /** The runs of the ledger in the order of their ids, each in a few words: see {@link ledgerLine}. */
  readonly ledger: () => readonly string[];
  readonly runRows: () => readonly Row[];
};

/** An operator's connection to a file of the test's own, without any task, in a folder of its own. */
export type VirtualDatabase = Operator & { readonly folder: string };

export type Columns = Readonly<Record<string, string | number | null>>;
export type PlainTask = {
  readonly name: string;
  readonly nodes?: readonly string[];
  readonly columns?: Columns;
};

/** Opens a world's database at 12:00; it is closed and removed with the test. */
export async function openVirtualDatabase(start: string = '12:00'): Promise<VirtualDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-world-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tasks.sqlite');
  writeFileSync(path, await emptyDatabase());
  return { folder, ...connectOperator(path, { now: at(start) }) };
}

/** Connects to a migrated file as an operator with plain SQL; closed with the test. */
export function connectOperator(path: string, clock: VirtualClock): Operator {
  const sql = new Database(path);
  onTestFinished(() => {
    sql.close();
  });
  setTriggerClock(sql, clock);
  const runRows = () => sql.prepare('SELECT * FROM periodic_run ORDER BY id').all() as readonly Row[];
  return {
    path,
    clock,
    sql,
    addTask: (task) => insertTask(sql, task),
    changeTask: (name, columns) => {
      const assignments = Object.keys(columns).map((column) => `${column} = ?`);
      sql
        .prepare(`UPDATE periodic_task SET ${assignments.join(', ')} WHERE name = ?`)
        .run(...Object.values(columns), name);
    },
    stateRow: (name, scopeKey = '%') => readStateRow(sql, name, scopeKey),
    ledger: () => runRows().map(ledgerLine),
    runRows,
  };
}

function readStateRow(sql: Database.Database, name: string, scopeKey: string): Row {
  const [row] = sql
    .prepare(
      `SELECT s.* FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id
       WHERE t.name = ? AND s.scope_key LIKE ? ORDER BY s.scope_key DESC`,
    )
    .all(name, scopeKey) as readonly Row[];
  if (row === undefined) {
    throw new Error(`expected a state of task ${JSON.stringify(name)}, got none`);
  }
  return row;
}

/**
 * A run in words: `backup 12:05 succeeded`, `backup 12:05-12:55 x11 #2 failed (retry)`, `backup fault failed (invalid)`,
 * `backup manual succeeded`. Slots of the usual day lack their date.
 */
export function ledgerLine(row: Row): string {
  const { slot, slot_first: first, slot_count: count, attempt, reason } = row;
  const slots =
    slot === null || slot === undefined
      ? String(row['trigger_kind'])
      : [...new Set([first, slot])].map((text) => shortTime(String(text))).join('-');
  return [
    row['task_name'],
    slots,
    ...(Number(count) > 1 ? [`x${count}`] : []),
    ...(Number(attempt) > 1 ? [`#${attempt}`] : []),
    row['status'],
    ...(reason === null ? [] : [`(${reason})`]),
  ].join(' ');
}

function shortTime(text: string): string {
  return text
    .replace(/^2026-03-10T/, '')
    .replace(/:00\.000Z$/, '')
    .replace(/\.000Z$/, '');
}

let template: Promise<Buffer> | undefined;

/** The bytes of a migrated database; migrating takes longer than most tests. */
function emptyDatabase(): Promise<Buffer> {
  template ??= migratedBytes();
  return template;
}

async function migratedBytes(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-template-'));
  try {
    const path = join(folder, 'tasks.sqlite');
    writeFileSync(path, '');
    await migrateSqlite(path);
    const database = new Database(path);
    // What the migration sets up counts from the real now, which no test may depend on.
    database.exec('DELETE FROM periodic_task; DELETE FROM periodic_audit');
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.close();
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function setTriggerClock(sql: Database.Database, clock: VirtualClock): void {
  sql.pragma('trusted_schema = ON');
  sql.function('strftime', { varargs: true }, (format: unknown) => {
    const text = toText(clock.now);
    return String(format).replace('%Y-%m-%dT%H:%M', text.slice(0, 16)).replace('%f', text.slice(17, 23));
  });
}

const DEFAULT_COLUMNS: Columns = { module: 'succeed', schedule_kind: 'every', schedule: '5m' };

function insertTask(sql: Database.Database, { name, nodes = ['alpha'], columns }: PlainTask): number {
  const row = { ...DEFAULT_COLUMNS, ...columns, name };
  const insert = sql.prepare(
    `INSERT INTO periodic_task (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
      .map(() => '?')
      .join(', ')})`,
  );
  return sql.transaction(() => {
    const id = Number(insert.run(...Object.values(row)).lastInsertRowid);
    for (const node of nodes) {
      sql.prepare('INSERT INTO periodic_task_node (task_id, node) VALUES (?, ?)').run(id, node);
    }
    return id;
  })();
}

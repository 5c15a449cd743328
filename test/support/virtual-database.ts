import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { DatabaseLocation } from '../../src/config/config.ts';
import type { Instant } from '../../src/core/instants.ts';
import type { Engine, Row } from '../../src/store/driver.ts';
import { migrateDatabase } from '../../src/store/migrate.ts';
import { at } from './builders.ts';
import { borrowDatabase } from './emptied-databases.ts';
import { newServerDatabase, testedEngine } from './engines.ts';
import { type Sql, serverSql, sqliteSql } from './operator-sql.ts';
import { fullUrlOf } from './server-databases.ts';
import { openSyncClient } from './sync-client.ts';

/** The one clock of a test's world; it moves only when the test moves it. */
export type VirtualClock = { now: Instant };

/** A connection to a migrated database, as an operator with plain SQL has it. */
export type Operator = {
  readonly engine: Engine;
  /** Where a runner finds the database. */
  readonly location: DatabaseLocation;
  /** What the triggers read that this connection fires. */
  readonly clock: VirtualClock;
  readonly sql: Sql;
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

/** An operator's connection to a database of the test's own, without any task, and a folder for files beside it. */
export type VirtualDatabase = Operator & { readonly folder: string };

export type Columns = Readonly<Record<string, string | number | null>>;
export type PlainTask = {
  readonly name: string;
  readonly nodes?: readonly string[];
  readonly columns?: Columns;
};

/** Opens a world's database at 12:00; it is closed and removed with the test. */
export async function openVirtualDatabase(
  start: string = '12:00',
  engine: Engine = testedEngine,
): Promise<VirtualDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-world-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const clock = { now: at(start) };
  if (engine !== 'sqlite') {
    const { database, client } = await borrowDatabase(engine);
    const sql = serverSql(engine, client, clock);
    return { folder, ...operatorOver(database.location, sql, clock) };
  }
  const path = join(folder, 'tasks.sqlite');
  writeFileSync(path, await emptyDatabase());
  return { folder, ...connectOperator(sqliteAt(path), clock) };
}

/** A database as `migrate` leaves it, with the task that prunes the history, and with the real clock. */
export async function openNewDatabase(engine: Engine = testedEngine): Promise<Operator> {
  const location =
    engine === 'sqlite' ? newFile() : (await newServerDatabase(engine, { migrated: true })).location;
  if (location.engine === 'sqlite') {
    writeFileSync(location.path, '');
    await migrateDatabase(location);
  }
  return connectOperator(location, { now: Date.now() });
}

function newFile(): ReturnType<typeof sqliteAt> {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-new-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return sqliteAt(join(folder, 'tasks.sqlite'));
}

/** Where a SQLite file is. */
export function sqliteAt(path: string): DatabaseLocation & { readonly engine: 'sqlite' } {
  return { engine: 'sqlite', url: `sqlite:${path}`, path, origin: 'the tests' };
}

/** Connects to a migrated database as an operator with plain SQL; closed with the test. */
export function connectOperator(location: DatabaseLocation, clock: VirtualClock): Operator {
  if (location.engine === 'sqlite') {
    const sql = sqliteSql(location.path, clock);
    onTestFinished(() => {
      sql.close();
    });
    return operatorOver(location, sql, clock);
  }
  const client = openSyncClient(fullUrlOf(location));
  onTestFinished(() => client.close());
  return operatorOver(location, serverSql(location.engine, client, clock), clock);
}

/** The path of the file, in a test that is about SQLite alone. */
export function pathOf({ location }: Pick<Operator, 'location'>): string {
  if (location.engine !== 'sqlite') {
    throw new Error(`expected a SQLite file, got ${location.url}`);
  }
  return location.path;
}

/** The connection to the file, in a test that is about SQLite alone. */
export function sqliteOf({ sql }: Pick<Operator, 'sql'>): Database.Database {
  if (!(sql instanceof Database)) {
    throw new Error('expected a connection to a SQLite file, got one to a server');
  }
  return sql;
}

function operatorOver(location: DatabaseLocation, sql: Sql, clock: VirtualClock): Operator {
  const runRows = () => sql.prepare('SELECT * FROM periodic_run ORDER BY id').all() as readonly Row[];
  return {
    engine: location.engine,
    location,
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

function readStateRow(sql: Sql, name: string, scopeKey: string): Row {
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
    await migrateDatabase(sqliteAt(path));
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

const DEFAULT_COLUMNS: Columns = { module: 'succeed', schedule_kind: 'every', schedule: '5m' };

function insertTask(sql: Sql, { name, nodes = ['alpha'], columns }: PlainTask): number {
  const row = { ...DEFAULT_COLUMNS, ...columns, name };
  const insert = sql.prepare(
    `INSERT INTO periodic_task (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
      .map(() => '?')
      .join(', ')}) RETURNING id`,
  );
  return sql.transaction(() => {
    const id = Number(insert.pluck().get(...Object.values(row)));
    for (const node of nodes) {
      sql.prepare('INSERT INTO periodic_task_node (task_id, node) VALUES (?, ?)').run(id, node);
    }
    return id;
  })();
}

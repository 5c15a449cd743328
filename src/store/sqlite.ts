import type Database from 'better-sqlite3';
import type { Driver, Row, SqlValue, Statements } from './driver.ts';
import { databaseErrorOf, isBusy } from './sqlite-errors.ts';
import { createSqliteFile } from './sqlite-file.ts';
import { pauseWithJitter, takeTurns } from './turns.ts';

/** How long a statement may block the event loop while another process holds the lock. */
const BUSY_TIMEOUT_MS = 50;
/** How long a locked database is tried again, without blocking, before it counts as unreachable. */
const BUSY_LIMIT_MS = 10_000;

export type SqliteOptions = {
  /** Create the file, and its folder if that is the default one, when it does not exist. */
  readonly create: boolean;
  readonly createFolder?: boolean;
  /** Refuse every write: what a dry run promises. */
  readonly readOnly?: boolean;
  /** How long to try again while another process holds the lock, in milliseconds. */
  readonly busyLimitMs?: number;
  /** Told when this call created the file. */
  readonly onCreated?: (path: string) => void;
};

/**
 * Opens a SQLite file with the settings that the promises rest on: WAL, `synchronous=FULL`, foreign keys.
 *
 * @throws DatabaseError that names the path and the remedy
 */
export async function openSqlite(path: string, options: SqliteOptions): Promise<Driver> {
  if (createSqliteFile(path, options)) {
    options.onCreated?.(path);
  }
  const busyLimitMs = options.busyLimitMs ?? BUSY_LIMIT_MS;
  const retry = <T>(attempt: () => T | Promise<T>) => retryWhileBusy(path, busyLimitMs, attempt);
  const database = await retry(() => connect(path, options.readOnly === true));
  return driverOver(database, retry);
}

/** The settings of every connection to a SQLite file, the query builder's included. Looking at a file leaves its journal. */
export function configureSqlite(database: Database.Database, readOnly = false): void {
  database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  database.pragma('foreign_keys = ON');
  database.pragma('synchronous = FULL');
  if (!readOnly && database.pragma('journal_mode', { simple: true }) !== 'wal') {
    database.pragma('journal_mode = WAL');
  }
}

async function connect(path: string, readOnly: boolean): Promise<Database.Database> {
  // What opens no database does not load its driver.
  const { default: Sqlite } = await import('better-sqlite3');
  const database = new Sqlite(path, { fileMustExist: true });
  try {
    configureSqlite(database, readOnly);
    if (readOnly) {
      database.pragma('query_only = ON');
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

type Retry = <T>(attempt: () => T | Promise<T>) => Promise<T>;

function driverOver(database: Database.Database, retry: Retry): Driver {
  const statements = statementsOver(database);
  const boundaries = boundariesOf(database);
  const inTurn = takeTurns();
  return {
    engine: 'sqlite',
    all: (sql, params) => inTurn(() => retry(() => statements.all(sql, params))),
    run: (sql, params) => inTurn(() => retry(() => statements.run(sql, params))),
    // A commit is never in doubt: there is no way between this process and its file.
    transaction: (work) =>
      inTurn(() => retry(() => inTransaction(database, boundaries, () => work(statements)))),
    close: () =>
      inTurn(() => {
        database.close();
        return Promise.resolve();
      }),
  };
}

function statementsOver(database: Database.Database): Statements {
  const prepared = new Map<string, Database.Statement>();
  const prepare = (sql: string): Database.Statement => {
    const known = prepared.get(sql);
    if (known !== undefined) {
      return known;
    }
    const statement = database.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
  return {
    all: async (sql, params = []) => prepare(sql).all(...params) as readonly Row[],
    run: async (sql, params: readonly SqlValue[] = []) => prepare(sql).run(...params).changes,
  };
}

type Boundaries = Readonly<Record<'begin' | 'commit' | 'rollback', Database.Statement>>;

function boundariesOf(database: Database.Database): Boundaries {
  return {
    // IMMEDIATE takes the write lock at once: a transaction never fails half way for want of it.
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
  };
}

async function inTransaction<T>(
  database: Database.Database,
  { begin, commit, rollback }: Boundaries,
  work: () => Promise<T>,
): Promise<T> {
  begin.run();
  try {
    const result = await work();
    commit.run();
    return result;
  } catch (error) {
    if (database.inTransaction) {
      rollback.run();
    }
    throw error;
  }
}

async function retryWhileBusy<T>(path: string, limitMs: number, attempt: () => T | Promise<T>): Promise<T> {
  const start = process.hrtime.bigint();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const waitedMs = Number((process.hrtime.bigint() - start) / 1_000_000n);
      if (!isBusy(error) || waitedMs >= limitMs) {
        throw databaseErrorOf(error, path);
      }
      await pauseWithJitter(30);
    }
  }
}

import { accessSync, constants, statSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { SqliteLocation } from '../config/config.ts';
import { DatabaseError, messageOf } from '../core/errors.ts';
import { collectRows } from './result-rows.ts';
import type { Parameter, StatementRequest, StatementResult, StatementSession } from './statement-session.ts';

/** How long a statement waits for the lock of another process. It blocks this one, which does nothing else. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * Opens a file of SQLite that is there, and leaves its settings as they are.
 *
 * @throws DatabaseError that names the file
 */
export async function openSqliteStatements({ path, origin }: SqliteLocation): Promise<StatementSession> {
  refuseMissing(path, origin);
  const { default: Sqlite } = await import('better-sqlite3');
  const database = open(() => new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS }), path);
  database.defaultSafeIntegers(true);
  const say = async (sql: string): Promise<void> => void database.exec(sql);
  return {
    execute: async (request) => execute(database, request),
    begin: () => say('BEGIN'),
    commit: () => say('COMMIT'),
    rollback: async () => {
      if (database.inTransaction) {
        await say('ROLLBACK');
      }
    },
    cancel: () => Promise.resolve(),
    close: () => void database.close(),
  };
}

function refuseMissing(path: string, origin: string): void {
  try {
    if (!statSync(path).isFile()) {
      throw new Error('something else');
    }
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new DatabaseError(
      `${origin}: expected a database file at ${path} that is there and can be read, got ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function open(make: () => Database.Database, path: string): Database.Database {
  try {
    const database = make();
    // Nothing is read before the first statement otherwise, and its error would not name the file.
    database.pragma('schema_version');
    return database;
  } catch (error) {
    throw new DatabaseError(`database ${path} cannot be opened: ${messageOf(error)}`, { cause: error });
  }
}

function execute(
  database: Database.Database,
  { sql, parameters, limits }: StatementRequest,
): StatementResult {
  const statement = database.prepare(sql);
  const values = parameters.map(boundValue);
  if (!statement.reader) {
    return { kind: 'changed', rowsAffected: statement.run(...values).changes };
  }
  const collector = collectRows(limits);
  for (const row of statement.iterate(...values)) {
    if (!collector.add(row as Readonly<Record<string, unknown>>)) {
      break;
    }
  }
  return collector.result();
}

/** A whole number is bound as one, so that `LIMIT ?` and the types of columns see it; truth is 1 and 0. */
function boundValue(value: Parameter): string | number | bigint | null {
  if (typeof value === 'boolean') {
    return value ? 1n : 0n;
  }
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}

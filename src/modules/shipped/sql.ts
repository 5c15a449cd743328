import type { DatabaseLocation } from '../../config/config.ts';
import { messageOf } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import {
  openStatementSession,
  type StatementResult,
  type StatementSession,
} from '../../store/statement-session.ts';
import { MAX_JSON_BYTES } from '../json-copy.ts';
import type { TaskContext } from '../module.ts';
import { SQL_DESCRIPTION, SQL_ID, type SqlOptions, sqlOptions } from './sql-options.ts';
import { endingWith, told } from './statement-ending.ts';

/**
 * Runs statements in a child process, since nothing else ends one of SQLite. The third argument is what the runner lends
 * it: where the database is, with its password.
 */
export const sqlModule = {
  id: SQL_ID,
  description: SQL_DESCRIPTION,
  options: sqlOptions,
  async run(options: SqlOptions, context: TaskContext, lent: JsonValue): Promise<JsonValue> {
    const location = locationOf(lent);
    const statements = [options.statements].flat();
    const session = await told('', () => openStatementSession(location));
    try {
      const results = await endingWith(context.signal, { location, session }, () =>
        inTransaction(options.transaction, session, () =>
          executeAll(statements, { options, context, session }),
        ),
      );
      return { statements: results };
    } finally {
      session.close();
    }
  },
};

type Work = {
  readonly options: SqlOptions;
  readonly context: TaskContext;
  readonly session: StatementSession;
};

// Some room is left for what is not rows.
const ROW_BYTES = MAX_JSON_BYTES - 128 * 1024;

async function executeAll(
  statements: readonly string[],
  { options, context, session }: Work,
): Promise<readonly JsonValue[]> {
  const told: JsonValue[] = [];
  let bytes = ROW_BYTES;
  for (const [index, sql] of statements.entries()) {
    context.signal.throwIfAborted();
    const result = await toldOf(index + 1, () =>
      session.execute({
        sql,
        parameters: options.parameters,
        limits: { rows: options.max_rows, bytes },
      }),
    );
    const entry = entryOf(result);
    bytes = Math.max(0, bytes - Buffer.byteLength(JSON.stringify(entry)));
    told.push(entry);
    context.log.info(`statement ${index + 1}: ${lineOf(result)}`);
  }
  // A statement that was ended need not say so, as a sleep of MariaDB does not: nothing of it may be committed.
  context.signal.throwIfAborted();
  return told;
}

function entryOf(result: StatementResult): JsonValue {
  return result.kind === 'changed'
    ? { rows_affected: result.rowsAffected }
    : { rows: result.rows, truncated: result.truncated };
}

function lineOf(result: StatementResult): string {
  return result.kind === 'changed'
    ? `${counted(result.rowsAffected)} affected`
    : `${counted(result.rows.length)}${result.truncated ? ', and more that are left out' : ''}`;
}

function counted(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}

async function inTransaction<T>(
  isWanted: boolean,
  session: StatementSession,
  work: () => Promise<T>,
): Promise<T> {
  if (!isWanted) {
    return work();
  }
  await told('begin: ', session.begin);
  try {
    const result = await work();
    await told('commit: ', session.commit);
    return result;
  } catch (thrown) {
    // The end of the connection, which comes next, rolls back as well.
    await session.rollback().catch(() => undefined);
    throw thrown;
  }
}

function toldOf<T>(number: number, work: () => Promise<T>): Promise<T> {
  return told(`statement ${number}: `, work);
}

function locationOf(lent: JsonValue): DatabaseLocation {
  if (!isJsonObject(lent) || !('engine' in lent)) {
    throw new Error(
      `expected to be lent a database, got ${messageOf(lent === null ? 'nothing' : typeof lent)}`,
    );
  }
  return lent as unknown as DatabaseLocation;
}

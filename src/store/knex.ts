import createKnex, { type Knex } from 'knex';
import { configureSqlite } from './sqlite.ts';
import { databaseErrorOf } from './sqlite-errors.ts';

/**
 * How long a statement of the query builder waits for the lock. It serves people at a terminal, not a tick, so it may
 * block its process that long.
 */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * Runs `work` with a query builder on the SQLite file, which must exist, inside one transaction that holds the write
 * lock from its start: what it reads is what it changes.
 *
 * @throws DatabaseError that names the path and the remedy
 */
export function writeWithKnex<T>(path: string, work: (knex: Knex.Transaction) => Promise<T>): Promise<T> {
  return withKnex(path, (knex) => knex.transaction(work));
}

// The query builder prints a failed migration on stdout before it throws it.
const SILENT = { debug: ignore, warn: ignore, error: ignore, deprecate: ignore };

function ignore(): void {
  // Whatever goes wrong is thrown as well.
}

/** Runs `work` with a query builder on the SQLite file, which must exist, for reading. */
export async function withKnex<T>(path: string, work: (knex: Knex) => Promise<T>): Promise<T> {
  const knex = createKnex({
    client: 'better-sqlite3',
    connection: { filename: path },
    useNullAsDefault: true,
    log: SILENT,
    pool: {
      min: 1,
      max: 1,
      afterCreate: (
        connection: ImmediateConnection,
        done: (error: Error | null, connection: unknown) => void,
      ) => {
        configureSqlite(connection);
        connection.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
        beginImmediately(connection);
        done(null, connection);
      },
    },
  });
  try {
    return await work(knex);
  } catch (error) {
    throw databaseErrorOf(error, path);
  } finally {
    await knex.destroy();
  }
}

type ImmediateConnection = Parameters<typeof configureSqlite>[0];

/**
 * A deferred transaction that reads first and writes later fails at once when another process wrote in between, without
 * any waiting. The query builder knows no other kind, so the connection turns its BEGIN into BEGIN IMMEDIATE.
 */
function beginImmediately(connection: ImmediateConnection): void {
  const prepare = connection.prepare.bind(connection);
  connection.prepare = ((sql: string) =>
    prepare(sql === 'BEGIN;' ? 'BEGIN IMMEDIATE;' : sql)) as typeof prepare;
}

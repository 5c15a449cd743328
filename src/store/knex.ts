import createKnex, { type Knex } from 'knex';
import type { DatabaseLocation, ServerLocation } from '../config/config.ts';
import { configureSqlite } from './sqlite.ts';
import { databaseErrorOf } from './sqlite-errors.ts';
import { pauseWithJitter } from './turns.ts';

/**
 * How long a statement of the query builder waits for the lock. It serves people at a terminal, not a tick, so it may
 * block its process that long.
 */
const BUSY_TIMEOUT_MS = 10_000;
/** How often a transaction that lost a race is done again. */
const TRIES = 10;

/**
 * Runs `work` with a query builder inside one transaction. On SQLite it holds the write lock from its start, so that
 * what it reads is what it changes; elsewhere it must lock the rows that it reads first. Where it loses a race it is
 * done again, so `work` must change nothing but the database.
 *
 * @throws DatabaseError that names the database and the remedy
 */
export function writeWithKnex<T>(
  database: DatabaseLocation,
  work: (knex: Knex.Transaction) => Promise<T>,
): Promise<T> {
  return open(database, { readOnly: false }, async (knex, mayHelp) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await knex.transaction(work, isolationOf(database));
      } catch (error) {
        if (tries === TRIES || !mayHelp(error)) {
          throw error;
        }
        await pauseWithJitter(20 * tries);
      }
    }
  });
}

function isolationOf({ engine }: DatabaseLocation): Knex.TransactionConfig {
  return engine === 'sqlite' ? {} : { isolationLevel: 'read committed' };
}

/** Runs `work` with a query builder on the database, for reading: a server that only reads will do. A SQLite file must exist. */
export function withKnex<T>(database: DatabaseLocation, work: (knex: Knex) => Promise<T>): Promise<T> {
  return open(database, { readOnly: true }, work);
}

/** What runs with a query builder; `mayHelp` says of an error whether doing it again may help. */
type Work<T> = (knex: Knex, mayHelp: (error: unknown) => boolean) => Promise<T>;

/**
 * Runs `work` with a query builder that may write, statement by statement: for what the engine cannot do in a transaction.
 *
 * @throws DatabaseError
 */
export function writeStepwise<T>(database: DatabaseLocation, work: (knex: Knex) => Promise<T>): Promise<T> {
  return open(database, { readOnly: false }, work);
}

type Access = { readonly readOnly: boolean };

function open<T>(database: DatabaseLocation, access: Access, work: Work<T>): Promise<T> {
  return database.engine === 'sqlite' ? withSqlite(database.path, work) : withServer(database, access, work);
}

// The query builder prints a failed migration on stdout before it throws it.
const SILENT = { debug: ignore, warn: ignore, error: ignore, deprecate: ignore };

function ignore(): void {
  // Whatever goes wrong is thrown as well.
}

/** Its errors show the statement; with the values in it they would tell what tasks hold. */
const COMMON = { log: SILENT, compileSqlOnError: false };

async function withSqlite<T>(path: string, work: Work<T>): Promise<T> {
  const knex = createKnex({
    client: 'better-sqlite3',
    connection: { filename: path },
    useNullAsDefault: true,
    ...COMMON,
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
    return await work(knex, () => false);
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

async function withServer<T>(location: ServerLocation, access: Access, work: Work<T>): Promise<T> {
  const server =
    location.engine === 'postgres'
      ? await (await import('./postgres.ts')).postgresForKnex(location, access)
      : await (await import('./mariadb.ts')).mariadbForKnex(location, access);
  const knex = createKnex({ client: server.client, connectionPool: server.pool, ...COMMON });
  try {
    return await work(knex, server.mayHelp);
  } catch (error) {
    throw server.errorOf(error);
  } finally {
    await knex.destroy();
    await server.close();
  }
}

/** A connection made by this project's own code, in the form in which the query builder takes it: as a pool of one. */
export type KnexServer = {
  readonly client: string;
  readonly pool: NonNullable<Knex.Config['connectionPool']>;
  readonly mayHelp: (error: unknown) => boolean;
  readonly errorOf: (error: unknown) => unknown;
  readonly close: () => Promise<void>;
};

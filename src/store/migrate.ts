import type { Knex } from 'knex';
import { type DatabaseLocation, databaseName, type ServerLocation } from '../config/config.ts';
import { DatabaseError, NotFoundError, SchemaError, UsageError } from '../core/errors.ts';
import { connectTo } from './connect.ts';
import type { Driver, Engine } from './driver.ts';
import {
  clearJournal,
  createJournal,
  type Direction,
  JOURNAL,
  RivalError,
  runJournalled,
  UNFINISHED,
  type UnfinishedMigration,
} from './journal.ts';
import { writeStepwise, writeWithKnex } from './knex.ts';
import { countLosses, type Loss } from './migration-losses.ts';
import { checkServer, explainRights } from './migration-server.ts';
import { takeTurnOnMariadb, takeTurnOnPostgres, type Waiting } from './migration-turn.ts';
import { loadMigration, MIGRATIONS, migrationConfig } from './migrations.ts';

/** Migrations that a database has, and those that it lacks, by name in their order. */
export type MigrationStatus = {
  readonly done: readonly string[];
  readonly pending: readonly string[];
  /** One that is being run, or that was interrupted; there is none on SQLite and PostgreSQL. */
  readonly unfinished?: UnfinishedMigration;
};

const WAITING: Waiting = { turnSeconds: 60, tableSeconds: 10 };

/**
 * Brings the schema of a database up to date. Several programs that start together take turns. On SQLite and PostgreSQL
 * it is all of it or nothing: it happens in one transaction, of which a killed program leaves nothing behind. On MariaDB
 * a program that was killed has come as far as it came, and the next call goes on there.
 *
 * Returns the names of the migrations that this call ran, or completed.
 *
 * @throws DatabaseError when the server is too old, in use or may not be changed by this user, or when the tables there
 *   are somebody else's; SchemaError when another program has to be run first
 */
export function migrateDatabase(database: DatabaseLocation, waiting = WAITING): Promise<readonly string[]> {
  return withTurn(database, waiting, async (turn) => {
    const { pending, unfinished } = turn;
    if (unfinished?.direction === 'down') {
      throw new SchemaError(
        `database ${databaseName(database)}: taking back ${unfinished.migration} was interrupted: complete that first with "periodic-cron migrate --down"`,
      );
    }
    const unknown = turn.done.find((name) => !MIGRATIONS.includes(name));
    if (unknown !== undefined && pending.length > 0) {
      throw newerSchema(database, unknown);
    }
    refuseForeignTables(turn, database);
    for (const name of pending) {
      await turn.run(name, 'up');
    }
    return pending;
  });
}

export type TakenBack = {
  readonly name: string;
  /** What went with it; undefined when this call completed an earlier one, which knew. */
  readonly lost: readonly Loss[] | undefined;
};

/**
 * Takes back the newest migration of a database: by the same rules as {@link migrateDatabase} brings them. The first is
 * never taken back, since that would be to drop every table. Where `wanted` is not the newest, nothing is done: of two
 * calls that come together, the second must not take back one more.
 *
 * @throws DatabaseError, SchemaError as there; NotFoundError when there is nothing to take back
 */
export function takeBackMigration(
  database: DatabaseLocation,
  waiting = WAITING,
  wanted?: string,
): Promise<TakenBack> {
  return withTurn(database, waiting, async (turn) => {
    const { done, unfinished } = turn;
    const name = done.at(-1);
    if (unfinished?.direction === 'up') {
      throw new SchemaError(
        `database ${databaseName(database)}: ${unfinished.migration} was interrupted: complete that first with "periodic-cron migrate"`,
      );
    }
    if (name === undefined) {
      throw new NotFoundError(`database ${databaseName(database)} has no migration that could be taken back`);
    }
    if (!MIGRATIONS.includes(name)) {
      throw newerSchema(database, name);
    }
    if (name === MIGRATIONS[0]) {
      throw new UsageError(
        `database ${databaseName(database)}: expected a migration after ${name} to take back, which would drop every table with all that it holds: if that is what you want, drop the database itself`,
      );
    }
    refuseOther(database, { wanted, name });
    const lost = unfinished === undefined ? await countLosses(turn.knex, name) : undefined;
    await turn.run(name, 'down');
    return { name, lost };
  });
}

function refuseOther(
  database: DatabaseLocation,
  { wanted, name }: { readonly wanted: string | undefined; readonly name: string },
): void {
  if (wanted !== undefined && wanted !== name) {
    throw new NotFoundError(
      `database ${databaseName(database)}: expected ${wanted} as its newest migration, got ${name}: nothing was done ("periodic-cron migrate --down ${name}" takes that one back)`,
    );
  }
}

/** Says which migrations the database has. Changes nothing, and needs no right but to read. */
export async function migrationStatus(database: DatabaseLocation): Promise<MigrationStatus> {
  const driver = await connectTo(database, { create: false, readOnly: true });
  try {
    const tables = namesOf(await driver.all(LIST_TABLES[driver.engine]));
    const done = tables.includes(TABLE)
      ? namesOf(await driver.all(`SELECT name FROM ${TABLE} ORDER BY id`))
      : [];
    const unfinished = tables.includes(JOURNAL) ? await unfinishedIn(driver) : undefined;
    return { done, pending: pendingAfter(done), ...(unfinished === undefined ? {} : { unfinished }) };
  } finally {
    await driver.close();
  }
}

const TABLE = 'periodic_migration';

const LIST_TABLES: Readonly<Record<Engine, string>> = {
  sqlite: "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'periodic%' ORDER BY name",
  postgres: `SELECT CAST(c.relname AS text) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname LIKE 'periodic%' ORDER BY name`,
  mariadb: `SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = database() AND table_name LIKE 'periodic%' ORDER BY name`,
};

type Named = { readonly name?: unknown };

function namesOf(rows: readonly Named[]): readonly string[] {
  return rows.map(({ name }) => String(name));
}

function pendingAfter(done: readonly string[]): readonly string[] {
  return MIGRATIONS.filter((name) => !done.includes(name));
}

async function unfinishedIn({ all }: Driver): Promise<UnfinishedMigration | undefined> {
  const [row] = await all(UNFINISHED);
  return row as UnfinishedMigration | undefined;
}

/** The right to migrate, held while the work lasts. */
type Turn = MigrationStatus & {
  readonly knex: Knex;
  /** The tables that were there before anything else was looked at. */
  readonly tables: readonly string[];
  /** Runs one migration and records it. */
  readonly run: (migration: string, direction: Direction) => Promise<void>;
};

function withTurn<T>(
  database: DatabaseLocation,
  waiting: Waiting,
  work: (turn: Turn) => Promise<T>,
): Promise<T> {
  switch (database.engine) {
    case 'sqlite':
      return writeWithKnex(database, async (knex) => work(await transactionalTurn(knex, 'sqlite')));
    case 'postgres':
      return writeWithKnex(database, (knex) =>
        onServer(knex, database, async () => {
          await takeTurnOnPostgres(knex, database, waiting);
          return work(await transactionalTurn(knex, 'postgres'));
        }),
      );
    default:
      return writeStepwise(database, (knex) =>
        onServer(knex, database, async () => {
          await takeTurnOnMariadb(knex, database, waiting);
          return work(await journalledTurn(knex, database));
        }),
      );
  }
}

async function onServer<T>(knex: Knex, location: ServerLocation, work: () => Promise<T>): Promise<T> {
  const facts = await checkServer(knex, location);
  try {
    return await work();
  } catch (error) {
    throw explainRights(error, location, facts);
  }
}

async function transactionalTurn(knex: Knex, engine: Engine): Promise<Turn> {
  const tables = await tablesIn(knex, engine);
  const done = await completedIn(knex);
  return {
    done,
    pending: pendingAfter(done),
    knex,
    tables,
    run: async (migration, direction) => {
      await (await loadMigration(migration))[direction](knex);
      await record(knex, migration, direction);
    },
  };
}

async function journalledTurn(knex: Knex, location: ServerLocation): Promise<Turn> {
  const tables = await tablesIn(knex, 'mariadb');
  const done = await completedIn(knex);
  await createJournal(knex);
  const [[unfinished]] = await knex.raw(UNFINISHED);
  return {
    done,
    pending: pendingAfter(done),
    unfinished,
    knex,
    tables,
    run: async (migration, direction) => {
      const file = await loadMigration(migration);
      await runJournalled(knex, { migration, direction }, file[direction]).catch((error: unknown) => {
        throw error instanceof RivalError ? besideAnother(location, migration, error) : error;
      });
      await knex.transaction(async (transaction) => {
        await record(transaction, migration, direction);
        await clearJournal(transaction, migration);
      });
    },
  };
}

async function tablesIn(knex: Knex, engine: Engine): Promise<readonly string[]> {
  const rows: readonly Named[] = await knex
    .select('name')
    .from(knex.raw(`(${LIST_TABLES[engine]}) AS tables_there`));
  return namesOf(rows);
}

function besideAnother({ url }: ServerLocation, migration: string, cause: RivalError): DatabaseError {
  return new DatabaseError(
    `database ${url}: another program runs ${migration} at the same time, through another server of the cluster: run this again when that has ended`,
    { cause },
  );
}

/**
 * The query builder keeps the book, in which its own way of running migrations would write too. What runs them here
 * leaves its lock alone: that stays locked when its holder is killed.
 */
async function completedIn(knex: Knex): Promise<readonly string[]> {
  const config = { ...migrationConfig, disableMigrationsListValidation: true };
  for (let tries = 1; ; tries += 1) {
    try {
      const [completed] = await knex.migrate.list(config);
      return namesOf(completed as readonly Named[]);
    } catch (error) {
      // On a cluster another server may have made one of the book's tables just now.
      const isThere = error instanceof Error && 'errno' in error && error.errno === TABLE_EXISTS;
      if (!isThere || tries === BOOK_TABLES + 1) {
        throw error;
      }
    }
  }
}

const TABLE_EXISTS = 1050;
const BOOK_TABLES = 2;

async function record(knex: Knex, name: string, direction: Direction): Promise<void> {
  if (direction === 'down') {
    await knex(TABLE).where({ name }).del();
    return;
  }
  const [newest] = await knex(TABLE).max({ batch: 'batch' });
  await knex(TABLE).insert({
    name,
    batch: Number(newest?.['batch'] ?? 0) + 1,
    migration_time: knex.fn.now(),
  });
}

/** Tables that no migration made are not changed, and on MariaDB would stop the first one half way. */
function refuseForeignTables({ tables, done, unfinished }: Turn, database: DatabaseLocation): void {
  const found = tables.find((name) => name.startsWith('periodic_') && !name.startsWith(TABLE));
  if (found !== undefined && done.length === 0 && unfinished === undefined) {
    throw new DatabaseError(
      `database ${databaseName(database)}: table \`${found}\` already exists, and no migration made it: name another database with --database, or restore this one from a backup`,
    );
  }
}

function newerSchema(database: DatabaseLocation, unknown: string): SchemaError {
  return new SchemaError(
    `database ${databaseName(database)} was migrated by a newer periodic-cron: this one does not know ${unknown}; use that one`,
  );
}

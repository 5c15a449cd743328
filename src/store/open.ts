import { type DatabaseLocation, databaseName } from '../config/config.ts';
import { DatabaseError, SchemaError } from '../core/errors.ts';
import { fromText, type Instant } from '../core/instants.ts';
import { numberOf } from './cells.ts';
import { type ConnectOptions, connectTo } from './connect.ts';
import { nowText } from './dialect.ts';
import type { Driver } from './driver.ts';
import { SCHEMA_VERSION } from './migrations.ts';

/** The schema of a database, or null when it has none yet. */
export type SchemaInfo = {
  readonly version: number;
  readonly oldestVersion: number;
  readonly databaseId: string;
};

export type OpenOptions = ConnectOptions & {
  /** Bring an older schema, or an empty file, up to date first. A shared database is never migrated so. */
  readonly migrate: boolean;
};

export type OpenedStore = {
  readonly driver: Driver;
  readonly database: DatabaseLocation;
  readonly schema: SchemaInfo;
};

/**
 * Opens a database and makes sure that this program may work with its schema.
 *
 * @throws DatabaseError when it cannot be used, SchemaError when its schema is too old or too new
 */
export async function openStore(database: DatabaseLocation, options: OpenOptions): Promise<OpenedStore> {
  const driver = await connectTo(database, options);
  try {
    const schema =
      (await usableSchema(driver, database)) ?? (await migrated(driver, database, options.migrate));
    return { driver, database, schema };
  } catch (error) {
    await driver.close();
    throw error;
  }
}

/** Undefined when the schema is missing or older than this program needs. */
async function usableSchema(driver: Driver, database: DatabaseLocation): Promise<SchemaInfo | undefined> {
  const schema = await readSchema(driver);
  if (schema !== null && schema.oldestVersion > SCHEMA_VERSION) {
    throw new SchemaError(
      `database ${databaseName(database)} has schema version ${schema.version}, which needs a program that knows version ${schema.oldestVersion} or later; this one knows version ${SCHEMA_VERSION}: upgrade periodic-cron`,
    );
  }
  return schema === null || schema.version < SCHEMA_VERSION ? undefined : schema;
}

async function migrated(driver: Driver, database: DatabaseLocation, migrate: boolean): Promise<SchemaInfo> {
  if (migrate && database.engine === 'sqlite') {
    await migrateFile(driver, database);
  }
  const schema = await usableSchema(driver, database);
  if (schema === undefined) {
    const older = await readSchema(driver);
    const found = older === null ? 'no schema yet' : `schema version ${older.version}`;
    throw new SchemaError(
      `database ${databaseName(database)} has ${found}; this program needs version ${SCHEMA_VERSION}: run "periodic-cron migrate${remedyFlag(database)}"`,
    );
  }
  return schema;
}

/** Nobody has to type the URL of a server again, nor should a password stand in a shell's history. */
function remedyFlag(database: DatabaseLocation): string {
  return database.engine === 'sqlite' ? ` --database ${database.url}` : '';
}

async function migrateFile(driver: Driver, database: DatabaseLocation): Promise<void> {
  if ((await hasTables(driver)) && (await readSchema(driver)) === null) {
    throw new DatabaseError(
      `database ${databaseName(database)} has tables named periodic_… but no periodic_schema that says their version: name another file with --database, or restore this one from a backup`,
    );
  }
  const { migrateDatabase } = await import('./migrate.ts');
  await migrateDatabase(database);
}

async function hasTables(driver: Driver): Promise<boolean> {
  const tables = await driver.all(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'periodic_*'",
  );
  return tables.length > 0;
}

/** Reads the schema row. Null for a database without one: an empty one, or somebody else's. */
export async function readSchema(driver: Driver): Promise<SchemaInfo | null> {
  try {
    return await readSchemaRow(driver);
  } catch {
    // A program that migrates may have made the table since: then its row can be read now, or says why not.
    return (await hasSchemaTable(driver)) ? readSchemaRow(driver) : null;
  }
}

async function readSchemaRow(driver: Driver): Promise<SchemaInfo | null> {
  const [row] = await driver.all('SELECT version, oldest_version, database_id FROM periodic_schema');
  return row === undefined
    ? null
    : {
        version: numberOf(row['version']),
        oldestVersion: numberOf(row['oldest_version']),
        databaseId: String(row['database_id']),
      };
}

async function hasSchemaTable({ engine, all }: Driver): Promise<boolean> {
  const { from, schema } = CATALOGUES[engine];
  const tables = await all(`SELECT 1 AS found FROM ${from} = 'periodic_schema' ${schema}`);
  return tables.length > 0;
}

const CATALOGUES = {
  sqlite: { from: 'sqlite_master WHERE name', schema: '' },
  postgres: {
    from: 'information_schema.tables WHERE table_name',
    schema: 'AND table_schema = ANY (current_schemas(false))',
  },
  mariadb: {
    from: 'information_schema.tables WHERE table_name',
    schema: 'AND table_schema = database()',
  },
} as const;

/** An answer that took longer says little of the moment at which it was given. */
const PROMPT_ANSWER_MS = 1_000;
const CLOCK_READINGS = 3;

/** What time a shared database says it is, at the moment in which this returns. Of several answers the promptest counts. */
export async function readDatabaseClock(driver: Driver): Promise<Instant> {
  let best = await askForTime(driver);
  for (let count = 1; best.elapsedMs > PROMPT_ANSWER_MS && count < CLOCK_READINGS; count += 1) {
    const next = await askForTime(driver);
    best = next.elapsedMs < best.elapsedMs ? next : { ...best, at: best.at + next.elapsedMs };
  }
  return Math.round(best.at);
}

async function askForTime(driver: Driver): Promise<{ readonly at: number; readonly elapsedMs: number }> {
  const start = process.hrtime.bigint();
  const [row] = await driver.all(`SELECT ${nowText(driver.engine)} AS now_text`);
  const elapsedMs = Number((process.hrtime.bigint() - start) / 1_000n) / 1_000;
  const said = fromText(String(row?.['now_text']));
  if (said === undefined) {
    throw new DatabaseError(`expected the time from the database, got ${String(row?.['now_text'])}`);
  }
  // It was said half way between question and answer, as far as anybody can tell.
  return { at: said + elapsedMs / 2, elapsedMs };
}

import { DatabaseError, SchemaError } from '../core/errors.ts';
import type { Driver } from './driver.ts';
import { SCHEMA_VERSION } from './migrations.ts';
import { numberOf } from './rows.ts';
import { openSqlite, type SqliteOptions } from './sqlite.ts';

/** The schema of a database, or null when it has none yet. */
export type SchemaInfo = {
  readonly version: number;
  readonly oldestVersion: number;
  readonly databaseId: string;
};

export type OpenOptions = SqliteOptions & {
  /** Bring an older schema, or an empty file, up to date first. */
  readonly migrate: boolean;
};

export type OpenedStore = { readonly driver: Driver; readonly path: string; readonly schema: SchemaInfo };

/**
 * Opens the embedded database and makes sure that this program may work with its schema.
 *
 * @throws DatabaseError when it cannot be used, SchemaError when its schema is too old or too new
 */
export async function openStore(path: string, options: OpenOptions): Promise<OpenedStore> {
  const driver = await openSqlite(path, options);
  try {
    const schema = (await usableSchema(driver, path)) ?? (await migrated(driver, path, options.migrate));
    return { driver, path, schema };
  } catch (error) {
    await driver.close();
    throw error;
  }
}

/** Undefined when the schema is missing or older than this program needs. */
async function usableSchema(driver: Driver, path: string): Promise<SchemaInfo | undefined> {
  const schema = await readSchema(driver);
  if (schema !== null && schema.oldestVersion > SCHEMA_VERSION) {
    throw new SchemaError(
      `database ${path} has schema version ${schema.version}, which needs a program that knows version ${schema.oldestVersion} or later; this one knows version ${SCHEMA_VERSION}: upgrade periodic-cron`,
    );
  }
  return schema === null || schema.version < SCHEMA_VERSION ? undefined : schema;
}

async function migrated(driver: Driver, path: string, migrate: boolean): Promise<SchemaInfo> {
  if (migrate && (await hasTables(driver)) && (await readSchema(driver)) === null) {
    throw new DatabaseError(
      `database ${path} has tables named periodic_… but no periodic_schema that says their version: name another file with --database, or restore this one from a backup`,
    );
  }
  if (migrate) {
    const { migrateSqlite } = await import('./migrate.ts');
    await migrateSqlite(path);
  }
  const schema = await usableSchema(driver, path);
  if (schema === undefined) {
    const older = await readSchema(driver);
    const found = older === null ? 'no schema yet' : `schema version ${older.version}`;
    throw new SchemaError(
      `database ${path} has ${found}; this program needs version ${SCHEMA_VERSION}: run "periodic-cron migrate --database sqlite:${path}"`,
    );
  }
  return schema;
}

async function hasTables(driver: Driver): Promise<boolean> {
  const tables = await driver.all(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'periodic_*'",
  );
  return tables.length > 0;
}

/** Reads the schema row. Null for a database without one: an empty file, or somebody else's. */
export async function readSchema(driver: Driver): Promise<SchemaInfo | null> {
  try {
    const [row] = await driver.all('SELECT version, oldest_version, database_id FROM periodic_schema');
    return row === undefined
      ? null
      : {
          version: numberOf(row['version']),
          oldestVersion: numberOf(row['oldest_version']),
          databaseId: String(row['database_id']),
        };
  } catch (error) {
    const tables = await driver.all("SELECT name FROM sqlite_master WHERE name = 'periodic_schema'");
    if (tables.length === 0) {
      return null;
    }
    throw error;
  }
}

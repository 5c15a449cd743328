import { withKnex, writeWithKnex } from './knex.ts';
import { migrationConfig } from './migrations.ts';

/** Migrations that a database has, and those that it lacks, by name in their order. */
export type MigrationStatus = { readonly done: readonly string[]; readonly pending: readonly string[] };

/**
 * Brings the schema of a SQLite file up to date, all of it or nothing: it happens in one transaction, which several
 * runners that start together take in turn, and of which a killed one leaves nothing behind. Returns the names of the
 * migrations that this call ran.
 */
export function migrateSqlite(path: string): Promise<readonly string[]> {
  return writeWithKnex(path, async (knex) => {
    const [, names] = await knex.migrate.latest(migrationConfig);
    return names;
  });
}

/** Says which migrations the file has. Changes nothing. */
export function migrationStatus(path: string): Promise<MigrationStatus> {
  return withKnex(path, async (knex) => {
    const names = await migrationConfig.migrationSource?.getMigrations([]);
    const known = (names ?? []).map(String);
    const hasTable = await knex.schema.hasTable('periodic_migration');
    const rows: ReadonlyArray<{ name: string }> = hasTable
      ? await knex('periodic_migration').select('name').orderBy('id')
      : [];
    const done = rows.map(({ name }) => name);
    return { done, pending: known.filter((name) => !done.includes(name)) };
  });
}

import type { Knex } from 'knex';
import { packageRoot } from './package-root.ts';

/** The version of the schema that this program needs, and writes when it migrates. */
export const SCHEMA_VERSION = 6;

/** The migrations that this program knows, in their order. */
export const MIGRATIONS: readonly string[] = [
  '0001_create_tables',
  '0002_add_policies',
  '0003_share_with_nodes',
  '0004_run_by_hand',
  '0005_ask_the_world',
  '0006_remember_wishes',
];

export type MigrationFile = {
  readonly up: (knex: Knex) => Promise<void>;
  readonly down: (knex: Knex) => Promise<void>;
};

/** Loads a migration of the `migrations` folder by its name. */
export function loadMigration(name: string): Promise<MigrationFile> {
  return import(`${packageRoot()}/migrations/${name}.js`);
}

/**
 * The numbered migrations of the `migrations` folder, in the form that knex takes. They are listed by name, so that
 * neither a stray file in the folder is run nor a missing one overlooked.
 */
export const migrationConfig: Knex.MigratorConfig = {
  tableName: 'periodic_migration',
  migrationSource: {
    getMigrations: () => Promise.resolve([...MIGRATIONS]),
    getMigrationName: (name: string) => name,
    getMigration: loadMigration,
  },
};

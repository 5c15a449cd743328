import type { Knex } from 'knex';
import { packageRoot } from './package-root.ts';

/** The version of the schema that this program needs, and writes when it migrates. */
export const SCHEMA_VERSION = 2;

const NAMES = ['0001_create_tables', '0002_add_policies'] as const;

type MigrationFile = {
  readonly up: (knex: Knex) => Promise<void>;
  readonly down: (knex: Knex) => Promise<void>;
};

/**
 * The numbered migrations of the `migrations` folder, in the form that knex takes. They are listed by name, so that
 * neither a stray file in the folder is run nor a missing one overlooked.
 */
export const migrationConfig: Knex.MigratorConfig = {
  tableName: 'periodic_migration',
  migrationSource: {
    getMigrations: () => Promise.resolve([...NAMES]),
    getMigrationName: (name: string) => name,
    getMigration: (name: string): Promise<MigrationFile> => import(`${packageRoot()}/migrations/${name}.js`),
  },
};

import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { type MigrationStatus, migrateSqlite, migrationStatus } from '../../store/migrate.ts';
import { SCHEMA_VERSION } from '../../store/migrations.ts';
import { openStore, readSchema, type SchemaInfo } from '../../store/open.ts';
import { openSqlite } from '../../store/sqlite.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Bring the schema of the database up to date: all of it, or nothing if that fails.')
    .option('--status', 'only print which migrations the database has, and which it lacks')
    .action(actionOf(migrate));
}

type Flags = { readonly status?: boolean };

async function migrate(context: Context, { status }: Flags): Promise<number> {
  const config = await context.loadConfig();
  return await (status === true ? showStatus(context, config) : bringUpToDate(context, config));
}

/**
 * A database that this program may work with but knows less of than its writer is left alone; one that it may not work
 * with is refused when it is opened.
 */
async function bringUpToDate({ output }: Context, { database }: Config): Promise<number> {
  const { path } = database;
  const before = await schemaOf(path, {
    create: true,
    createFolder: database.origin === 'default',
    onCreated: () => output.note(`created the database ${path}`),
  });
  const ran = before === null || before.version < SCHEMA_VERSION ? await migrateSqlite(path) : [];
  const store = await openStore(path, { create: false, migrate: false });
  await store.driver.close();
  const { version } = store.schema;
  if (output.isJson) {
    output.document({ database: path, version, ran });
    return EXIT.ok;
  }
  for (const name of ran) {
    output.line(`ran ${name}`);
  }
  output.line(`the schema has version ${version}${ran.length === 0 ? ': nothing to do' : ''}`);
  return EXIT.ok;
}

/** Tells of any schema, and with its exit code whether this program is too old for it. */
async function showStatus({ output }: Context, { database }: Config): Promise<number> {
  const { path } = database;
  const createFolder = database.origin === 'default';
  const schema = await schemaOf(path, { create: false, createFolder, readOnly: true });
  const migrations = await migrationStatus(path);
  if (output.isJson) {
    output.document({
      database: path,
      version: schema?.version ?? null,
      oldestVersion: schema?.oldestVersion ?? null,
      programVersion: SCHEMA_VERSION,
      ...migrations,
    });
  } else {
    output.fields([
      ['database', path],
      ['its schema', schemaText(schema)],
      ['this program', `version ${SCHEMA_VERSION}`],
    ]);
    output.line('');
    output.table(COLUMNS, linesOf(migrations));
  }
  return schema !== null && schema.oldestVersion > SCHEMA_VERSION ? EXIT.schema : EXIT.ok;
}

async function schemaOf(path: string, options: Parameters<typeof openSqlite>[1]): Promise<SchemaInfo | null> {
  const driver = await openSqlite(path, options);
  try {
    return await readSchema(driver);
  } finally {
    await driver.close();
  }
}

function schemaText(schema: SchemaInfo | null): string {
  return schema === null
    ? 'none yet'
    : `version ${schema.version}, for programs that know version ${schema.oldestVersion} or later`;
}

type Line = { readonly name: string; readonly state: 'done' | 'pending' };

const COLUMNS = [
  { title: 'MIGRATION', value: ({ name }: Line) => name },
  { title: 'STATE', value: ({ state }: Line) => state },
];

function linesOf({ done, pending }: MigrationStatus): readonly Line[] {
  return [
    ...done.map((name) => ({ name, state: 'done' as const })),
    ...pending.map((name) => ({ name, state: 'pending' as const })),
  ];
}

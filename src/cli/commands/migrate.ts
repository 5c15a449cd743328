import type { Command } from 'commander';
import { type Config, type DatabaseLocation, databaseName } from '../../config/config.ts';
import { UsageError } from '../../core/errors.ts';
import { connectTo } from '../../store/connect.ts';
import type { UnfinishedMigration } from '../../store/journal.ts';
import {
  type MigrationStatus,
  migrateDatabase,
  migrationStatus,
  takeBackMigration,
} from '../../store/migrate.ts';
import type { Loss } from '../../store/migration-losses.ts';
import { MIGRATIONS, SCHEMA_VERSION } from '../../store/migrations.ts';
import { openStore, readSchema, type SchemaInfo } from '../../store/open.ts';
import type { SqliteOptions } from '../../store/sqlite.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Bring the schema of the database up to date. On SQLite and PostgreSQL that is all of it, or nothing if it fails; on MariaDB the next call goes on where one stopped.',
    )
    .option('--status', 'only print which migrations the database has, and which it lacks')
    .option(
      '--down [MIGRATION]',
      'take back the newest migration that this program knows, or an older one by its name when that is the newest, with what only its columns and tables hold',
    )
    .action(actionOf(migrate));
}

type Flags = { readonly status?: boolean; readonly down?: boolean | string };

async function migrate(context: Context, { status, down }: Flags): Promise<number> {
  if (status === true && down !== undefined) {
    throw new UsageError('expected one of --status and --down, got both');
  }
  const config = await context.loadConfig();
  if (status === true) {
    return await showStatus(context, config);
  }
  return await (down === undefined
    ? bringUpToDate(context, config)
    : takeBack(context, config, down === true ? undefined : String(down)));
}

/**
 * A database that this program may work with but knows less of than its writer is left alone; one that it may not work
 * with is refused when it is opened. Who may not change tables may call this where nothing is to be done.
 */
async function bringUpToDate({ output }: Context, { database }: Config): Promise<number> {
  const before = await schemaOf(database, {
    create: true,
    createFolder: database.origin === 'default',
    onCreated: (path) => output.note(`created the database ${path}`),
  });
  const isNewer = before !== null && before.version > SCHEMA_VERSION;
  const { pending, unfinished } = await migrationStatus(database);
  const isComplete = pending.length === 0 && unfinished === undefined;
  const ran = isComplete || isNewer ? [] : await migrateDatabase(database);
  const store = await openStore(database, { create: false, migrate: false });
  await store.driver.close();
  const { version } = store.schema;
  if (output.isJson) {
    output.document({ database: databaseName(database), version, ran });
    return EXIT.ok;
  }
  for (const name of ran) {
    output.line(`ran ${name}`);
  }
  output.line(`the schema has version ${version}${ran.length === 0 ? ': nothing to do' : ''}`);
  return EXIT.ok;
}

async function takeBack(
  { output }: Context,
  { database }: Config,
  named = MIGRATIONS.at(-1),
): Promise<number> {
  const looking = { create: false, createFolder: database.origin === 'default', readOnly: true };
  // Where there is no file, this says so and creates none.
  await schemaOf(database, looking);
  const { name, lost } = await takeBackMigration(database, undefined, named);
  const version = (await schemaOf(database, looking))?.version ?? null;
  if (output.isJson) {
    output.document({ database: databaseName(database), version, tookBack: name, lost: lost ?? null });
    return EXIT.ok;
  }
  output.line(`took back ${name}${lost === undefined ? ', which an earlier call had begun' : ''}`);
  for (const loss of lost ?? []) {
    output.line(`lost ${lossText(loss)}`);
  }
  output.line(
    `the schema has version ${version}; this program needs version ${SCHEMA_VERSION}, which "periodic-cron migrate" brings back`,
  );
  return EXIT.ok;
}

function lossText({ table, column, rows }: Loss): string {
  const count = rows === 1 ? '1 row' : `${rows} rows`;
  return column === null ? `the table ${table} with ${count}` : `${table}.${column} of ${count}`;
}

/** Tells of any schema, and with its exit code whether this program is too old for it. */
async function showStatus({ output }: Context, { database }: Config): Promise<number> {
  const createFolder = database.origin === 'default';
  const schema = await schemaOf(database, { create: false, createFolder, readOnly: true });
  const status = await migrationStatus(database);
  if (output.isJson) {
    output.document({
      database: databaseName(database),
      version: schema?.version ?? null,
      oldestVersion: schema?.oldestVersion ?? null,
      programVersion: SCHEMA_VERSION,
      done: status.done,
      pending: status.pending,
      unfinished: status.unfinished ?? null,
    });
  } else {
    printStatus(output, database, schema, status);
  }
  return schema !== null && schema.oldestVersion > SCHEMA_VERSION ? EXIT.schema : EXIT.ok;
}

function printStatus(
  output: Output,
  database: DatabaseLocation,
  schema: SchemaInfo | null,
  status: MigrationStatus,
): void {
  output.fields([
    ['database', databaseName(database)],
    ['its schema', schemaText(schema)],
    ['this program', `version ${SCHEMA_VERSION}`],
  ]);
  output.line('');
  output.table(COLUMNS, linesOf(status));
  if (status.unfinished !== undefined) {
    output.line('');
    output.line(unfinishedText(status.unfinished));
  }
}

async function schemaOf(database: DatabaseLocation, options: SqliteOptions): Promise<SchemaInfo | null> {
  const driver = await connectTo(database, options);
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

function unfinishedText({ migration, direction, step, statement }: UnfinishedMigration): string {
  const [doing, command] = direction === 'up' ? ['running', 'migrate'] : ['taking back', 'migrate --down'];
  return `${doing} ${migration} came to its step ${step} (${statement}): if no program is at it any more, "periodic-cron ${command}" completes it`;
}

type Line = { readonly name: string; readonly state: 'done' | 'pending' | 'unfinished' };

const COLUMNS = [
  { title: 'MIGRATION', value: ({ name }: Line) => name },
  { title: 'STATE', value: ({ state }: Line) => state },
];

function linesOf({ done, pending, unfinished }: MigrationStatus): readonly Line[] {
  const lines: readonly Line[] = [
    ...done.map((name) => ({ name, state: 'done' as const })),
    ...pending.map((name) => ({ name, state: 'pending' as const })),
  ];
  return lines.map((line) => (line.name === unfinished?.migration ? { ...line, state: 'unfinished' } : line));
}

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writeWithKnex } from '../../src/store/knex.ts';
import { migrateSqlite, migrationStatus } from '../../src/store/migrate.ts';
import { migrationConfig } from '../../src/store/migrations.ts';
import { packageRoot } from '../../src/store/package-root.ts';
import { openProgramWorld, type ProgramWorld } from '../support/processes.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

/** The migrations of the folder, by name in their order. */
const NAMES = readdirSync(join(packageRoot(), 'migrations'))
  .filter((name) => name.endsWith('.js'))
  .map((name) => name.replace('.js', ''))
  .sort();

function emptyFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-migrate-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tasks.sqlite');
  writeFileSync(path, '');
  return path;
}

// biome-ignore lint/suspicious/noExplicitAny: rows are compared with literals.
function rowsOf(path: string, sql: string): any[] {
  const database = new Database(path);
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** Tables, indexes and triggers as they are defined. */
function schemaOf(path: string) {
  return rowsOf(path, "SELECT type, name, sql FROM sqlite_master WHERE sql <> '' ORDER BY type, name");
}

/** Its own tables, without those in which the query builder counts migrations. */
function tablesOf(path: string): readonly string[] {
  return rowsOf(
    path,
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'periodic%' AND name NOT LIKE 'periodic_migration%' ORDER BY name",
  ).map(({ name }) => name);
}

const TABLES = [
  'periodic_audit',
  'periodic_node',
  'periodic_run',
  'periodic_schema',
  'periodic_task',
  'periodic_task_node',
  'periodic_task_state',
  'periodic_task_tag',
  'periodic_tick',
];

describe('migrating an empty file', () => {
  test('runs every migration of the folder, in order, and says so', async () => {
    const path = emptyFile();
    expect(await migrationStatus(path)).toEqual({ done: [], pending: NAMES });
    expect(schemaOf(path)).toEqual([]);
    expect(await migrateSqlite(path)).toEqual(NAMES);
    expect(await migrationStatus(path)).toEqual({ done: NAMES, pending: [] });
    expect(tablesOf(path)).toEqual(TABLES);
  });

  test('sets up one task, which prunes the history', async () => {
    const path = emptyFile();
    await migrateSqlite(path);
    expect(
      rowsOf(
        path,
        'SELECT name, active, module, schedule_kind, schedule, timezone, scope FROM periodic_task',
      ),
    ).toEqual([
      {
        name: 'prune_history',
        active: 1,
        module: 'prune_history',
        schedule_kind: 'cron',
        schedule: 'H H(0-5) * * *',
        timezone: 'UTC',
        scope: 'one',
      },
    ]);
    expect(rowsOf(path, 'SELECT node FROM periodic_task_node')).toEqual([{ node: '*' }]);
    expect(rowsOf(path, 'SELECT DISTINCT actor FROM periodic_audit')).toEqual([{ actor: 'migration' }]);
  });

  test('that holds a table of that name from elsewhere changes nothing', async () => {
    const path = emptyFile();
    const database = new Database(path);
    database.exec('CREATE TABLE periodic_tick (mine TEXT)');
    database.close();
    const before = schemaOf(path);
    await expect(migrateSqlite(path)).rejects.toThrow('table `periodic_tick` already exists');
    expect(schemaOf(path)).toEqual(before);
  });
});

describe('migrating a database that is in use', () => {
  async function openStocked() {
    const database = await openVirtualDatabase('12:00');
    database.addTask({ name: 'backup', nodes: ['alpha', 'beta'] });
    database.sql.exec(
      `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, trigger_kind, status, created_at)
       VALUES ('t-1', 1, 'backup', 'command', 'alpha', 'alpha', 'manual', 'failed', '2026-03-10T12:00:00.000Z')`,
    );
    const content = () =>
      Object.fromEntries(
        TABLES.map((table) => [table, database.sql.prepare(`SELECT * FROM ${table}`).all()]),
      );
    return { ...database, content };
  }

  test('once more runs nothing and keeps every row', async () => {
    const { path, content } = await openStocked();
    const before = content();
    expect(before).toMatchObject({ periodic_task: [{ name: 'backup' }], periodic_run: [{ token: 't-1' }] });
    expect(before['periodic_task_state']).toContainEqual(expect.objectContaining({ scope_key: 'beta' }));
    expect(await migrateSqlite(path)).toEqual([]);
    expect(content()).toEqual(before);
  });

  test('down leaves nothing of it, and up again gives the same schema, which works', async () => {
    const { path, content, addTask, stateRow } = await openStocked();
    const before = schemaOf(path);
    await writeWithKnex(path, (knex) => knex.migrate.rollback(migrationConfig, true));
    expect(tablesOf(path)).toEqual([]);
    expect(rowsOf(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")).toEqual([]);
    expect(await migrationStatus(path)).toEqual({ done: [], pending: NAMES });
    expect(await migrateSqlite(path)).toEqual(NAMES);
    expect(schemaOf(path)).toEqual(before);
    expect(content()).toMatchObject({ periodic_task: [{ name: 'prune_history' }], periodic_run: [] });
    addTask({ name: 'mirror' });
    expect(stateRow('mirror')).toMatchObject({
      scope_key: 'alpha',
      counted_from: '2026-03-10T12:00:00.000Z',
    });
  });
});

describe('migrating by several processes', () => {
  test('at once on a new file gives one schema: one of them runs it, the others wait and find it done', async () => {
    const world = openProgramWorld();
    const calls = Array.from({ length: 8 }, () => world.start('migrate', '--json').ended);
    const ends = await Promise.all(calls);
    const note = `periodic-cron: created the database ${world.databasePath}\n`;
    expect(ends.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: 8 }, () => 0));
    expect(ends.map(({ err }) => err).sort()).toEqual(['', '', '', '', '', '', '', note]);
    const ran = ends.map(({ out }) => JSON.parse(out).ran as readonly string[]);
    expect(ran.filter((names) => names.length > 0)).toEqual([NAMES]);
    expect(rowsOf(world.databasePath, 'SELECT version FROM periodic_schema')).toEqual([{ version: 1 }]);
    expect(rowsOf(world.databasePath, 'SELECT name FROM periodic_task')).toEqual([{ name: 'prune_history' }]);
    expect(rowsOf(world.databasePath, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  }, 60_000);

  test('of which one is killed before its end leaves nothing half done, and the next does all of it', async () => {
    const world = openProgramWorld();
    const marker = join(world.folder, 'all-tables-made');
    const killed = startHanging(world, marker);
    await expect.poll(() => existsSync(marker), { timeout: 30_000 }).toBe(true);
    expect(schemaOf(world.databasePath)).toEqual([]);
    process.kill(Number(readFileSync(marker, 'utf8')), 'SIGKILL');
    expect(await killed).toMatchObject({ signal: 'SIGKILL' });
    expect(schemaOf(world.databasePath)).toEqual([]);
    const next = await world.call('migrate');
    expect(next).toMatchObject({ exitCode: 0, err: '' });
    expect(next.out).toBe(`${NAMES.map((name) => `ran ${name}\n`).join('')}the schema has version 1\n`);
    expect(tablesOf(world.databasePath)).toEqual(TABLES);
    expect(rowsOf(world.databasePath, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  }, 60_000);
});

/** Starts a migration that, once its last statement has run, writes its process id to the file and never commits. */
function startHanging(world: ProgramWorld, marker: string) {
  const up = 'export async function up(knex)';
  const hanging = `
    import { writeFileSync } from 'node:fs';
    export async function up(knex) {
      await migrate(knex);
      writeFileSync(${JSON.stringify(marker)}, String(process.pid));
      await new Promise(() => setInterval(() => undefined, 1000));
    }`;
  const hooks = `export async function load(url, context, next) {
    const loaded = await next(url, context);
    return url.endsWith(${JSON.stringify(`/migrations/${NAMES.at(-1)}.js`)})
      ? { ...loaded, source: String(loaded.source).replace(${JSON.stringify(up)}, 'async function migrate(knex)') + ${JSON.stringify(hanging)} }
      : loaded;
  }`;
  const preload = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hooks))});`;
  return world.shell(`NODE_OPTIONS='--import=${dataUrl(preload)}' exec $PROGRAM migrate`);
}

function dataUrl(code: string): string {
  return `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
}

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writeWithKnex } from '../../src/store/knex.ts';
import { migrateDatabase, migrationStatus } from '../../src/store/migrate.ts';
import { migrationConfig, SCHEMA_VERSION } from '../../src/store/migrations.ts';
import { packageRoot } from '../../src/store/package-root.ts';
import { openProgramWorld, type ProgramWorld } from '../support/processes.ts';
import { openVirtualDatabase, pathOf, sqliteAt } from '../support/virtual-database.ts';

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
  'periodic_counter',
  'periodic_maintenance',
  'periodic_node',
  'periodic_resource',
  'periodic_resource_state',
  'periodic_run',
  'periodic_schema',
  'periodic_stat',
  'periodic_task',
  'periodic_task_node',
  'periodic_task_state',
  'periodic_task_tag',
  'periodic_tick',
];

describe('migrating an empty file', () => {
  test('runs every migration of the folder, in order, and says so', async () => {
    const path = emptyFile();
    expect(await migrationStatus(sqliteAt(path))).toEqual({ done: [], pending: NAMES });
    expect(schemaOf(path)).toEqual([]);
    expect(await migrateDatabase(sqliteAt(path))).toEqual(NAMES);
    expect(await migrationStatus(sqliteAt(path))).toEqual({ done: NAMES, pending: [] });
    expect(tablesOf(path)).toEqual(TABLES);
  });

  test('sets up one task, which prunes the history', async () => {
    const path = emptyFile();
    await migrateDatabase(sqliteAt(path));
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
    await expect(migrateDatabase(sqliteAt(path))).rejects.toThrow('table `periodic_tick` already exists');
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
    return { ...database, path: pathOf(database), content };
  }

  test('once more runs nothing and keeps every row', async () => {
    const { path, content } = await openStocked();
    const before = content();
    expect(before).toMatchObject({ periodic_task: [{ name: 'backup' }], periodic_run: [{ token: 't-1' }] });
    expect(before['periodic_task_state']).toContainEqual(expect.objectContaining({ scope_key: 'beta' }));
    expect(await migrateDatabase(sqliteAt(path))).toEqual([]);
    expect(content()).toEqual(before);
  });

  test('down leaves nothing of it, and up again gives the same schema, which works', async () => {
    const { path, content, addTask, stateRow } = await openStocked();
    const before = schemaOf(path);
    await writeWithKnex(sqliteAt(path), (knex) => knex.migrate.rollback(migrationConfig, true));
    expect(tablesOf(path)).toEqual([]);
    expect(rowsOf(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")).toEqual([]);
    expect(await migrationStatus(sqliteAt(path))).toEqual({ done: [], pending: NAMES });
    expect(await migrateDatabase(sqliteAt(path))).toEqual(NAMES);
    expect(schemaOf(path)).toEqual(before);
    expect(content()).toMatchObject({ periodic_task: [{ name: 'prune_history' }], periodic_run: [] });
    addTask({ name: 'mirror' });
    expect(stateRow('mirror')).toMatchObject({
      scope_key: 'alpha',
      counted_from: '2026-03-10T12:00:00.000Z',
    });
  });
});

describe('migrating a database of version 1 that is in use', () => {
  const LATER_TABLES = [
    'periodic_counter',
    'periodic_maintenance',
    'periodic_resource',
    'periodic_resource_state',
    'periodic_stat',
  ];
  const FIRST_TABLES = TABLES.filter((table) => !LATER_TABLES.includes(table));

  /** Of each table, the columns of version 1 that every row has, in the order of its key. */
  type Content = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

  const STOCK = `
    UPDATE periodic_task SET created_at = '2026-01-01T00:00:00.000Z';
    INSERT INTO periodic_node (name, tick_no, timezone) VALUES ('alpha', 41, 'UTC'), ('beta', 100, 'UTC');
    INSERT INTO periodic_task (id, name, module, schedule_kind, schedule, scope, ordering) VALUES
      (10, 'backup', 'command', 'every', '5m', 'each', 3),
      (11, 'mirror', 'command', 'cron', '0 * * * *', 'one', 1),
      (12, 'tidy', 'command', 'manual', '', 'each', 0),
      (13, 'gone', 'command', 'manual', '', 'each', 0);
    INSERT INTO periodic_task_node (task_id, node) VALUES (10, 'alpha'), (10, 'beta'), (11, '*'), (12, 'alpha');
    INSERT INTO periodic_task_tag (task_id, tag) VALUES (10, 'nightly'), (11, 'nightly');
    DELETE FROM periodic_task WHERE id = 13;
    DELETE FROM periodic_task_state WHERE scope_key = '';
    UPDATE periodic_task_state SET epoch = 7, counted_from = '2026-01-01T00:00:00.000Z',
      handled_slot = '2026-11-21T08:00:00.000Z', next_slot = '2026-11-21T08:05:00.000Z',
      earliest_start = '2026-11-21T08:05:00.000Z', changed_at = '2026-01-01T00:00:00.000Z';
    UPDATE periodic_task_state SET failures = 2, retry_at = '2026-11-21T08:02:00.000Z', attempt = 1
      WHERE task_id = 10 AND scope_key = 'alpha';
    UPDATE periodic_task_state SET earliest_start = NULL, terminated_at = '2026-11-21T08:00:00.000Z'
      WHERE task_id = 10 AND scope_key = 'beta';
    UPDATE periodic_task_state SET earliest_start = '', module_state = '{"a":1}' WHERE task_id = 11;
    INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, live_node, trigger_kind, slot,
        status, created_at) VALUES
      ('t-1', 10, 'backup', 'command', 'alpha', 'alpha', NULL, 'schedule', '2026-11-21T08:00:00.000Z', 'failed',
        '2026-11-21T08:00:01.000Z'),
      ('t-2', 11, 'mirror', 'command', '*', 'beta', 'beta', 'manual', NULL, 'running', '2026-11-21T08:00:02.000Z');
    INSERT INTO periodic_tick (node, tick_no, tick_at, started_at)
      VALUES ('alpha', 41, '2026-11-21T08:00:00.000Z', '2026-11-21T08:00:01.000Z');`;

  async function openFirstVersion(): Promise<string> {
    const path = emptyFile();
    await writeWithKnex(sqliteAt(path), (knex) =>
      knex.migrate.up({ ...migrationConfig, name: '0001_create_tables' }),
    );
    change(path, STOCK);
    return path;
  }

  function change(path: string, sql: string): void {
    const database = new Database(path);
    database.exec(sql);
    database.close();
  }

  const goBack = (path: string) =>
    writeWithKnex(sqliteAt(path), async (knex) => {
      for (const _name of NAMES.slice(1)) {
        await knex.migrate.down(migrationConfig);
      }
    });

  function columnsOf(path: string): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(
      FIRST_TABLES.map((table) => [
        table,
        rowsOf(path, `PRAGMA table_info(${table})`).map(({ name }) => name),
      ]),
    );
  }

  function contentOf(path: string, columns: ReturnType<typeof columnsOf>): Content {
    return Object.fromEntries(
      Object.entries(columns)
        .filter(([table]) => table !== 'periodic_schema')
        .map(([table, names]) => [
          table,
          rowsOf(path, `SELECT ${names.join(', ')} FROM ${table} ORDER BY 1, 2`),
        ]),
    );
  }

  function versionsOf(path: string) {
    return rowsOf(path, 'SELECT version, oldest_version, database_id FROM periodic_schema');
  }

  test('keeps every row as it was, so that nothing is due that was not', async () => {
    const path = await openFirstVersion();
    const columns = columnsOf(path);
    const before = contentOf(path, columns);
    expect(Object.values(before).filter((rows) => rows.length === 0)).toEqual([]);
    expect(before['periodic_task_state']).toHaveLength(5);
    const [{ database_id }] = versionsOf(path);
    expect(await migrateDatabase(sqliteAt(path))).toEqual(NAMES.slice(1));
    expect(contentOf(path, columns)).toEqual(before);
    expect(versionsOf(path)).toEqual([{ version: SCHEMA_VERSION, oldest_version: 2, database_id }]);
  });

  test('gives every row the policies by which it runs as before', async () => {
    const path = await openFirstVersion();
    await migrateDatabase(sqliteAt(path));
    const distinct = (table: string, columns: string) =>
      rowsOf(path, `SELECT DISTINCT ${columns} FROM ${table}`);
    expect(
      distinct(
        'periodic_task',
        'anchor, first_delay_s, enabled_delay_s, random_offset_s, catch_up, catch_up_max, backoff, max_period_s, deactivate_after',
      ),
    ).toEqual([
      {
        anchor: 'slot',
        first_delay_s: null,
        enabled_delay_s: null,
        random_offset_s: 0,
        catch_up: 'latest',
        catch_up_max: 100,
        backoff: 'none',
        max_period_s: null,
        deactivate_after: '',
      },
    ]);
    expect(distinct('periodic_task_state', 'anchored_at, current_period_s, counted_tick, due_tick')).toEqual([
      { anchored_at: null, current_period_s: null, counted_tick: 0, due_tick: null },
    ]);
    expect(distinct('periodic_run', 'cancel_requested')).toEqual([{ cancel_requested: null }]);
  });

  test('wakes what rested because its kind was not known, and lets it count from now', async () => {
    const path = await openFirstVersion();
    change(
      path,
      `UPDATE periodic_task SET schedule_kind = 'ticks', schedule = '0' WHERE id IN (10, 11);
       UPDATE periodic_task_state SET epoch = 9, counted_from = '2026-01-01T00:00:00.000Z', earliest_start = NULL,
         first_slot = '2026-01-01T00:00:00.000Z'`,
    );
    await migrateDatabase(sqliteAt(path));
    const states = rowsOf(
      path,
      `SELECT task_id, scope_key, epoch, counted_from > '2026-01-02' AS is_new, first_slot, earliest_start, counted_tick
       FROM periodic_task_state ORDER BY 1, 2`,
    );
    const rests = { epoch: 9, is_new: 0, first_slot: '2026-01-01T00:00:00.000Z', earliest_start: null };
    const woken = { epoch: 10, is_new: 1, first_slot: null, earliest_start: '' };
    expect(states).toEqual([
      { task_id: 1, scope_key: '*', ...rests, counted_tick: 0 },
      { task_id: 10, scope_key: 'alpha', ...woken, counted_tick: 41 },
      { task_id: 10, scope_key: 'beta', ...woken, counted_tick: 100 },
      { task_id: 11, scope_key: '*', ...woken, counted_tick: 141 },
      { task_id: 12, scope_key: 'alpha', ...rests, counted_tick: 0 },
    ]);
  });

  test('lets changes by plain SQL count as those of the new version do', async () => {
    const path = await openFirstVersion();
    await migrateDatabase(sqliteAt(path));
    change(path, "UPDATE periodic_task SET anchor = 'finish' WHERE id = 10");
    expect(
      rowsOf(
        path,
        'SELECT epoch, counted_tick FROM periodic_task_state WHERE task_id = 10 ORDER BY scope_key',
      ),
    ).toEqual([
      { epoch: 8, counted_tick: 41 },
      { epoch: 8, counted_tick: 100 },
    ]);
  });

  test('and back loses the new columns only, and gives the schema of before', async () => {
    const path = await openFirstVersion();
    const columns = columnsOf(path);
    const parts = () => schemaOf(path).filter(({ type }) => type !== 'table');
    const before = { columns, parts: parts(), versions: versionsOf(path) };
    await migrateDatabase(sqliteAt(path));
    change(
      path,
      `UPDATE periodic_task SET schedule_kind = 'ticks', anchor = 'start', first_delay_s = 5, deactivate_after = 'x'
         WHERE id = 10;
       UPDATE periodic_task_state SET epoch = 20, anchored_at = '2026-11-21T08:00:00.000Z', current_period_s = 600,
         counted_tick = 5, due_tick = 8 WHERE task_id <> 1;
       UPDATE periodic_run SET cancel_requested = 'postponed'`,
    );
    const content = contentOf(path, columns);
    await goBack(path);
    expect(contentOf(path, columns)).toEqual(content);
    expect({ columns: columnsOf(path), parts: parts(), versions: versionsOf(path) }).toEqual(before);
    change(path, 'UPDATE periodic_task SET timeout_s = 5 WHERE id = 12');
    expect(rowsOf(path, 'SELECT epoch FROM periodic_task_state WHERE task_id = 12')).toEqual([{ epoch: 21 }]);
    expect(rowsOf(path, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(rowsOf(path, 'PRAGMA foreign_key_check')).toEqual([]);
  });

  test('and back, and up once more, never gives an id twice', async () => {
    const path = await openFirstVersion();
    const goForth = (file: string) => migrateDatabase(sqliteAt(file));
    for (const step of [goForth, goBack, goForth]) {
      await step(path);
      change(
        path,
        `INSERT INTO periodic_task (name, module, schedule_kind) VALUES ('next', 'command', 'manual');
         DELETE FROM periodic_task WHERE name = 'next'`,
      );
    }
    expect(
      rowsOf(path, "SELECT DISTINCT task_id FROM periodic_audit WHERE task_name = 'next' ORDER BY task_id"),
    ).toEqual([{ task_id: 14 }, { task_id: 15 }, { task_id: 16 }]);
    expect(rowsOf(path, 'SELECT id FROM periodic_run ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
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
    expect(rowsOf(world.databasePath, 'SELECT version FROM periodic_schema')).toEqual([
      { version: SCHEMA_VERSION },
    ]);
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
    expect(next.out).toBe(
      `${NAMES.map((name) => `ran ${name}\n`).join('')}the schema has version ${SCHEMA_VERSION}\n`,
    );
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

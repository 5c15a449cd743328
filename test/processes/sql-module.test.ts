import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DatabaseLocation } from '../../src/config/config.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { connectTo } from '../../src/store/connect.ts';
import type { Engine } from '../../src/store/driver.ts';
import { newServerDatabase, reachableEngines, reachableServers } from '../support/engines.ts';
import { openStockedWorld, type ProgramSettings, processesOfRun } from '../support/processes.ts';
import { fullUrlOf } from '../support/server-databases.ts';

const BOUND = { timeout: 30_000 };

/** Statements that run until something ends them, or for five minutes. */
const ENDLESS: Readonly<Record<Engine, string>> = {
  sqlite:
    'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT count(*) FROM numbers',
  postgres: 'SELECT pg_sleep(300)',
  mariadb: 'SELECT benchmark(1000000000000, md5(1))',
};
const RUNNING = {
  postgres: "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(300)'",
  mariadb:
    "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT benchmark(%' AND db = database()",
};

async function openSqlWorld(engine: Engine, connection: (location: DatabaseLocation) => ProgramSettings) {
  const other = engine === 'sqlite' ? undefined : (await newServerDatabase(engine)).location;
  // The file's place is known only with the world's folder, from which a relative path counts.
  const sqlite = { engine: 'sqlite', url: 'sqlite:other.sqlite', path: '', origin: 'it' } as const;
  const world = await openStockedWorld({ connections: { it: connection(other ?? sqlite) } });
  const location: DatabaseLocation = other ?? { ...sqlite, path: join(world.folder, 'other.sqlite') };
  if (location.engine === 'sqlite') {
    writeFileSync(location.path, '');
  }
  const addSql = (
    name: string,
    options: JsonObject,
    columns: Readonly<Record<string, string | number>> = {},
  ) =>
    world.addTask({
      name,
      columns: {
        module: 'sql',
        options: JSON.stringify({ connection: 'it', ...options }),
        schedule_kind: 'manual',
        schedule: '',
        run_immediately: 1,
        ...columns,
      },
    });
  return { ...world, location, addSql, ask: (sql: string) => rowsOf(location, sql) };
}

const withUrl = (location: DatabaseLocation) => ({
  url: location.engine === 'sqlite' ? location.url : fullUrlOf(location),
});

async function rowsOf(location: DatabaseLocation, sql: string) {
  const driver = await connectTo(location, { create: false });
  try {
    return await driver.all(sql);
  } finally {
    await driver.close();
  }
}

describe.each(reachableEngines())('a task with statements on %s', (engine) => {
  test('changes the named database, and records what its statements said', async () => {
    const world = await openSqlWorld(engine, withUrl);
    world.addSql('fill', {
      statements: [
        'CREATE TABLE item (id INT PRIMARY KEY)',
        'INSERT INTO item VALUES (1), (2)',
        'SELECT id FROM item ORDER BY id',
      ],
      max_rows: 1,
    });
    expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, out: '', err: '' });
    const [row] = world.runRows();
    expect(JSON.parse(String(row?.['result']))).toEqual({
      statements: [{ rows_affected: 0 }, { rows_affected: 2 }, { rows: [{ id: 1 }], truncated: true }],
    });
    expect(await world.ask('SELECT id FROM item ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test('fails with the number of its statement and the words of the engine, without a stack', async () => {
    const world = await openSqlWorld(engine, withUrl);
    world.addSql('wrong', { statements: ['SELECT 1', 'SELEKT 2'] });
    const { exitCode, err } = await world.call('run_scheduled', '-c');
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/failed: statement 2: .*SELEKT/)]);
    const run = String(world.runRows()[0]?.['id']);
    const { out } = await world.call('output', run);
    expect(out).toMatch(/info statement 1: 1 row\n/);
    expect(out).not.toMatch(/^ +at /m);
  });

  test('is ended at its time limit, on the server as well, and undone', async () => {
    const world = await openSqlWorld(engine, withUrl);
    world.addSql('prepare', { statements: 'CREATE TABLE item (id INT)' }, { ordering: 1 });
    world.addSql(
      'slow',
      { statements: ['INSERT INTO item VALUES (1)', ENDLESS[engine]] },
      { ordering: 2, timeout_s: 3, kill_grace_s: 600 },
    );
    const { err } = await world.call('run_scheduled', '-c');
    expect(err).toMatch(/task "slow", slot \S+ timed_out/);
    expect(processesOfRun(world)).toEqual([]);
    expect(await world.ask('SELECT id FROM item')).toEqual([]);
    if (engine !== 'sqlite') {
      await expect.poll(() => world.ask(RUNNING[engine]), BOUND).toEqual([]);
    }
  });
});

describe.each(reachableServers())('the password of a connection to %s', (engine) => {
  test('comes from a variable that no task gets, and stands nowhere else', async () => {
    const PASSWORD = 'pass-7-word';
    const world = await openSqlWorld(engine, (location) => ({
      url: location.url,
      password: 'env:SQL_MODULE_PASSWORD',
    }));
    world.addSql('slow', { statements: ENDLESS[engine] }, { ordering: 1, timeout_s: 300, kill_grace_s: 5 });
    const runner = world.shell(
      `SQL_MODULE_PASSWORD='${PASSWORD}' exec $PROGRAM run_scheduled -c --parallel 1 2>&1`,
    );
    await expect.poll(() => processesOfRun(world).length, BOUND).toBe(1);
    const [pid = 0] = processesOfRun(world);
    const seen = ['environ', 'cmdline']
      .map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8'))
      .join('\n');
    expect(seen).toContain('PERIODIC_CRON_RUN_ID=');
    expect(seen).not.toContain(PASSWORD);
    expect(seen).not.toContain('SQL_MODULE_PASSWORD');
    process.kill(pid, 'SIGKILL');
    const { out } = await runner;
    expect(`${out}${JSON.stringify(world.runRows())}`).not.toContain(PASSWORD);
  });
});

test('a connection that is unknown here fails with its name, and nothing is created', async () => {
  const world = await openSqlWorld('sqlite', () => ({ url: 'sqlite:none.sqlite' }));
  world.addSql('unknown', { connection: 'itt', statements: 'SELECT 1' }, { ordering: 1 });
  world.addSql('missing', { statements: 'SELECT 1' }, { ordering: 2 });
  const { exitCode, err } = await world.call('run_scheduled', '-c');
  expect(exitCode).toBe(1);
  expect(err).toContain('options.connection: expected one of it, got "itt" (did you mean it?)');
  const path = join(world.folder, 'none.sqlite');
  expect(err).toContain(`connection it: expected a database file at ${path} that is there and can be read`);
  expect(existsSync(path)).toBe(false);
});

test('a task that names an unknown connection is refused when it is written', async () => {
  const world = await openSqlWorld('sqlite', withUrl);
  const words = ['--module', 'sql', '-o', 'connection=itt', '-o', 'statements=SELECT 1', '--manual'];
  expect(await world.call('add', 'unknown', ...words)).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('options.connection: expected one of it, got "itt" (did you mean it?)'),
  });
});

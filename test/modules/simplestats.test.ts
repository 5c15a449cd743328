import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DatabaseLocation } from '../../src/config/config.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { TaskContext } from '../../src/modules/module.ts';
import { checkOptions } from '../../src/modules/options.ts';
import { simplestatsModule } from '../../src/modules/shipped/simplestats.ts';
import { faultsOfQueries, simplestatsOptions } from '../../src/modules/shipped/simplestats-options.ts';
import { connectTo } from '../../src/store/connect.ts';
import type { Engine } from '../../src/store/driver.ts';
import { newServerDatabase, reachableEngines, reachableServers } from '../support/engines.ts';
import type { ServerEngine } from '../support/servers.ts';

const AT = Date.parse('2026-03-10T12:30:00.123Z');

async function newDatabase(engine: Engine): Promise<DatabaseLocation> {
  const location = engine === 'sqlite' ? newFile() : (await newServerDatabase(engine)).location;
  return JSON.parse(JSON.stringify(location));
}

function newFile(): DatabaseLocation {
  const folder = mkdtempSync(join(tmpdir(), 'simplestats-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'data.sqlite');
  writeFileSync(path, '');
  return { engine: 'sqlite', url: `sqlite:${path}`, path, origin: 'connection it' };
}

type Written = { readonly key: string; readonly value: number; readonly at: string | undefined };

async function run(
  options: JsonObject,
  lent: JsonObject,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly written: readonly Written[]; readonly result: Promise<JsonValue> }> {
  const written: Written[] = [];
  const context = {
    signal,
    log: { info: () => undefined },
    stats: {
      recordAll: (values: Readonly<Record<string, number>>, at?: Date) => {
        for (const [key, value] of Object.entries(values)) {
          written.push({ key, value, at: at?.toISOString() });
        }
        return Promise.resolve();
      },
    },
  };
  const parsed = simplestatsOptions.parse(options);
  const result = simplestatsModule.run(parsed, context as unknown as TaskContext, {
    at: AT,
    numbers: {},
    locations: {},
    ...lent,
  });
  await Promise.allSettled([result]);
  return { written, result };
}

/** Options with queries on the one database of a test. */
function asking(statements: Readonly<Record<string, string>>): JsonObject {
  const queries = Object.entries(statements).map(
    ([name, statement]) => [name, { connection: 'it', statement }] as const,
  );
  return { queries: Object.fromEntries(queries) };
}

describe('the numbers of the installation', () => {
  test('become statistics of one instant, with the prefix before their names', async () => {
    const { written, result } = await run(
      { tasks: true, nodes: true, stats_prefix: 'cron_' },
      { numbers: { tasks: 7, nodes: 2 } },
    );
    expect(await result).toEqual({ cron_tasks: 7, cron_nodes: 2 });
    expect(written).toEqual([
      { key: 'cron_tasks', value: 7, at: '2026-03-10T12:30:00.123Z' },
      { key: 'cron_nodes', value: 2, at: '2026-03-10T12:30:00.123Z' },
    ]);
  });
});

const SMALL = { sqlite: '0.5', postgres: '0.5::numeric', mariadb: '0.5' };

describe.each(reachableEngines())('queries on %s', (engine) => {
  const lent = async () => ({
    locations: { it: (await newDatabase(engine)) as unknown as JsonObject },
  });

  test('give whole numbers, decimals and large ones', async () => {
    const { result } = await run(
      asking({
        count: 'SELECT count(*) FROM (SELECT 1 AS n UNION ALL SELECT 2) AS two',
        small: `SELECT ${SMALL[engine]}`,
        sum: 'SELECT sum(n) FROM (SELECT 1 AS n UNION ALL SELECT 2) AS two',
        large: 'SELECT 9007199254740994',
      }),
      await lent(),
    );
    expect(await result).toEqual({ count: 2, small: 0.5, sum: 3, large: 9_007_199_254_740_994 });
  });

  test('write nothing when one of them is at fault, and every fault is named', async () => {
    const { written, result } = await run(
      asking({
        fine: 'SELECT 1',
        empty: 'SELECT 1 FROM (SELECT 1 AS n) AS one WHERE n = 2',
        many: 'SELECT 1 UNION ALL SELECT 2',
        wide: 'SELECT 1 AS a, 2 AS b',
        nothing: 'SELECT NULL',
        words: "SELECT 'three'",
        wrong: 'SELEKT 1',
      }),
      await lent(),
    );
    const error = await result.catch((thrown: unknown) => thrown as Error);
    const message = error instanceof Error ? error.message : '';
    expect(message.replace(/query "wrong": .*/, '…')).toBe(
      'nothing was written: query "empty": expected one row with one number, got none; ' +
        'query "many": expected one row with one number, got more than that; ' +
        'query "wide": expected one column, got 2; ' +
        'query "nothing": expected a number, got NULL; ' +
        'query "words": expected a number, got "three"; …',
    );
    expect(message).toMatch(/query "wrong": .*SELEKT/);
    expect(written).toEqual([]);
  });

  test('change nothing', async () => {
    const databases = await lent();
    const prepare = await run(asking({ made: 'CREATE TABLE item (n INT)' }), databases);
    await expect(prepare.result).rejects.toThrow('query "made": expected a statement that gives one row');
    const count = async () => (await run(asking({ count: 'SELECT count(*) FROM item' }), databases)).result;
    if (engine !== 'mariadb') {
      await expect(count()).rejects.toThrow(/item/);
      return;
    }
    // MariaDB commits what changes the schema, whatever it is asked for; rows go back as they were.
    const insert = await run(asking({ added: 'INSERT INTO item VALUES (1)' }), databases);
    await expect(insert.result).rejects.toThrow('query "added"');
    expect(await count()).toEqual({ count: 0 });
  });
});

const SLOW = { postgres: 'SELECT pg_sleep(30)', mariadb: 'SELECT sleep(30) FROM (SELECT 1) AS one' };

describe.each(reachableServers())('the signal, on %s,', (engine) => {
  test.each(['before the query has begun', 'while it runs'])(
    'ends it %s, and nothing is written',
    async (when) => {
      const location = await newDatabase(engine);
      const locations = { it: location as unknown as JsonObject };
      const controller = new AbortController();
      const begun = process.hrtime.bigint();
      const running = run(asking({ slow: SLOW[engine] }), { locations }, controller.signal);
      if (when === 'while it runs') {
        await untilAsleep(engine, location);
      }
      controller.abort();
      const { written, result } = await running;
      await expect(result).rejects.toThrow();
      expect(written).toEqual([]);
      expect(Number(process.hrtime.bigint() - begun) / 1e9).toBeLessThan(20);
    },
  );
});

const ASLEEP = {
  postgres: "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
  mariadb:
    "SELECT 1 FROM information_schema.processlist WHERE db = database() AND info LIKE 'SELECT sleep(30)%'",
};

async function untilAsleep(engine: ServerEngine, location: DatabaseLocation): Promise<void> {
  const driver = await connectTo(location, { create: false });
  await expect.poll(() => driver.all(ASLEEP[engine]), { timeout: 10_000 }).toHaveLength(1);
  await driver.close();
}

test('a database that cannot be opened is a fault of each query that asks it', async () => {
  const locations = { it: { engine: 'sqlite', url: 'sqlite:/none/x', path: '/none/x', origin: 'here' } };
  const { result } = await run(asking({ one: 'SELECT 1', two: 'SELECT 2' }), { locations });
  await expect(result).rejects.toThrow(/query "one": .*\/none\/x.*; query "two": .*\/none\/x/);
});

describe('the options', () => {
  const check = (options: JsonObject) => checkOptions(simplestatsOptions, options);

  test('ask for a number or a query', async () => {
    expect(await check({ tasks: true })).toEqual([]);
    expect(await check(asking({ one: 'SELECT 1' }))).toEqual([]);
    expect(await check({ stats_prefix: 'x', tasks: false })).toMatchObject([
      { message: expect.stringContaining('expected at least one number that is true, or a query') },
    ]);
  });

  test('name each statistic once, and rightly', async () => {
    expect(await check({ tasks: true, ...asking({ 'tasks ': 'SELECT 1' }) })).toEqual([
      { field: 'options.queries.tasks ', message: expect.stringContaining('got "tasks" twice') },
    ]);
    expect(await check({ nodes: true, stats_prefix: 'x'.repeat(251) })).toMatchObject([
      { field: 'options.nodes', message: expect.stringContaining('got 256') },
    ]);
    expect(await check(asking({ '': 'SELECT 1' }))).toMatchObject([
      { message: expect.stringContaining('got none') },
    ]);
    expect(await check(asking({ one: ' ' }))).toMatchObject([
      {
        field: 'options.queries.one.statement',
        message: expect.stringContaining('expected an SQL statement'),
      },
    ]);
  });

  test('name connections of the configuration', () => {
    const options = { queries: { one: { connection: 'hous', statement: 'SELECT 1' }, two: 'SELECT 1' } };
    expect(faultsOfQueries(options, ['house'])).toEqual([
      {
        field: 'options.queries.one.connection',
        message: 'expected one of house, got "hous" (did you mean house?)',
      },
    ]);
    expect(faultsOfQueries(options, ['hous'])).toEqual([]);
  });
});

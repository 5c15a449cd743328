import { expect, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import {
  deleteStats,
  isStat,
  listStats,
  recordStats,
  statKeys,
  valuesOfStat,
} from '../../src/store/stats.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, sqliteOf } from '../support/virtual-database.ts';
import { plansOf, queriesOf } from './asked-statements.ts';

async function openStats(
  ...stats: ReadonlyArray<readonly [key: string, time: string, value: number]>
): Promise<Driver> {
  const driver = await openDriver(await openVirtualDatabase());
  for (const [key, time, value] of stats) {
    await recordStats(driver, [{ key, value, at: at(time) }]);
  }
  return driver;
}

const ALL = { since: undefined, until: undefined, limit: 100 };
const { signal } = new AbortController();

const valuesIn = async (driver: Driver, filter: Partial<typeof ALL> | { since: number } = {}) =>
  (await valuesOfStat(driver, { key: 'users', ...ALL, ...filter })).map(({ value }) => value);

test('a series keeps every value with its instant, several of one instant too', async () => {
  const driver = await openStats(
    ['users', '12:05:00', 0.1],
    ['users', '12:05:00', -1e-300],
    ['users', '12:06:00', 1e15 + 1],
  );
  expect(await valuesOfStat(driver, { key: 'users', ...ALL })).toEqual([
    { key: 'users', value: 0.1, at: at('12:05:00') },
    { key: 'users', value: -1e-300, at: at('12:05:00') },
    { key: 'users', value: 1e15 + 1, at: at('12:06:00') },
  ]);
});

test('the values of a span are the newest of it, its ends included', async () => {
  const driver = await openStats(
    ['users', '12:02', 2],
    ['users', '12:01', 1],
    ['users', '12:03', 3],
    ['users', '12:04', 4],
    ['Users', '12:02', 9],
  );
  expect(await valuesIn(driver)).toEqual([1, 2, 3, 4]);
  expect(await valuesIn(driver, { limit: 2 })).toEqual([3, 4]);
  expect(await valuesIn(driver, { since: at('12:02') })).toEqual([2, 3, 4]);
  const inside = { key: 'users', since: at('12:02'), until: at('12:03'), limit: 9 };
  expect((await valuesOfStat(driver, inside)).map(({ value }) => value)).toEqual([2, 3]);
});

test('the list tells of each statistic how many values it has, from when to when, and the latest', async () => {
  const driver = await openStats(
    ['users', '12:03', 3],
    ['users', '12:03', 33],
    ['users', '12:01', 1],
    ['Zone', '12:02', 2.5],
  );
  expect(await listStats(driver)).toEqual([
    { key: 'Zone', count: 1, firstAt: at('12:02'), lastAt: at('12:02'), lastValue: 2.5 },
    { key: 'users', count: 3, firstAt: at('12:01'), lastAt: at('12:03'), lastValue: 33 },
  ]);
});

async function keysOf(driver: Pick<Driver, 'all'>): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const key of statKeys(driver)) {
    keys.push(key);
  }
  return keys;
}

test('the names are each told once, in their order, and no other is a statistic', async () => {
  const driver = await openStats();
  expect(await keysOf(driver)).toEqual([]);
  for (const key of ['users', 'Zone', 'users', 'über', 'user', 'users']) {
    await recordStats(driver, [{ key, value: 1, at: at('12:00') }]);
  }
  expect(await keysOf(driver)).toEqual(['Zone', 'user', 'users', 'über']);
  expect([await isStat(driver, 'users'), await isStat(driver, 'Users')]).toEqual([true, false]);
});

test.runIf(testedEngine === 'sqlite')(
  'whether there is a statistic, and which there are, is found by steps within the index',
  async () => {
    const database = await openVirtualDatabase();
    const driver = await openDriver(database);
    const stats = Array.from({ length: 900 }, (_, index) => ({
      key: `s${index % 3}`,
      value: 1,
      at: at('12:00') + index,
    }));
    await recordStats(driver, stats);
    const asked = await queriesOf(driver, async (spied) => {
      await isStat(spied, 'nosuch');
      await keysOf(spied);
    });
    const byIndex = 'USING COVERING INDEX periodic_stat_stat_key_recorded_at_index';
    expect(plansOf(sqliteOf(database), asked)).toEqual([
      `SEARCH periodic_stat ${byIndex} (stat_key=?)`,
      // Of which it reads the first entry.
      `SCAN periodic_stat ${byIndex}`,
      ...Array(3).fill(`SEARCH periodic_stat ${byIndex} (stat_key>?)`),
    ]);
  },
);

test('deleting takes what came before an instant, or all, and nothing of another statistic', async () => {
  const driver = await openStats(
    ['users', '12:01', 1],
    ['users', '12:02', 2],
    ['users', '12:03', 3],
    ['logins', '12:01', 9],
  );
  expect(await deleteStats(driver, { key: 'users', before: at('12:02'), signal })).toBe(1);
  expect(await valuesIn(driver)).toEqual([2, 3]);
  expect(await deleteStats(driver, { key: 'users', before: undefined, signal: AbortSignal.abort() })).toBe(0);
  expect(await deleteStats(driver, { key: 'users', before: undefined, signal })).toBe(2);
  expect((await listStats(driver)).map(({ key }) => key)).toEqual(['logins']);
});

test('deleting goes on until nothing is left', async () => {
  const driver = await openStats();
  for (let from = 0; from < 2_500; from += 500) {
    const stats = Array.from({ length: 500 }, (_, index) => ({
      key: 'users',
      value: from + index,
      at: at('12:00'),
    }));
    await recordStats(driver, stats);
  }
  expect(await deleteStats(driver, { key: 'users', before: undefined, signal })).toBe(2_500);
});

test('values that are recorded together are all there, or none is', async () => {
  const driver = await openStats();
  const stats = Array.from({ length: 1_000 }, (_, index) => ({
    key: `s${index}`,
    value: index,
    at: at('12:00'),
  }));
  await recordStats(driver, stats);
  expect(await listStats(driver)).toHaveLength(1_000);
  const refused = { key: null as unknown as string, value: 1, at: at('12:01') };
  await expect(recordStats(driver, [{ key: 'users', value: 1, at: at('12:01') }, refused])).rejects.toThrow();
  expect(await valuesIn(driver)).toEqual([]);
});

import { expect, test } from 'vitest';
import { DAY_MS, type Instant, toText } from '../../src/core/instants.ts';
import type { Driver } from '../../src/store/driver.ts';
import { type HistoryLimits, pruneHistory } from '../../src/store/prune.ts';
import { recordStats } from '../../src/store/stats.ts';
import { testedEngine } from '../support/engines.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, sqliteOf } from '../support/virtual-database.ts';
import { plansOf, queriesOf } from './asked-statements.ts';

const NOW = Date.parse('2026-11-21T05:00:00.000Z');
const NO_LIMITS: HistoryLimits = { maxAgeDays: null, maxStatAgeDays: null, maxRuns: null, maxBytes: null };

async function openDatabase(): Promise<Driver> {
  return openDriver(await openVirtualDatabase());
}

/** Runs that were created so many days ago, oldest first, with ids from 1. */
async function addRuns(driver: Driver, ages: readonly number[], { output = '', live = false } = {}) {
  for (const age of ages) {
    await driver.run(
      `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, live_node, trigger_kind, status,
         created_at, output) VALUES (?, 1, 'old', 'command', 'alpha', 'alpha', ?, 'manual', ?, ?, ?)`,
      [
        `token-${age}`,
        live ? 'alpha' : null,
        live ? 'running' : 'succeeded',
        toText(NOW - age * DAY_MS),
        output,
      ],
    );
  }
}

async function addTick(driver: Driver, number: number, at: Instant) {
  await driver.run(
    `INSERT INTO periodic_tick (node, tick_no, tick_at, started_at) VALUES ('alpha', ?, ?, ?)`,
    [number, toText(at), toText(at)],
  );
}

async function agesLeft(driver: Driver): Promise<number[]> {
  const rows = await driver.all('SELECT created_at FROM periodic_run ORDER BY id');
  return rows.map((row) => (NOW - Date.parse(String(row['created_at']))) / DAY_MS);
}

function prune(
  driver: Driver,
  limits: Partial<HistoryLimits>,
  now = NOW,
  signal = new AbortController().signal,
) {
  return pruneHistory(driver, { limits: { ...NO_LIMITS, ...limits }, batchSize: 2, now, signal });
}

test('what is older than the age goes, in batches, with its ticks and audit entries', async () => {
  const driver = await openDatabase();
  await driver.run('DELETE FROM periodic_audit');
  await addRuns(driver, [200, 150, 120, 95, 91, 89, 1]);
  await addTick(driver, 1, NOW - 100 * DAY_MS);
  await addTick(driver, 2, NOW - DAY_MS);
  expect(await prune(driver, { maxAgeDays: 90 })).toEqual({
    runs: 5,
    ticks: 1,
    auditEntries: 0,
    statValues: 0,
    ageLeftOut: false,
  });
  expect(await agesLeft(driver)).toEqual([89, 1]);
});

test('the newest runs that the count allows stay', async () => {
  const driver = await openDatabase();
  await addRuns(driver, [5, 4, 3, 2, 1]);
  expect(await prune(driver, { maxRuns: 2 })).toMatchObject({ runs: 3 });
  expect(await agesLeft(driver)).toEqual([2, 1]);
});

test('the newest runs that the bytes allow stay', async () => {
  const driver = await openDatabase();
  await addRuns(driver, [4, 3, 2, 1], { output: 'x'.repeat(10_000) });
  expect(await prune(driver, { maxBytes: 25_000 })).toMatchObject({ runs: 2 });
  expect(await agesLeft(driver)).toEqual([2, 1]);
});

test('bytes are those of all that a run left behind, whatever its characters', async () => {
  const driver = await openDatabase();
  await addRuns(driver, [2, 1], { output: '€'.repeat(3_000) });
  await driver.run("UPDATE periodic_run SET late_result = ? WHERE token = 'token-1'", ['ü'.repeat(5_000)]);
  // 600 + 9,000 bytes in the older one, 10,000 more in the newer.
  expect(await prune(driver, { maxBytes: 29_200 })).toMatchObject({ runs: 0 });
  expect(await prune(driver, { maxBytes: 29_199 })).toMatchObject({ runs: 1 });
});

test.runIf(testedEngine === 'sqlite')(
  'what is old is found by an index, without reading what stays',
  async () => {
    const database = await openVirtualDatabase();
    const driver = await openDriver(database);
    const asked = await queriesOf(driver, (spied) => prune(spied, { maxAgeDays: 90 }));
    expect(plansOf(sqliteOf(database), asked)).toEqual([
      'SEARCH periodic_tick USING COVERING INDEX periodic_tick_started_at_index (started_at<?)',
      'SEARCH periodic_run USING INDEX periodic_run_created_at_index (created_at<?)',
      'SEARCH periodic_tick USING COVERING INDEX periodic_tick_started_at_index (started_at<?)',
      'SEARCH periodic_audit USING COVERING INDEX periodic_audit_changed_at_index (changed_at<?)',
    ]);
  },
);

test('a live run stays, whatever its age', async () => {
  const driver = await openDatabase();
  await addRuns(driver, [300], { live: true });
  await addRuns(driver, [200, 1]);
  expect(await prune(driver, { maxAgeDays: 90, maxRuns: 1 })).toMatchObject({ runs: 1 });
  expect(await agesLeft(driver)).toEqual([300, 1]);
});

test('nothing goes where no limit is set', async () => {
  const driver = await openDatabase();
  await addRuns(driver, [1_000]);
  expect(await prune(driver, {})).toMatchObject({ runs: 0 });
});

test('a clock that is ten years ahead for one tick deletes nothing for its age', async () => {
  const driver = await openDatabase();
  await addRuns(driver, [3, 2, 1]);
  await addTick(driver, 1, NOW);
  const ahead = NOW + 3_653 * DAY_MS;
  await addTick(driver, 2, ahead);
  expect(await prune(driver, { maxAgeDays: 90 }, ahead)).toEqual({
    runs: 0,
    ticks: 0,
    auditEntries: 0,
    statValues: 0,
    ageLeftOut: true,
  });
});

/** Values of so many days ago, of each statistic. */
async function addStats(driver: Driver, stats: Readonly<Record<string, readonly number[]>>) {
  const values = Object.entries(stats).flatMap(([key, ages]) =>
    ages.map((age) => ({ key, value: age, at: NOW - age * DAY_MS })),
  );
  await recordStats(driver, values);
}

async function statsLeft(driver: Driver) {
  const rows = await driver.all('SELECT stat_key, value FROM periodic_stat ORDER BY stat_key, value');
  return rows.map((row) => [row['stat_key'], row['value']]);
}

test('values of statistics stay unless an age is set for them; then those of all that are older go', async () => {
  const driver = await openDatabase();
  const old = Array.from({ length: 5 }, (_, index) => 400 + index);
  await addStats(driver, { logins: [...old, 366, 365, 1], gone: old, users: [2] });
  expect(await prune(driver, { maxAgeDays: 90 })).toMatchObject({ statValues: 0 });
  expect(await statsLeft(driver)).toHaveLength(14);
  await addRuns(driver, [400]);
  expect(await prune(driver, { maxStatAgeDays: 365 })).toEqual({
    runs: 0,
    ticks: 0,
    auditEntries: 0,
    statValues: 11,
    ageLeftOut: false,
  });
  expect(await statsLeft(driver)).toEqual([
    ['logins', 1],
    ['logins', 365],
    ['users', 2],
  ]);
  expect(await agesLeft(driver)).toEqual([400]);
});

test('a clock that is years ahead for one tick, and an aborted pruning, leave statistics', async () => {
  const driver = await openDatabase();
  await addStats(driver, { logins: [500, 1] });
  expect(await prune(driver, { maxStatAgeDays: 365 }, NOW, AbortSignal.abort())).toMatchObject({
    statValues: 0,
  });
  await addTick(driver, 1, NOW);
  const ahead = NOW + 3_653 * DAY_MS;
  await addTick(driver, 2, ahead);
  expect(await prune(driver, { maxStatAgeDays: 365 }, ahead)).toMatchObject({
    statValues: 0,
    ageLeftOut: true,
  });
  expect(await statsLeft(driver)).toHaveLength(2);
});

test('an aborted pruning stops before the next batch', async () => {
  const driver = await openDatabase();
  await addRuns(driver, [200, 150]);
  expect(await prune(driver, { maxAgeDays: 90 }, NOW, AbortSignal.abort())).toMatchObject({ runs: 0 });
});

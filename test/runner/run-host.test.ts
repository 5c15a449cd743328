import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type OpenRunHost, openRunHost } from '../../src/runner/run-host.ts';
import type { RunnerEvent } from '../../src/runner/runner.ts';
import { at, taskWith } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';
import { claimSlot } from '../support/virtual-runs.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

async function openHost(isLeased = false) {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const token = await claimSlot(driver, database.addTask({ name: 'backup' }), '12:05');
  const events: RunnerEvent[] = [];
  const node = {
    name: 'alpha',
    hostName: '',
    machineId: '',
    bootId: '',
    version: '',
    timezone: 'UTC',
    tzVersion: '',
  };
  const clock = () => at('12:06');
  const registry = () => Promise.reject(new Error('nothing here asks for modules'));
  const host = (over = driver): OpenRunHost =>
    openRunHost(
      { driver: over, node, clock, registry, onEvent: (event) => events.push(event) },
      { token, task: taskWith(), options: {}, isLeased },
    );
  const written = () => database.sql.prepare('SELECT progress_done AS done FROM periodic_run').get();
  return { database, driver, events, host, written };
}

describe('the progress of a run', () => {
  test('is told each time, and written at once, then no more than every two seconds, and at the end', async () => {
    const { host, events, driver, written } = await openHost();
    const run = host();
    run.progress({ done: 1, total: 9 });
    run.progress({ done: 2, total: 9 });
    run.progress({ done: 3, total: 9 });
    expect(events).toEqual(
      [1, 2, 3].map((done) => ({ kind: 'progress', task: 'backup', progress: { done, total: 9 } })),
    );
    await run.dispose();
    expect(written()).toEqual({ done: 3 });

    const seen: unknown[] = [];
    const other = host({
      ...driver,
      run: (sql, params) => {
        seen.push(params?.[0]);
        return driver.run(sql, params);
      },
    });
    other.progress({ done: 4, total: 9 });
    other.progress({ done: 5, total: 9 });
    vi.advanceTimersByTime(2_000);
    other.progress({ done: 6, total: 9 });
    other.progress({ done: 7, total: 9 });
    await other.dispose();
    expect(seen).toEqual([4, 5, 7]);
    expect(written()).toEqual({ done: 7 });
    await other.dispose();
    expect(seen).toHaveLength(3);
  });

  test('that cannot be written is forgotten', async () => {
    const { host, driver, written } = await openHost();
    const run = host({ ...driver, run: () => Promise.reject(new Error('away')) });
    run.progress({ done: 1, total: 9 });
    await run.dispose();
    expect(written()).toEqual({ done: null });
  });
});

test('what a run counts and records stands under its node, by the clock of the runner unless it says otherwise', async () => {
  const { host, database } = await openHost();
  const run = host();
  await run.incrementCounter('seen', 3);
  await run.recordStats([{ key: 'users', value: 7.5 }], undefined);
  const both = [
    { key: 'users', value: 8 },
    { key: 'load', value: 0.5 },
  ];
  await run.recordStats(both, at('11:00'));
  await run.recordStats([], undefined);
  expect(database.sql.prepare('SELECT name, node, value FROM periodic_counter').all()).toEqual([
    { name: 'seen', node: 'alpha', value: 3 },
  ]);
  expect(
    database.sql.prepare('SELECT stat_key, recorded_at, value FROM periodic_stat ORDER BY id').all(),
  ).toEqual([
    { stat_key: 'users', recorded_at: '2026-03-10T12:06:00.000Z', value: 7.5 },
    { stat_key: 'users', recorded_at: '2026-03-10T11:00:00.000Z', value: 8 },
    { stat_key: 'load', recorded_at: '2026-03-10T11:00:00.000Z', value: 0.5 },
  ]);
});

test.each([
  [false, true],
  [true, false],
])('with a lease (%s) and the database away a run still counts as its own: %s', async (isLeased, isMine) => {
  const { host, driver } = await openHost(isLeased);
  expect(await host({ ...driver, all: () => Promise.reject(new Error('away')) }).stillMine()).toBe(isMine);
});

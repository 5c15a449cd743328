import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DatabaseError } from '../../src/core/errors.ts';
import { type CancelWatch, watchCancel } from '../../src/runner/cancel-watch.ts';
import type { Driver } from '../../src/store/driver.ts';
import { requestCancel } from '../../src/store/live-runs.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';
import { claimSlot } from '../support/virtual-runs.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});

afterEach(() => {
  vi.useRealTimers();
});

type World = {
  readonly database: VirtualDatabase;
  readonly driver: Driver;
  readonly token: string;
  /** What the watch asked the database. */
  readonly looks: string[];
  /** What the next look meets instead of the database. */
  readonly trouble: { error: Error | undefined };
  readonly watch: CancelWatch;
  readonly runner: AbortController;
};

/** A live run, and a watch over it. */
async function openWatched(): Promise<World> {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const token = await claimSlot(driver, database.addTask({ name: 'backup' }), '12:05');
  const looks: string[] = [];
  const trouble: World['trouble'] = { error: undefined };
  const watched: Driver = {
    ...driver,
    all: (sql, params) => {
      looks.push(sql);
      const look = trouble.error === undefined ? driver.all(sql, params) : Promise.reject(trouble.error);
      lastLook = look.catch(() => undefined);
      return look;
    },
  };
  const runner = new AbortController();
  const watch = watchCancel({ driver: watched, cancel: runner.signal }, token);
  onTestFinished(watch.dispose);
  return { database, driver, token, looks, trouble, watch, runner };
}

let lastLook: Promise<unknown> = Promise.resolve();

/** Lets time pass for the watch; a server may take its own time to answer. */
async function pass(seconds: number): Promise<void> {
  for (let passedMs = 0; passedMs < seconds * 1_000; passedMs += 100) {
    await vi.advanceTimersByTimeAsync(100);
    await lastLook;
  }
  await vi.advanceTimersByTimeAsync(0);
}

describe('a watch over a live run', () => {
  test('looks every two seconds, and not for a task that is done sooner', async () => {
    const { watch, looks } = await openWatched();
    await pass(1.9);
    expect(looks).toHaveLength(0);
    await pass(4.2);
    expect(looks).toHaveLength(3);
    expect(watch.signal.aborted).toBe(false);
  });

  test('aborts with the reason of whoever asks', async () => {
    const { driver, token, watch } = await openWatched();
    await pass(2);
    expect(watch.signal.aborted).toBe(false);
    await requestCancel(driver, token, 'postponed');
    await pass(2);
    expect(watch.signal.aborted).toBe(true);
    expect(watch.signal.reason).toBe('postponed');
  });

  test('aborts at once when the runner is told to end', async () => {
    const { watch, runner, looks } = await openWatched();
    runner.abort('shutdown');
    expect(watch.signal.reason).toBe('shutdown');
    expect(looks).toEqual([]);
  });

  test('is aborted from the start by a runner that was told to end before', async () => {
    const { driver, token } = await openWatched();
    const watch = watchCancel({ driver, cancel: AbortSignal.abort('shutdown') }, token);
    onTestFinished(watch.dispose);
    expect(watch.signal.reason).toBe('shutdown');
  });

  test('ends nothing while the database is away, and looks on', async () => {
    const { driver, token, trouble, watch } = await openWatched();
    await requestCancel(driver, token, 'postponed');
    trouble.error = new DatabaseError('the disk is gone');
    await pass(4);
    expect(watch.signal.aborted).toBe(false);
    trouble.error = undefined;
    await pass(2);
    expect(watch.signal.reason).toBe('postponed');
  });

  test('looks no more when it is disposed of', async () => {
    const { driver, token, watch, looks } = await openWatched();
    watch.dispose();
    await requestCancel(driver, token, 'postponed');
    await pass(60);
    expect(looks).toEqual([]);
    expect(watch.signal.aborted).toBe(false);
  });

  test('does not listen to requests for another run', async () => {
    const { database, driver, watch } = await openWatched();
    const other = await claimSlot(driver, database.addTask({ name: 'other' }), '12:05');
    await requestCancel(driver, other, 'postponed');
    await pass(4);
    expect(watch.signal.aborted).toBe(false);
  });
});

test('a look that takes long is not joined by another', async () => {
  let answer = (): void => undefined;
  let looks = 0;
  const slow = new Promise<[]>((resolve) => {
    answer = () => resolve([]);
  });
  const driver = {
    all: () => {
      looks += 1;
      return slow;
    },
  };
  const watch = watchCancel(
    { driver: driver as unknown as Driver, cancel: new AbortController().signal },
    'token',
  );
  onTestFinished(watch.dispose);
  await pass(20);
  expect(looks).toBe(1);
  answer();
  await pass(2);
  expect(looks).toBe(2);
});

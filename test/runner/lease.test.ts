import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DatabaseError } from '../../src/core/errors.ts';
import { keepLease } from '../../src/runner/lease.ts';
import type { Driver } from '../../src/store/driver.ts';
import { at } from '../support/builders.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});

afterEach(() => {
  vi.useRealTimers();
});

type Answer = () => Promise<number>;

const ALIVE: Answer = () => Promise.resolve(1);
const GIVEN_UP: Answer = () => Promise.resolve(0);
const AWAY: Answer = () => Promise.reject(new DatabaseError('database postgres://db/x: gone'));
const SILENT: Answer = () => new Promise(() => undefined);

/** A lease that was taken at 12:00, over a database that answers each renewal as the test says. */
function openLease() {
  const world = { now: at('12:00'), answer: ALIVE, renewals: [] as number[] };
  const nothing = () => Promise.reject(new Error('expected renewals only'));
  const driver: Driver = {
    engine: 'postgres',
    all: nothing,
    transaction: nothing,
    close: () => Promise.resolve(),
    run: () => {
      world.renewals.push((world.now - at('12:00')) / 1_000);
      return world.answer();
    },
  };
  const lease = keepLease({ driver, clock: () => world.now }, { token: 'token', heldFrom: world.now });
  onTestFinished(lease.dispose);
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      world.now += 1_000;
      await vi.advanceTimersByTimeAsync(1_000);
    }
  };
  return { world, signal: lease.signal, lease, pass };
}

describe('a lease', () => {
  test('is renewed every 15 seconds while the task runs', async () => {
    const { world, signal, pass } = openLease();
    await pass(61);
    expect(world.renewals).toEqual([15, 30, 45, 60]);
    expect(signal.aborted).toBe(false);
  });

  test('that cannot be renewed stops the task 45 seconds after it was last held', async () => {
    const { world, signal, pass } = openLease();
    await pass(20);
    world.answer = AWAY;
    await pass(39);
    expect(signal.aborted).toBe(false);
    await pass(1);
    expect(signal.reason).toBe('lease_lost');
    expect(world.renewals).toEqual([15, 30, 35, 40, 45, 50, 55]);
  });

  test('counts from when a renewal was asked for, and waits for one answer at a time', async () => {
    const { world, signal, pass } = openLease();
    world.answer = SILENT;
    await pass(44);
    expect(signal.aborted).toBe(false);
    expect(world.renewals).toEqual([15]);
    await pass(1);
    expect(signal.reason).toBe('lease_lost');
  });

  test('of a run that the database calls dead stops the task at once', async () => {
    const { world, signal, pass } = openLease();
    world.answer = GIVEN_UP;
    await pass(15);
    expect(signal.reason).toBe('lease_lost');
  });

  test('outlives an outage that is shorter', async () => {
    const { world, signal, pass } = openLease();
    world.answer = AWAY;
    await pass(38);
    world.answer = ALIVE;
    await pass(120);
    expect(signal.aborted).toBe(false);
  });

  test('notices that the machine slept: elapsed time is what counts', async () => {
    const { world, signal, pass } = openLease();
    world.now += 3_600_000;
    await pass(1);
    expect(signal.reason).toBe('lease_lost');
  });

  test('is not renewed any more when the run is over', async () => {
    const { world, lease, pass } = openLease();
    lease.dispose();
    await pass(60);
    expect(world.renewals).toEqual([]);
  });
});

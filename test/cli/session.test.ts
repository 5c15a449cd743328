import { expect, test } from 'vitest';
import { readClock } from '../../src/cli/session.ts';
import type { Driver } from '../../src/store/driver.ts';
import { fakeIo } from './fake-io.ts';

const NOW = Date.UTC(2026, 10, 21, 1, 55);

function answering(engine: Driver['engine'], now_text: string): { readonly driver: Driver } {
  const fail = () => Promise.reject(new Error('expected one question'));
  const all = () => Promise.resolve([{ now_text }]);
  return { driver: { engine, all, run: fail, transaction: fail, close: fail } };
}

test('a shared database tells the time, and how far the clock of the machine is ahead of it', async () => {
  const store = answering('postgres', '2026-11-21T00:55:00.000Z');
  const { clock, clockOffsetMs } = await readClock(store, { io: fakeIo({ now: () => NOW }) });
  // The answer is older than the moment by half of the time that it took.
  expect(Math.abs((clockOffsetMs ?? 0) - 3_600_000)).toBeLessThan(1_000);
  expect(clock()).toBeGreaterThanOrEqual(Date.UTC(2026, 10, 21, 0, 55));
  expect(clock()).toBeLessThan(Date.UTC(2026, 10, 21, 1, 0));
});

test('with a file the clock is that of the machine', async () => {
  const store = answering('sqlite', 'never asked');
  const { clock, clockOffsetMs } = await readClock(store, { io: fakeIo({ now: () => NOW }) });
  expect(clockOffsetMs).toBeUndefined();
  expect(clock()).toBeGreaterThanOrEqual(NOW);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startClock, tickMinute } from '../../src/runner/clock.ts';
import { at } from '../support/builders.ts';

const machine = vi.hoisted(() => ({ monotonicMs: 0, uptimeS: 0 }));

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  uptime: () => machine.uptimeS,
}));

beforeEach(() => {
  machine.monotonicMs = 5_000;
  machine.uptimeS = 5;
  vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => BigInt(machine.monotonicMs) * 1_000_000n);
});

afterEach(() => {
  vi.restoreAllMocks();
});

function pass(ms: { readonly awake: number; readonly asleep: number }): void {
  machine.monotonicMs += ms.awake;
  machine.uptimeS += (ms.awake + ms.asleep) / 1_000;
}

test('the clock starts at the wall time and moves on by elapsed time', () => {
  const clock = startClock(at('12:00'));
  expect(clock()).toBe(at('12:00'));
  pass({ awake: 1_500, asleep: 0 });
  expect(clock()).toBe(at('12:00:01.500'));
});

test('the time that the machine sleeps counts', () => {
  const clock = startClock(at('12:00'));
  pass({ awake: 1_000, asleep: 3_600_000 });
  expect(clock()).toBe(at('13:00:01'));
});

test('the small steps in which the uptime comes are no sleep', () => {
  const clock = startClock(at('12:00'));
  pass({ awake: 1_000, asleep: 20 });
  expect(clock()).toBe(at('12:00:01'));
});

test('a wall clock that is set meanwhile changes nothing', () => {
  const clock = startClock(at('12:00'));
  vi.spyOn(Date, 'now').mockReturnValue(at('2036-01-01T00:00:00Z'));
  pass({ awake: 20, asleep: 0 });
  expect(clock()).toBe(at('12:00:00.020'));
});

test.each([
  ['12:05:00.000', 0, '12:05'],
  ['12:05:00.000', 1, '12:04'],
  ['12:05:59.999', 59_999, '12:05'],
  ['12:05:10.000', 50_000, '12:04'],
])('at %s, a process that is %i ms old ticks for %s', (now, ageMs, minute) => {
  expect(tickMinute(at(now), ageMs)).toBe(at(minute));
});

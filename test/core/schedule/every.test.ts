import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { toShortText } from '../../../src/core/instants.ts';
import { NEVER, parseEvery, periodicSlots, singleSlot } from '../../../src/core/schedule/every.ts';
import { slotsAfter } from '../../../src/core/schedule/next-slot.ts';

const BASE = Date.parse('2026-11-20T12:00:00Z');

function slots(text: string, from: string, count: number): readonly string[] {
  return slotsAfter(periodicSlots(BASE, parseEvery(text)), Date.parse(from), count).map(toShortText);
}

describe('parseEvery', () => {
  test.each([
    ['90s', 90],
    ['1h30m', 5_400],
    ['2d', 172_800],
    ['-1s', -1],
  ])('reads %s as %d seconds', (text, expected) => {
    expect(parseEvery(text)).toBe(expected);
  });

  test.each([
    [
      '0',
      'expected a period other than 0 (0 is replaced by the default spacing when a task is written), got "0"',
    ],
    [
      '0s',
      'expected a period other than 0 (0 is replaced by the default spacing when a task is written), got "0s"',
    ],
    ['', 'expected a duration such as 90s'],
    ['15', 'expected a duration such as 90s'],
    ['5x', 'expected a duration such as 90s'],
  ])('refuses %j', (text, message) => {
    expect(() => parseEvery(text)).toThrow(ScheduleError);
    expect(() => parseEvery(text)).toThrow(message);
  });
});

describe('periodicSlots', () => {
  test('counts whole periods from where it is counted', () => {
    expect(slots('90s', '2026-11-20T12:00:00Z', 4)).toEqual([
      '2026-11-20T12:01:30Z',
      '2026-11-20T12:03:00Z',
      '2026-11-20T12:04:30Z',
      '2026-11-20T12:06:00Z',
    ]);
  });

  test('keeps its phase whatever was missed', () => {
    expect(slots('1h', '2026-11-25T07:59:59.999Z', 1)).toEqual(['2026-11-25T08:00:00Z']);
    expect(slots('1h', '2026-11-25T08:00:00Z', 1)).toEqual(['2026-11-25T09:00:00Z']);
  });

  test('has no slot at or before the instant from which it counts', () => {
    expect(slots('1h', '2020-01-01T00:00:00Z', 1)).toEqual(['2026-11-20T13:00:00Z']);
    expect(slots('1h', '2026-11-20T11:59:59Z', 1)).toEqual(['2026-11-20T13:00:00Z']);
  });
});

describe('singleSlot', () => {
  const once = singleSlot(BASE);

  test('comes once, for every instant before it', () => {
    expect(slotsAfter(once, BASE - 1, 2)).toEqual([BASE]);
    expect(once.nextAfter(Date.parse('1970-01-01T00:00:00Z'))).toBe(BASE);
  });

  test('is over at its instant', () => {
    expect(once.nextAfter(BASE)).toBeUndefined();
    expect(once.nextAfter(BASE + 1)).toBeUndefined();
  });
});

test('a schedule that is never has no slot', () => {
  expect(NEVER.nextAfter(BASE)).toBeUndefined();
});

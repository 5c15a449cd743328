import { describe, expect, test } from 'vitest';
import { toShortText } from '../../../src/core/instants.ts';
import { parseWindow } from '../../../src/core/schedule/window.ts';

const HOUR = 3_600_000;

function closesAt(text: string, slot: string): string | undefined {
  const end = parseWindow(text, { timezone: 'UTC', hashSeed: '1' }).closesAt?.(Date.parse(slot));
  return end === undefined ? undefined : toShortText(end);
}

function spread(text: string, slot: string, hashSeed: string = '7'): number {
  const schedule = parseWindow(text, { timezone: 'UTC', hashSeed });
  return schedule.spreadMs?.(Date.parse(slot)) ?? 0;
}

describe('a slot may start', () => {
  test.each([
    ['until its range ends', '01:00-04:00', '2026-11-20T01:00:00Z', '2026-11-20T04:00:00Z'],
    ['over midnight too', '23:00-01:00 fri', '2026-11-21T00:30:00Z', '2026-11-21T01:00:00Z'],
    ['until its day ends', '* fri', '2026-11-20T00:00:00Z', '2026-11-20T23:59:59.999Z'],
    ['until the run of days ends', '@1d mon-fri', '2026-11-16T10:00:00Z', '2026-11-20T23:59:59.999Z'],
    [
      'until the longest of its ranges ends',
      '01:00-04:00,02:00-06:00',
      '2026-11-20T03:00:00Z',
      '2026-11-20T06:00:00Z',
    ],
    ['until the year ends', '@1d * 2-52', '2026-01-05T00:00:00Z', '2026-12-27T23:59:59.999Z'],
  ])('%s: %s', (_name, text, slot, expected) => {
    expect(closesAt(text, slot)).toBe(expected);
  });

  test.each([
    ['where it is a time alone', '09:00', '2026-11-20T09:00:00Z'],
    ['where it is a time alone as well', '08:00-10:00,09:00', '2026-11-20T09:00:00Z'],
    ['where every day is allowed', '@1d', '2026-11-20T09:00:00Z'],
    ['where every day turns out to be allowed', '@1d mon-fri,sat-sun', '2026-11-20T09:00:00Z'],
    ['where no range holds it', '01:00-04:00', '2026-11-20T09:00:00Z'],
  ])('at any time %s: %s', (_name, text, slot) => {
    expect(closesAt(text, slot)).toBeUndefined();
  });
});

describe('a spread', () => {
  const slots = Array.from({ length: 400 }, (_, day) =>
    new Date(Date.UTC(2026, 0, 1 + day, 1)).toISOString(),
  );

  test('lies within its range, in whole seconds, one second before its end at the latest', () => {
    const spreads = slots.map((slot) => spread('~01:00-04:00', slot));
    expect(Math.min(...spreads)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...spreads)).toBeLessThan(3 * HOUR - 1_000);
    expect(spreads.every((ms) => ms % 1_000 === 0)).toBe(true);
  });

  test('uses the whole range, and differs between tasks', () => {
    const thirds = slots.map((slot) => Math.floor(spread('~01:00-04:00', slot) / HOUR));
    for (const third of [0, 1, 2]) {
      expect(thirds.filter((one) => one === third).length).toBeGreaterThan(90);
    }
    const [slot = ''] = slots;
    expect(spread('~01:00-04:00', slot, '7/a')).not.toBe(spread('~01:00-04:00', slot, '7/b'));
  });

  test('is the same at any time', () => {
    expect(spread('~01:00-04:00', '2026-11-20T01:00:00Z')).toBe(807_000);
  });

  test('of a whole day stays within that day', () => {
    for (const day of ['2026-11-16', '2026-11-17', '2026-11-18']) {
      expect(spread('~* mon-fri', `${day}T20:00:00Z`)).toBeLessThan(4 * HOUR - 1_000);
    }
  });

  test.each([
    ['without ~', '01:00-04:00', '2026-11-20T01:00:00Z'],
    ['for a time alone', '~09:00', '2026-11-20T09:00:00Z'],
    ['for an interval shorter than the range', '~01:00-04:00@1h', '2026-11-20T01:00:00Z'],
    ['where less than a second remains', '~01:00-04:00', '2026-11-20T04:00:00Z'],
    ['where no range holds the slot', '~01:00-04:00', '2026-11-20T05:00:00Z'],
    ['where a range without ~ holds the slot as well', '["~01:00-04:00", "02:00"]', '2026-11-20T02:00:00Z'],
  ])('is none %s: %s', (_name, text, slot) => {
    expect(spread(text, slot)).toBe(0);
  });
});

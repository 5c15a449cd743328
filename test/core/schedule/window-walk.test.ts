import { describe, expect, test } from 'vitest';
import { toShortText } from '../../../src/core/instants.ts';
import { parseWindow } from '../../../src/core/schedule/window.ts';

const AFTER = Date.parse('2016-01-01T00:00:00Z');
const UP_TO = Date.parse('2026-01-01T00:00:00Z');

function folded(text: string, limit: number = Number.POSITIVE_INFINITY, timezone: string = 'Europe/Berlin') {
  const schedule = parseWindow(text, { timezone, hashSeed: '1' });
  const newest = schedule.newestIn?.(AFTER, UP_TO);
  const newestText = newest === undefined ? undefined : toShortText(newest);
  return { newest: newestText, count: schedule.countIn?.(AFTER, UP_TO, limit) };
}

describe('ten years of slots are folded without visiting each:', () => {
  test.each([
    ['@1s', '2026-01-01T00:00:00Z', 315_619_200],
    ['*@1m', '2026-01-01T00:00:00Z', 5_260_320],
    ['08:00-18:00@10 mon-fri', '2025-12-31T17:00:00Z', 2_609 * 61],
    ['["*@1s", "*", "01:00-04:00", "* *:30 * feb"]', '2026-01-01T00:00:00Z', 315_619_200],
    ['["*@1s", "! 00:00-12:00", "! * sat,sun"]', '2025-12-31T22:59:59Z', 2_609 * 43_200],
    ['09:00,17:00', '2025-12-31T16:00:00Z', 7_306],
    ['01:00-04:00', '2026-01-01T00:00:00Z', 3_653],
    ['*', '2026-01-01T00:00:00Z', 3_653],
    ['* *:29 * feb', '2024-02-28T23:00:00Z', 3],
    ['["*@1m", "! *"]', undefined, 0],
  ])('%s', (text, newest, count) => {
    expect(folded(text)).toEqual({ newest, count });
  });
});

describe('counting', () => {
  test('stops at its limit, within a run of equal steps too', () => {
    expect(folded('@1s', 10_000).count).toBe(10_000);
    expect(folded('08:00-18:00@10 mon-fri', 100).count).toBe(100);
    expect(folded('* *:29 * feb', 3).count).toBe(3);
    expect(folded('@1s', 0).count).toBe(0);
  });

  test('finds nothing in an empty or reversed span', () => {
    const schedule = parseWindow('@1s', { timezone: 'UTC', hashSeed: '1' });
    expect(schedule.countIn?.(UP_TO, UP_TO, 5)).toBe(0);
    expect(schedule.newestIn?.(UP_TO, AFTER)).toBeUndefined();
  });

  test('keeps the phase of the chain, up to and including its end', () => {
    const schedule = parseWindow('@10', { timezone: 'UTC', hashSeed: '1' });
    const after = Date.parse('2026-11-20T10:03:00Z');
    expect(schedule.newestIn?.(after, Date.parse('2026-11-22T10:12:59Z'))).toBe(
      Date.parse('2026-11-22T10:03:00Z'),
    );
    expect(schedule.newestIn?.(after, Date.parse('2026-11-22T10:13:00Z'))).toBe(
      Date.parse('2026-11-22T10:13:00Z'),
    );
  });
});

describe('equal steps are not counted together', () => {
  test('over a range with a shorter interval that an exclusion has held up', () => {
    const schedule = parseWindow('["*@2h", "*@1m", "! 10:00-11:59"]', { timezone: 'UTC', hashSeed: '1' });
    const after = Date.parse('2026-11-20T09:59:00Z');
    expect(schedule.countIn?.(after, Date.parse('2026-11-20T13:59:00Z'), 1_000)).toBe(121);
  });

  test('over a range that a change of the clock brings nearer', () => {
    // 02:00-03:00 is the one instant 07:00Z on that day.
    const schedule = parseWindow('["*@30", "02:00-03:00"]', { timezone: 'America/New_York', hashSeed: '1' });
    for (const after of [Date.parse('2026-03-08T00:10:00Z'), Date.parse('2026-03-08T06:10:00Z')]) {
      expect(schedule.newestIn?.(after, Date.parse('2026-03-08T08:05:00Z'))).toBe(
        Date.parse('2026-03-08T08:00:00Z'),
      );
    }
  });
});

describe('a schedule that never matches', () => {
  test('is searched ten years ahead and no further', () => {
    const schedule = parseWindow('* mon:29 * feb', { timezone: 'UTC', hashSeed: '1' });
    expect(schedule.nextAfter(Date.parse('2033-01-01T00:00:00Z'))).toBeUndefined();
    expect(schedule.nextAfter(Date.parse('2035-01-01T00:00:00Z'))).toBe(Date.parse('2044-02-29T00:00:00Z'));
  });

  test('on most days may still match on that of a clock change', () => {
    // 02:00 to 03:00 is skipped: the first instant after it is 03:00, from which the second exclusion runs.
    const covered = '["02:30", "! 02:00-02:59", "! 02:59-03:30"]';
    const open = '["02:30", "! 02:00-02:59"]';
    const after = Date.parse('2027-01-01T00:00:00Z');
    const nextOf = (text: string) =>
      parseWindow(text, { timezone: 'Europe/Berlin', hashSeed: '1' }).nextAfter(after);
    expect(nextOf(open)).toBe(Date.parse('2027-03-28T01:00:00Z'));
    expect(nextOf(covered)).toBeUndefined();
  });

  test('does not slow down the others: a year of slots beside a time that is always excluded', () => {
    const schedule = parseWindow('["09:00", "! 08:00-10:00", "*@10"]', { timezone: 'UTC', hashSeed: '1' });
    expect(schedule.countIn?.(Date.parse('2025-01-01T00:00:00Z'), UP_TO, Number.POSITIVE_INFINITY)).toBe(
      365 * (144 - 12),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { toShortText } from '../../../src/core/instants.ts';
import { slotsAfter } from '../../../src/core/schedule/next-slot.ts';
import { checkWindow, parseWindow, windowNever } from '../../../src/core/schedule/window.ts';

function slots(text: string, from: string, count: number, timezone: string = 'UTC'): readonly string[] {
  const schedule = parseWindow(text, { timezone, hashSeed: '1' });
  return slotsAfter(schedule, Date.parse(from), count).map(toShortText);
}

type Case = readonly [text: string, last: string, expected: readonly string[]];

describe('the next slot', () => {
  const cases: readonly Case[] = [
    ['*', '2026-11-20T10:00:00Z', ['2026-11-21T10:00:00Z', '2026-11-22T10:00:00Z']],
    ['@10', '2026-11-20T10:03:00Z', ['2026-11-20T10:13:00Z', '2026-11-20T10:23:00Z']],
    ['*@90s', '2026-11-20T23:59:00Z', ['2026-11-21T00:00:30Z', '2026-11-21T00:02:00Z']],
    ['@1d', '2026-11-20T10:00:00Z', ['2026-11-21T10:00:00Z', '2026-11-22T10:00:00Z']],
    ['09:00', '2026-11-20T10:00:00Z', ['2026-11-21T09:00:00Z', '2026-11-22T09:00:00Z']],
    ['9:00', '2026-11-20T12:00:00Z', ['2026-11-21T09:00:00Z', '2026-11-22T09:00:00Z']],
    ['09:00,17:00', '2026-11-20T09:00:00Z', ['2026-11-20T17:00:00Z', '2026-11-21T09:00:00Z']],
    ['09:00@2d', '2026-11-20T09:00:00Z', ['2026-11-22T09:00:00Z', '2026-11-24T09:00:00Z']],
    ['09:00@25h', '2026-11-20T09:00:00Z', ['2026-11-22T09:00:00Z', '2026-11-24T09:00:00Z']],
    ['01:00-04:00', '2026-11-20T01:00:00Z', ['2026-11-21T01:00:00Z', '2026-11-22T01:00:00Z']],
    ['01:00-04:00', '2026-11-20T00:30:00Z', ['2026-11-20T03:30:01Z', '2026-11-21T01:00:00Z']],
    ['00:00-23:59', '2026-11-20T00:00:00Z', ['2026-11-21T00:00:00Z', '2026-11-22T00:00:00Z']],
    ['08:00-08:20@10', '2026-11-20T07:55:00Z', ['2026-11-20T08:05:00Z', '2026-11-20T08:15:00Z']],
    ['08:00-08:20@10', '2026-11-20T08:00:00Z', ['2026-11-20T08:10:00Z', '2026-11-20T08:20:00Z']],
    ['08:00-09:00@1w', '2026-11-20T08:30:00Z', ['2026-11-27T08:30:00Z', '2026-12-04T08:30:00Z']],
    ['*@520w', '2026-11-20T08:30:00Z', ['2036-11-07T08:30:00Z', '2046-10-26T08:30:00Z']],
  ];
  test.each(cases)('of %s after %s', (text, last, expected) => {
    expect(slots(text, last, expected.length)).toEqual(expected);
  });

  test('is the earliest of all ranges and entries', () => {
    expect(slots('["20:00 mon", "06:00,12:00 mon"]', '2026-11-22T00:00:00Z', 4)).toEqual([
      '2026-11-23T06:00:00Z',
      '2026-11-23T12:00:00Z',
      '2026-11-23T20:00:00Z',
      '2026-11-30T06:00:00Z',
    ]);
  });
});

describe('against the habits of OpenSVC,', () => {
  const cases: readonly (readonly [name: string, ...Case])[] = [
    ['a day does not leak into the next', '* fri', '2026-11-20T10:00:00Z', ['2026-11-27T00:00:00Z']],
    ['nor does its interval', '@10 mon', '2026-11-23T23:55:00Z', ['2026-11-30T00:00:00Z']],
    [
      'two allowed days apart stay two',
      '* mon,wed',
      '2026-11-23T00:00:00Z',
      ['2026-11-25T00:00:00Z', '2026-11-30T00:00:00Z'],
    ],
    [
      'a month is checked again after the interval',
      '*@1w * * nov',
      '2026-11-27T10:00:00Z',
      ['2027-11-01T00:00:00Z'],
    ],
    [
      'the second range of a day is not skipped',
      '08:00-09:00@30,20:00-20:30@30',
      '2026-11-20T08:30:00Z',
      ['2026-11-20T09:00:00Z', '2026-11-20T20:00:00Z', '2026-11-20T20:30:00Z', '2026-11-21T08:00:00Z'],
    ],
    [
      'the nearest range comes first, whatever its interval',
      '08:00-09:00@10,20:00-21:00@5',
      '2026-11-20T07:45:00Z',
      ['2026-11-20T08:00:00Z'],
    ],
    [
      'a range over midnight runs every night',
      '23:00-00:59',
      '2026-11-20T23:00:00Z',
      ['2026-11-21T23:00:00Z', '2026-11-22T23:00:00Z'],
    ],
    [
      'and belongs to the day on which it begins',
      '23:00-00:59@30 fri',
      '2026-11-20T23:00:00Z',
      ['2026-11-20T23:30:00Z', '2026-11-21T00:00:00Z', '2026-11-21T00:30:00Z', '2026-11-27T23:00:00Z'],
    ],
    [
      'the last day is that of each month',
      '* :last',
      '2026-01-31T00:00:00Z',
      ['2026-02-28T00:00:00Z', '2026-03-31T00:00:00Z', '2026-04-30T00:00:00Z'],
    ],
    [
      'a month without the day is passed over',
      '* :-30',
      '2026-02-01T00:00:00Z',
      ['2026-03-02T00:00:00Z', '2026-04-01T00:00:00Z'],
    ],
    [
      'week 53 runs also before a year without one',
      '* * *',
      '2026-12-31T00:00:00Z',
      ['2027-01-01T00:00:00Z', '2027-01-02T00:00:00Z', '2027-01-03T00:00:00Z', '2027-01-04T00:00:00Z'],
    ],
    [
      'a day of month is not the weekday of a month',
      '* fri:last',
      '2026-11-20T00:00:00Z',
      ['2027-04-30T00:00:00Z', '2027-12-31T00:00:00Z'],
    ],
    [
      'passed months do not keep the time of day',
      '* * * feb-mar',
      '2026-05-20T12:34:56Z',
      ['2027-02-01T00:00:00Z'],
    ],
    ['the search finds the leap day', '* *:29 * feb', '2025-01-01T00:00:00Z', ['2028-02-29T00:00:00Z']],
    ['even over a century without one', '* *:29 * feb', '2096-02-29T00:00:00Z', ['2104-02-29T00:00:00Z']],
    [
      'an entry that never matches hides no other',
      '["* *:30 * feb", "12:00", ""]',
      '2026-11-20T00:00:00Z',
      ['2026-11-20T12:00:00Z'],
    ],
  ];
  test.each(cases)('%s: %s', (_name, text, last, expected) => {
    expect(slots(text, last, expected.length)).toEqual(expected);
  });
});

describe('weeks', () => {
  test('are ISO weeks, which may begin in the year before', () => {
    expect(slots('* mon 1', '2026-11-20T00:00:00Z', 2)).toEqual([
      '2027-01-04T00:00:00Z',
      '2028-01-03T00:00:00Z',
    ]);
    expect(slots('* thu 53', '2026-11-20T00:00:00Z', 2)).toEqual([
      '2026-12-31T00:00:00Z',
      '2032-12-30T00:00:00Z',
    ]);
    expect(slots('* mon 52-2', '2026-11-20T00:00:00Z', 5)).toEqual([
      '2026-12-21T00:00:00Z',
      '2026-12-28T00:00:00Z',
      '2027-01-04T00:00:00Z',
      '2027-01-11T00:00:00Z',
      '2027-12-27T00:00:00Z',
    ]);
  });
});

describe('never', () => {
  test.each(['', '  ', '@0', ' @0 ', '[]', '["@0"]', '["", " @0 "]'])('is said by %j', (text) => {
    checkWindow(text);
    expect(windowNever(text)).toBe(true);
    expect(slots(text, '2026-11-20T00:00:00Z', 1)).toEqual([]);
  });

  test.each(['["! *"]', '* *:30 * feb', '["@10", "! *"]', '* * * jan%2', '["09:00", "! 08:00-10:00"]'])(
    'is what %j comes to, without saying so',
    (text) => {
      expect(windowNever(text)).toBe(false);
      expect(slots(text, '2026-11-20T00:00:00Z', 1)).toEqual([]);
    },
  );

  test.each(['*@0', '*@0m', '09:00@0', '@0s', '@00', '! *@0', '["*@0"]'])('is not said by %s', (text) => {
    expect(() => checkWindow(text)).toThrow(ScheduleError);
    expect(windowNever(text)).toBe(false);
  });
});

describe('a zone', () => {
  test('says where the times of day lie', () => {
    expect(slots('09:00 mon', '2026-11-20T00:00:00Z', 2, 'Asia/Kolkata')).toEqual([
      '2026-11-23T03:30:00Z',
      '2026-11-30T03:30:00Z',
    ]);
  });

  test('that nobody knows is refused', () => {
    expect(() => parseWindow('*', { timezone: 'Mars/Olympus', hashSeed: '1' })).toThrow(ScheduleError);
  });
});

test('the last slot is in the year 9999', () => {
  expect(slots('@1d', '9999-12-30T12:00:00Z', 3)).toEqual(['9999-12-31T12:00:00Z']);
});

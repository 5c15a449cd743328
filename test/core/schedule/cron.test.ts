import { afterEach, describe, expect, test, vi } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { toShortText } from '../../../src/core/instants.ts';
import { parseCron } from '../../../src/core/schedule/cron.ts';
import { slotsAfter } from '../../../src/core/schedule/next-slot.ts';

function slots(text: string, timezone: string, from: string, count: number): readonly string[] {
  const schedule = parseCron(text, { timezone, hashSeed: '1' });
  return slotsAfter(schedule, Date.parse(from), count).map(toShortText);
}

type Case = readonly [text: string, timezone: string, from: string, expected: readonly string[]];

describe('without a change of the clock', () => {
  const cases: readonly Case[] = [
    ['* * * * *', 'UTC', '2026-11-20T23:58:30Z', ['2026-11-20T23:59:00Z', '2026-11-21T00:00:00Z']],
    ['*/20 * * * *', 'UTC', '2026-11-20T23:20:00Z', ['2026-11-20T23:40:00Z', '2026-11-21T00:00:00Z']],
    ['30 6 * * *', 'Asia/Kolkata', '2026-11-20T00:00:00Z', ['2026-11-20T01:00:00Z', '2026-11-21T01:00:00Z']],
    ['0 0 1 1 *', 'UTC', '2026-01-01T00:00:00Z', ['2027-01-01T00:00:00Z', '2028-01-01T00:00:00Z']],
    ['0 0 31 * *', 'UTC', '2026-01-31T00:00:00Z', ['2026-03-31T00:00:00Z', '2026-05-31T00:00:00Z']],
    ['0 0 L * *', 'UTC', '2028-01-31T12:00:00Z', ['2028-02-29T00:00:00Z', '2028-03-31T00:00:00Z']],
    ['0 0 * * 5L', 'UTC', '2026-04-01T00:00:00Z', ['2026-04-24T00:00:00Z', '2026-05-29T00:00:00Z']],
    ['0 0 * * 5#2', 'UTC', '2026-04-01T00:00:00Z', ['2026-04-10T00:00:00Z', '2026-05-08T00:00:00Z']],
    ['0 0 * * 0#5', 'UTC', '2026-04-01T00:00:00Z', ['2026-05-31T00:00:00Z', '2026-08-30T00:00:00Z']],
    ['0 0 29 2 *', 'UTC', '2096-03-01T00:00:00Z', ['2104-02-29T00:00:00Z', '2108-02-29T00:00:00Z']],
  ];
  test.each(cases)('%s in %s after %s', (text, timezone, from, expected) => {
    expect(slots(text, timezone, from, expected.length)).toEqual(expected);
  });

  test('two restricted day fields: one of them is enough', () => {
    expect(slots('0 0 13 * 5', 'UTC', '2026-11-01T00:00:00Z', 5)).toEqual([
      '2026-11-06T00:00:00Z',
      '2026-11-13T00:00:00Z',
      '2026-11-20T00:00:00Z',
      '2026-11-27T00:00:00Z',
      '2026-12-04T00:00:00Z',
    ]);
  });

  test('a day field that begins with a star: both must match', () => {
    expect(slots('0 0 */2 * 1', 'UTC', '2026-11-01T00:00:00Z', 3)).toEqual([
      '2026-11-09T00:00:00Z',
      '2026-11-23T00:00:00Z',
      '2026-12-07T00:00:00Z',
    ]);
  });

  test('finds the leap day on a Sunday forty years away', () => {
    expect(slots('0 0 29 2 */7', 'UTC', '2088-03-01T00:00:00Z', 1)).toEqual(['2128-02-29T00:00:00Z']);
  });
});

describe('a fixed time when the clock changes', () => {
  test('runs once at the end of a skipped stretch, however many matches it holds', () => {
    expect(slots('15,30,45 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:15:00Z',
    ]);
  });

  test('runs once there also if that minute matches by itself', () => {
    expect(slots('0 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:00:00Z',
    ]);
  });

  test('does not run at the end of a skipped stretch that holds no match', () => {
    expect(slots('30 1,3 * * *', 'Europe/Berlin', '2026-03-28T23:00:00Z', 2)).toEqual([
      '2026-03-29T00:30:00Z',
      '2026-03-29T01:30:00Z',
    ]);
  });

  test('runs in the first pass of a repeated stretch only', () => {
    expect(slots('0,30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 3)).toEqual([
      '2026-10-25T00:00:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:00:00Z',
    ]);
  });

  test('has the same next slot when asked within the second pass', () => {
    expect(slots('0,30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10:00Z', 1)).toEqual([
      '2026-10-26T01:00:00Z',
    ]);
  });

  const cases: readonly Case[] = [
    [
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T00:00:00Z',
      ['2026-10-03T15:30:00Z', '2026-10-04T15:15:00Z'],
    ],
    [
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T00:00:00Z',
      ['2026-04-04T14:45:00Z', '2026-04-05T15:15:00Z'],
    ],
    ['0 0 * * *', 'Africa/Cairo', '2026-04-23T00:00:00Z', ['2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z']],
    ['30 23 * * *', 'Africa/Cairo', '2026-10-29T00:00:00Z', ['2026-10-29T20:30:00Z', '2026-10-30T21:30:00Z']],
    [
      '0 0 * * *',
      'America/Sao_Paulo',
      '2018-11-03T12:00:00Z',
      ['2018-11-04T03:00:00Z', '2018-11-05T02:00:00Z'],
    ],
    [
      '30 23 * * *',
      'America/Sao_Paulo',
      '2018-02-17T12:00:00Z',
      ['2018-02-18T01:30:00Z', '2018-02-19T02:30:00Z'],
    ],
    // The whole 30th of December does not exist.
    [
      '0 6,18 * * *',
      'Pacific/Apia',
      '2011-12-30T08:00:00Z',
      ['2011-12-30T10:00:00Z', '2011-12-30T16:00:00Z'],
    ],
    ['0 6 30 12 *', 'Pacific/Apia', '2011-12-01T00:00:00Z', ['2011-12-30T10:00:00Z', '2012-12-29T16:00:00Z']],
    [
      '0 6 * * *',
      'Pacific/Kwajalein',
      '1993-08-20T12:00:00Z',
      ['1993-08-20T18:00:00Z', '1993-08-21T12:00:00Z'],
    ],
    // 23 hours are repeated.
    [
      '0 6 * * *',
      'Pacific/Kwajalein',
      '1969-09-29T00:00:00Z',
      ['1969-09-29T19:00:00Z', '1969-10-01T18:00:00Z'],
    ],
    // The clock was 44 min 30 s behind: the first full minute after the jump is half a minute later.
    [
      '44 0 * * *',
      'Africa/Monrovia',
      '1972-01-06T12:00:00Z',
      ['1972-01-07T00:45:00Z', '1972-01-08T00:44:00Z'],
    ],
    ['44 0 * * *', 'Africa/Monrovia', '1972-01-07T00:44:40Z', ['1972-01-07T00:45:00Z']],
  ];
  test.each(cases)('%s in %s after %s', (text, timezone, from, expected) => {
    expect(slots(text, timezone, from, expected.length)).toEqual(expected);
  });
});

describe('a schedule that follows the clock when it changes', () => {
  test('has no slot in a skipped stretch', () => {
    expect(slots('*/30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 1)).toEqual([
      '2026-03-30T00:00:00Z',
    ]);
  });

  test('runs in both passes of a repeated stretch', () => {
    expect(slots('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 5)).toEqual([
      '2026-10-25T00:00:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-25T01:00:00Z',
      '2026-10-25T01:30:00Z',
      '2026-10-26T01:00:00Z',
    ]);
  });

  test('runs in the second pass also if its next date is a year away', () => {
    expect(slots('*/30 2 25 10 *', 'Europe/Berlin', '2026-10-25T00:30:00Z', 3)).toEqual([
      '2026-10-25T01:00:00Z',
      '2026-10-25T01:30:00Z',
      '2027-10-25T00:00:00Z',
    ]);
  });

  test('goes on every hour through a half-hour shift', () => {
    expect(slots('0 * * * *', 'Australia/Lord_Howe', '2026-10-03T14:00:00Z', 3)).toEqual([
      '2026-10-03T14:30:00Z',
      '2026-10-03T16:00:00Z',
      '2026-10-03T17:00:00Z',
    ]);
  });

  test('has no next slot if it matches in skipped stretches only', () => {
    expect(slots('* 2 * 3 0L', 'Europe/Berlin', '2026-01-01T00:00:00Z', 1)).toEqual([]);
  });
});

describe('a schedule in UTC', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test.each(['UTC', 'Etc/UTC'])('named %s does without Intl, which is slow to load', (timezone) => {
    vi.stubGlobal('Intl', undefined);
    expect(slots('30 2 * * *', timezone, '2026-03-28T12:00:00Z', 1)).toEqual(['2026-03-29T02:30:00Z']);
  });
});

describe('the ends of what is searched', () => {
  test('@reboot has no slots', () => {
    expect(slots('@reboot', 'UTC', '2026-01-01T00:00:00Z', 1)).toEqual([]);
  });

  test('there is no slot after the year 9999', () => {
    expect(slots('0 0 * * *', 'UTC', '9999-12-30T12:00:00Z', 2)).toEqual(['9999-12-31T00:00:00Z']);
    expect(slots('0 0 * * *', 'Europe/Berlin', '9999-12-31T23:00:00Z', 1)).toEqual([]);
  });

  test('an instant of long ago has a next slot', () => {
    expect(slots('0 0 1 1 *', 'UTC', '0001-01-01T00:00:00Z', 1)).toEqual(['1001-01-01T00:00:00Z']);
  });

  test('an unknown zone is refused, for @reboot too', () => {
    const parse = () => parseCron('@reboot', { timezone: 'Europe/Berln', hashSeed: '' });
    expect(parse).toThrow(ScheduleError);
  });
});

import { describe, expect, test } from 'vitest';
import { toShortText } from '../../../src/core/instants.ts';
import { slotsAfter } from '../../../src/core/schedule/next-slot.ts';
import { parseWindow } from '../../../src/core/schedule/window.ts';

function slots(text: string, timezone: string, last: string, count: number): readonly string[] {
  const schedule = parseWindow(text, { timezone, hashSeed: '1' });
  return slotsAfter(schedule, Date.parse(last), count).map(toShortText);
}

function closing(text: string, timezone: string, slot: string): string | undefined {
  const end = parseWindow(text, { timezone, hashSeed: '1' }).closesAt?.(Date.parse(slot));
  return end === undefined ? undefined : toShortText(end);
}

describe('where the clock skips a stretch,', () => {
  test('a time within it is the first instant after it', () => {
    expect(slots('02:30', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:30:00Z',
    ]);
    expect(slots('02:10', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', 2)).toEqual([
      '2026-10-03T15:30:00Z',
      '2026-10-04T15:10:00Z',
    ]);
  });

  test('a range that ends within it ends with it', () => {
    expect(closing('01:30-02:30', 'America/New_York', '2026-03-08T06:30:00Z')).toBe('2026-03-08T07:00:00Z');
  });

  test('a range within it is that one instant', () => {
    expect(slots('02:10-02:50', 'America/New_York', '2026-03-07T12:00:00Z', 2)).toEqual([
      '2026-03-08T07:00:00Z',
      '2026-03-09T06:10:00Z',
    ]);
    expect(closing('02:10-02:50', 'America/New_York', '2026-03-08T07:00:00Z')).toBe('2026-03-08T07:00:00Z');
  });

  test('a range around it still runs once', () => {
    expect(slots('01:00-04:00', 'America/New_York', '2026-03-07T12:00:00Z', 3)).toEqual([
      '2026-03-08T06:00:00Z',
      '2026-03-09T05:00:00Z',
      '2026-03-10T05:00:00Z',
    ]);
  });

  test('a whole day stays at its time of day, and an interval is elapsed time', () => {
    expect(slots('*', 'Europe/Berlin', '2026-03-28T10:00:00Z', 2)).toEqual([
      '2026-03-29T09:00:00Z',
      '2026-03-30T09:00:00Z',
    ]);
    expect(slots('@1d', 'Europe/Berlin', '2026-03-28T10:00:00Z', 2)).toEqual([
      '2026-03-29T10:00:00Z',
      '2026-03-30T10:00:00Z',
    ]);
  });

  test('a day whose midnight is skipped begins an hour later', () => {
    // 2026-04-24 is a Friday whose first hour does not exist in Cairo, as of 2026-09-06, a Sunday, in
    // Santiago.
    expect(slots('* fri', 'Africa/Cairo', '2026-04-20T00:00:00Z', 1)).toEqual(['2026-04-23T22:00:00Z']);
    expect(slots('*@1h sun', 'America/Santiago', '2026-09-05T23:00:00Z', 2)).toEqual([
      '2026-09-06T04:00:00Z',
      '2026-09-06T05:00:00Z',
    ]);
    expect(slots('00:15 fri', 'Africa/Cairo', '2026-04-20T00:00:00Z', 1)).toEqual(['2026-04-23T22:00:00Z']);
  });

  test('a day that is skipped as a whole has no run of its own', () => {
    expect(slots('* fri', 'Pacific/Apia', '2011-12-24T12:00:00Z', 1)).toEqual(['2012-01-05T10:00:00Z']);
    expect(slots('09:00 fri', 'Pacific/Apia', '2011-12-24T12:00:00Z', 2)).toEqual([
      '2011-12-30T10:00:00Z',
      '2012-01-05T19:00:00Z',
    ]);
  });
});

describe('a range over midnight', () => {
  test('still ends where the day of its end is skipped', () => {
    expect(closing('23:00-01:00 thu', 'Pacific/Apia', '2011-12-30T10:00:00Z')).toBe('2011-12-30T10:00:00Z');
  });

  test('that has begun goes on where the clock is set back over midnight', () => {
    // At 00:01 on 2010-11-07 the clock went back to 23:01.
    expect(closing('00:00-06:00 sun', 'America/St_Johns', '2010-11-07T02:30:00Z')).toBe(
      '2010-11-07T09:30:00Z',
    );
    expect(closing('00:00-06:00 sun', 'America/St_Johns', '2010-11-07T03:00:00Z')).toBe(
      '2010-11-07T09:30:00Z',
    );
  });
});

describe('where the clock repeats a stretch,', () => {
  test('a time within it is in the first pass', () => {
    expect(slots('02:30', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:30:00Z',
    ]);
  });

  test('a range within it lasts from the first pass to the second, and runs once', () => {
    expect(slots('01:10-01:50', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T05:10:00Z',
      '2026-11-02T06:10:00Z',
    ]);
    expect(closing('01:10-01:50', 'America/New_York', '2026-11-01T05:10:00Z')).toBe('2026-11-01T06:50:00Z');
    expect(slots('01:10-01:50@30', 'America/New_York', '2026-10-31T12:00:00Z', 5)).toEqual([
      '2026-11-01T05:10:00Z',
      '2026-11-01T05:40:00Z',
      '2026-11-01T06:10:00Z',
      '2026-11-01T06:40:00Z',
      '2026-11-02T06:10:00Z',
    ]);
  });

  test('a whole day stays at its time of day', () => {
    expect(slots('*', 'America/New_York', '2026-10-31T05:30:00Z', 2)).toEqual([
      '2026-11-01T05:30:00Z',
      '2026-11-02T06:30:00Z',
    ]);
  });

  test('a slot never comes before the one that it follows', () => {
    expect(slots('01:50-01:55', 'America/New_York', '2026-11-01T06:10:00Z', 1)).toEqual([
      '2026-11-02T06:50:00Z',
    ]);
    expect(slots('01:00-01:30', 'America/New_York', '2026-11-01T06:10:00Z', 1)).toEqual([
      '2026-11-02T06:00:00Z',
    ]);
  });

  test('a day that gets its last hour twice ends after the second', () => {
    expect(closing('* sat', 'America/Santiago', '2026-04-04T03:00:00Z')).toBe('2026-04-05T03:59:59.999Z');
    expect(slots('@30 sun', 'America/Santiago', '2026-04-05T02:00:00Z', 1)).toEqual(['2026-04-05T04:00:00Z']);
  });

  test('an exclusion takes both passes', () => {
    expect(slots('["@30", "! 01:00-02:00"]', 'America/New_York', '2026-11-01T04:00:00Z', 3)).toEqual([
      '2026-11-01T04:30:00Z',
      '2026-11-01T07:00:00Z',
      '2026-11-01T07:30:00Z',
    ]);
  });
});

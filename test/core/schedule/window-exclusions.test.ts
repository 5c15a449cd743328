import { describe, expect, test } from 'vitest';
import { toShortText } from '../../../src/core/instants.ts';
import { slotsAfter } from '../../../src/core/schedule/next-slot.ts';
import { parseWindow } from '../../../src/core/schedule/window.ts';

function slots(entries: readonly string[], last: string, count: number, timezone: string = 'UTC') {
  const schedule = parseWindow(JSON.stringify(entries), { timezone, hashSeed: '1' });
  return slotsAfter(schedule, Date.parse(last), count).map(toShortText);
}

function excludedUntil(entries: readonly string[], instant: string, timezone: string = 'UTC') {
  const schedule = parseWindow(JSON.stringify(entries), { timezone, hashSeed: '1' });
  const end = schedule.excludedUntil?.(Date.parse(instant));
  return end === undefined ? undefined : toShortText(end);
}

describe('an exclusion', () => {
  test.each([[['! 02:00-03:00', '@30']], [['@30', '! 02:00-03:00']]])(
    'wins wherever it stands: %j',
    (entries) => {
      expect(slots(entries, '2026-11-20T01:00:00Z', 3)).toEqual([
        '2026-11-20T01:30:00Z',
        '2026-11-20T03:00:00Z',
        '2026-11-20T03:30:00Z',
      ]);
    },
  );

  test('moves a slot to its end, where the range goes on for so long', () => {
    const entries = ['01:00-05:00', '! 00:30-02:15'];
    expect(slots(entries, '2026-11-20T12:00:00Z', 2)).toEqual([
      '2026-11-21T02:15:00Z',
      '2026-11-22T02:15:00Z',
    ]);
    expect(slots(['01:00-02:00', '! 00:30-02:15 sat'], '2026-11-20T12:00:00Z', 1)).toEqual([
      '2026-11-22T01:00:00Z',
    ]);
    expect(slots(['01:00', '! 00:30-02:15 sat'], '2026-11-20T12:00:00Z', 1)).toEqual([
      '2026-11-22T01:00:00Z',
    ]);
  });

  test('leads on to those that follow on from it', () => {
    const entries = ['@1h', '! 10:15-11:30', '! 11:30-12:45', '! 12:30-13:00:30'];
    expect(slots(entries, '2026-11-20T10:00:00Z', 2)).toEqual([
      '2026-11-20T13:00:30Z',
      '2026-11-20T14:00:30Z',
    ]);
    expect(excludedUntil(entries, '2026-11-20T10:15:00Z')).toBe('2026-11-20T13:00:30Z');
  });

  test('of a range spares its exact end', () => {
    expect(excludedUntil(['! 02:00-03:00'], '2026-11-20T01:59:59.999Z')).toBeUndefined();
    expect(excludedUntil(['! 02:00-03:00'], '2026-11-20T02:00:00Z')).toBe('2026-11-20T03:00:00Z');
    expect(excludedUntil(['! 02:00-03:00'], '2026-11-20T02:59:59.999Z')).toBe('2026-11-20T03:00:00Z');
    expect(excludedUntil(['! 02:00-03:00'], '2026-11-20T03:00:00Z')).toBeUndefined();
  });

  test('of a time alone takes its second', () => {
    expect(excludedUntil(['! 02:00'], '2026-11-20T02:00:00.999Z')).toBe('2026-11-20T02:00:01Z');
    expect(excludedUntil(['! 02:00-02:00'], '2026-11-20T02:00:00Z')).toBe('2026-11-20T02:00:01Z');
    expect(excludedUntil(['! 02:00'], '2026-11-20T02:00:01Z')).toBeUndefined();
  });

  test('of a whole day lasts to the next midnight, of neighbouring days to the last of them', () => {
    expect(excludedUntil(['! * sat'], '2026-11-21T23:59:59.999Z')).toBe('2026-11-22T00:00:00Z');
    expect(excludedUntil(['! * sat,sun'], '2026-11-21T12:00:00Z')).toBe('2026-11-23T00:00:00Z');
    expect(slots(['@1h', '! * sat,sun'], '2026-11-20T22:30:00Z', 3)).toEqual([
      '2026-11-20T23:30:00Z',
      '2026-11-23T00:00:00Z',
      '2026-11-23T01:00:00Z',
    ]);
    // A Friday without its first hour.
    expect(excludedUntil(['! * fri'], '2026-04-23T21:59:59Z', 'Africa/Cairo')).toBeUndefined();
    expect(excludedUntil(['! * fri'], '2026-04-23T22:00:00Z', 'Africa/Cairo')).toBe('2026-04-24T21:00:00Z');
  });

  test('over midnight belongs to the day on which it begins', () => {
    expect(excludedUntil(['! 22:00-04:00 fri'], '2026-11-21T01:00:00Z')).toBe('2026-11-21T04:00:00Z');
    expect(excludedUntil(['! 22:00-04:00 fri'], '2026-11-20T01:00:00Z')).toBeUndefined();
  });

  test('that never ends is cut after ten years', () => {
    expect(excludedUntil(['! *'], '2026-11-20T00:00:00Z')).toBe('2036-11-27T00:00:00Z');
    expect(excludedUntil(['! * mon-fri', '! * sat-sun'], '2026-11-20T00:00:00Z')).toBe(
      '2036-11-27T00:00:00Z',
    );
  });
});

import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { toShortText } from '../../../src/core/instants.ts';
import { periodicSlots } from '../../../src/core/schedule/every.ts';
import {
  checkSchedule,
  countSlots,
  type FixedKind,
  newestSlotIn,
  parseSchedule,
  slotsAfter,
} from '../../../src/core/schedule/next-slot.ts';
import type { Schedule, ScheduleContext, ScheduleKind } from '../../../src/core/schedule/schedule.ts';

const CONTEXT: ScheduleContext = {
  timezone: 'Europe/Berlin',
  hashSeed: '1',
};

const NOON = Date.parse('2026-11-20T12:00:00Z');

function stepsCounted(schedule: Schedule): { readonly counted: Schedule; readonly steps: () => number } {
  let steps = 0;
  return {
    counted: {
      nextAfter(instant) {
        steps += 1;
        return schedule.nextAfter(instant);
      },
    },
    steps: () => steps,
  };
}

describe('parseSchedule', () => {
  const cases: readonly (readonly [FixedKind, string, string | undefined])[] = [
    ['cron', '30 2 * * *', '2026-11-21T01:30:00Z'],
    ['cron', '@reboot', undefined],
    ['window', '09:00-17:00@1h', '2026-11-20T13:00:00Z'],
    ['window', '@0', undefined],
    ['at', '2026-11-20T17:00', '2026-11-20T16:00:00Z'],
    ['at', '2026-11-20T17:00Z', '2026-11-20T17:00:00Z'],
    ['at', '2026-11-20T12:00Z', undefined],
    ['manual', '', undefined],
  ];
  test.each(cases)('%s %j next comes at %s', (kind, text, expected) => {
    const slot = parseSchedule(kind, text, CONTEXT).nextAfter(NOON);
    expect(slot === undefined ? undefined : toShortText(slot)).toBe(expected);
  });

  test.each(['cron', 'window', 'at', 'manual'] as const)('%s refuses a text that is not valid', (kind) => {
    expect(() => parseSchedule(kind, 'now', CONTEXT)).toThrow(ScheduleError);
  });

  test.each([
    ['cron', '* * * * *'],
    ['window', '*'],
    ['at', '2026-11-20T17:00'],
  ] as const)('%s refuses a zone that nobody knows', (kind, text) => {
    expect(() => parseSchedule(kind, text, { ...CONTEXT, timezone: 'Mars/Olympus' })).toThrow(
      'expected an IANA time zone',
    );
  });
});

describe('checkSchedule', () => {
  const valid: readonly (readonly [ScheduleKind, string])[] = [
    ['cron', '*/5 * * * *'],
    ['cron', '@reboot'],
    ['every', '90s'],
    ['every', '-1s'],
    ['window', '["* mon-fri", "! 12:00-13:00"]'],
    ['window', ''],
    ['ticks', '0'],
    ['ticks', '3 repeat'],
    ['at', '2026-11-21T09:30'],
    ['manual', ''],
  ];
  test.each(valid)('takes %s %j', (kind, text) => {
    expect(() => checkSchedule(kind, text)).not.toThrow();
  });

  const faulty: readonly (readonly [ScheduleKind, string, string, number])[] = [
    ['cron', '75 * * * *', 'minute: expected 0-59, got "75"', 1],
    ['cron', '@rebooot', 'expected one of @hourly', 1],
    ['cron', '0 0 31 H *', 'no date matches for some choice of H', 5],
    ['every', '0', 'expected a period other than 0', 1],
    ['every', '5 minutes', 'expected a duration such as 90s', 1],
    ['window', '25:00', '25:00', 1],
    ['ticks', '-1', 'expected a number of ticks such as "3"', 1],
    ['at', 'now', 'expected an instant in ISO form', 1],
    ['manual', 'now', 'expected no text for a manual schedule, got "now"', 1],
  ];
  test.each(faulty)('refuses %s %j: %s', (kind, text, message, position) => {
    expect(() => checkSchedule(kind, text)).toThrow(ScheduleError);
    expect(() => checkSchedule(kind, text)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message), position }),
    );
  });
});

describe('slotsAfter', () => {
  test('gives as many slots as are asked for', () => {
    const hourly = parseSchedule('cron', '@hourly', CONTEXT);
    expect(slotsAfter(hourly, NOON, 2).map(toShortText)).toEqual([
      '2026-11-20T13:00:00Z',
      '2026-11-20T14:00:00Z',
    ]);
    expect(slotsAfter(hourly, NOON, 0)).toEqual([]);
  });

  test('gives none when there are none', () => {
    expect(slotsAfter(parseSchedule('manual', '', CONTEXT), NOON, 3)).toEqual([]);
  });
});

describe('newestSlotIn', () => {
  const cases: readonly (readonly [FixedKind | 'every', string, string, string, string | undefined])[] = [
    ['cron', '0 3 * * *', '2026-11-20T02:00:00Z', '2026-11-23T02:00:00Z', '2026-11-23T02:00:00Z'],
    ['cron', '0 3 * * *', '2026-11-20T02:00:00Z', '2026-11-23T01:59:00Z', '2026-11-22T02:00:00Z'],
    ['cron', '0 3 * * *', '2026-11-20T02:00:00Z', '2026-11-20T02:00:00Z', undefined],
    ['cron', '0 3 * * *', '2026-11-20T02:00:00Z', '2026-11-21T01:59:59Z', undefined],
    ['cron', '* * * * *', '2020-01-01T00:00:00Z', '2026-11-20T12:34:56Z', '2026-11-20T12:34:00Z'],
    ['cron', '0 0 29 2 *', '2020-01-01T00:00:00Z', '2026-11-20T12:00:00Z', '2024-02-28T23:00:00Z'],
    ['every', '90s', '2026-11-20T12:00:00Z', '2026-11-20T12:05:00Z', '2026-11-20T12:04:30Z'],
    ['every', '90s', '2026-11-20T12:00:00Z', '2026-11-20T12:01:00Z', undefined],
    ['window', '@90s', '2026-11-20T12:00:00Z', '2026-11-20T12:05:00Z', '2026-11-20T12:04:30Z'],
    ['window', '@90s', '2026-11-20T12:00:20Z', '2026-11-20T12:05:00Z', '2026-11-20T12:04:50Z'],
    ['at', '2026-11-20T12:02Z', '2026-11-20T12:00:00Z', '2026-11-20T12:05:00Z', '2026-11-20T12:02:00Z'],
    ['at', '2026-11-20T12:02Z', '2026-11-20T12:02:00Z', '2026-11-20T12:05:00Z', undefined],
    ['manual', '', '2020-01-01T00:00:00Z', '2026-11-20T12:00:00Z', undefined],
    ['cron', '0 3 * * *', '2026-11-23T02:00:00Z', '2026-11-20T02:00:00Z', undefined],
  ];
  test.each(cases)('of %s %j after %s up to %s is %s', (...[kind, text, after, upTo, expected]) => {
    const schedule = kind === 'every' ? periodicSlots(NOON, 90) : parseSchedule(kind, text, CONTEXT);
    const slot = newestSlotIn(schedule, Date.parse(after), Date.parse(upTo));
    expect(slot === undefined ? undefined : toShortText(slot)).toBe(expected);
  });

  test('takes dozens of steps for the millions of slots of ten years', () => {
    const { counted, steps } = stepsCounted(parseSchedule('cron', '* * * * *', CONTEXT));
    newestSlotIn(counted, Date.parse('2016-01-01T00:00:00Z'), Date.parse('2026-01-01T00:00:30Z'));
    expect(steps()).toBeLessThan(100);
  });

  test('takes dozens of steps to find that ten years hold none', () => {
    const { counted, steps } = stepsCounted(parseSchedule('cron', '@reboot', CONTEXT));
    newestSlotIn(counted, Date.parse('2016-01-01T00:00:00Z'), Date.parse('2026-01-01T00:00:30Z'));
    expect(steps()).toBeLessThan(100);
  });
});

describe('countSlots', () => {
  const everyMinute = parseSchedule('cron', '* * * * *', CONTEXT);

  test.each([
    ['2026-11-20T12:00:00Z', '2026-11-20T12:00:00Z', 0],
    ['2026-11-20T12:00:00Z', '2026-11-20T12:00:59Z', 0],
    ['2026-11-20T12:00:00Z', '2026-11-20T12:01:00Z', 1],
    ['2026-11-20T12:00:00Z', '2026-11-20T13:00:00Z', 60],
    ['2026-11-20T12:00:00Z', '2026-11-27T10:39:00Z', 9_999],
    ['2026-11-20T12:00:00Z', '2026-11-27T10:40:00Z', 10_000],
    ['2026-11-20T12:00:00Z', '2036-11-20T12:00:00Z', 10_000],
  ])('counts the minutes after %s up to %s: %d', (after, upTo, expected) => {
    expect(countSlots(everyMinute, Date.parse(after), Date.parse(upTo))).toBe(expected);
  });

  test('counts no further than it is told', () => {
    const [after, upTo] = [Date.parse('2026-11-20T12:00:00Z'), Date.parse('2026-11-21T12:00:00Z')];
    const { counted, steps } = stepsCounted(everyMinute);
    expect(countSlots(counted, after, upTo, 7)).toBe(7);
    expect(steps()).toBeLessThanOrEqual(8);
  });
});

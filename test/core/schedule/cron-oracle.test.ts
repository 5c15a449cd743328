import { describe, expect, test } from 'vitest';
import type { Instant } from '../../../src/core/instants.ts';
import { parseCron } from '../../../src/core/schedule/cron.ts';
import { daysWithChanges, type ModelSchedule, readWallClock, slotsByWalking } from './wall-clock-model.ts';

const DAY = 86_400_000;

type Span = { readonly from: Instant; readonly to: Instant };

const SCHEDULES: readonly ModelSchedule[] = [
  { text: '* * * * *', rule: 'follows the clock', matches: () => true },
  { text: '*/20 * * * *', rule: 'follows the clock', matches: ({ minute }) => minute % 20 === 0 },
  { text: '30 * * * *', rule: 'follows the clock', matches: ({ minute }) => minute === 30 },
  {
    text: '*/15 0-3 * * *',
    rule: 'follows the clock',
    matches: ({ minute, hour }) => minute % 15 === 0 && hour <= 3,
  },
  {
    text: '10 */2 * * 0',
    rule: 'follows the clock',
    matches: ({ minute, hour, weekday }) => minute === 10 && hour % 2 === 0 && weekday === 0,
  },
  { text: '30 2 * * *', rule: 'fixed time', matches: ({ minute, hour }) => hour === 2 && minute === 30 },
  { text: '0 0 * * *', rule: 'fixed time', matches: ({ minute, hour }) => hour === 0 && minute === 0 },
  { text: '59 23 * * *', rule: 'fixed time', matches: ({ minute, hour }) => hour === 23 && minute === 59 },
  { text: '0 12 * * *', rule: 'fixed time', matches: ({ minute, hour }) => hour === 12 && minute === 0 },
  {
    text: '0,15,45 0-4,22,23 * * *',
    rule: 'fixed time',
    matches: ({ minute, hour }) => [0, 15, 45].includes(minute) && (hour <= 4 || hour >= 22),
  },
  {
    text: '0-59 0-23 * * *',
    rule: 'fixed time',
    matches: () => true,
  },
  {
    text: '15 1,2 1,15 * sun',
    rule: 'fixed time',
    matches: ({ minute, hour, date, weekday }) =>
      minute === 15 && (hour === 1 || hour === 2) && (date === 1 || date === 15 || weekday === 0),
  },
  {
    text: '45 1 */2 * 0',
    rule: 'fixed time',
    matches: ({ minute, hour, date, weekday }) =>
      minute === 45 && hour === 1 && date % 2 === 1 && weekday === 0,
  },
  {
    text: '30 1 L * *',
    rule: 'fixed time',
    matches: ({ minute, hour, date, daysInMonth }) => minute === 30 && hour === 1 && date === daysInMonth,
  },
  {
    text: '30 2 * * 0L',
    rule: 'fixed time',
    matches: ({ minute, hour, date, weekday, daysInMonth }) =>
      minute === 30 && hour === 2 && weekday === 0 && date > daysInMonth - 7,
  },
  {
    text: '30 2 * 3,4,9-11 sun#2,7#1',
    rule: 'fixed time',
    matches: ({ minute, hour, date, month, weekday }) =>
      minute === 30 && hour === 2 && [3, 4, 9, 10, 11].includes(month) && weekday === 0 && date <= 14,
  },
];

function slotsByWalker(text: string, timezone: string, span: Span): readonly Instant[] {
  const { nextAfter } = parseCron(text, { timezone, hashSeed: '' });
  const slots: Instant[] = [];
  let slot = nextAfter(span.from - 1);
  while (slot !== undefined && slot < span.to) {
    slots.push(slot);
    slot = nextAfter(slot);
  }
  return slots;
}

function expectSameSlots(timezone: string, span: Span): void {
  const clock = readWallClock(timezone, span.from, span.to);
  for (const schedule of SCHEDULES) {
    const expected = slotsByWalking(schedule, clock);
    const actual = slotsByWalker(schedule.text, timezone, span);
    const differs = expected.findIndex((slot, index) => slot !== actual[index]);
    expect({ text: schedule.text, count: actual.length, differs }).toEqual({
      text: schedule.text,
      count: expected.length,
      differs: -1,
    });
  }
}

// Every minute of a whole year, where something is special: a half-hour shift, shifts at midnight, a skipped day, an
// offset with a half hour, and no change at all.
describe('the walker agrees with a walk over every minute of the year', () => {
  test.each([
    ['Europe/Berlin', 2026],
    ['Australia/Lord_Howe', 2026],
    ['Africa/Cairo', 2026],
    ['America/Sao_Paulo', 2018],
    ['Pacific/Apia', 2011],
    ['America/St_Johns', 2026],
    ['Asia/Kolkata', 2026],
  ])('in %s in %d', { timeout: 60_000 }, (timezone, year) => {
    expectSameSlots(timezone, { from: Date.UTC(year, 0, 1), to: Date.UTC(year + 1, 0, 1) });
  });
});

// Every zone for a year would take a quarter of an hour. The walker can only go wrong where a clock changes, so it is
// compared in the days around each change of the zone's last year with changes, and in some ordinary days over the end of a month.
describe('the walker agrees with a walk over every minute around the changes', () => {
  test.each(Intl.supportedValuesOf('timeZone'))('in %s', { timeout: 60_000 }, (timezone) => {
    const { year, changes } = lastYearWithChanges(timezone);
    for (const day of changes) {
      expectSameSlots(timezone, { from: day - DAY, to: day + 2 * DAY });
    }
    expectSameSlots(timezone, { from: Date.UTC(year, 4, 29), to: Date.UTC(year, 5, 2) });
  });
});

function lastYearWithChanges(timezone: string): { year: number; changes: readonly Instant[] } {
  for (let year = 2026; year >= 1990; year -= 1) {
    const [from, to] = [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)];
    if (daysWithChanges(timezone, from, to, 5).length > 0) {
      return { year, changes: daysWithChanges(timezone, from, to, 1) };
    }
  }
  return { year: 2026, changes: [] };
}

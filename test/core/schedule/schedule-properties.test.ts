import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import type { Instant } from '../../../src/core/instants.ts';
import { periodicSlots } from '../../../src/core/schedule/every.ts';
import {
  checkSchedule,
  countSlots,
  newestSlotIn,
  parseSchedule,
} from '../../../src/core/schedule/next-slot.ts';
import type { Schedule } from '../../../src/core/schedule/schedule.ts';

// A fixed seed: a run that fails fails again.
const OPTIONS = { seed: 20_261_120, numRuns: 300 };

const DAY = 86_400_000;
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'Pacific/Apia',
  'America/St_Johns',
];

const instants = fc.integer({ min: Date.UTC(2009, 0, 1), max: Date.UTC(2030, 0, 1) });

function fields(low: number, high: number): fc.Arbitrary<string> {
  const value = fc.integer({ min: low, max: high });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 1, max: high - low }).map((n) => `*/${n}`);
  const part = fc.oneof(value.map(String), range, step, fc.constant('H'), fc.constant('*'));
  return fc.oneof(
    fc.constant('*'),
    fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(',')),
  );
}

const dates = fc.oneof(fields(1, 31), fc.constant('L'));
const weekdays = fc.oneof(
  fields(0, 6),
  fc.integer({ min: 0, max: 7 }).map((day) => `${day}L`),
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 1, max: 5 }))
    .map(([day, nth]) => `${day}#${nth}`),
);
const cronTexts = fc
  .tuple(fields(0, 59), fields(0, 23), dates, fields(1, 12), weekdays)
  .map((parts) => parts.join(' '))
  .filter((text) => isValid(text));

const schedules: fc.Arbitrary<Schedule> = fc
  .record({ text: cronTexts, timezone: fc.constantFrom(...ZONES), hashSeed: fc.string() })
  .map(({ text, ...context }) => parseSchedule('cron', text, context));

function isValid(text: string): boolean {
  try {
    checkSchedule('cron', text);
    return true;
  } catch (error) {
    if (error instanceof ScheduleError) {
      return false;
    }
    throw error;
  }
}

function walk(schedule: Schedule, after: Instant, upTo: Instant): readonly Instant[] {
  const slots: Instant[] = [];
  let slot = schedule.nextAfter(after);
  while (slot !== undefined && slot <= upTo) {
    slots.push(slot);
    slot = schedule.nextAfter(slot);
  }
  return slots;
}

describe('the slots of a cron schedule', () => {
  test('lie after the instant asked for, on a full minute', () => {
    const property = fc.property(schedules, instants, (schedule, instant) => {
      const slot = schedule.nextAfter(instant) ?? Number.POSITIVE_INFINITY;
      expect(slot).toBeGreaterThan(instant);
      expect(slot === Number.POSITIVE_INFINITY || slot % 60_000 === 0).toBe(true);
    });
    fc.assert(property, OPTIONS);
  });

  test('do not depend on the instant from which one asks', () => {
    const property = fc.property(
      schedules,
      instants,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (schedule, instant, part) => {
        const slot = schedule.nextAfter(instant);
        if (slot !== undefined) {
          const between = Math.floor(instant + (slot - 1 - instant) * part);
          expect(schedule.nextAfter(between)).toBe(slot);
          expect(schedule.nextAfter(slot - 1)).toBe(slot);
        }
      },
    );
    fc.assert(property, OPTIONS);
  });

  test('come no earlier when asked for later', () => {
    const property = fc.property(
      schedules,
      instants,
      fc.integer({ min: 0, max: 400 * DAY }),
      (schedule, instant, later) => {
        const first = schedule.nextAfter(instant) ?? Number.POSITIVE_INFINITY;
        const second = schedule.nextAfter(instant + later) ?? Number.POSITIVE_INFINITY;
        expect(second).toBeGreaterThanOrEqual(first);
      },
    );
    fc.assert(property, OPTIONS);
  });
});

describe('the newest slot and the number of slots', () => {
  const everySchedules = fc
    .tuple(fc.integer({ min: 1, max: 10_000 }), instants)
    .map(([seconds, base]) => periodicSlots(base, seconds));
  const spans = fc.oneof(fc.integer({ min: -DAY, max: 2 * DAY }), fc.integer({ min: 0, max: 60_000 }));

  test('are those of a walk over all slots', () => {
    const property = fc.property(
      fc.oneof(schedules, everySchedules),
      instants,
      spans,
      (schedule, after, span) => {
        const slots = walk(schedule, after, after + span);
        expect(newestSlotIn(schedule, after, after + span)).toBe(slots.at(-1));
        expect(countSlots(schedule, after, after + span, Number.POSITIVE_INFINITY)).toBe(slots.length);
        expect(countSlots(schedule, after, after + span, 5)).toBe(Math.min(5, slots.length));
      },
    );
    fc.assert(property, OPTIONS);
  });

  test('are those of a walk also over years', () => {
    const rare = fc.constantFrom('0 0 29 2 *', '30 2 L * *', '15 2 * 3,10 0L', '0 12 * * 5#5', '0 0 1 1 *');
    const property = fc.property(
      rare,
      fc.constantFrom(...ZONES),
      instants,
      instants,
      (text, timezone, a, b) => {
        const schedule = parseSchedule('cron', text, { timezone, hashSeed: '' });
        const [after, upTo] = [Math.min(a, b), Math.max(a, b)];
        expect(newestSlotIn(schedule, after, upTo)).toBe(walk(schedule, after, upTo).at(-1));
      },
    );
    fc.assert(property, OPTIONS);
  });
});

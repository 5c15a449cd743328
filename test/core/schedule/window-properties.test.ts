import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import type { Instant } from '../../../src/core/instants.ts';
import type { Schedule } from '../../../src/core/schedule/schedule.ts';
import { checkWindow, parseWindow, windowNever } from '../../../src/core/schedule/window.ts';
import { ranges, SPANS, textOfRange } from './window-model.ts';

// A fixed seed: a run that fails fails again.
const OPTIONS = { seed: 20_261_120, numRuns: 200 };
const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;

function walk(schedule: Schedule, after: Instant, upTo: Instant): readonly Instant[] {
  const slots: Instant[] = [];
  let slot = schedule.nextAfter(after);
  while (slot !== undefined && slot <= upTo) {
    slots.push(slot);
    slot = schedule.nextAfter(slot);
  }
  return slots;
}

describe('the newest slot and the number of slots', () => {
  const short = fc.integer({ min: 1, max: 3_000 }).map((seconds) => `@${seconds}s`);
  const times = fc.oneof(
    short,
    fc.tuple(ranges, fc.option(short, { nil: '' })).map(([range, every]) => {
      return `${textOfRange({ ...range, interval: undefined })}${every}`;
    }),
    ranges.map(textOfRange),
  );
  const days = fc.constantFrom(
    '*',
    'mon-fri',
    'sat,sun',
    '*:last',
    '* 10-50',
    '* * %2',
    ':1,:15',
    'fri:30 * feb',
  );
  const expressions = fc
    .tuple(fc.array(times, { minLength: 1, maxLength: 2 }), days)
    .map((parts) => parts.join(' '));
  const texts = fc
    .tuple(fc.array(expressions, { minLength: 1, maxLength: 3 }), fc.array(expressions, { maxLength: 2 }))
    .map(([includes, excludes]) => JSON.stringify([...includes, ...excludes.map((text) => `! ${text}`)]));
  const schedules = fc
    .tuple(texts, fc.constantFrom(...SPANS))
    .map(([text, { timezone, from }]) => ({ text, timezone, from }));

  test('are those of the walk from slot to slot', () => {
    const hours = fc.integer({ min: 0, max: 6 * 24 });
    const property = fc.property(schedules, hours, hours, ({ text, timezone, from }, start, length) => {
      const schedule = parseWindow(text, { timezone, hashSeed: '1' });
      const after = from + start * 60 * MINUTE + 17 * SECOND;
      const slots = walk(schedule, after, after + length * 10 * MINUTE);
      const upTo = after + length * 10 * MINUTE;
      expect(schedule.newestIn?.(after, upTo)).toBe(slots.at(-1));
      expect(schedule.countIn?.(after, upTo, Number.POSITIVE_INFINITY)).toBe(slots.length);
      expect(schedule.countIn?.(after, upTo, 5)).toBe(Math.min(5, slots.length));
      const middle = slots.at(Math.floor(slots.length / 2));
      if (middle !== undefined) {
        expect(schedule.newestIn?.(after, middle)).toBe(middle);
        expect(schedule.newestIn?.(middle, upTo)).toBe(slots.at(-1) === middle ? undefined : slots.at(-1));
      }
    });
    fc.assert(property, { ...OPTIONS, numRuns: 400 });
  });

  test('do not depend on what was asked before', () => {
    const property = fc.property(
      schedules,
      fc.array(fc.integer({ min: 0, max: 4_000 })),
      (one, questions) => {
        const asked = parseWindow(one.text, { timezone: one.timezone, hashSeed: '1' });
        for (const question of questions) {
          const instant = one.from + question * 13 * MINUTE;
          const fresh = parseWindow(one.text, { timezone: one.timezone, hashSeed: '1' });
          expect(asked.nextAfter(instant)).toBe(fresh.nextAfter(instant));
          expect(asked.closesAt?.(instant)).toBe(fresh.closesAt?.(instant));
          expect(asked.excludedUntil?.(instant)).toBe(fresh.excludedUntil?.(instant));
          expect(asked.spreadMs?.(instant)).toBe(fresh.spreadMs?.(instant));
        }
      },
    );
    fc.assert(property, { ...OPTIONS, numRuns: 100 });
  });

  test('lie where a run may start', () => {
    const property = fc.property(schedules, ({ text, timezone, from }) => {
      const schedule = parseWindow(text, { timezone, hashSeed: '1' });
      for (const slot of walk(schedule, from, from + DAY).slice(0, 50)) {
        const closesAt = schedule.closesAt?.(slot) ?? Number.POSITIVE_INFINITY;
        expect(closesAt).toBeGreaterThanOrEqual(slot);
        expect(schedule.excludedUntil?.(slot)).toBeUndefined();
        expect(slot + (schedule.spreadMs?.(slot) ?? 0)).toBeLessThanOrEqual(closesAt);
      }
    });
    fc.assert(property, OPTIONS);
  });
});

describe('any text', () => {
  const nearlyWindow = fc
    .array(fc.string({ unit: fc.constantFrom(...'0123456789:::-~@@!*,%+smhdwonfrijlat') }), { maxLength: 5 })
    .map((parts) => parts.join(' '));
  const nearlyList = fc
    .array(fc.oneof(nearlyWindow, fc.string(), fc.integer()))
    .map((list) => JSON.stringify(list));
  const pieces = fc.constantFrom(
    ...[
      '*',
      '@10',
      '~',
      '9:00',
      '-',
      '17:30',
      '@',
      '1h',
      '!',
      ' ',
      ',',
      'mon',
      ':last',
      '53',
      '%2',
      '+1',
      'feb',
      '"',
    ],
  );
  const assembled = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''));
  const anyText = fc.oneof(fc.string(), nearlyWindow, assembled, nearlyList, fc.json());

  test('is a schedule whose slots ascend, or is refused with a position in the text', () => {
    const instants = fc.integer({ min: Date.UTC(2009, 0, 1), max: Date.UTC(2040, 0, 1) });
    const property = fc.property(anyText, instants, (text, instant) => {
      expect(typeof windowNever(text)).toBe('boolean');
      try {
        checkWindow(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ScheduleError);
        const { position } = error as ScheduleError;
        expect(position).toBeGreaterThanOrEqual(1);
        expect(position).toBeLessThanOrEqual(text.length + 1);
        return;
      }
      const schedule = parseWindow(text, { timezone: 'Europe/Berlin', hashSeed: '1' });
      const first = schedule.nextAfter(instant) ?? Number.POSITIVE_INFINITY;
      expect(first).toBeGreaterThan(instant);
      expect(
        (first < Number.POSITIVE_INFINITY && schedule.nextAfter(first)) || Number.POSITIVE_INFINITY,
      ).toBeGreaterThan(first === Number.POSITIVE_INFINITY ? 0 : first);
    });
    fc.assert(property, { ...OPTIONS, numRuns: 4_000 });
  });
});

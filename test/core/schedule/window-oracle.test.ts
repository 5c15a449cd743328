import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../../../src/core/instants.ts';
import type { Schedule } from '../../../src/core/schedule/schedule.ts';
import { parseWindow } from '../../../src/core/schedule/window.ts';
import {
  type ModelEntry,
  modelClock,
  modelOf,
  ranges,
  SPANS,
  textOf,
  WALK_DAYS,
  walkModel,
} from './window-model.ts';

// A fixed seed: a run that fails fails again.
const OPTIONS = { seed: 20_261_120, numRuns: 200 };
const MINUTE = 60_000;
const DAY = 86_400_000;

const entries = (excludes: boolean): fc.Arbitrary<ModelEntry> =>
  fc.record({
    excludes: fc.constant(excludes),
    ranges: fc.array(ranges, { minLength: 1, maxLength: excludes ? 1 : 2 }),
    weekdays: fc.oneof(fc.constant([]), fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 5 })),
  });
const lists = fc
  .tuple(
    fc.array(entries(false), { minLength: 1, maxLength: 3 }),
    fc.array(entries(true), { minLength: 0, maxLength: 4 }),
  )
  .map(([includes, excludes]) => [...excludes, ...includes]);

function walk(schedule: Schedule, after: Instant, upTo: Instant): readonly Instant[] {
  const slots: Instant[] = [];
  let slot = schedule.nextAfter(after);
  while (slot !== undefined && slot <= upTo) {
    slots.push(slot);
    slot = schedule.nextAfter(slot);
  }
  return slots;
}

function readable(instant: Instant): string {
  return new Date(instant).toISOString();
}

describe('the slots of a window schedule', () => {
  const clocks = SPANS.map((span) => ({ span, clock: modelClock(span) }));

  test.each(clocks)('in $span.timezone are those of a model that reads every minute', ({ span, clock }) => {
    const starts = fc.integer({ min: 0, max: 2 * 1_440 }).map((minutes) => span.from + minutes * MINUTE);
    const property = fc.property(lists, starts, (list, start) => {
      const schedule = parseWindow(textOf(list), { timezone: span.timezone, hashSeed: '1' });
      const model = modelOf(clock, list);
      const upTo = span.from + WALK_DAYS * DAY;
      expect(walk(schedule, start, upTo).map(readable)).toEqual(walkModel(model, start, upTo).map(readable));
    });
    fc.assert(property, OPTIONS);
  });
});

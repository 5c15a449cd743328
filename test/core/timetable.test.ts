import { describe, expect, test } from 'vitest';
import { stableHash } from '../../src/core/hash.ts';
import { type Instant, SECOND_MS, toText } from '../../src/core/instants.ts';
import { slotsAfter } from '../../src/core/schedule/next-slot.ts';
import type { Task } from '../../src/core/task.ts';
import {
  earliestStartOf,
  fixedTimetable,
  hashSeedOf,
  maxDelayMs,
  periodTimetable,
  timetableOf,
} from '../../src/core/timetable.ts';
import { at, stateWith, taskWith, timetableWith } from '../support/builders.ts';

function slotsOf(task: Partial<Task>, nodeTimezone = 'Europe/Berlin'): readonly Instant[] {
  const timetable = timetableOf(taskWith(task), { scopeKey: 'alpha', nodeTimezone });
  return slotsAfter(timetable.slotsIn(stateWith()), at('12:00'), 2);
}

describe('the timetable of a task', () => {
  test.each<readonly [string, Partial<Task>, readonly string[]]>([
    ['every counts from the state', { schedule: '7m' }, ['12:07', '12:14']],
    ['cron is meant in the zone of the node', cron('30 14 * * *'), ['13:30', '2026-03-11T13:30:00Z']],
    ['or in its own', { ...cron('30 14 * * *'), timezone: 'UTC' }, ['14:30', '2026-03-11T14:30:00Z']],
    ['a window likewise', { scheduleKind: 'window', schedule: '14:00' }, ['13:00', '2026-03-11T13:00:00Z']],
    ['an instant comes once', { scheduleKind: 'at', schedule: '2026-03-10T14:00' }, ['13:00']],
    ['ticks have no instants', { scheduleKind: 'ticks', schedule: '0 repeat' }, []],
    ['manual never comes', { scheduleKind: 'manual', schedule: '' }, []],
    ['a negative period never comes', { schedule: '-1s' }, []],
    ['what asks for a confirmation never comes', { schedule: '7m', confirmation: true }, []],
    ['nor does its instant', { scheduleKind: 'at', schedule: '2026-03-10T14:00', confirmation: true }, []],
  ])('%s', (_title, task, slots) => {
    expect(slotsOf(task)).toEqual(slots.map(at));
  });

  test.each<readonly [Partial<Task>, boolean]>([
    [{ scheduleKind: 'at', schedule: '2026-03-10T14:00' }, true],
    [{ scheduleKind: 'ticks', schedule: '3' }, true],
    [{ scheduleKind: 'ticks', schedule: '3 repeat' }, false],
    [{ schedule: '5m' }, false],
    [cron('0 4 * * *'), false],
    [{ scheduleKind: 'manual', schedule: '' }, false],
  ])('of %j has one slot only: %s', (task, once) => {
    expect(timetableWith(task).once).toBe(once);
  });

  test('tells the period with its policies, and the ticks', () => {
    const policy = { anchor: 'start', backoff: 'every_run', maxPeriodSeconds: 900 } as const;
    expect(timetableWith({ ...policy, schedule: '5m' })).toMatchObject({
      period: { ...policy, periodSeconds: 300 },
      ticks: null,
    });
    expect(timetableWith({ scheduleKind: 'ticks', schedule: '3' })).toMatchObject({
      period: null,
      ticks: { gap: 4, repeats: false },
    });
  });

  test('a text that is no longer valid is refused', () => {
    expect(() => timetableWith({ schedule: 'x' })).toThrow('expected a duration');
    expect(() => timetableWith(cron('x'))).toThrow('expected');
  });
});

function cron(schedule: string): Pick<Task, 'scheduleKind' | 'schedule'> {
  return { scheduleKind: 'cron', schedule };
}

test('H and ~ depend on the task, and on the node where each has a state of its own', () => {
  expect(hashSeedOf({ id: 7 }, 'alpha')).toBe('7/alpha');
  expect(hashSeedOf({ id: 7 }, '*')).toBe('7');
});

describe('the earliest start of a slot', () => {
  const slot = at('12:10');

  test('is the slot itself', () => {
    expect(earliestStartOf(timetableWith(), stateWith(), slot)).toBe(slot);
  });

  test('is later by a stable hash of task, scope and slot, modulo the offset', () => {
    const timetable = periodTimetable(periodOf(300), 180);
    const seconds = stableHash('7/alpha/2026-03-10T12:10:00.000Z') % 180;
    expect(seconds).toBeGreaterThan(0);
    expect(earliestStartOf(timetable, stateWith(), slot)).toBe(slot + seconds * SECOND_MS);
  });

  test('differs between slots, scopes and tasks, and is below the offset', () => {
    const timetable = periodTimetable(periodOf(300), 3_600);
    const delays = [
      ...Array.from({ length: 200 }, (_, index) => delayOf(stateWith(), slot + index * 300_000)),
      delayOf(stateWith({ scopeKey: 'beta' }), slot),
      delayOf(stateWith({ taskId: 8 }), slot),
    ];
    expect(new Set(delays).size).toBeGreaterThan(150);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThan(3_600_000);

    function delayOf(state: ReturnType<typeof stateWith>, of: Instant): number {
      return earliestStartOf(timetable, state, of) - of;
    }
  });

  test('does not depend on what became of earlier slots', () => {
    const timetable = timetableWith({ randomOffsetSeconds: 240 });
    const later = stateWith({ handledSlot: at('12:05'), epoch: 9, failures: 3 });
    expect(earliestStartOf(timetable, later, slot)).toBe(earliestStartOf(timetable, stateWith(), slot));
  });

  test('an offset of one second is none, and without an offset nothing is delayed', () => {
    const one = timetableWith({ randomOffsetSeconds: 1 });
    expect(earliestStartOf(one, stateWith(), slot)).toBe(slot);
    const none = timetableWith();
    expect(maxDelayMs(none, none.slotsIn(stateWith()))).toBe(0);
  });

  test('stays inside the window of the slot', () => {
    const timetable = timetableWith({
      ...{ scheduleKind: 'window', schedule: '12:00-12:30@1m' },
      randomOffsetSeconds: 86_400,
    });
    const state = stateWith({ countedFrom: at('11:00') });
    const schedule = timetable.slotsIn(state);
    for (const each of slotsAfter(schedule, at('11:00'), 200)) {
      const start = earliestStartOf(timetable, state, each);
      expect(start).toBeGreaterThanOrEqual(each);
      expect(start).toBeLessThanOrEqual(schedule.closesAt?.(each) ?? Number.NaN);
    }
  });

  test('the last instant of a window leaves no room', () => {
    const closing = fixedTimetable(
      { nextAfter: () => undefined, closesAt: () => slot },
      { randomOffsetSeconds: 600 },
    );
    expect(earliestStartOf(closing, stateWith(), slot)).toBe(slot);
  });

  test('begins after the spread of the schedule, and shares the window with it', () => {
    const spread = { nextAfter: () => undefined, spreadMs: () => 120_000, closesAt: () => slot + 125_000 };
    const timetable = fixedTimetable(spread, { randomOffsetSeconds: 600 });
    const drawn = stableHash(`7/alpha/${toText(slot)}`) % 5;
    expect(earliestStartOf(timetable, stateWith(), slot)).toBe(slot + 120_000 + drawn * SECOND_MS);
    expect(earliestStartOf(fixedTimetable(spread), stateWith(), slot)).toBe(slot + 120_000);
  });

  test('of an instant is delayed too', () => {
    const once = timetableWith({
      ...{ scheduleKind: 'at', schedule: '2026-03-10T12:10Z' },
      randomOffsetSeconds: 180,
    });
    const seconds = stableHash('7/alpha/2026-03-10T12:10:00.000Z') % 180;
    expect(earliestStartOf(once, stateWith(), slot)).toBe(slot + seconds * SECOND_MS);
  });
});

function periodOf(periodSeconds: number) {
  return { periodSeconds, anchor: 'slot', backoff: 'none', maxPeriodSeconds: null } as const;
}

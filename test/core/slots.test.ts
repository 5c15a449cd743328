import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Instant, MINUTE_MS, SECOND_MS } from '../../src/core/instants.ts';
import {
  dueSlots,
  dueTickOf,
  earliestOf,
  NO_TICK,
  nextSlotOf,
  nextStartOf,
  slotBefore,
  slotsUpTo,
  startOf,
  type TickTime,
  tickCountedAfter,
} from '../../src/core/slots.ts';
import type { TaskState } from '../../src/core/state.ts';
import type { Task } from '../../src/core/task.ts';
import { tickNumber } from '../../src/core/tick-time.ts';
import { earliestStartOf, type Timetable } from '../../src/core/timetable.ts';
import { at, stateWith, timetableWith } from '../support/builders.ts';

function tickTime(tickAt: Instant, own = 100): TickTime {
  return { tickAt, ticks: { own, all: 1_000 + own } };
}

describe('the slots of a state', () => {
  test('up to one of them are counted from the first that is not handled', () => {
    const state = stateWith({ handledSlot: at('12:05') });
    expect(slotsUpTo(timetableWith(), state, at('12:20'))).toEqual({
      first: at('12:10'),
      slot: at('12:20'),
      count: 3,
    });
  });

  test('before one of them end with the handled one', () => {
    const state = stateWith({ handledSlot: at('12:05') });
    expect(slotBefore(timetableWith(), state, at('12:20'))).toBe(at('12:15'));
    expect(slotBefore(timetableWith(), state, at('12:18'))).toBe(at('12:15'));
    expect(slotBefore(timetableWith(), state, at('12:10'))).toBeUndefined();
  });

  test('begin with the one slot of a creation, until that is handled', () => {
    const fresh = stateWith({ firstSlot: at('12:00') });
    expect(nextSlotOf(timetableWith(), fresh)).toBe(at('12:00'));
    expect(slotBefore(timetableWith(), fresh, at('12:05'))).toBe(at('12:00'));
    expect(slotBefore(timetableWith(), fresh, at('12:00'))).toBeUndefined();
    expect(slotsUpTo(timetableWith(), fresh, at('12:10'))).toEqual({
      first: at('12:00'),
      slot: at('12:10'),
      count: 3,
    });
    const handled = { ...fresh, handledSlot: at('12:00') };
    expect(nextSlotOf(timetableWith(), handled)).toBe(at('12:05'));
    expect(slotBefore(timetableWith(), handled, at('12:05'))).toBeUndefined();
  });

  test('of a back-off begin as far from the handled one as the period has grown', () => {
    const timetable = timetableWith({ backoff: 'on_failure' });
    const state = stateWith({ handledSlot: at('12:05'), currentPeriodSeconds: 600 });
    expect(nextSlotOf(timetable, state)).toBe(at('12:15'));
    expect(dueSlots(timetable, state, tickTime(at('12:30')))).toEqual({
      first: at('12:15'),
      slot: at('12:25'),
      count: 2,
    });
  });
});

test.each([
  [null, null, null],
  [at('12:00'), null, at('12:00')],
  [null, at('12:00'), at('12:00')],
  [at('12:05'), at('12:00'), at('12:00')],
])('the earlier of %s and %s is %s', (one, other, earlier) => {
  expect(earliestOf(one, other)).toBe(earlier);
});

describe('a slot with a random offset', () => {
  const timetable = timetableWith({ randomOffsetSeconds: 240 });
  const start = earliestStartOf(timetable, stateWith(), at('12:05'));

  test('is not due before its earliest start', () => {
    expect(start).toBeGreaterThan(at('12:05'));
    expect(dueSlots(timetable, stateWith(), tickTime(start - 1))).toBeUndefined();
    expect(dueSlots(timetable, stateWith(), tickTime(start))).toMatchObject({ slot: at('12:05'), count: 1 });
  });

  test('stays the slot that it is while its start moves', () => {
    expect(nextSlotOf(timetable, stateWith())).toBe(at('12:05'));
    expect(nextStartOf(timetable, stateWith())).toBe(start);
  });

  test('leaves the one slot of a creation alone', () => {
    const state = stateWith({ firstSlot: at('12:00') });
    expect(startOf(timetable, state, at('12:00'))).toBe(at('12:00'));
    expect(startOf(timetable, state, at('12:05'))).toBe(start);
    expect(nextStartOf(timetable, state)).toBe(at('12:00'));
  });

  test('that never comes is waited for never', () => {
    expect(nextStartOf(timetableWith({ schedule: '-1s', randomOffsetSeconds: 60 }), stateWith())).toBeNull();
  });
});

/** Slot by slot: the newest whose earliest start has come, and the first start of all. */
function byWalking(timetable: Timetable, state: TaskState, tickAt: Instant) {
  const schedule = timetable.slotsIn(state);
  let newest: Instant | undefined;
  let firstStart = Number.POSITIVE_INFINITY;
  let slot = schedule.nextAfter(state.countedFrom);
  while (slot !== undefined && slot <= Math.max(tickAt, at('12:00') + 86_400_000)) {
    const start = earliestStartOf(timetable, state, slot);
    newest = start <= tickAt ? slot : newest;
    firstStart = Math.min(firstStart, start);
    slot = schedule.nextAfter(slot);
  }
  return { newest, firstStart };
}

test('the newest due slot and the next start are those of a walk over all slots, whatever the offset', () => {
  const kinds: readonly Partial<Task>[] = [
    { schedule: '1m' },
    { schedule: '7m' },
    { scheduleKind: 'cron', schedule: '*/5 * * * *' },
    { scheduleKind: 'window', schedule: '12:00-13:00@5m' },
    { scheduleKind: 'window', schedule: '~12:00-16:00@1h' },
  ];
  const property = fc.property(
    fc.constantFrom(...kinds),
    fc.integer({ min: 0, max: 7_200 }),
    fc.integer({ min: 0, max: 360 }),
    (kind, randomOffsetSeconds, minutes) => {
      const timetable = timetableWith({ ...kind, randomOffsetSeconds });
      const state = stateWith();
      const tickAt = at('12:00') + minutes * MINUTE_MS;
      const { newest, firstStart } = byWalking(timetable, state, tickAt);
      expect(dueSlots(timetable, state, tickTime(tickAt))?.slot).toBe(newest);
      expect(nextStartOf(timetable, state)).toBe(firstStart);
    },
  );
  fc.assert(property, { seed: 20_261_121, numRuns: 200 });
});

describe('ticks', () => {
  const repeat2 = timetableWith({ scheduleKind: 'ticks', schedule: '2 repeat' });
  const once2 = timetableWith({ scheduleKind: 'ticks', schedule: '2' });

  test('are due at the counted tick, and so many more than stand in the text', () => {
    expect(dueTickOf(repeat2, stateWith({ countedTick: 10 }))).toBe(13);
    expect(dueTickOf(once2, stateWith({ countedTick: 10 }))).toBe(13);
    expect(dueTickOf(once2, stateWith({ countedTick: NO_TICK }))).toBeNull();
    expect(dueTickOf(timetableWith(), stateWith({ countedTick: 10 }))).toBeNull();
  });

  test.each([
    ['alpha', 100],
    ['*', 1_100],
  ])('of the scope %s have the number %d', (scopeKey, number) => {
    expect(tickNumber(stateWith({ scopeKey }), tickTime(at('12:00')))).toBe(number);
  });

  test.each([
    [12, undefined, undefined],
    [13, 1, 13],
    [15, 1, 13],
    [16, 2, 16],
    [21, 3, 19],
    [22, 4, 22],
  ])('at tick %d, %s of them fold, and it counts on from %s', (own, count, countedTick) => {
    const state = stateWith({ countedTick: 10 });
    const due = dueSlots(repeat2, state, tickTime(at('12:03'), own));
    expect(due?.count).toBe(count);
    expect(due && tickCountedAfter(repeat2, state, due)).toBe(countedTick);
  });

  test('however late they are taken, repeated ones keep their phase', () => {
    const property = fc.property(
      fc.integer({ min: 0, max: 9 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 50 }),
      (every, gaps) => {
        const timetable = timetableWith({ scheduleKind: 'ticks', schedule: `${every} repeat` });
        let state = stateWith({ countedTick: 100 });
        let own = 100;
        let folded = 0;
        for (const gap of gaps) {
          own += gap;
          const due = dueSlots(timetable, state, tickTime(at('12:00') + own * MINUTE_MS, own));
          if (due !== undefined) {
            folded += due.count;
            const countedTick = tickCountedAfter(timetable, state, due);
            state = { ...state, handledSlot: due.slot, countedTick };
          }
        }
        expect(folded).toBe(Math.floor((own - 100) / (every + 1)));
        expect(state.countedTick).toBe(100 + folded * (every + 1));
      },
    );
    fc.assert(property, { seed: 20_261_121, numRuns: 100 });
  });

  test('of a one-shot fire once, however late', () => {
    const state = stateWith({ countedTick: 10 });
    const due = dueSlots(once2, state, tickTime(at('12:03'), 900));
    expect(due).toEqual({ first: at('12:03'), slot: at('12:03'), count: 1 });
    const countedTick = due && tickCountedAfter(once2, state, due);
    expect(dueSlots(once2, { ...state, countedTick: countedTick ?? 0 }, tickTime(at('12:04'), 901))).toBe(
      undefined,
    );
  });

  test('that fire twice in one minute have slots that grow', () => {
    const state = stateWith({ countedTick: 10, handledSlot: at('12:03') });
    const due = dueSlots(repeat2, state, tickTime(at('12:03'), 13));
    expect(due?.slot).toBe(at('12:03') + 1);
    const later = dueSlots(repeat2, { ...state, handledSlot: at('12:03') + 1 }, tickTime(at('12:04'), 16));
    expect(later?.slot).toBe(at('12:04'));
  });

  test('that came before the clock was set back are followed by later slots', () => {
    const state = stateWith({ countedTick: 10, handledSlot: at('12:30') });
    expect(dueSlots(repeat2, state, tickTime(at('12:03'), 13))?.slot).toBe(at('12:30') + 1);
  });

  test('a task that counts no ticks counts from where it counted', () => {
    const slots = { first: at('12:05'), slot: at('12:05'), count: 1 };
    expect(tickCountedAfter(timetableWith(), stateWith({ countedTick: 4 }), slots)).toBe(4);
  });
});

test('a second of offset is a second of the slot', () => {
  const timetable = timetableWith({ randomOffsetSeconds: 2 });
  const starts = [at('12:05'), at('12:10'), at('12:15'), at('12:20')].map(
    (slot) => (earliestStartOf(timetable, stateWith(), slot) - slot) / SECOND_MS,
  );
  expect(new Set(starts)).toEqual(new Set([0, 1]));
});

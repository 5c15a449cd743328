import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CatchUpStep, catchUp } from '../../src/core/catch-up.ts';
import { type Instant, MINUTE_MS } from '../../src/core/instants.ts';
import { dueSlots, type SlotRange } from '../../src/core/slots.ts';
import type { TaskState } from '../../src/core/state.ts';
import type { Task } from '../../src/core/task.ts';
import { earliestStartOf } from '../../src/core/timetable.ts';
import { at, stateWith, taskWith, timetableWith } from '../support/builders.ts';

type Situation = {
  readonly task?: Partial<Task>;
  readonly state?: Partial<TaskState>;
  /** The real now, whose minute is that of the tick. */
  readonly now: Instant;
  readonly rhythmSeconds?: number;
};

/** What is done first with what is due. */
function stepIn({ task, state, now, rhythmSeconds }: Situation): CatchUpStep {
  const subject = { task: taskWith(task), timetable: timetableWith(task), state: stateWith(state) };
  const tickAt = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  const due = dueSlots(subject.timetable, subject.state, { tickAt, ticks: { own: 1, all: 1 } });
  if (due === undefined) {
    throw new Error('expected a situation in which something is due');
  }
  return catchUp(subject, { due, tickAt, now, rhythmSeconds });
}

function range(first: string, last = first, count = 1): SlotRange {
  return { first: at(first), slot: at(last), count };
}

function go(slots: SlotRange, again = false) {
  return { kind: 'go', slots, again };
}

function tooLate(slots: SlotRange, deadlineSeconds: number, again = false) {
  return { kind: 'skip', reason: 'too_late', slots, again, deadlineSeconds };
}

function missed(slots: SlotRange) {
  return { kind: 'skip', reason: 'missed', slots, again: true };
}

type Row = readonly [string, Situation, CatchUpStep | ReturnType<typeof go>];

describe('latest', () => {
  test.each<Row>([
    ['runs the newest for all', { now: at('12:17') }, go(range('12:05', '12:15', 3))],
    ['runs a single one', { now: at('12:05') }, go(range('12:05'))],
    [
      'is too late for all once the newest is',
      { task: { startDeadlineSeconds: 120 }, now: at('12:17:01') },
      tooLate(range('12:05', '12:15', 3), 120),
    ],
    [
      'is in time for all while the newest is',
      { task: { startDeadlineSeconds: 120 }, now: at('12:17') },
      go(range('12:05', '12:15', 3)),
    ],
    [
      'without a deadline is never too late',
      { now: at('2027-03-10T12:00:00Z') },
      go(range('12:05', '2027-03-10T12:00:00Z', 10_000)),
    ],
  ])('%s', (_title, situation, step) => {
    expect(stepIn(situation)).toEqual(step);
  });
});

describe('each', () => {
  const each = { catchUp: 'each' } as const;
  test.each<Row>([
    ['runs the oldest first', { task: each, now: at('12:17') }, go(range('12:05'), true)],
    [
      'ends with the newest',
      { task: each, state: { handledSlot: at('12:10') }, now: at('12:17') },
      go(range('12:15')),
    ],
    [
      'runs as many as the greatest number',
      { task: { ...each, catchUpMax: 3 }, now: at('12:17') },
      go(range('12:05'), true),
    ],
    [
      'skips what is older in one step',
      { task: { ...each, catchUpMax: 2 }, now: at('12:32') },
      missed(range('12:05', '12:20', 4)),
    ],
    [
      'then runs the rest',
      { task: { ...each, catchUpMax: 2 }, state: { handledSlot: at('12:20') }, now: at('12:32') },
      go(range('12:25'), true),
    ],
    [
      'with a greatest number of one runs the newest',
      { task: { ...each, catchUpMax: 1 }, now: at('12:17') },
      missed(range('12:05', '12:10', 2)),
    ],
    [
      'takes what is older than the deadline as too late, before it counts',
      { task: { ...each, catchUpMax: 1, startDeadlineSeconds: 480 }, now: at('12:22') },
      tooLate(range('12:05', '12:10', 2), 480, true),
    ],
    [
      'counts what is left',
      {
        task: { ...each, catchUpMax: 1, startDeadlineSeconds: 480 },
        state: { handledSlot: at('12:10') },
        now: at('12:22'),
      },
      missed(range('12:15')),
    ],
    [
      'a slot as old as the deadline is in time',
      { task: { ...each, startDeadlineSeconds: 420 }, state: { handledSlot: at('12:10') }, now: at('12:22') },
      go(range('12:15'), true),
    ],
    [
      'the newest as old as the deadline is in time, and does not save the older ones',
      { task: { ...each, startDeadlineSeconds: 120 }, now: at('12:17') },
      tooLate(range('12:05', '12:10', 2), 120, true),
    ],
    [
      'is through once the newest is too late',
      { task: { ...each, startDeadlineSeconds: 60 }, now: at('12:17') },
      tooLate(range('12:05', '12:15', 3), 60),
    ],
    [
      'of 20,000 slots leaves the newest 3, though no more than 10,000 are counted',
      { task: { ...each, catchUpMax: 3, schedule: '1m' }, now: at('12:00') + 20_000 * MINUTE_MS },
      missed({ first: at('12:01'), slot: at('12:00') + 19_997 * MINUTE_MS, count: 10_000 }),
    ],
    [
      'begins with the slot of the creation',
      { task: each, state: { firstSlot: at('12:00') }, now: at('12:06') },
      go(range('12:00'), true),
    ],
    [
      'counts the slot of the creation',
      { task: { ...each, catchUpMax: 1 }, state: { firstSlot: at('12:00') }, now: at('12:06') },
      missed(range('12:00')),
    ],
  ])('%s', (_title, situation, step) => {
    expect(stepIn(situation)).toEqual(step);
  });
});

test('each runs no slot before its own start, and takes those before it along that start later', () => {
  const task = { catchUp: 'each', schedule: '1m', randomOffsetSeconds: 600 } as const;
  const timetable = timetableWith(task);
  let state = stateWith({});
  let taken = 0;
  for (let tickAt = at('12:01'); tickAt <= at('13:00'); tickAt += MINUTE_MS) {
    const tick = { tickAt, ticks: { own: 1, all: 1 } };
    for (let due = dueSlots(timetable, state, tick); due !== undefined; ) {
      const step = catchUp(
        { task: taskWith(task), timetable, state },
        { due, tickAt, now: tickAt, rhythmSeconds: 60 },
      );
      expect(step.kind).toBe('go');
      expect(earliestStartOf(timetable, state, step.slots.slot)).toBeLessThanOrEqual(tickAt);
      expect(step.slots.first).toBe(at('12:01') + taken * MINUTE_MS);
      taken += step.slots.count;
      state = { ...state, handledSlot: step.slots.slot };
      due = dueSlots(timetable, state, tick);
    }
  }
  expect(taken).toBeGreaterThan(50);
});

test('each finds what to leave out of a year of time ranges in few steps', () => {
  const task = {
    ...({ catchUp: 'each', catchUpMax: 1_000 } as const),
    ...({ scheduleKind: 'window', schedule: '*@30m', timezone: 'UTC' } as const),
  };
  const step = stepIn({ task, now: at('2027-03-10T12:00:00Z') });
  const newest = at('2027-03-10T12:00:00Z');
  expect(step).toEqual(missed({ first: at('12:30'), slot: newest - 1_000 * 30 * MINUTE_MS, count: 10_000 }));
});

describe('skip', () => {
  const skip = { catchUp: 'skip' } as const;
  const one = { handledSlot: at('12:10') };
  test.each<Row>([
    ['skips all but the newest', { task: skip, now: at('12:17') }, missed(range('12:05', '12:10', 2))],
    ['runs the newest within two minutes', { task: skip, state: one, now: at('12:17') }, go(range('12:15'))],
    ['but no later', { task: skip, state: one, now: at('12:17:00') + 1 }, tooLate(range('12:15'), 120)],
    [
      'a fast rhythm leaves two minutes',
      { task: skip, state: one, now: at('12:17'), rhythmSeconds: 10 },
      go(range('12:15')),
    ],
    [
      'a slow rhythm leaves two of its gaps',
      { task: skip, state: one, now: at('12:19:59'), rhythmSeconds: 150 },
      go(range('12:15')),
    ],
    [
      'but no more',
      { task: { ...skip, schedule: '15m' }, now: at('12:20:01'), rhythmSeconds: 150 },
      tooLate(range('12:15'), 300),
    ],
    [
      'its own deadline counts instead, shorter',
      { task: { ...skip, startDeadlineSeconds: 30 }, state: one, now: at('12:15:31'), rhythmSeconds: 600 },
      tooLate(range('12:15'), 30),
    ],
    [
      'or longer',
      { task: { ...skip, startDeadlineSeconds: 240 }, state: one, now: at('12:19') },
      go(range('12:15')),
    ],
    [
      'what was missed is missed even where the newest is too late',
      { task: skip, now: at('12:19') },
      missed(range('12:05', '12:10', 2)),
    ],
    [
      'the slot of the creation is missed like any other',
      { task: skip, state: { firstSlot: at('12:00') }, now: at('12:06') },
      missed(range('12:00')),
    ],
  ])('%s', (_title, situation, step) => {
    expect(stepIn(situation)).toEqual(step);
  });

  test('counts its own deadline from the start of a slot that is spread, and one that was set from the slot', () => {
    const task = { catchUp: 'skip', schedule: '2h', randomOffsetSeconds: 7_000 } as const;
    const slot = at('14:00');
    const start = earliestStartOf(timetableWith(task), stateWith({}), slot);
    expect(start - slot).toBeGreaterThan(180_000);
    const now = Math.ceil(start / MINUTE_MS) * MINUTE_MS;
    expect(stepIn({ task, now })).toEqual(go(range('14:00')));
    expect(stepIn({ task, now: now + 3 * MINUTE_MS })).toEqual(tooLate(range('14:00'), 120));
    expect(stepIn({ task: { ...task, startDeadlineSeconds: 180 }, now })).toEqual(
      tooLate(range('14:00'), 180),
    );
  });
});

/** Takes step after step, as the steps of one tick follow each other, and says what became of every minute. */
function fates(task: Partial<Task>, now: Instant): ReadonlyMap<Instant, string> {
  const became = new Map<Instant, string>();
  let handledSlot: Instant | null = null;
  for (let again = true; again; ) {
    const step = stepIn({ task, state: { handledSlot }, now });
    for (let slot = step.slots.first; slot <= step.slots.slot; slot += MINUTE_MS) {
      const folded = step.kind === 'go' && slot < step.slots.slot ? 'folded' : undefined;
      became.set(slot, folded ?? (step.kind === 'go' ? 'run' : step.reason));
    }
    handledSlot = step.slots.slot;
    again = step.again;
  }
  return became;
}

type Place = { readonly age: number; readonly ageOfNewest: number; readonly younger: number };

/** The rules by themselves, slot by slot. */
function fateOf(task: Task, { age, ageOfNewest, younger }: Place): string {
  const limit = (task.startDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1_000;
  const folded = younger === 0 ? 'run' : 'folded';
  const skipLimit = task.startDeadlineSeconds === null ? 120_000 : limit;
  const inTime = {
    latest: ageOfNewest > limit ? 'too_late' : folded,
    each: younger < task.catchUpMax ? 'run' : 'missed',
    skip: age > skipLimit ? 'too_late' : 'run',
  };
  if (task.catchUp === 'each' && age > limit) {
    return 'too_late';
  }
  return task.catchUp === 'skip' && younger > 0 ? 'missed' : inTime[task.catchUp];
}

test('every due slot is accounted for once, as the rules say of it alone', () => {
  const policies = fc.record({
    schedule: fc.constant('1m'),
    catchUp: fc.constantFrom('latest' as const, 'each' as const, 'skip' as const),
    catchUpMax: fc.integer({ min: 1, max: 40 }),
    startDeadlineSeconds: fc.option(fc.integer({ min: 1, max: 3_000 })),
  });
  const property = fc.property(
    policies,
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 0, max: 59_999 }),
    (policy, minutes, ms) => {
      const now = at('12:00') + minutes * MINUTE_MS + ms;
      const became = fates(policy, now);
      expect(became.size).toBe(minutes);
      for (let minute = 1; minute <= minutes; minute += 1) {
        const slot = at('12:00') + minute * MINUTE_MS;
        const place = { age: now - slot, ageOfNewest: ms, younger: minutes - minute };
        expect(became.get(slot)).toBe(fateOf(taskWith(policy), place));
      }
    },
  );
  fc.assert(property, { seed: 20_261_121, numRuns: 300 });
});

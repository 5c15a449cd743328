import { describe, expect, test } from 'vitest';
import { type Decision, type DueInput, decide } from '../../src/core/due.ts';
import { dueSlots, nextSlotOf, type TickTime } from '../../src/core/slots.ts';
import type { TaskState } from '../../src/core/state.ts';
import type { Task } from '../../src/core/task.ts';
import { earliestStartOf } from '../../src/core/timetable.ts';
import { at, stateWith, taskWith, timetableWith } from '../support/builders.ts';

type Situation = {
  readonly task?: Partial<Task>;
  readonly state?: Partial<TaskState>;
  readonly liveRuns?: number;
  readonly tickAt: string;
  /** The real now; the minute of the tick if a test does not care. */
  readonly now?: string;
  /** The number of the tick on its node; all nodes together have had 1,000 more. */
  readonly tick?: number;
  readonly rhythmSeconds?: number;
};

function inputOf({ task: taskChanges, state: stateChanges, liveRuns = 0, ...when }: Situation): DueInput {
  const { tickAt, now, tick = 100, rhythmSeconds } = when;
  return {
    definition: { kind: 'valid', task: taskWith(taskChanges), timetable: timetableWith(taskChanges) },
    state: stateWith(stateChanges),
    liveRuns,
    tickAt: at(tickAt),
    now: at(now ?? tickAt),
    ticks: { own: tick, all: 1_000 + tick },
    rhythmSeconds,
  };
}

function decideIn(situation: Situation): Decision {
  return decide(inputOf(situation));
}

function oneSlot(slot: string) {
  return { first: at(slot), slot: at(slot), count: 1 };
}

/** What a run of these slots is decided as, where nothing is superseded and nothing follows. */
function runOf(slots: ReturnType<typeof oneSlot>) {
  return { kind: 'run', slots, supersededAttempt: undefined, again: false } as const;
}

function tickTime(instant: string | number): TickTime {
  return { tickAt: typeof instant === 'string' ? at(instant) : instant, ticks: { own: 100, all: 1_100 } };
}

const terminated = { terminatedAt: at('12:01'), terminatedReason: 'nothing left to do' };

describe('the rules of the decision, in their order', () => {
  test('an invalid definition comes before everything else', () => {
    const faults = [{ field: 'schedule', message: 'expected 5 cron fields, got 1' }];
    const input = inputOf({
      state: { ...terminated, handledSlot: at('23:00') },
      tickAt: '12:05',
      liveRuns: 1,
    });
    expect(decide({ ...input, definition: { kind: 'invalid', faults } })).toEqual({
      kind: 'invalid',
      faults,
    });
  });

  test.each<readonly [string, Situation, Decision]>([
    [
      'an inactive task does not run, terminated or not',
      { task: { active: false }, state: terminated, tickAt: '12:05' },
      { kind: 'inactive' },
    ],
    [
      'a terminated state does not run, and says why',
      { state: terminated, tickAt: '12:05' },
      { kind: 'terminated', reason: 'nothing left to do' },
    ],
    [
      'a slot handled in the future waits for a reset, even beside a live run',
      { state: { handledSlot: at('13:00') }, liveRuns: 1, tickAt: '12:05' },
      { kind: 'handled-in-future', until: at('13:00') },
    ],
    [
      'a definition counted from the future has handled nothing, and waits',
      { state: { countedFrom: at('13:00') }, tickAt: '12:05' },
      { kind: 'waiting', nextAt: at('13:05') },
    ],
    [
      'a definition counted from the minute after that of the tick, which is not over yet, only waits',
      { state: { countedFrom: at('12:06') }, tickAt: '12:05', now: '12:06:10' },
      { kind: 'waiting', nextAt: at('12:11') },
    ],
    [
      'a live run keeps the due slot due',
      { liveRuns: 1, tickAt: '12:05' },
      { kind: 'still-running', slots: oneSlot('12:05') },
    ],
    [
      'a live run with nothing due is still running',
      { liveRuns: 1, tickAt: '12:04' },
      { kind: 'still-running', slots: undefined },
    ],
    [
      'overlap skip skips what is due beside a live run',
      { task: { overlap: 'skip' }, liveRuns: 1, tickAt: '12:05' },
      { kind: 'skip', reason: 'overlap', slots: oneSlot('12:05'), again: false },
    ],
    [
      'overlap skip has nothing to skip while nothing is due',
      { task: { overlap: 'skip' }, liveRuns: 1, tickAt: '12:04' },
      { kind: 'still-running', slots: undefined },
    ],
    [
      'overlap allow runs beside a live run',
      { task: { overlap: 'allow', maxParallel: 2 }, liveRuns: 1, tickAt: '12:05' },
      runOf(oneSlot('12:05')),
    ],
    [
      'overlap allow stops at max_parallel',
      { task: { overlap: 'allow', maxParallel: 2 }, liveRuns: 2, tickAt: '12:05' },
      { kind: 'still-running', slots: oneSlot('12:05') },
    ],
    [
      'a pending attempt waits for its time',
      { state: { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:06:03') }, tickAt: '12:06' },
      { kind: 'waiting', nextAt: at('12:06:03') },
    ],
    [
      'a pending attempt starts when its time has come',
      { state: { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:06:03') }, tickAt: '12:07' },
      { kind: 'retry', slot: at('12:05'), attempt: 2, again: false },
    ],
    [
      'a newer due slot supersedes a pending attempt',
      { state: { handledSlot: at('12:05'), attempt: 2, retryAt: at('12:09') }, tickAt: '12:10' },
      { kind: 'run', slots: oneSlot('12:10'), supersededAttempt: 3, again: false },
    ],
    [
      'retry_past_next lets a pending attempt go before a newer slot',
      {
        task: { retryPastNext: true },
        state: { handledSlot: at('12:05'), attempt: 2, retryAt: at('12:09') },
        tickAt: '12:10',
      },
      { kind: 'retry', slot: at('12:05'), attempt: 3, again: false },
    ],
    [
      'retry_past_next holds a newer slot back until the pending attempt',
      {
        task: { retryPastNext: true },
        state: { handledSlot: at('12:05'), attempt: 2, retryAt: at('12:14') },
        tickAt: '12:10',
      },
      { kind: 'waiting', nextAt: at('12:14') },
    ],
    [
      'a pending attempt waits while a run by hand is alive',
      {
        state: { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:06') },
        liveRuns: 1,
        tickAt: '12:07',
      },
      { kind: 'still-running', slots: undefined },
    ],
    [
      'nothing due waits for the next slot',
      { tickAt: '12:04', now: '12:04:59' },
      { kind: 'waiting', nextAt: at('12:05') },
    ],
    [
      'a manual task waits for nothing',
      { task: { scheduleKind: 'manual', schedule: '' }, tickAt: '12:05' },
      { kind: 'waiting', nextAt: null },
    ],
    [
      'missed slots fold into the newest',
      { tickAt: '12:59' },
      runOf({ first: at('12:05'), slot: at('12:55'), count: 11 }),
    ],
    [
      'slots count from the handled one, whenever its run ended',
      { state: { handledSlot: at('12:50'), lastEndedAt: at('12:58') }, tickAt: '12:59' },
      runOf(oneSlot('12:55')),
    ],
    [
      'a slot exactly as old as its deadline still starts',
      { task: { startDeadlineSeconds: 90 }, tickAt: '12:06', now: '12:06:30' },
      runOf(oneSlot('12:05')),
    ],
    [
      'a slot older than its deadline is skipped, by the real now and not by the minute of the tick',
      { task: { startDeadlineSeconds: 90 }, tickAt: '12:06', now: '12:06:30.001' },
      { kind: 'skip', reason: 'too_late', slots: oneSlot('12:05'), again: false, deadlineSeconds: 90 },
    ],
    [
      'missed slots go too late together',
      { task: { startDeadlineSeconds: 60 }, tickAt: '12:13', now: '12:13:01' },
      {
        kind: 'skip',
        reason: 'too_late',
        slots: { first: at('12:05'), slot: at('12:10'), count: 2 },
        again: false,
        deadlineSeconds: 60,
      },
    ],
    [
      'the deadline is that of a slot, so a retry may start after it',
      {
        task: { startDeadlineSeconds: 60 },
        state: { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:09') },
        tickAt: '12:09',
      },
      { kind: 'retry', slot: at('12:05'), attempt: 2, again: false },
    ],
    ['a due slot runs at its own minute', { tickAt: '12:05' }, runOf(oneSlot('12:05'))],
  ])('%s', (_title, situation, decision) => {
    expect(decideIn(situation)).toEqual(decision);
  });
});

describe('the first slot of run_immediately', () => {
  test('runs at once, before the first slot of the schedule', () => {
    expect(decideIn({ state: { firstSlot: at('12:00') }, tickAt: '12:00' })).toEqual(runOf(oneSlot('12:00')));
  });

  test('folds into a later slot, and is counted', () => {
    expect(decideIn({ state: { firstSlot: at('12:00') }, tickAt: '12:11' })).toEqual(
      runOf({ first: at('12:00'), slot: at('12:10'), count: 3 }),
    );
  });

  test('keeps the phase: the next slot counts from the creation', () => {
    const situation = { state: { firstSlot: at('12:00'), handledSlot: at('12:00') }, tickAt: '12:04' };
    expect(decideIn(situation)).toEqual({ kind: 'waiting', nextAt: at('12:05') });
  });

  test('of a manual task runs once, then never', () => {
    const task = { scheduleKind: 'manual', schedule: '' } as const;
    const firstSlot = at('12:00');
    expect(decideIn({ task, state: { firstSlot }, tickAt: '12:03' })).toMatchObject({
      kind: 'run',
      slots: oneSlot('12:00'),
    });
    expect(decideIn({ task, state: { firstSlot, handledSlot: firstSlot }, tickAt: '12:03' })).toEqual({
      kind: 'waiting',
      nextAt: null,
    });
  });

  test('after a boot lies later than the handled slot, and is the newest', () => {
    const task = { scheduleKind: 'cron', schedule: '@reboot' } as const;
    const state = { handledSlot: at('12:10'), firstSlot: at('12:30') };
    expect(decideIn({ task, state, tickAt: '12:31' })).toMatchObject({
      kind: 'run',
      slots: oneSlot('12:30'),
    });
  });
});

describe('counting', () => {
  test('a definition that counts from a later minute than the handled slot owes nothing before it', () => {
    const state = stateWith({ handledSlot: at('12:05'), countedFrom: at('13:02') });
    expect(nextSlotOf(timetableWith(), state)).toBe(at('13:07'));
    expect(dueSlots(timetableWith(), state, tickTime('13:06'))).toBeUndefined();
  });

  test('the number of folded slots is exact up to 10,000, and the newest is exact beyond', () => {
    const timetable = timetableWith({ scheduleKind: 'cron', schedule: '* * * * *' });
    const state = stateWith();
    expect(dueSlots(timetable, state, tickTime(at('12:00') + 9_999 * 60_000))?.count).toBe(9_999);
    expect(dueSlots(timetable, state, tickTime('2036-03-10T12:00:30Z'))).toEqual({
      first: at('12:01'),
      slot: at('2036-03-10T12:00:00Z'),
      count: 10_000,
    });
  });

  test('a week asleep is 2016 slots of five minutes', () => {
    const state = stateWith({ handledSlot: at('12:00') });
    expect(dueSlots(timetableWith(), state, tickTime('2026-03-17T12:00:00Z'))).toEqual({
      first: at('12:05'),
      slot: at('2026-03-17T12:00:00Z'),
      count: 2_016,
    });
  });

  test('a task every 90 s on minute ticks has the slots 90, 180, 270 and 360 s, run at 2, 3, 5 and 6 min', () => {
    const timetable = timetableWith({ schedule: '90s' });
    let state = stateWith();
    const runs: string[] = [];
    for (const tickAt of ['12:01', '12:02', '12:03', '12:04', '12:05', '12:06']) {
      const slots = dueSlots(timetable, state, tickTime(tickAt));
      if (slots !== undefined) {
        runs.push(`${tickAt} ${(slots.slot - at('12:00')) / 1_000} s`);
        state = { ...state, handledSlot: slots.slot };
      }
    }
    expect(runs).toEqual(['12:02 90 s', '12:03 180 s', '12:05 270 s', '12:06 360 s']);
  });
});

describe('catching up', () => {
  const each = { catchUp: 'each' } as const;

  test('each runs the oldest due slot, and the next one in the same tick', () => {
    expect(decideIn({ task: each, tickAt: '12:17' })).toEqual({ ...runOf(oneSlot('12:05')), again: true });
    const state = { handledSlot: at('12:10') };
    expect(decideIn({ task: each, state, tickAt: '12:17' })).toEqual(runOf(oneSlot('12:15')));
  });

  test('each skips what is older than its greatest number, and goes on', () => {
    expect(decideIn({ task: { ...each, catchUpMax: 2 }, tickAt: '12:22' })).toEqual({
      kind: 'skip',
      reason: 'missed',
      slots: { first: at('12:05'), slot: at('12:10'), count: 2 },
      again: true,
    });
  });

  test('each lets a newer slot supersede a pending attempt, and a retry past it be followed by the others', () => {
    const state = { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:06') };
    expect(decideIn({ task: each, state, tickAt: '12:17' })).toEqual({
      kind: 'run',
      slots: oneSlot('12:10'),
      supersededAttempt: 2,
      again: true,
    });
    expect(decideIn({ task: { ...each, retryPastNext: true }, state, tickAt: '12:17' })).toEqual({
      kind: 'retry',
      slot: at('12:05'),
      attempt: 2,
      again: true,
    });
  });

  test('skip leaves the newest of several, which runs if it is younger than two rhythms', () => {
    const task = { catchUp: 'skip' } as const;
    expect(decideIn({ task, tickAt: '12:13' })).toEqual({
      kind: 'skip',
      reason: 'missed',
      slots: oneSlot('12:05'),
      again: true,
    });
    const state = { handledSlot: at('12:05') };
    expect(decideIn({ task, state, tickAt: '12:13', rhythmSeconds: 90 })).toEqual(runOf(oneSlot('12:10')));
    expect(decideIn({ task, state, tickAt: '12:13', rhythmSeconds: 89 })).toEqual({
      kind: 'skip',
      reason: 'too_late',
      slots: oneSlot('12:10'),
      again: false,
      deadlineSeconds: 178,
    });
  });
});

describe('windows', () => {
  const window = { scheduleKind: 'window', schedule: '12:00-12:30@10m' } as const;

  test('a slot may start until its range ends, that minute included', () => {
    const state = { handledSlot: at('12:20') };
    expect(decideIn({ task: window, state, tickAt: '12:30', now: '12:30:59' })).toMatchObject({
      kind: 'run',
    });
  });

  test('after that the window is closed, by the real now', () => {
    const state = { handledSlot: at('12:10') };
    expect(decideIn({ task: window, state, tickAt: '12:30', now: '12:31' })).toEqual({
      kind: 'skip',
      reason: 'window_closed',
      slots: { first: at('12:20'), slot: at('12:30'), count: 2 },
      again: false,
    });
  });

  test('with each, the slot whose window is closed is skipped, and the next one looked at', () => {
    const task = { ...window, schedule: '["12:00-12:10@10m", "12:20-12:40@10m"]', catchUp: 'each' } as const;
    const state = { countedFrom: at('11:50') };
    for (const [handledSlot, slot] of [
      [null, '12:00'],
      ['12:00', '12:10'],
    ] as const) {
      const handled = { ...state, handledSlot: handledSlot === null ? null : at(handledSlot) };
      expect(decideIn({ task, state: handled, tickAt: '12:21' })).toEqual({
        kind: 'skip',
        reason: 'window_closed',
        slots: oneSlot(slot),
        again: true,
      });
    }
    expect(decideIn({ task, state: { ...state, handledSlot: at('12:10') }, tickAt: '12:21' })).toEqual(
      runOf(oneSlot('12:20')),
    );
  });

  test('an excluded minute lets the slot wait for the end of the stretch', () => {
    const task = { ...window, schedule: '["12:00-13:00@10m", "! 12:15-12:25"]' };
    const state = { handledSlot: at('12:00') };
    expect(decideIn({ task, state, tickAt: '12:10' })).toEqual(runOf(oneSlot('12:10')));
    const excluded = decideIn({ task, state, tickAt: '12:16' });
    expect(excluded).toMatchObject({ kind: 'excluded', slots: oneSlot('12:10') });
    const until = excluded.kind === 'excluded' ? excluded.until : Number.NaN;
    expect(until).toBeGreaterThanOrEqual(at('12:25'));
    expect(until).toBeLessThanOrEqual(at('12:26'));
    expect(decideIn({ task, state, tickAt: '12:27' })).toMatchObject({ kind: 'run' });
  });

  test('the slot of run_immediately does not wait for an excluded stretch to end', () => {
    const task = { ...window, schedule: '["12:00-13:00@10m", "! 12:15-12:25"]' };
    const state = { countedFrom: at('12:16'), firstSlot: at('12:16') };
    expect(decideIn({ task, state, tickAt: '12:16' })).toEqual(runOf(oneSlot('12:16')));
  });

  test('a retry is an attempt of a slot that has started, so it does not look at the window', () => {
    const state = { handledSlot: at('12:30'), attempt: 1, retryAt: at('12:40') };
    expect(decideIn({ task: window, state, tickAt: '12:41' })).toEqual({
      kind: 'retry',
      slot: at('12:30'),
      attempt: 2,
      again: false,
    });
  });
});

describe('a random offset', () => {
  const task = { schedule: '1h', randomOffsetSeconds: 1_800 } as const;
  const start = earliestStartOf(timetableWith(task), stateWith(), at('13:00'));

  test('keeps the slot waiting until its earliest start', () => {
    const minute = Math.ceil(start / 60_000) * 60_000;
    expect(start).toBeGreaterThan(at('13:01'));
    const [before, then] = [minute - 60_000, minute].map((instant) => new Date(instant).toISOString());
    expect(decideIn({ task, tickAt: before ?? '' })).toEqual({ kind: 'waiting', nextAt: at('13:00') });
    expect(decideIn({ task, tickAt: then ?? '' })).toEqual(runOf(oneSlot('13:00')));
  });

  test('inside a window lets no slot find that closed', () => {
    const narrow = {
      scheduleKind: 'window',
      schedule: '13:00-13:10@1h',
      randomOffsetSeconds: 86_400,
    } as const;
    expect(decideIn({ task: narrow, tickAt: '13:10' })).toMatchObject({
      kind: 'run',
      slots: oneSlot('13:00'),
    });
  });
});

describe('beside a live run', () => {
  const state = { handledSlot: at('12:05'), attempt: 1 };

  test.each([
    ['each', { catchUp: 'each' }],
    ['skip', { catchUp: 'skip' }],
    ['latest', { catchUp: 'latest' }],
  ] as const)('overlap comes before catch-up %s, and takes all that is due', (_title, task) => {
    const slots = { first: at('12:10'), slot: at('12:20'), count: 3 };
    const situation = { state, liveRuns: 1, tickAt: '12:21' } as const;
    expect(decideIn({ ...situation, task })).toEqual({ kind: 'still-running', slots });
    expect(decideIn({ ...situation, task: { ...task, overlap: 'skip' } })).toEqual({
      kind: 'skip',
      reason: 'overlap',
      slots,
      again: false,
    });
  });

  test('overlap skip uses up a one-shot of ticks', () => {
    const task = { scheduleKind: 'ticks', schedule: '0', overlap: 'skip' } as const;
    expect(decideIn({ task, state: { countedTick: 99 }, liveRuns: 1, tickAt: '12:03' })).toMatchObject({
      kind: 'skip',
      reason: 'overlap',
    });
  });

  test('overlap allow lets a retry start too', () => {
    const task = { overlap: 'allow', maxParallel: 2 } as const;
    const pending = { ...state, retryAt: at('12:06') };
    expect(decideIn({ task, state: pending, liveRuns: 1, tickAt: '12:07' })).toMatchObject({ kind: 'retry' });
  });
});

describe('ticks', () => {
  const ticks = { scheduleKind: 'ticks', schedule: '2 repeat' } as const;

  test('fires at the tick of its number, with the minute of the tick for a slot', () => {
    expect(decideIn({ task: ticks, state: { countedTick: 98 }, tickAt: '12:03' })).toEqual({
      kind: 'waiting',
      nextAt: null,
      ticksLeft: 1,
    });
    expect(decideIn({ task: ticks, state: { countedTick: 97 }, tickAt: '12:03' })).toEqual(
      runOf(oneSlot('12:03')),
    );
  });

  test('that were missed fold, and a pending attempt is superseded by them', () => {
    const state = { countedTick: 90, handledSlot: at('12:00'), attempt: 1, retryAt: at('12:01') };
    expect(decideIn({ task: ticks, state, tickAt: '12:03' })).toEqual({
      ...runOf({ first: at('12:03'), slot: at('12:03'), count: 3 }),
      supersededAttempt: 2,
    });
  });

  test('fires however often one minute ticks', () => {
    const task = { ...ticks, schedule: '0 repeat' };
    const handledSlot = at('12:03') + 1;
    const state = { handledSlot, countedTick: 99 };
    expect(decideIn({ task, state, tickAt: '12:03' })).toEqual(
      runOf({ first: handledSlot + 1, slot: handledSlot + 1, count: 1 }),
    );
  });

  test('counts ticks and not time, so it does not matter from when the definition counts', () => {
    const state = { countedTick: 97, countedFrom: at('12:10') };
    expect(decideIn({ task: ticks, state, tickAt: '12:03' })).toMatchObject({ kind: 'run' });
  });

  test('of a minute that has not come yet is handled in the future', () => {
    const state = { handledSlot: at('12:04'), countedTick: 97 };
    expect(decideIn({ task: ticks, state, tickAt: '12:03' })).toMatchObject({ kind: 'handled-in-future' });
  });

  test('of scope one counts the ticks of all nodes', () => {
    const task = { ...ticks, scope: 'one' } as const;
    const state = { scopeKey: '*', countedTick: 1_097 };
    expect(decideIn({ task, state, tickAt: '12:03' })).toMatchObject({ kind: 'run' });
    expect(decideIn({ task, state: { ...state, countedTick: 1_098 }, tickAt: '12:03' })).toMatchObject({
      kind: 'waiting',
    });
  });
});

describe('anchors', () => {
  test('finish has no next slot while a run of it is alive', () => {
    const state = { handledSlot: at('12:05'), anchoredAt: at('12:05'), lastStatus: 'running' } as const;
    expect(decideIn({ task: { anchor: 'finish' }, state, liveRuns: 1, tickAt: '12:20' })).toEqual({
      kind: 'still-running',
      slots: undefined,
    });
  });

  test('start has one next slot, whatever time has passed', () => {
    const state = { handledSlot: at('12:05'), anchoredAt: at('12:06'), lastStatus: 'succeeded' } as const;
    expect(decideIn({ task: { anchor: 'start' }, state, tickAt: '12:59' })).toEqual(runOf(oneSlot('12:11')));
  });
});

describe('a newer slot that ends the hope of a pending attempt', () => {
  const pending = {
    handledSlot: at('12:05'),
    attempt: 2,
    retryAt: at('12:30'),
    failures: 4,
    firstFailureAt: at('11:00'),
    lastEndedAt: at('12:07'),
  };

  test('gives the task up where that is the one failure too many', () => {
    const task = { deactivateAfter: '5 failures' };
    expect(decideIn({ task, state: pending, tickAt: '12:10' })).toEqual({
      kind: 'give-up',
      reason: 'deactivated after 5 failures in a row since 2026-03-10T11:00:00Z',
      slots: oneSlot('12:10'),
    });
  });

  test.each([
    ['6 failures', pending],
    ['5 failures and 1 day', pending],
    ['5 failures', { ...pending, failures: 3 }],
    ['', pending],
  ])('goes on with deactivate_after %j while it is not', (deactivateAfter, state) => {
    expect(decideIn({ task: { deactivateAfter }, state, tickAt: '12:10' })).toMatchObject({
      kind: 'run',
      supersededAttempt: 3,
    });
  });

  test('without a pending attempt nothing is given up', () => {
    const state = { ...pending, retryAt: null, failures: 9 };
    expect(decideIn({ task: { deactivateAfter: '5' }, state, tickAt: '12:10' })).toMatchObject({
      kind: 'run',
    });
  });
});

describe('an instant', () => {
  const once = { scheduleKind: 'at', schedule: '2026-03-10T12:02:30Z' } as const;

  test('comes once, at the first tick at or after it', () => {
    expect(decideIn({ task: once, tickAt: '12:02', now: '12:02:50' })).toEqual({
      kind: 'waiting',
      nextAt: at('12:02:30'),
    });
    expect(decideIn({ task: once, tickAt: '12:03' })).toEqual(runOf(oneSlot('12:02:30')));
    expect(decideIn({ task: once, state: { handledSlot: at('12:02:30') }, tickAt: '12:03' })).toEqual({
      kind: 'waiting',
      nextAt: null,
    });
  });

  test.each([
    ['12:04:30', { kind: 'run' }],
    ['12:04:30.001', { kind: 'skip', reason: 'too_late', again: false, deadlineSeconds: 120 }],
  ])('with a deadline of two minutes, at %s: %j', (now, decision) => {
    const task = { ...once, startDeadlineSeconds: 120 };
    expect(decideIn({ task, tickAt: '12:04', now })).toMatchObject({
      ...decision,
      slots: oneSlot('12:02:30'),
    });
  });

  test('that was past when it was written does not come', () => {
    expect(decideIn({ task: once, state: { countedFrom: at('12:03') }, tickAt: '12:04' })).toEqual({
      kind: 'waiting',
      nextAt: null,
    });
  });
});

test('a delay that is still to come is waited for, and its end is the first slot', () => {
  const state = { countedFrom: at('12:10'), firstSlot: at('12:10') };
  expect(decideIn({ state, tickAt: '12:09' })).toEqual({ kind: 'waiting', nextAt: at('12:10') });
  expect(decideIn({ state, tickAt: '12:10' })).toEqual(runOf(oneSlot('12:10')));
});

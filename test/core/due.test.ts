import { describe, expect, test } from 'vitest';
import { type Decision, type DueInput, decide, dueSlots, nextSlotOf } from '../../src/core/due.ts';
import type { TaskState } from '../../src/core/state.ts';
import type { Task } from '../../src/core/task.ts';
import { at, scheduleFor, stateWith, taskWith } from '../support/builders.ts';

type Situation = {
  readonly task?: Partial<Task>;
  readonly state?: Partial<TaskState>;
  readonly liveRuns?: number;
  readonly tickAt: string;
  /** The real now; the minute of the tick if a test does not care. */
  readonly now?: string;
};

function inputOf({ task: taskChanges, state: stateChanges, liveRuns = 0, tickAt, now }: Situation): DueInput {
  const task = taskWith(taskChanges);
  const state = stateWith(stateChanges);
  return {
    definition: { kind: 'valid', task, schedule: scheduleFor(task, state) },
    state,
    liveRuns,
    tickAt: at(tickAt),
    now: at(now ?? tickAt),
  };
}

function decideIn(situation: Situation): Decision {
  return decide(inputOf(situation));
}

function oneSlot(slot: string) {
  return { first: at(slot), slot: at(slot), count: 1 };
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
      { kind: 'skip', reason: 'overlap', slots: oneSlot('12:05') },
    ],
    [
      'overlap skip has nothing to skip while nothing is due',
      { task: { overlap: 'skip' }, liveRuns: 1, tickAt: '12:04' },
      { kind: 'still-running', slots: undefined },
    ],
    [
      'overlap allow runs beside a live run',
      { task: { overlap: 'allow', maxParallel: 2 }, liveRuns: 1, tickAt: '12:05' },
      { kind: 'run', slots: oneSlot('12:05'), supersededAttempt: undefined },
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
      { kind: 'retry', slot: at('12:05'), attempt: 2 },
    ],
    [
      'a newer due slot supersedes a pending attempt',
      { state: { handledSlot: at('12:05'), attempt: 2, retryAt: at('12:09') }, tickAt: '12:10' },
      { kind: 'run', slots: oneSlot('12:10'), supersededAttempt: 3 },
    ],
    [
      'retry_past_next lets a pending attempt go before a newer slot',
      {
        task: { retryPastNext: true },
        state: { handledSlot: at('12:05'), attempt: 2, retryAt: at('12:09') },
        tickAt: '12:10',
      },
      { kind: 'retry', slot: at('12:05'), attempt: 3 },
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
      {
        kind: 'run',
        slots: { first: at('12:05'), slot: at('12:55'), count: 11 },
        supersededAttempt: undefined,
      },
    ],
    [
      'slots count from the handled one, whenever its run ended',
      { state: { handledSlot: at('12:50'), lastEndedAt: at('12:58') }, tickAt: '12:59' },
      { kind: 'run', slots: oneSlot('12:55'), supersededAttempt: undefined },
    ],
    [
      'a slot exactly as old as its deadline still starts',
      { task: { startDeadlineSeconds: 90 }, tickAt: '12:06', now: '12:06:30' },
      { kind: 'run', slots: oneSlot('12:05'), supersededAttempt: undefined },
    ],
    [
      'a slot older than its deadline is skipped, by the real now and not by the minute of the tick',
      { task: { startDeadlineSeconds: 90 }, tickAt: '12:06', now: '12:06:30.001' },
      { kind: 'skip', reason: 'too_late', slots: oneSlot('12:05') },
    ],
    [
      'missed slots go too late together',
      { task: { startDeadlineSeconds: 60 }, tickAt: '12:13', now: '12:13:01' },
      { kind: 'skip', reason: 'too_late', slots: { first: at('12:05'), slot: at('12:10'), count: 2 } },
    ],
    [
      'the deadline is that of a slot, so a retry may start after it',
      {
        task: { startDeadlineSeconds: 60 },
        state: { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:09') },
        tickAt: '12:09',
      },
      { kind: 'retry', slot: at('12:05'), attempt: 2 },
    ],
    [
      'a due slot runs at its own minute',
      { tickAt: '12:05' },
      { kind: 'run', slots: oneSlot('12:05'), supersededAttempt: undefined },
    ],
  ])('%s', (_title, situation, decision) => {
    expect(decideIn(situation)).toEqual(decision);
  });
});

describe('the first slot of run_immediately', () => {
  test('runs at once, before the first slot of the schedule', () => {
    expect(decideIn({ state: { firstSlot: at('12:00') }, tickAt: '12:00' })).toEqual({
      kind: 'run',
      slots: oneSlot('12:00'),
      supersededAttempt: undefined,
    });
  });

  test('folds into a later slot, and is counted', () => {
    expect(decideIn({ state: { firstSlot: at('12:00') }, tickAt: '12:11' })).toEqual({
      kind: 'run',
      slots: { first: at('12:00'), slot: at('12:10'), count: 3 },
      supersededAttempt: undefined,
    });
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
    const schedule = scheduleFor(taskWith(), state);
    expect(nextSlotOf(schedule, state)).toBe(at('13:07'));
    expect(dueSlots(schedule, state, at('13:06'))).toBeUndefined();
  });

  test('the number of folded slots is exact up to 10,000, and the newest is exact beyond', () => {
    const task = taskWith({ scheduleKind: 'cron', schedule: '* * * * *' });
    const state = stateWith();
    const schedule = scheduleFor(task, state);
    expect(dueSlots(schedule, state, at('12:00') + 9_999 * 60_000)?.count).toBe(9_999);
    expect(dueSlots(schedule, state, at('2036-03-10T12:00:30Z'))).toEqual({
      first: at('12:01'),
      slot: at('2036-03-10T12:00:00Z'),
      count: 10_000,
    });
  });

  test('a week asleep is 2016 slots of five minutes', () => {
    const state = stateWith({ handledSlot: at('12:00') });
    expect(dueSlots(scheduleFor(taskWith(), state), state, at('2026-03-17T12:00:00Z'))).toEqual({
      first: at('12:05'),
      slot: at('2026-03-17T12:00:00Z'),
      count: 2_016,
    });
  });

  test('a task every 90 s on minute ticks has the slots 90, 180, 270 and 360 s, run at 2, 3, 5 and 6 min', () => {
    const task = taskWith({ schedule: '90s' });
    let state = stateWith();
    const runs: string[] = [];
    for (const tickAt of ['12:01', '12:02', '12:03', '12:04', '12:05', '12:06']) {
      const slots = dueSlots(scheduleFor(task, state), state, at(tickAt));
      if (slots !== undefined) {
        runs.push(`${tickAt} ${(slots.slot - at('12:00')) / 1_000} s`);
        state = { ...state, handledSlot: slots.slot };
      }
    }
    expect(runs).toEqual(['12:02 90 s', '12:03 180 s', '12:05 270 s', '12:06 360 s']);
  });
});

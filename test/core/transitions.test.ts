import { describe, expect, test } from 'vitest';
import type { TaskState } from '../../src/core/state.ts';
import {
  type AfterRun,
  afterRun,
  type EndedRun,
  RESTING,
  type RetryPolicy,
  settle,
  takeRetry,
  takeSlots,
} from '../../src/core/transitions.ts';
import { at, scheduleFor, stateWith, taskWith } from '../support/builders.ts';

const schedule = scheduleFor(taskWith(), stateWith());

describe('taking slots', () => {
  test('handles the newest, starts with attempt 1 and waits for the next', () => {
    const state = stateWith({ handledSlot: at('12:05'), attempt: 3, retryAt: at('12:21') });
    const slots = { first: at('12:10'), slot: at('12:20'), count: 3 };
    expect(takeSlots(state, schedule, slots)).toEqual({
      handledSlot: at('12:20'),
      attempt: 1,
      firstAttempt: 1,
      retryAt: null,
      nextSlot: at('12:25'),
      earliestStart: at('12:25'),
      // The slot whose attempt was pending has failed for good.
      failures: 1,
      firstFailureAt: null,
    });
  });

  test('leaves the failures alone when no attempt was pending', () => {
    const slots = { first: at('12:10'), slot: at('12:10'), count: 1 };
    expect(takeSlots(stateWith({ failures: 2 }), schedule, slots)).not.toHaveProperty('failures');
  });

  test('that were taken before a reset begins with the next free attempt', () => {
    const slots = { first: at('12:10'), slot: at('12:10'), count: 1 };
    expect(takeSlots(stateWith(), schedule, slots, 3)).toMatchObject({ attempt: 3, firstAttempt: 3 });
  });

  test('taking a retry keeps the handled slot and what comes next', () => {
    const state = stateWith({ handledSlot: at('12:05'), attempt: 1, retryAt: at('12:07') });
    expect(takeRetry(state, schedule, 2)).toEqual({
      handledSlot: at('12:05'),
      attempt: 2,
      retryAt: null,
      nextSlot: at('12:10'),
      earliestStart: at('12:10'),
    });
  });

  test('settling a marked state waits for whatever comes first, a pending attempt or a slot', () => {
    const state = stateWith({ handledSlot: at('12:05'), attempt: 1, retryAt: at('12:07:30') });
    expect(settle(state, schedule)).toMatchObject({ nextSlot: at('12:10'), earliestStart: at('12:07:30') });
    expect(settle({ ...state, retryAt: at('12:12') }, schedule)).toMatchObject({
      earliestStart: at('12:10'),
    });
  });

  test('a schedule without slots waits for nothing', () => {
    const task = taskWith({ schedule: '-1s' });
    expect(settle(stateWith(), scheduleFor(task, stateWith()))).toMatchObject({
      nextSlot: null,
      earliestStart: null,
    });
    expect(RESTING).toEqual({ nextSlot: null, earliestStart: null });
  });
});

const handled = stateWith({
  handledSlot: at('12:05'),
  attempt: 1,
  nextSlot: at('12:10'),
  earliestStart: at('12:10'),
  moduleState: { seen: 1 },
});

function afterEnd(
  run: Partial<EndedRun>,
  policy: Partial<RetryPolicy & { active: boolean }> = {},
  state: TaskState = handled,
): AfterRun {
  const { retryLimit, retryDelaySeconds, retryMaxDelaySeconds, retryOn, active } = taskWith(policy);
  return afterRun(
    state,
    { retryLimit, retryDelaySeconds, retryMaxDelaySeconds, retryOn, active },
    {
      slot: at('12:05'),
      attempt: 1,
      status: 'failed',
      byShutdown: false,
      message: 'exited with status 3',
      endedAt: at('12:05:20'),
      moduleState: undefined,
      ...run,
    },
  );
}

describe('the end of a run', () => {
  test('a success clears the failures and stores what the module keeps', () => {
    const state = { ...handled, failures: 3, firstFailureAt: at('11:00') };
    expect(afterEnd({ status: 'succeeded', moduleState: { seen: 2 } }, {}, state)).toEqual({
      retryAt: null,
      patch: {
        lastStatus: 'succeeded',
        lastEndedAt: at('12:05:20'),
        failures: 0,
        firstFailureAt: null,
        moduleState: { seen: 2 },
      },
    });
  });

  test('a success that keeps nothing leaves the state of the module alone', () => {
    expect(afterEnd({ status: 'succeeded' }).patch).not.toHaveProperty('moduleState');
  });

  test('a failure never stores what the module set', () => {
    expect(afterEnd({ moduleState: 'half done' }).patch).not.toHaveProperty('moduleState');
  });

  test.each(['failed', 'timed_out', 'lost'] as const)('%s for good counts as a failure', (status) => {
    expect(afterEnd({ status }).patch).toMatchObject({
      lastStatus: status,
      failures: 1,
      firstFailureAt: at('12:05:20'),
    });
  });

  test('the instant of the first failure stays while failures follow each other', () => {
    const state = { ...handled, failures: 1, firstFailureAt: at('11:00') };
    expect(afterEnd({}, {}, state).patch).toMatchObject({ failures: 2, firstFailureAt: at('11:00') });
  });

  test('a cancelled run is no failure', () => {
    const { patch } = afterEnd({ status: 'cancelled' });
    expect(patch).toEqual({ lastStatus: 'cancelled', lastEndedAt: at('12:05:20') });
  });

  test('stop terminates the state with the reason of the module, and nothing waits any more', () => {
    const state = { ...handled, failures: 2 };
    expect(afterEnd({ status: 'stopped', message: 'nothing left to do' }, {}, state)).toEqual({
      retryAt: null,
      patch: {
        lastStatus: 'stopped',
        lastEndedAt: at('12:05:20'),
        nextSlot: null,
        earliestStart: null,
        retryAt: null,
        failures: 0,
        terminatedAt: at('12:05:20'),
        terminatedReason: 'nothing left to do',
      },
    });
  });
});

describe('retries', () => {
  test('an attempt is pending at the end of the failed one plus the delay', () => {
    expect(afterEnd({}, { retryLimit: 1 })).toEqual({
      retryAt: at('12:06:20'),
      patch: {
        lastStatus: 'failed',
        lastEndedAt: at('12:05:20'),
        retryAt: at('12:06:20'),
        earliestStart: at('12:06:20'),
      },
    });
  });

  test('the next slot still comes first when it lies before the pending attempt', () => {
    const { patch } = afterEnd({}, { retryLimit: 1, retryDelaySeconds: 600 });
    expect(patch).toMatchObject({ retryAt: at('12:15:20'), earliestStart: at('12:10') });
  });

  test('a marked state keeps its mark', () => {
    const marked = { ...handled, earliestStart: 'decide-anew' } as const;
    expect(afterEnd({}, { retryLimit: 1 }, marked).patch).toMatchObject({ earliestStart: 'decide-anew' });
  });

  test.each([
    [1, 60],
    [2, 120],
    [3, 240],
    [4, 300],
    [5, 300],
  ])('after attempt %i the delay has doubled to %i s, up to the greatest', (attempt, seconds) => {
    const { retryAt } = afterEnd({ attempt }, { retryLimit: 5, retryMaxDelaySeconds: 300 });
    expect(retryAt).toBe(at('12:05:20') + seconds * 1_000);
  });

  test.each([
    [3, 60],
    [4, 120],
    [5, undefined],
  ])('of a slot whose first attempt was the third, attempt %i is followed after %s s', (attempt, seconds) => {
    const { retryAt } = afterEnd({ attempt }, { retryLimit: 2 }, { ...handled, firstAttempt: 3 });
    expect(retryAt).toBe(seconds === undefined ? null : at('12:05:20') + seconds * 1_000);
  });

  test('a run from before the reset that let its slot be taken once more is not retried', () => {
    const { retryAt } = afterEnd({ attempt: 1 }, { retryLimit: 9 }, { ...handled, firstAttempt: 2 });
    expect(retryAt).toBeNull();
  });

  test('a thousand attempts do not overflow the delay', () => {
    const { retryAt } = afterEnd({ attempt: 1_000 }, { retryLimit: 1_000 });
    expect(retryAt).toBe(at('13:05:20'));
  });

  test('the last attempt fails for good', () => {
    expect(afterEnd({ attempt: 2 }, { retryLimit: 1 })).toMatchObject({
      retryAt: null,
      patch: { failures: 1 },
    });
  });

  test.each([
    ['failed', false, true],
    ['timed_out', false, true],
    ['lost', false, false],
    ['cancelled', true, false],
    ['cancelled', false, false],
  ] as const)('by default, %s (by shutdown: %s) is retried: %s', (status, byShutdown, retried) => {
    expect(afterEnd({ status, byShutdown }, { retryLimit: 1 }).retryAt !== null).toBe(retried);
  });

  test.each([
    ['failed', false, false],
    ['timed_out', false, false],
    ['lost', false, true],
    ['cancelled', true, true],
    ['cancelled', false, false],
    ['succeeded', false, false],
    ['stopped', false, false],
  ] as const)(
    'retry_on lost,shutdown: %s (by shutdown: %s) is retried: %s',
    (status, byShutdown, retried) => {
      const policy = { retryLimit: 1, retryOn: ['lost', 'shutdown'] } as const;
      expect(afterEnd({ status, byShutdown }, policy).retryAt !== null).toBe(retried);
    },
  );

  test('a run whose slot is no longer the handled one is not retried', () => {
    const newer = { ...handled, handledSlot: at('12:10') };
    expect(afterEnd({}, { retryLimit: 1 }, newer)).toMatchObject({ retryAt: null, patch: { failures: 1 } });
  });

  test('an inactive task is not retried', () => {
    expect(afterEnd({}, { retryLimit: 1, active: false }).retryAt).toBeNull();
  });

  test('a terminated state is not retried', () => {
    const over = { ...handled, terminatedAt: at('12:05:10'), terminatedReason: 'nothing left to do' };
    expect(afterEnd({}, { retryLimit: 1 }, over).retryAt).toBeNull();
  });
});

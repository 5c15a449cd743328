import { describe, expect, test } from 'vitest';
import {
  type AfterRun,
  afterRun,
  afterSuccess,
  type EndedRun,
  endPolicyOf,
  NO_FOLLOW_UP,
  withoutLost,
} from '../../src/core/run-end.ts';
import { NO_TICK } from '../../src/core/slots.ts';
import type { TaskState } from '../../src/core/state.ts';
import type { Task } from '../../src/core/task.ts';
import {
  claimSlots,
  failurePolicyOf,
  giveUp,
  postponed,
  RESTING,
  type StatePatch,
  settle,
  skipDue,
  type Taking,
  takeRetry,
} from '../../src/core/transitions.ts';
import { at, stateWith, taskWith, timetableWith } from '../support/builders.ts';

function taking(slot: string, task: Partial<Task> = {}): Taking {
  return {
    slots: { first: at(slot), slot: at(slot), count: 1 },
    at: at(slot),
    failurePolicy: failurePolicyOf(taskWith(task), timetableWith(task)),
  };
}

function claimed(state: Partial<TaskState>, slot: string, task: Partial<Task> = {}): StatePatch {
  return claimSlots(stateWith(state), timetableWith(task), taking(slot, task));
}

function skipped(state: Partial<TaskState>, slot: string, task: Partial<Task> = {}): StatePatch {
  return skipDue(stateWith(state), timetableWith(task), taking(slot, task));
}

describe('claiming slots', () => {
  test('handles the newest, starts with attempt 1 and waits for the next', () => {
    const state = stateWith({ handledSlot: at('12:05'), attempt: 3, retryAt: at('12:21') });
    const slots = { first: at('12:10'), slot: at('12:20'), count: 3 };
    expect(claimSlots(state, timetableWith(), { ...taking('12:22'), slots })).toEqual({
      handledSlot: at('12:20'),
      anchoredAt: null,
      currentPeriodSeconds: null,
      countedTick: 0,
      dueTick: null,
      attempt: 1,
      firstAttempt: 1,
      retryAt: null,
      nextSlot: at('12:25'),
      earliestStart: at('12:25'),
      blockedReason: null,
      // The slot whose attempt was pending has failed for good.
      failures: 1,
      firstFailureAt: at('12:22'),
    });
  });

  test('leaves the failures alone when no attempt was pending', () => {
    expect(claimed({ failures: 2 }, '12:10')).not.toHaveProperty('failures');
  });

  test('that were taken before a reset begins with the next free attempt', () => {
    const again = { ...taking('12:10'), attempt: 3 };
    expect(claimSlots(stateWith(), timetableWith(), again)).toMatchObject({ attempt: 3, firstAttempt: 3 });
  });

  test('counts the failure of a superseded attempt from its end', () => {
    const pending = { handledSlot: at('12:05'), retryAt: at('12:21'), lastEndedAt: at('12:06') };
    expect(claimed(pending, '12:10')).toMatchObject({ failures: 1, firstFailureAt: at('12:06') });
  });

  test('doubles a period that backs off on failures before it counts the next slot from it', () => {
    const pending = { handledSlot: at('12:05'), retryAt: at('12:21') };
    expect(claimed(pending, '12:10', { backoff: 'on_failure' })).toMatchObject({
      failures: 1,
      currentPeriodSeconds: 600,
      nextSlot: at('12:20'),
    });
  });

  test('doubles a period that backs off with every run, beginning with the first', () => {
    expect(claimed({}, '12:05', { backoff: 'every_run' })).toMatchObject({
      currentPeriodSeconds: 600,
      nextSlot: at('12:15'),
    });
  });

  test.each(['start', 'finish'] as const)('with anchor %s remembers the minute of the claim', (anchor) => {
    const late = { ...taking('12:05', { anchor }), at: at('12:07:30') };
    expect(claimSlots(stateWith(), timetableWith({ anchor }), late)).toMatchObject({
      anchoredAt: at('12:07'),
      nextSlot: anchor === 'start' ? at('12:12') : null,
    });
  });

  test('of ticks waits for the tick that is so many after the one that was due', () => {
    const task = { scheduleKind: 'ticks', schedule: '2 repeat' } as const;
    expect(claimed({ countedTick: 10 }, '12:05', task)).toMatchObject({
      countedTick: 13,
      dueTick: 16,
      nextSlot: null,
      earliestStart: null,
    });
  });

  test.each([
    { scheduleKind: 'ticks', schedule: '2' },
    { scheduleKind: 'at', schedule: '2026-03-10T12:05Z' },
  ] as const)('of kind $scheduleKind, which comes once, waits for nothing more', (task) => {
    expect(claimed({ countedTick: 10 }, '12:05', task)).toMatchObject({
      countedTick: NO_TICK,
      dueTick: null,
      nextSlot: null,
      earliestStart: null,
    });
  });
});

describe('skipping slots', () => {
  test('handles them as a claim does, and goes on', () => {
    expect(skipped({ handledSlot: at('12:05') }, '12:10')).toMatchObject({
      handledSlot: at('12:10'),
      nextSlot: at('12:15'),
    });
    expect(skipped({}, '12:10')).not.toHaveProperty('terminatedAt');
  });

  test.each(['start', 'finish'] as const)('with anchor %s counts from the minute of the skip', (anchor) => {
    const late = { ...taking('12:05', { anchor }), at: at('12:07:30') };
    expect(skipDue(stateWith(), timetableWith({ anchor }), late)).toMatchObject({
      anchoredAt: at('12:07'),
      nextSlot: at('12:12'),
    });
  });

  test('doubles a period that backs off with every run', () => {
    expect(skipped({ currentPeriodSeconds: 600 }, '12:10', { backoff: 'every_run' })).toMatchObject({
      currentPeriodSeconds: 1_200,
    });
  });

  test.each([
    { scheduleKind: 'ticks', schedule: '2' },
    { scheduleKind: 'at', schedule: '2026-03-10T12:05Z' },
  ] as const)('of kind $scheduleKind, which comes once, terminates', (task) => {
    expect(skipped({}, '12:05', task)).toMatchObject({
      nextSlot: null,
      earliestStart: null,
      dueTick: null,
      terminatedAt: at('12:05'),
      terminatedReason: 'its only slot was skipped',
    });
  });

  test('ends the hope of a pending attempt, and the task where that is the one failure too many', () => {
    const pending = { handledSlot: at('12:05'), retryAt: at('12:21'), failures: 1, lastEndedAt: at('12:06') };
    expect(skipped(pending, '12:10', { deactivateAfter: '3 failures' })).toMatchObject({
      failures: 2,
      retryAt: null,
      nextSlot: at('12:15'),
    });
    expect(skipped(pending, '12:10', { deactivateAfter: '2 failures' })).toMatchObject({
      failures: 2,
      retryAt: null,
      nextSlot: null,
      earliestStart: null,
      terminatedAt: at('12:10'),
      terminatedReason: 'deactivated after 2 failures in a row since 2026-03-10T12:06:00Z',
    });
    expect(skipped({ failures: 9 }, '12:10', { deactivateAfter: '2' })).not.toHaveProperty('terminatedAt');
  });
});

describe('taking a retry', () => {
  const pending = stateWith({ handledSlot: at('12:05'), attempt: 1, retryAt: at('12:07') });

  test('keeps the handled slot and what comes next', () => {
    expect(takeRetry(pending, timetableWith(), { attempt: 2, at: at('12:07') })).toEqual({
      handledSlot: at('12:05'),
      anchoredAt: null,
      currentPeriodSeconds: null,
      countedTick: 0,
      dueTick: null,
      attempt: 2,
      retryAt: null,
      nextSlot: at('12:10'),
      earliestStart: at('12:10'),
      blockedReason: null,
    });
  });

  test.each(['start', 'finish'] as const)('is a claim: anchor %s remembers its minute', (anchor) => {
    const state = { ...pending, anchoredAt: at('12:06') };
    expect(takeRetry(state, timetableWith({ anchor }), { attempt: 2, at: at('12:08') })).toMatchObject({
      anchoredAt: at('12:08'),
      nextSlot: anchor === 'start' ? at('12:13') : null,
    });
  });

  test('does not make a period longer that backs off with every run', () => {
    const state = { ...pending, currentPeriodSeconds: 600 };
    const patch = takeRetry(state, timetableWith({ backoff: 'every_run' }), { attempt: 2, at: at('12:08') });
    expect(patch).toMatchObject({ currentPeriodSeconds: 600, nextSlot: at('12:15') });
  });
});

describe('settling', () => {
  test('a marked state waits for whatever comes first, a pending attempt or a slot', () => {
    const state = stateWith({ handledSlot: at('12:05'), attempt: 1, retryAt: at('12:07:30') });
    expect(settle(state, timetableWith())).toMatchObject({
      nextSlot: at('12:10'),
      earliestStart: at('12:07:30'),
    });
    expect(settle({ ...state, retryAt: at('12:12') }, timetableWith())).toMatchObject({
      earliestStart: at('12:10'),
    });
  });

  test('a schedule without slots waits for nothing', () => {
    expect(settle(stateWith(), timetableWith({ schedule: '-1s' }))).toMatchObject({
      nextSlot: null,
      earliestStart: null,
    });
    expect(RESTING).toEqual({ nextSlot: null, earliestStart: null, dueTick: null, blockedReason: null });
  });

  test('a schedule of ticks waits for its tick', () => {
    const timetable = timetableWith({ scheduleKind: 'ticks', schedule: '4' });
    expect(settle(stateWith({ countedTick: 12 }), timetable)).toMatchObject({ dueTick: 17, nextSlot: null });
  });
});

test('giving up counts the failure, doubles the period and terminates', () => {
  const state = stateWith({ handledSlot: at('12:05'), retryAt: at('12:21'), lastEndedAt: at('12:06') });
  const task = { backoff: 'on_failure', deactivateAfter: '1' } as const;
  const policy = failurePolicyOf(taskWith(task), timetableWith(task));
  expect(giveUp(state, policy, { reason: 'too many', at: at('12:10:03') })).toEqual({
    nextSlot: null,
    earliestStart: null,
    dueTick: null,
    blockedReason: null,
    retryAt: null,
    failures: 1,
    firstFailureAt: at('12:06'),
    currentPeriodSeconds: 600,
    terminatedAt: at('12:10:03'),
    terminatedReason: 'too many',
  });
});

const handled = stateWith({
  handledSlot: at('12:05'),
  attempt: 1,
  nextSlot: at('12:10'),
  earliestStart: at('12:10'),
  moduleState: { seen: 1 },
});

/** The end of a run of a task, which by default fails for good. */
function afterEnd(run: Partial<EndedRun>, task: Partial<Task> = {}, state: TaskState = handled): AfterRun {
  const policy = endPolicyOf(taskWith(task), timetableWith(task));
  return afterRun(
    state,
    { ...policy, active: taskWith(task).active },
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
        nextSlot: at('12:10'),
        earliestStart: at('12:10'),
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
    expect(patch).toEqual({
      lastStatus: 'cancelled',
      lastEndedAt: at('12:05:20'),
      nextSlot: at('12:10'),
      earliestStart: at('12:10'),
    });
  });

  test('stop terminates the state with the reason of the module, and nothing waits any more', () => {
    const state = { ...handled, failures: 2, firstFailureAt: at('11:55') };
    expect(afterEnd({ status: 'stopped', message: 'nothing left to do' }, {}, state)).toEqual({
      retryAt: null,
      patch: {
        lastStatus: 'stopped',
        lastEndedAt: at('12:05:20'),
        nextSlot: null,
        earliestStart: null,
        dueTick: null,
        blockedReason: null,
        retryAt: null,
        failures: 0,
        firstFailureAt: null,
        terminatedAt: at('12:05:20'),
        terminatedReason: 'nothing left to do',
      },
    });
  });
});

test('a run that is taken to have succeeded leaves what a real one leaves, and the state of its module', () => {
  const task = taskWith({ anchor: 'finish', backoff: 'on_failure' });
  const policy = {
    ...endPolicyOf(task, timetableWith({ anchor: 'finish', backoff: 'on_failure' })),
    active: true,
  };
  const running = stateWith({
    ...{ handledSlot: at('12:05'), attempt: 2, failures: 2, firstFailureAt: at('11:00') },
    ...{ lastStatus: 'running', currentPeriodSeconds: 1_200, moduleState: { kept: 1 } },
    earliestStart: null,
  });
  const patch = afterSuccess(running, policy, at('12:07:30'));
  expect(patch).toEqual({
    lastStatus: 'succeeded',
    lastEndedAt: at('12:07:30'),
    anchoredAt: at('12:07'),
    failures: 0,
    firstFailureAt: null,
    currentPeriodSeconds: null,
    nextSlot: at('12:12'),
    earliestStart: at('12:12'),
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
        nextSlot: at('12:10'),
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
    const { patch } = afterEnd({}, { retryLimit: 1 }, marked);
    expect({ ...marked, ...patch }).toMatchObject({
      earliestStart: 'decide-anew',
      retryAt: at('12:06:20'),
    });
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

test('nothing follows from a run by hand', () => {
  const run = {
    slot: at('12:05'),
    attempt: 1,
    status: 'failed',
    byShutdown: false,
    message: null,
    endedAt: at('12:05:20'),
    moduleState: undefined,
  } as const;
  const { retryAt, patch } = afterRun(handled, { ...NO_FOLLOW_UP, active: true }, run);
  expect(retryAt).toBeNull();
  expect({ ...handled, ...patch }).toMatchObject({ nextSlot: at('12:10'), terminatedAt: null });
});

describe('what follows from the end of a run of a period', () => {
  test.each(['succeeded', 'failed', 'timed_out', 'lost', 'cancelled'] as const)(
    'with anchor finish, %s counts from the minute of its end',
    (status) => {
      const { patch } = afterEnd({ status, endedAt: at('12:08:59') }, { anchor: 'finish' });
      expect(patch).toMatchObject({ anchoredAt: at('12:08'), nextSlot: at('12:13') });
    },
  );

  test.each([
    ['succeeded', '12:11'],
    ['failed', '12:13'],
    ['timed_out', '12:13'],
    ['lost', '12:13'],
    ['cancelled', '12:13'],
  ] as const)('with anchor start, %s has its next slot at %s', (status, next) => {
    const state = { ...handled, anchoredAt: at('12:06') };
    const { patch } = afterEnd({ status, endedAt: at('12:08:59') }, { anchor: 'start' }, state);
    expect(patch).toMatchObject({ nextSlot: at(next), earliestStart: at(next) });
  });

  test('with anchor finish, a pending attempt counts the next slot from the failed one until it starts', () => {
    const { patch } = afterEnd({ endedAt: at('12:08:59') }, { anchor: 'finish', retryLimit: 1 });
    expect(patch).toMatchObject({
      retryAt: at('12:09:59'),
      nextSlot: at('12:13'),
      earliestStart: at('12:09:59'),
    });
  });

  test('a failure doubles a period that backs off on failures, up to its greatest, and a success resets it', () => {
    const task = { backoff: 'on_failure', maxPeriodSeconds: 900 } as const;
    const first = afterEnd({}, task).patch;
    expect(first).toMatchObject({ currentPeriodSeconds: 600, nextSlot: at('12:15') });
    const second = afterEnd({}, task, { ...handled, ...first }).patch;
    expect(second).toMatchObject({ currentPeriodSeconds: 900, nextSlot: at('12:20') });
    const third = afterEnd({ status: 'succeeded' }, task, { ...handled, ...second }).patch;
    expect(third).toMatchObject({ currentPeriodSeconds: null, nextSlot: at('12:10') });
  });

  test('a cancelled run leaves a backed-off period as it is', () => {
    const state = { ...handled, currentPeriodSeconds: 600 };
    const { patch } = afterEnd({ status: 'cancelled' }, { backoff: 'on_failure' }, state);
    expect({ ...state, ...patch }).toMatchObject({ currentPeriodSeconds: 600, nextSlot: at('12:15') });
  });

  test('a success does not reset a period that backs off with every run', () => {
    const state = { ...handled, currentPeriodSeconds: 600 };
    const { patch } = afterEnd({ status: 'succeeded' }, { backoff: 'every_run' }, state);
    expect({ ...state, ...patch }).toMatchObject({ currentPeriodSeconds: 600, nextSlot: at('12:15') });
  });

  test('the end of an older run leaves the pending attempt of a newer one', () => {
    const task = { overlap: 'allow', maxParallel: 2, retryLimit: 1 } as const;
    const newer = { ...handled, handledSlot: at('12:10'), retryAt: at('12:11'), nextSlot: at('12:15') };
    const { retryAt, patch } = afterEnd({ slot: at('12:05') }, task, newer);
    expect(retryAt).toBeNull();
    expect({ ...newer, ...patch }).toMatchObject({
      retryAt: at('12:11'),
      nextSlot: at('12:15'),
      earliestStart: at('12:11'),
    });
  });

  test('an inactive task waits for nothing, whatever its run says', () => {
    const { patch } = afterEnd({}, { active: false, anchor: 'finish' });
    expect(patch).not.toHaveProperty('nextSlot');
    expect(patch).not.toHaveProperty('earliestStart');
  });
});

describe('what follows with a random offset', () => {
  test.each([
    { anchor: 'finish', randomOffsetSeconds: 240 },
    { anchor: 'slot', randomOffsetSeconds: 240 },
    { anchor: 'slot', randomOffsetSeconds: 240, scheduleKind: 'cron', schedule: '*/5 * * * *' },
  ] as const)('waits for the same start as a state that is looked at anew: %j', (task) => {
    const settled = { ...handled, ...settle(handled, timetableWith(task)) };
    const { patch } = afterEnd({ status: 'succeeded', endedAt: at('12:05:20') }, task, settled);
    const after = { ...settled, ...patch };
    expect(after).toMatchObject(settle(after, timetableWith(task)));
    expect(after.earliestStart).toBeGreaterThan(at('12:10'));
  });
});

describe('postponing at a moment', () => {
  function postponedAt(now: string, task: Partial<Task>, state: Partial<TaskState> = {}): StatePatch {
    const when = { now: at(now), ticks: { own: 40, all: 1_040 }, active: taskWith(task).active };
    return postponed(stateWith(state), timetableWith(task), when);
  }

  test.each<readonly [string, Partial<Task>, Partial<TaskState>]>([
    ['with anchor slot', {}, { handledSlot: at('12:05') }],
    ['with anchor start', { anchor: 'start' }, { handledSlot: at('12:05'), anchoredAt: at('12:06') }],
    ['with anchor finish', { anchor: 'finish' }, { handledSlot: at('12:05'), anchoredAt: at('12:09') }],
    ['before the first run', {}, {}],
    ['instead of the slot of a creation or its delay', {}, { firstSlot: at('12:30') }],
    ['with a pending attempt', {}, { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:08') }],
    ['with failures that made it longer', { backoff: 'on_failure' }, { currentPeriodSeconds: 2_400 }],
    [
      'with a cron schedule',
      { scheduleKind: 'cron', schedule: '2-59/5 * * * *' },
      { handledSlot: at('12:02') },
    ],
  ])('waits a whole period %s, and for nothing before', (_title, task, state) => {
    expect(postponedAt('12:07:40', task, state)).toMatchObject({
      countedFrom: at('12:07'),
      firstSlot: null,
      anchoredAt: null,
      currentPeriodSeconds: null,
      retryAt: null,
      nextSlot: at('12:12'),
      earliestStart: at('12:12'),
    });
  });

  test('leaves what has been handled, and the failures', () => {
    const patch = postponedAt('12:07', {}, { handledSlot: at('12:05'), failures: 2 });
    expect(patch).toMatchObject({ handledSlot: at('12:05') });
    expect(patch).not.toHaveProperty('failures');
    expect(patch).not.toHaveProperty('firstFailureAt');
  });

  test('a period that backs off with every run begins anew and doubles at once', () => {
    const task = { backoff: 'every_run' } as const;
    const patch = postponedAt('12:07:40', task, { currentPeriodSeconds: 2_400 });
    expect(patch).toMatchObject({ currentPeriodSeconds: 600, nextSlot: at('12:17') });
    const twice = postponedAt('12:08', task, { ...patch, countedFrom: at('12:07') });
    expect(twice).toMatchObject({ currentPeriodSeconds: 600, nextSlot: at('12:18') });
    const short = postponedAt('12:07', { ...task, maxPeriodSeconds: 420 });
    expect(short).toMatchObject({ currentPeriodSeconds: 420, nextSlot: at('12:14') });
  });

  test.each([
    ['each', 'alpha', 43],
    ['one', '*', 1_043],
  ] as const)('ticks of scope %s count anew', (scope, scopeKey, dueTick) => {
    const task = { scheduleKind: 'ticks', schedule: '2 repeat', scope } as const;
    expect(postponedAt('12:07', task, { scopeKey, countedTick: 37 })).toMatchObject({
      countedTick: dueTick - 3,
      dueTick,
      nextSlot: null,
      earliestStart: null,
    });
  });

  test('an inactive task is cleaned up, and waits for nothing', () => {
    const task = { active: false, backoff: 'every_run' } as const;
    const state = { currentPeriodSeconds: 2_400, retryAt: at('12:08') };
    expect(postponedAt('12:07', task, state)).toMatchObject({
      currentPeriodSeconds: null,
      retryAt: null,
      nextSlot: null,
      earliestStart: null,
      dueTick: null,
    });
  });

  test.each(['start', 'finish', 'slot'] as const)(
    'with anchor %s, the run that it cancels ends without a retry and does not move the next slot back',
    (anchor) => {
      const running = { handledSlot: at('12:05'), attempt: 1, lastStatus: 'running' } as const;
      const task = { anchor, retryLimit: 3, retryOn: ['failed', 'shutdown'] } as const;
      const before = stateWith({ ...running, anchoredAt: anchor === 'slot' ? null : at('12:05') });
      const state = { ...before, ...postponedAt('12:07:40', task, before) };
      const { retryAt, patch } = afterEnd({ status: 'cancelled', endedAt: at('12:08:10') }, task, state);
      expect(retryAt).toBeNull();
      expect(patch.nextSlot).toBe(anchor === 'slot' ? at('12:12') : at('12:13'));
    },
  );
});

describe('the order at the end of a run: retry, count, back-off, deactivation', () => {
  const task = { retryLimit: 1, backoff: 'on_failure', deactivateAfter: '2 failures' } as const;
  const once = { ...handled, failures: 1, firstFailureAt: at('11:00') };

  test('while a retry is left, nothing is counted', () => {
    const { retryAt, patch } = afterEnd({}, task, once);
    expect(retryAt).toBe(at('12:06:20'));
    expect({ ...once, ...patch }).toMatchObject({
      failures: 1,
      currentPeriodSeconds: null,
      terminatedAt: null,
    });
  });

  test('then the count and the period grow, and the count that is reached terminates', () => {
    const { retryAt, patch } = afterEnd({ attempt: 2 }, task, once);
    expect(retryAt).toBeNull();
    expect(patch).toMatchObject({
      failures: 2,
      currentPeriodSeconds: 600,
      nextSlot: null,
      earliestStart: null,
      dueTick: null,
      terminatedAt: at('12:05:20'),
      terminatedReason: 'deactivated after 2 failures in a row since 2026-03-10T11:00:00Z',
    });
  });

  test('below the count it goes on with the longer period', () => {
    const { patch } = afterEnd({ attempt: 2 }, { ...task, deactivateAfter: '3 failures' }, once);
    expect(patch).toMatchObject({ failures: 2, currentPeriodSeconds: 600, nextSlot: at('12:15') });
    expect(patch).not.toHaveProperty('terminatedAt');
  });

  test('both the count and the days must be reached', () => {
    const days = { ...task, deactivateAfter: '2 failures and 1 day' };
    expect(afterEnd({ attempt: 2 }, days, once).patch).not.toHaveProperty('terminatedAt');
    const since = { ...once, firstFailureAt: at('2026-03-09T12:05:20Z') };
    expect(afterEnd({ attempt: 2 }, days, since).patch).toMatchObject({ terminatedAt: at('12:05:20') });
  });

  test.each(['succeeded', 'cancelled'] as const)('%s never deactivates', (status) => {
    const state = { ...once, failures: 7 };
    expect(afterEnd({ attempt: 2, status }, task, state).patch).not.toHaveProperty('terminatedAt');
  });

  test('a state that is terminated already keeps its reason', () => {
    const over = { ...once, terminatedAt: at('12:05:10'), terminatedReason: 'nothing left to do' };
    const { patch } = afterEnd({ attempt: 2 }, task, over);
    expect({ ...over, ...patch }).toMatchObject({
      failures: 2,
      terminatedAt: at('12:05:10'),
      terminatedReason: 'nothing left to do',
    });
  });
});

describe('a task that comes once', () => {
  const at1205 = { scheduleKind: 'at', schedule: '2026-03-10T12:05Z' } as const;
  const taken = { ...handled, countedTick: NO_TICK, nextSlot: null, earliestStart: null };

  test.each([
    ['succeeded', 'done: its only slot has run'],
    ['failed', 'done: its only slot has ended failed'],
    ['timed_out', 'done: its only slot has ended timed_out'],
    ['lost', 'done: its only slot has ended lost'],
    ['cancelled', 'done: its only slot has ended cancelled'],
  ] as const)('is terminated when its slot has %s', (status, terminatedReason) => {
    expect(afterEnd({ status }, at1205, taken).patch).toMatchObject({
      terminatedAt: at('12:05:20'),
      terminatedReason,
      nextSlot: null,
      earliestStart: null,
      dueTick: null,
    });
  });

  test('goes on while a retry is left', () => {
    const { retryAt, patch } = afterEnd({}, { ...at1205, retryLimit: 1 }, taken);
    expect(retryAt).toBe(at('12:06:20'));
    expect(patch).toMatchObject({ earliestStart: at('12:06:20') });
    expect(patch).not.toHaveProperty('terminatedAt');
  });

  test('names its failures where those are too many as well', () => {
    const task = { ...at1205, deactivateAfter: '1 failure' };
    expect(afterEnd({}, task, taken).patch).toMatchObject({
      terminatedReason: 'deactivated after 1 failure in a row since 2026-03-10T12:05:20Z',
    });
  });

  test('a one-shot of ticks is done likewise, and one that repeats goes on', () => {
    const ticks = { scheduleKind: 'ticks', schedule: '3' } as const;
    expect(afterEnd({ status: 'succeeded' }, ticks, taken).patch).toMatchObject({
      terminatedReason: 'done: its only slot has run',
    });
    const repeated = { ...ticks, schedule: '3 repeat' };
    const state = { ...taken, countedTick: 14 };
    expect(afterEnd({ status: 'succeeded' }, repeated, state).patch).not.toHaveProperty('terminatedAt');
  });

  test('that was reset during its run waits for its next time', () => {
    const reset = { ...taken, countedTick: 20 };
    const ticks = { scheduleKind: 'ticks', schedule: '3' } as const;
    expect(afterEnd({ status: 'succeeded' }, ticks, reset).patch).not.toHaveProperty('terminatedAt');
  });
});

describe('a loss that was none', () => {
  const task = { retryLimit: 1, retryOn: ['lost'], backoff: 'on_failure' } as const;
  const policy = failurePolicyOf(taskWith(task), timetableWith(task));

  /** The state after the loss, and without it. */
  function undone(lossOf: Partial<Task>, state: TaskState = handled): TaskState {
    const { patch } = afterEnd({ status: 'lost' }, lossOf, state);
    const failurePolicy = failurePolicyOf(taskWith(lossOf), timetableWith(lossOf));
    return withoutLost({ ...state, ...patch }, at('12:05'), failurePolicy);
  }

  test('takes back the attempt that it left pending, and nothing else', () => {
    const before = { ...handled, failures: 2, firstFailureAt: at('11:00') };
    expect(undone(task, before)).toMatchObject({
      retryAt: null,
      earliestStart: at('12:10'),
      failures: 2,
      firstFailureAt: at('11:00'),
    });
  });

  test('takes back the first failure', () => {
    expect(undone({ backoff: 'on_failure' })).toMatchObject({
      failures: 0,
      firstFailureAt: null,
      currentPeriodSeconds: 300,
    });
  });

  test('takes back one of several failures, and what it made of the period', () => {
    const before = { ...handled, failures: 2, firstFailureAt: at('11:00'), currentPeriodSeconds: 1_200 };
    expect(undone({ backoff: 'on_failure' }, before)).toMatchObject({
      failures: 2,
      firstFailureAt: at('11:00'),
      currentPeriodSeconds: 1_200,
    });
  });

  test('leaves a period alone that backs off with every run', () => {
    const before = { ...handled, currentPeriodSeconds: 1_200 };
    expect(undone({ backoff: 'every_run' }, before)).toMatchObject({ currentPeriodSeconds: 1_200 });
  });

  test('takes back that the task was deactivated, and lets it be decided anew', () => {
    expect(undone({ deactivateAfter: '1' })).toMatchObject({
      failures: 0,
      terminatedAt: null,
      terminatedReason: null,
      earliestStart: 'decide-anew',
    });
  });

  test('leaves a termination alone that came from elsewhere', () => {
    const over = { ...handled, terminatedAt: at('12:05:10'), terminatedReason: 'nothing left to do' };
    expect(undone({}, over)).toMatchObject({
      terminatedAt: at('12:05:10'),
      terminatedReason: 'nothing left to do',
    });
  });

  test('followed by the failure that it was doubles the period to the same length', () => {
    const before = undone({ backoff: 'on_failure' }, { ...handled, currentPeriodSeconds: 600 });
    const { patch } = afterEnd({}, { backoff: 'on_failure' }, before);
    expect(patch).toMatchObject({ failures: 1, currentPeriodSeconds: 1_200 });
  });

  test('of an older slot takes back its failure, and leaves the pending attempt of the newer one', () => {
    const newer = { ...handled, handledSlot: at('12:10'), retryAt: at('12:12'), failures: 1 };
    expect(withoutLost(newer, at('12:05'), policy)).toMatchObject({ retryAt: at('12:12'), failures: 0 });
  });
});

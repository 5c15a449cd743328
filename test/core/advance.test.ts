import { describe, expect, test } from 'vitest';
import { patchOf, stateAfter } from '../../src/core/advance.ts';
import { type Decision, decide } from '../../src/core/due.ts';
import type { Instant } from '../../src/core/instants.ts';
import type { TaskState } from '../../src/core/state.ts';
import type { Task } from '../../src/core/task.ts';
import {
  claimSlots,
  failurePolicyOf,
  giveUp,
  RESTING,
  type StatePatch,
  settle,
  skipDue,
  takeRetry,
} from '../../src/core/transitions.ts';
import { at, stateWith, taskWith, timetableWith } from '../support/builders.ts';

const slots = { first: at('12:05'), slot: at('12:10'), count: 2 };
const definition = { anchor: 'start', deactivateAfter: '9 failures' } as const;
const task = taskWith(definition);
const timetable = timetableWith(definition);
const failurePolicy = failurePolicyOf(task, timetable);
const state = stateWith({ handledSlot: at('12:00'), attempt: 1, retryAt: at('12:07') });
const tick = { tickAt: at('12:11'), now: at('12:13:20'), ticks: { own: 1, all: 1 } };

describe('acting on a decision', () => {
  test.each<readonly [string, Decision, StatePatch]>([
    [
      'a run takes its slots in the minute of the tick',
      { kind: 'run', slots, supersededAttempt: 2, again: false },
      claimSlots(state, timetable, { slots, at: tick.tickAt, failurePolicy }),
    ],
    [
      'a skip takes them at the real now',
      { kind: 'skip', reason: 'missed', slots, again: true },
      skipDue(state, timetable, { slots, at: tick.now, failurePolicy }),
    ],
    [
      'a retry takes its attempt in the minute of the tick',
      { kind: 'retry', slot: at('12:00'), attempt: 2, again: false },
      takeRetry(state, timetable, { attempt: 2, at: tick.tickAt }),
    ],
    [
      'giving up happens at the real now',
      { kind: 'give-up', reason: 'too many', slots },
      giveUp(state, failurePolicy, { reason: 'too many', at: tick.now }),
    ],
    ['waiting settles', { kind: 'waiting', nextAt: null }, settle(state, timetable)],
    ['an exclusion settles', { kind: 'excluded', until: at('13:00'), slots }, settle(state, timetable)],
    ['a live run settles', { kind: 'still-running', slots }, settle(state, timetable)],
    [
      'a slot handled in the future settles',
      { kind: 'handled-in-future', until: at('13:00') },
      settle(state, timetable),
    ],
    ['an inactive task rests', { kind: 'inactive' }, RESTING],
    ['a terminated state rests', { kind: 'terminated', reason: null }, RESTING],
    ['an invalid definition rests', { kind: 'invalid', faults: [] }, RESTING],
  ])('%s', (_title, decision, patch) => {
    expect(patchOf(decision, { task, timetable, state }, tick)).toEqual(patch);
  });

  test('the minute of the tick and the real now make a difference where a period counts from them', () => {
    const run = { kind: 'run', slots, supersededAttempt: undefined, again: false } as const;
    expect(patchOf(run, { task, timetable, state }, tick).anchoredAt).toBe(at('12:11'));
    const skip = { kind: 'skip', reason: 'missed', slots, again: true } as const;
    expect(patchOf(skip, { task, timetable, state }, tick).anchoredAt).toBe(at('12:13'));
  });
});

describe('the state after a decision', () => {
  test.each<readonly [string, Decision]>([
    ['run', { kind: 'run', slots, supersededAttempt: 2, again: false }],
    ['retry', { kind: 'retry', slot: at('12:00'), attempt: 2, again: false }],
  ])('is that after a success where it lets a %s start', (_title, decision) => {
    const after = stateAfter(decision, { task, timetable, state: { ...state, failures: 2 } }, tick);
    expect(after).toMatchObject({
      lastStatus: 'succeeded',
      lastEndedAt: tick.now,
      failures: 0,
      retryAt: null,
    });
  });

  test('is that of the decision alone where nothing starts', () => {
    const skip = { kind: 'skip', reason: 'missed', slots, again: true } as const;
    const subject = { task, timetable, state };
    expect(stateAfter(skip, subject, tick)).toEqual({ ...state, ...patchOf(skip, subject, tick) });
  });
});

/** All that one tick does with a state, step by step; every run ends at once, and well. */
function oneTick(changes: Partial<Task>, before: Partial<TaskState>, now: Instant): readonly string[] {
  const subject = { task: taskWith(changes), timetable: timetableWith(changes) };
  const time = { tickAt: Math.floor(now / 60_000) * 60_000, now, ticks: { own: 9, all: 9 } };
  let current = stateWith(before);
  const steps: string[] = [];
  for (let again = true; again; ) {
    const decision = decide({
      definition: { kind: 'valid', ...subject },
      ...{ state: current, liveRuns: 0, ...time },
    });
    steps.push(textOf(decision));
    current = { ...current, ...patchOf(decision, { ...subject, state: current }, time) };
    again = 'again' in decision && decision.again;
  }
  return steps;
}

function textOf(decision: Decision): string {
  switch (decision.kind) {
    case 'run':
      return `run ${minuteOf(decision.slots.slot)} for ${decision.slots.count}`;
    case 'skip':
      return `${decision.reason} ${minuteOf(decision.slots.slot)} with ${decision.slots.count}`;
    case 'retry':
      return `retry ${minuteOf(decision.slot)}`;
    default:
      return decision.kind;
  }
}

function minuteOf(slot: Instant): string {
  return new Date(slot).toISOString().slice(11, 16);
}

describe('all that one tick does with a state', () => {
  const pending = { handledSlot: at('12:05'), attempt: 1, retryAt: at('12:06') };
  test.each<readonly [string, Partial<Task>, Partial<TaskState>, readonly string[]]>([
    ['latest', {}, {}, ['run 12:20 for 4']],
    [
      'each',
      { catchUp: 'each', catchUpMax: 3 },
      {},
      ['missed 12:05 with 1', 'run 12:10 for 1', 'run 12:15 for 1', 'run 12:20 for 1'],
    ],
    ['skip', { catchUp: 'skip' }, {}, ['missed 12:15 with 3', 'run 12:20 for 1']],
    [
      'each with a deadline',
      { catchUp: 'each', startDeadlineSeconds: 600 },
      {},
      ['too_late 12:10 with 2', 'run 12:15 for 1', 'run 12:20 for 1'],
    ],
    [
      'each of a window that has closed in between',
      { scheduleKind: 'window', schedule: '["12:00-12:10@5m", "12:20-12:30@5m"]', catchUp: 'each' },
      { handledSlot: at('12:00') },
      ['window_closed 12:05 with 1', 'window_closed 12:10 with 1', 'run 12:20 for 1'],
    ],
    ['skip with a pending attempt', { catchUp: 'skip' }, pending, ['missed 12:15 with 2', 'run 12:20 for 1']],
    [
      'each with a pending attempt',
      { catchUp: 'each' },
      pending,
      ['run 12:10 for 1', 'run 12:15 for 1', 'run 12:20 for 1'],
    ],
    [
      'each with a pending attempt that may be late',
      { catchUp: 'each', retryPastNext: true },
      pending,
      ['retry 12:05', 'run 12:10 for 1', 'run 12:15 for 1', 'run 12:20 for 1'],
    ],
    [
      'each with the last failure that is allowed',
      { catchUp: 'each', deactivateAfter: '1 failure' },
      pending,
      ['give-up'],
    ],
    [
      'skip with the last failure that is allowed, which ends in what was missed',
      { catchUp: 'skip', deactivateAfter: '1 failure' },
      pending,
      ['missed 12:15 with 2', 'terminated'],
    ],
    ['nothing that is due', {}, { handledSlot: at('12:20') }, ['waiting']],
  ])('%s', (_title, changes, before, steps) => {
    expect(oneTick(changes, before, at('12:21:30'))).toEqual(steps);
  });

  test('each lets every slot run once, however many ticks were missed', () => {
    const steps = oneTick({ catchUp: 'each', schedule: '1m' }, {}, at('13:35:10'));
    expect(steps).toHaveLength(95);
    expect(new Set(steps).size).toBe(95);
    expect(steps[0]).toBe('run 12:01 for 1');
    expect(steps.at(-1)).toBe('run 13:35 for 1');
  });
});

import { describe, expect, test } from 'vitest';
import { isBack, isOffline, type KnownResource, resourcesNeeded } from '../../src/core/conditions.ts';
import { type Decision, decide } from '../../src/core/due.ts';
import { asksTheWorld, type Conditions } from '../../src/core/gate.ts';
import { comeOnline, goOffline } from '../../src/core/offline.ts';
import type { ResourceState } from '../../src/core/requires.ts';
import type { Task } from '../../src/core/task.ts';
import { failurePolicyOf } from '../../src/core/transitions.ts';
import { at, stateWith, taskWith, timetableWith } from '../support/builders.ts';

const POLICY = { offline: 'disable', offlineResource: 'db' } as const;
const TICK = { tickAt: at('12:20'), ticks: { own: 40, all: 1_040 } };

function known(state: ResourceState): KnownResource {
  return { state, since: null, why: '' };
}

describe('a resource', () => {
  test.each([
    ['down', true, false],
    ['stdby down', true, false],
    ['undef', false, false],
    ['up', false, true],
    ['stdby up', false, true],
    ['warn', false, true],
    ['n/a', false, true],
  ] as const)('that is %s', (state, offline, back) => {
    expect([isOffline(known(state)), isBack(known(state))]).toEqual([offline, back]);
  });

  test('that is gone makes no task offline, and lets none rest for good', () => {
    expect([isOffline(undefined), isBack(undefined)]).toEqual([false, true]);
  });
});

test.each([
  ['execute', ['ip#0']],
  ['skip', ['ip#0', 'db']],
  ['disable', ['ip#0', 'db']],
])('with %s a task needs a look at %j', (offline, names) => {
  expect(resourcesNeeded({ requires: 'ip#0', offline, offlineResource: 'db' })).toEqual(names);
});

test.each([
  ['execute', false],
  ['skip', true],
  ['disable', true],
] as const)('with %s a task depends on its back end: %s', (offline, asks) => {
  expect(asksTheWorld({ requires: '', offline, offlineResource: 'db' })).toBe(asks);
  expect(asksTheWorld({ requires: '', offline, offlineResource: null })).toBe(false);
  expect(asksTheWorld({ requires: 'ip#0', offline, offlineResource: null })).toBe(true);
});

describe('a state that rests', () => {
  function decidedWith(conditions: Conditions | undefined, task: Partial<Task> = POLICY): Decision['kind'] {
    return decide({
      definition: { kind: 'valid', task: taskWith(task), timetable: timetableWith(task) },
      state: stateWith({ offlineDisabledAt: at('12:05') }),
      liveRuns: 0,
      now: TICK.tickAt,
      ...TICK,
      conditions,
    }).kind;
  }

  test.each([
    ['nobody has looked', undefined, 'offline-disabled'],
    ['it is down', { offline: true, isBack: false }, 'offline-disabled'],
    ['it could not be looked at', { offline: false, isBack: false }, 'offline-disabled'],
    ['it is back', { offline: false, isBack: true }, 'online'],
  ] as const)('and %s', (_what, conditions, decision) => {
    expect(decidedWith(conditions === undefined ? undefined : { unmet: undefined, ...conditions })).toBe(
      decision,
    );
  });

  test('ends its rest when the task does not rest any more', () => {
    expect(decidedWith(undefined, { ...POLICY, offline: 'execute' })).toBe('online');
  });
});

describe('coming online', () => {
  test('counts time, ticks and the period from the tick', () => {
    const task = { ...POLICY, backoff: 'on_failure' } as const;
    const state = stateWith({
      handledSlot: at('12:05'),
      anchoredAt: at('12:05'),
      currentPeriodSeconds: 1_200,
      offlineDisabledAt: at('12:05'),
      failures: 2,
    });
    const patch = comeOnline(state, { task: taskWith(task), timetable: timetableWith(task) }, TICK);
    expect(patch).toMatchObject({
      countedFrom: TICK.tickAt,
      anchoredAt: null,
      currentPeriodSeconds: null,
      earliestStart: at('12:25'),
      offlineDisabledAt: null,
    });
    expect(patch.failures).toBeUndefined();
  });

  test('lets a schedule of ticks wait for all of them again', () => {
    const task = { ...POLICY, scheduleKind: 'ticks', schedule: '2 repeat' } as const;
    const state = stateWith({ countedTick: 10, offlineDisabledAt: at('12:05') });
    const patch = comeOnline(state, { task: taskWith(task), timetable: timetableWith(task) }, TICK);
    expect(patch).toMatchObject({ countedTick: 40, dueTick: 43 });
  });

  test('terminates a task that has failed too often with the attempt that was pending', () => {
    const task = { ...POLICY, deactivateAfter: '1 failure' };
    const state = stateWith({
      handledSlot: at('12:05'),
      lastEndedAt: at('12:05'),
      retryAt: at('12:06'),
      offlineDisabledAt: at('12:06'),
    });
    const patch = comeOnline(state, { task: taskWith(task), timetable: timetableWith(task) }, TICK);
    expect(patch).toMatchObject({
      failures: 1,
      retryAt: null,
      terminatedAt: TICK.tickAt,
      offlineDisabledAt: null,
    });
  });
});

describe('going offline', () => {
  test('leaves a pending attempt out, which back-off counts as the failure that it is', () => {
    const task = { ...POLICY, backoff: 'on_failure' } as const;
    const state = stateWith({ handledSlot: at('12:05'), attempt: 1, retryAt: at('12:06') });
    const timetable = timetableWith(task);
    const failurePolicy = failurePolicyOf(taskWith(task), timetable);
    const patch = goOffline(state, timetable, {
      slots: undefined,
      attempt: 2,
      at: at('12:06'),
      failurePolicy,
    });
    expect(patch).toMatchObject({
      retryAt: null,
      attempt: 2,
      failures: 1,
      currentPeriodSeconds: 600,
      earliestStart: null,
      offlineDisabledAt: at('12:06'),
    });
  });
});

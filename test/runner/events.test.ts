import { describe, expect, test } from 'vitest';
import {
  type AttemptSubject,
  claimedEvent,
  endedEvent,
  endedEvents,
  faultEvent,
  type LifeEventKind,
  severityOf,
  subjectOfRun,
} from '../../src/runner/events.ts';
import { at } from '../support/builders.ts';

const SUBJECT: AttemptSubject = {
  task: 'backup',
  scope: 'alpha',
  node: 'alpha',
  slotAt: at('2026-11-21T00:55:00Z'),
  nextSlotAt: at('2026-11-21T01:00:00Z'),
  runId: 'token-1',
  trigger: 'schedule',
  attempt: 1,
  slotCount: 1,
};

const END = { status: 'failed', durationMs: 40, reason: null, message: 'no luck', retryAt: null } as const;

test('a run of the ledger has the events of its attempt', () => {
  const run = {
    taskName: 'backup',
    scopeKey: 'alpha',
    node: 'alpha',
    slot: SUBJECT.slotAt,
    slotCount: 1,
    token: 'token-1',
    trigger: 'schedule',
    attempt: 1,
  } as const;
  expect(subjectOfRun(run, SUBJECT.nextSlotAt)).toEqual(SUBJECT);
});

describe('a claim', () => {
  test.each([
    ['the first attempt of a slot', { attempt: 1 }, 1, 'claimed'],
    ['the second', { attempt: 2 }, 1, 'retried'],
    ['the first after a reset that let the slot be taken once more', { attempt: 3 }, 3, 'claimed'],
    ['a run by hand', { attempt: 1, trigger: 'manual', slotAt: null }, 0, 'claimed'],
  ] satisfies [string, Partial<AttemptSubject>, number, LifeEventKind][])(
    'of %s',
    (_case, changes, firstAttempt, event) => {
      const subject = { ...SUBJECT, ...changes };
      expect(claimedEvent(subject, firstAttempt)).toEqual({ event, ...subject });
    },
  );
});

describe('the end of a run', () => {
  test.each([
    ['succeeded', 'finished'],
    ['stopped', 'finished'],
    ['failed', 'failed'],
    ['timed_out', 'timed_out'],
    ['cancelled', 'cancelled'],
    ['lost', 'lost'],
  ] as const)('that %s is the event %s', (status, event) => {
    expect(endedEvent(SUBJECT, { ...END, status })).toMatchObject({ ...SUBJECT, event, status });
  });

  test('has an error when it went wrong', () => {
    const retryAt = at('2026-11-21T00:57:00Z');
    expect(endedEvent(SUBJECT, { ...END, retryAt })).toMatchObject({
      error: 'no luck',
      reason: null,
      durationMs: 40,
      retryAt,
    });
  });

  test('has no error when it went well, and says why a module stopped for good', () => {
    const supersedes = { ...END, status: 'succeeded', message: 'supersedes attempt 2' } as const;
    expect(endedEvent(SUBJECT, supersedes)).toMatchObject({ error: null, reason: null });
    expect(endedEvent(SUBJECT, { ...END, status: 'stopped', message: 'all is done' })).toMatchObject({
      error: null,
      reason: 'all is done',
    });
  });
});

describe('the end of a run that was recorded', () => {
  const nextSlotAt = at('2026-11-21T02:00:00Z');

  test('has the next slot as it is then', () => {
    expect(endedEvents(SUBJECT, { ...END, nextSlotAt, terminated: null })).toEqual([
      { ...endedEvent(SUBJECT, END), nextSlotAt },
    ]);
  });

  test('is followed by the end of its state, where that was the last run', () => {
    const events = endedEvents(SUBJECT, { ...END, nextSlotAt: null, terminated: '3 failures' });
    expect(events.map(({ event, reason }) => [event, reason])).toEqual([
      ['failed', null],
      ['terminated', '3 failures'],
    ]);
    expect(events.map((life) => life.nextSlotAt)).toEqual([null, null]);
  });
});

test('a fault names the fields, and of options no more than that', () => {
  const faults = [
    { field: 'schedule', message: 'expected five fields, got 1' },
    { field: 'options.password', message: 'expected text, got ["hunter2"]' },
    { field: 'options', message: 'expected an object, got "hunter2"' },
  ];
  const { task, scope, node, nextSlotAt } = SUBJECT;
  expect(faultEvent({ task, scope, node, nextSlotAt }, faults)).toEqual({
    event: 'fault',
    task,
    scope,
    node,
    slotAt: null,
    nextSlotAt,
    error: 'schedule: expected five fields, got 1; options.password: not valid; options: not valid',
    fields: ['schedule', 'options.password', 'options'],
  });
});

describe('how bad it is', () => {
  test.each([
    ['failed', null, 'error'],
    ['failed', 1, 'warn'],
    ['timed_out', null, 'error'],
    ['timed_out', 1, 'warn'],
    ['lost', null, 'error'],
    ['lost', 1, 'warn'],
    ['fault', null, 'error'],
    ['cancelled', null, 'warn'],
    ['terminated', null, 'warn'],
    ['waiting', null, 'debug'],
  ] as const)('that it %s, with a next attempt at %s', (event, retryAt, severity) => {
    expect(severityOf({ event, retryAt })).toBe(severity);
  });

  test.each([
    'created',
    'changed',
    'enabled',
    'disabled',
    'reset',
    'removed',
    'claimed',
    'retried',
    'started',
    'finished',
    'skipped',
    'blocked',
    'postponed',
  ] as const)('that it is %s: not at all', (event) => {
    expect(severityOf({ event })).toBe('info');
  });
});

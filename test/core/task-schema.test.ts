import { describe, expect, test } from 'vitest';
import {
  checkDefinition,
  checkTask,
  columnName,
  definitionSchema,
  normalizeDefinition,
} from '../../src/core/task-schema.ts';
import { recordWith, taskWith } from '../support/builders.ts';

function faultsOf(fields: Readonly<Record<string, unknown>>): readonly string[] {
  const checked = checkTask(recordWith(fields));
  return checked.kind === 'valid' ? [] : checked.faults.map(({ field, message }) => `${field}: ${message}`);
}

test('a valid record becomes a task with its id', () => {
  expect(checkTask(recordWith({}))).toEqual({ kind: 'valid', task: taskWith() });
});

test('what a definition leaves out has its documented default', () => {
  expect(
    definitionSchema.parse({ name: 'a', module: 'command', scheduleKind: 'manual', nodes: ['alpha'] }),
  ).toEqual({
    name: 'a',
    active: true,
    module: 'command',
    options: {},
    scheduleKind: 'manual',
    schedule: '',
    timezone: '',
    scope: 'each',
    ordering: 0,
    anchor: 'slot',
    runImmediately: false,
    firstDelaySeconds: null,
    enabledDelaySeconds: null,
    randomOffsetSeconds: 0,
    catchUp: 'latest',
    catchUpMax: 100,
    startDeadlineSeconds: null,
    timeoutSeconds: null,
    killGraceSeconds: 10,
    retryLimit: 0,
    retryDelaySeconds: 60,
    retryMaxDelaySeconds: 3_600,
    retryOn: ['failed', 'timed_out'],
    retryPastNext: false,
    backoff: 'none',
    maxPeriodSeconds: null,
    deactivateAfter: '',
    overlap: 'forbid',
    maxParallel: 1,
    confirmation: false,
    runUser: null,
    memoryLimitBytes: null,
    requires: '',
    offlineResource: null,
    offline: 'execute',
    removeWhenDone: false,
    owner: null,
    gone: false,
    nodes: ['alpha'],
    tags: [],
  });
});

test('all faults of a record come at once, the schedule with its own', () => {
  expect(
    faultsOf({
      name: ' x',
      scheduleKind: 'cron',
      schedule: '61 * * * *',
      retryLimit: -1,
      scope: 'all',
      nodes: [],
    }),
  ).toEqual([
    'name: expected a name without spaces around it, in Unicode form NFC, got " x"',
    'scope: expected each, one, got "all"',
    'retry_limit: expected a whole number from 0 to 1000, got -1',
    'nodes: expected at least one node, got none',
    expect.stringMatching(/^schedule: .*61/),
  ]);
});

describe('one column', () => {
  test.each<readonly [string, Record<string, unknown>, string]>([
    ['an empty name', { name: '' }, 'name: expected 1 to 255 characters, got none'],
    ['a name that is no text', { name: 5 }, 'name: expected text, got 5'],
    ['a name with a line break', { name: 'a\nb' }, 'name: expected no control characters, got "a\\nb"'],
    ['active as a word', { active: 'yes' }, 'active: expected true or false, got "yes"'],
    ['active as 2', { active: 2 }, 'active: expected true or false, got 2'],
    ['options that are no JSON', { options: '{a' }, 'options: expected a JSON object, got "{a"'],
    ['options that are a list', { options: [1] }, 'options: expected a JSON object, got [1]'],
    [
      'an unknown kind',
      { scheduleKind: 'crom' },
      'schedule_kind: expected cron, every, window, ticks, at, manual, got "crom"',
    ],
    ['a schedule that is no text', { schedule: 5 }, 'schedule: expected text, got 5'],
    ['an unknown zone', { timezone: 'Mars/Olympus' }, 'timezone: '],
    ['an ordering that is no whole number', { ordering: 1.5 }, 'ordering: expected a whole number from'],
    ['a deadline of 0', { startDeadlineSeconds: 0 }, 'start_deadline: expected a whole number from 1 to'],
    ['a negative timeout', { timeoutSeconds: -1 }, 'timeout: expected a whole number from 0 to'],
    [
      'a grace of over an hour',
      { killGraceSeconds: 3_601 },
      'kill_grace: expected a whole number from 0 to 3600',
    ],
    [
      'an unknown cause',
      { retryOn: ['failed', 'sad'] },
      'retry_on: expected failed, timed_out, lost, shutdown',
    ],
    ['an unknown overlap', { overlap: 'maybe' }, 'overlap: expected forbid, skip, allow, got "maybe"'],
    ['max_parallel 0', { maxParallel: 0 }, 'max_parallel: expected a whole number from 1 to 1000, got 0'],
    ['a node with a space', { nodes: ['alpha '] }, 'nodes.0: expected a name without spaces around it'],
    ['a period of 0', { schedule: '0' }, 'schedule: expected a period other than 0'],
    ['a window that no clock shows', { scheduleKind: 'window', schedule: '25:00' }, 'schedule: '],
    ['ticks that are no number', { scheduleKind: 'ticks', schedule: 'x' }, 'schedule: expected a number of'],
    ['an instant that is none', { scheduleKind: 'at', schedule: 'noon' }, 'schedule: expected an instant in'],
    ['an unknown anchor', { anchor: 'end' }, 'anchor: expected slot, start, finish, got "end"'],
    ['a negative first delay', { firstDelaySeconds: -1 }, 'first_delay: expected a whole number from 0 to'],
    ['a negative delay on', { enabledDelaySeconds: -1 }, 'enabled_delay: expected a whole number from 0 to'],
    [
      'a random offset of more than a day',
      { randomOffsetSeconds: 86_401 },
      'random_offset: expected a whole number from 0 to 86400, got 86401',
    ],
    ['an unknown catch-up', { catchUp: 'all' }, 'catch_up: expected latest, each, skip, got "all"'],
    ['a catch-up of none', { catchUpMax: 0 }, 'catch_up_max: expected a whole number from 1 to 10000, got 0'],
    ['an unknown back-off', { backoff: 'slow' }, 'backoff: expected none, on_failure, every_run, got "slow"'],
    ['a period of at most 0', { backoff: 'on_failure', maxPeriodSeconds: 0 }, 'max_period: expected a whole'],
    [
      'an end after no failures',
      { deactivateAfter: '0 failures' },
      'deactivate_after: expected 1 to 1000000',
    ],
    ['a user with a space', { runUser: 'no body' }, 'run_user: expected the name or number of a user, got'],
    [
      'a user that is an option',
      { runUser: '--help' },
      'run_user: expected the name or number of a user, got',
    ],
    [
      'too little memory',
      { memoryLimitBytes: 1_048_576 },
      'memory_limit: expected a whole number from 33554432',
    ],
    [
      'a confirmation that is text',
      { confirmation: 'yes' },
      'confirmation: expected true or false, got "yes"',
    ],
    ['a manual task with a schedule', { scheduleKind: 'manual', schedule: '5m' }, 'schedule: '],
  ])('%s is its only fault', (_title, fields, fault) => {
    const faults = faultsOf(fields);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(fault);
  });
});

describe('columns together', () => {
  test.each<readonly [string, Record<string, unknown>, string]>([
    [
      'a greatest delay below the delay',
      { retryDelaySeconds: 120, retryMaxDelaySeconds: 60 },
      'retry_max_delay: expected at least retry_delay (2m), got 1m',
    ],
    [
      'a cron schedule of all nodes together without a zone',
      { scope: 'one', scheduleKind: 'cron', schedule: '0 4 * * *' },
      'timezone: expected a named zone such as UTC, since nodes of one state may lie in different zones, got none',
    ],
    [
      'max_parallel without overlap allow',
      { maxParallel: 2 },
      'max_parallel: expected 1 unless overlap is allow, got 2 with overlap forbid',
    ],
    [
      'a confirmation with a slot that needs none',
      { confirmation: true, runImmediately: true },
      'run_immediately: expected it without confirmation only, which lets nothing run by itself, got both',
    ],
    [
      'a confirmation with a first delay',
      { confirmation: true, firstDelaySeconds: 60 },
      'first_delay: expected it without confirmation only, which lets nothing run by itself, got both',
    ],
  ])('%s', (_title, fields, fault) => {
    expect(faultsOf(fields)).toEqual([fault]);
  });

  test.each<readonly [string, Record<string, unknown>]>([
    ['scope one with every', { scope: 'one' }],
    [
      'scope one with cron and a zone',
      { scope: 'one', scheduleKind: 'cron', schedule: '@daily', timezone: 'UTC' },
    ],
    ['overlap allow beside others', { overlap: 'allow', maxParallel: 8 }],
    ['no time limit', { timeoutSeconds: 0 }],
    ['every node', { nodes: ['*'] }],
    ['a negative period', { schedule: '-1s' }],
    ['a window', { scheduleKind: 'window', schedule: '22:00-06:00@15m' }],
    ['a one-shot of ticks', { scheduleKind: 'ticks', schedule: '0' }],
    ['an instant', { scheduleKind: 'at', schedule: '2026-11-21T09:30+01:00' }],
    ['a confirmation with a schedule', { confirmation: true }],
    ['a user by number', { runUser: '1001' }],
    ['a user of a domain', { runUser: 'ada.lovelace@example.org' }],
    ['a limit of memory', { memoryLimitBytes: 64 * 1_024 * 1_024 }],
    ['an end after failures and days', { deactivateAfter: '5 failures and 7 days' }],
  ])('%s is valid', (_title, fields) => {
    expect(faultsOf(fields)).toEqual([]);
  });
});

test('a definition with an unknown field is refused', () => {
  const { id: _, ...definition } = taskWith();
  expect(checkDefinition({ ...definition, colour: 'red' }).kind).toBe('invalid');
});

test('fields have the names of their columns in messages', () => {
  expect(['retryMaxDelaySeconds', 'name', 'runImmediately'].map(columnName)).toEqual([
    'retry_max_delay',
    'name',
    'run_immediately',
  ]);
});

test('typed names are trimmed, composed and named once', () => {
  expect(normalizeDefinition({ name: ' cafe\u0301 ', nodes: ['a', ' a'], tags: ['t'] })).toEqual({
    name: 'caf\u00e9',
    nodes: ['a'],
    tags: ['t'],
  });
});

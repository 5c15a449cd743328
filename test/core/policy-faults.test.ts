import { describe, expect, test } from 'vitest';
import { faultsTogether } from '../../src/core/policy-faults.ts';
import { SCHEDULE_KINDS, type ScheduleKind } from '../../src/core/schedule/schedule.ts';
import type { Task } from '../../src/core/task.ts';
import { checkTask } from '../../src/core/task-schema.ts';
import { recordWith, taskWith } from '../support/builders.ts';

const SCHEDULES: Readonly<Record<ScheduleKind, string>> = {
  cron: '0 4 * * *',
  every: '5m',
  window: '09:00-17:00@1h',
  ticks: '3 repeat',
  at: '2026-11-21T09:30',
  manual: '',
};

function faultsOf(changes: Partial<Task>): readonly string[] {
  return faultsTogether(taskWith(changes)).map(({ field, message }) => `${field}: ${message}`);
}

/** A policy, and the kinds of schedule that can follow it. */
const POLICIES: readonly (readonly [string, Partial<Task>, readonly ScheduleKind[]])[] = [
  ['anchor', { anchor: 'start' }, ['every']],
  ['anchor', { anchor: 'finish' }, ['every']],
  ['run_immediately', { runImmediately: true }, ['cron', 'every', 'window', 'manual']],
  ['first_delay', { firstDelaySeconds: 0 }, ['cron', 'every', 'window']],
  ['enabled_delay', { enabledDelaySeconds: 60 }, ['cron', 'every', 'window']],
  ['random_offset', { randomOffsetSeconds: 1 }, ['cron', 'every', 'window', 'at']],
  ['catch_up', { catchUp: 'each' }, ['cron', 'every', 'window']],
  ['catch_up', { catchUp: 'skip' }, ['cron', 'every', 'window']],
  ['start_deadline', { startDeadlineSeconds: 60 }, ['cron', 'every', 'window', 'at', 'manual']],
  ['backoff', { backoff: 'on_failure' }, ['every']],
  ['backoff', { backoff: 'every_run' }, ['every']],
  ['retry_limit', { retryLimit: 3, retryPastNext: true }, SCHEDULE_KINDS],
  ['deactivate_after', { deactivateAfter: '5 failures' }, SCHEDULE_KINDS],
  ['overlap', { overlap: 'allow', maxParallel: 4 }, SCHEDULE_KINDS],
  ['timeout', { timeoutSeconds: 0 }, SCHEDULE_KINDS],
];

const ROWS = POLICIES.flatMap(([field, policy, allowed]) =>
  SCHEDULE_KINDS.map((scheduleKind) => ({
    field,
    policy,
    scheduleKind,
    verdict: allowed.includes(scheduleKind) ? 'is taken' : 'is refused',
  })),
);

describe('a policy with a kind of schedule', () => {
  test.each(ROWS)(
    '$field $policy with $scheduleKind $verdict',
    ({ field, policy, scheduleKind, verdict }) => {
      const faults = faultsOf({ ...policy, scheduleKind, schedule: SCHEDULES[scheduleKind] });
      expect(faults).toHaveLength(verdict === 'is taken' ? 0 : 1);
      expect(faults.every((fault) => fault.startsWith(`${field}: `))).toBe(true);
      expect(faults.every((fault) => fault.endsWith(` only, got ${scheduleKind}`))).toBe(true);
    },
  );

  test('names the kinds that can follow it', () => {
    expect(faultsOf({ scheduleKind: 'ticks', schedule: '3', randomOffsetSeconds: 60 })).toEqual([
      'random_offset: expected it with the kinds cron, every, window and at only, got ticks',
    ]);
  });
});

describe('policies together', () => {
  test.each<readonly [string, Partial<Task>, readonly string[]]>([
    [
      'catch-up needs slots that can be missed',
      { anchor: 'start', catchUp: 'each' },
      ['catch_up: expected it with anchor slot only, got anchor start, which misses no slot'],
    ],
    [
      'a deadline needs slots that can be missed',
      { anchor: 'finish', startDeadlineSeconds: 60 },
      ['start_deadline: expected it with anchor slot only, got anchor finish, which misses no slot'],
    ],
    [
      'a greatest period needs a back-off',
      { maxPeriodSeconds: 600 },
      ['max_period: expected it with a backoff only, got backoff none'],
    ],
    [
      'a greatest period is no shorter than the period',
      { backoff: 'every_run', maxPeriodSeconds: 299 },
      ['max_period: expected at least the period (5m), got 4m59s'],
    ],
    [
      'anchor finish does not run beside itself',
      { anchor: 'finish', overlap: 'allow', maxParallel: 2 },
      [
        'overlap: expected forbid or skip with anchor finish, whose next slot is known at the end of a run, got allow',
      ],
    ],
    [
      'the first slot is said in one way',
      { runImmediately: true, firstDelaySeconds: 60 },
      ['first_delay: expected either it or run_immediately, which is a delay of 0, got both'],
    ],
    [
      'what never runs has no first slot',
      { schedule: '-5m', runImmediately: true, enabledDelaySeconds: 60 },
      ['run_immediately', 'enabled_delay'].map(
        (field) => `${field}: expected it with a schedule that runs, got every "-5m", which is never`,
      ),
    ],
    [
      'a window that says never has no first slot either',
      { scheduleKind: 'window', schedule: '', firstDelaySeconds: 3600 },
      ['first_delay: expected it with a schedule that runs, got window "", which is never'],
    ],
    [
      'several at once need overlap allow',
      { overlap: 'skip', maxParallel: 2 },
      ['max_parallel: expected 1 unless overlap is allow, got 2 with overlap skip'],
    ],
    [
      'the greatest delay is no shorter than the first',
      { retryDelaySeconds: 120, retryMaxDelaySeconds: 119 },
      ['retry_max_delay: expected at least retry_delay (2m), got 1m59s'],
    ],
  ])('%s', (_title, changes, faults) => {
    expect(faultsOf(changes)).toEqual(faults);
  });

  test.each<readonly [string, Partial<Task>]>([
    ['a greatest period as long as the period', { backoff: 'on_failure', maxPeriodSeconds: 300 }],
    [
      'a greatest period of what never comes',
      { backoff: 'on_failure', schedule: '-1s', maxPeriodSeconds: 1 },
    ],
    ['no end to retry where nothing is retried', { retryOn: [] }],
    ['anchor finish that skips', { anchor: 'finish', overlap: 'skip' }],
    ['anchor start beside itself', { anchor: 'start', overlap: 'allow', maxParallel: 2 }],
    ['a delay at creation and at switching on', { firstDelaySeconds: 60, enabledDelaySeconds: 0 }],
    ['every policy of a period', { randomOffsetSeconds: 60, catchUp: 'skip', startDeadlineSeconds: 60 }],
  ])('%s is taken', (_title, changes) => {
    expect(faultsOf(changes)).toEqual([]);
  });

  test('a bad period is told by itself, beside what it makes of no other policy', () => {
    const checked = checkTask(recordWith({ schedule: 'x', backoff: 'on_failure', maxPeriodSeconds: 60 }));
    expect(checked.kind === 'invalid' && checked.faults.map(({ field }) => field)).toEqual(['schedule']);
  });

  test('all faults come at once', () => {
    const fields = ['anchor', 'catch_up', 'max_period', 'max_parallel'];
    const changes = { anchor: 'start', catchUp: 'each', maxPeriodSeconds: 60, maxParallel: 2 } as const;
    const faults = faultsTogether(taskWith({ ...changes, scheduleKind: 'manual', schedule: '' }));
    expect(faults.map(({ field }) => field)).toEqual(fields);
  });
});

describe('scope one', () => {
  test.each([
    ['cron', '0 4 * * *', true],
    ['window', '09:00-17:00', true],
    ['at', '2026-11-21T09:30', true],
    ['at', '2026-11-21T09:30+01:00', false],
    ['at', '2026-11-21T09:30Z', false],
    ['every', '5m', false],
    ['ticks', '3', false],
    ['manual', '', false],
  ] as const)('with %s %j needs a named zone: %s', (scheduleKind, schedule, needed) => {
    const zone = 'timezone: expected a named zone such as UTC';
    const faults = faultsOf({ scope: 'one', scheduleKind, schedule });
    expect(faults.map((fault) => fault.slice(0, zone.length))).toEqual(needed ? [zone] : []);
    expect(faultsOf({ scope: 'one', scheduleKind, schedule, timezone: 'Europe/Berlin' })).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { toText } from '../../src/core/instants.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { AuditEntry } from '../../src/store/known-tasks.ts';
import { countingStart, taskAt } from '../../src/store/past-definition.ts';
import { at } from '../support/builders.ts';

/** What the triggers of the first schema recorded of a task. */
const FIRST_COLUMNS: JsonObject = {
  name: 'backup',
  active: 1,
  module: 'command',
  options: '{}',
  schedule_kind: 'every',
  schedule: '5m',
  timezone: '',
  scope: 'each',
  ordering: 0,
  run_immediately: 0,
  start_deadline_s: null,
  timeout_s: null,
  kill_grace_s: 10,
  retry_limit: 0,
  retry_delay_s: 60,
  retry_max_delay_s: 3_600,
  retry_on: 'failed,timed_out',
  retry_past_next: 0,
  overlap: 'forbid',
  max_parallel: 1,
};
const COLUMNS: JsonObject = {
  ...FIRST_COLUMNS,
  anchor: 'slot',
  first_delay_s: null,
  enabled_delay_s: null,
  random_offset_s: 0,
  catch_up: 'latest',
  catch_up_max: 100,
  backoff: 'none',
  max_period_s: null,
  deactivate_after: '',
};

function entry(time: string, action: string, change: { before?: unknown; after?: unknown } = {}): AuditEntry {
  return { changedAt: at(time), actor: 'outside', action, before: null, after: null, ...change };
}

function nodeAdded(time: string, node: string): AuditEntry {
  return entry(time, 'node added', { after: { node } });
}

describe('a task at an instant of the past', () => {
  test('that was recorded before a column was there had what the column was added with', () => {
    const audit = [entry('12:00:05', 'created', { after: FIRST_COLUMNS }), nodeAdded('12:00:05', 'alpha')];
    const past = taskAt({ id: 7, audit, current: undefined }, at('13:00'));
    expect(past).toMatchObject({
      kind: 'there',
      record: {
        id: 7,
        fields: {
          name: 'backup',
          schedule: '5m',
          nodes: ['alpha'],
          anchor: 'slot',
          firstDelaySeconds: null,
          enabledDelaySeconds: null,
          randomOffsetSeconds: 0,
          catchUp: 'latest',
          catchUpMax: 100,
          backoff: 'none',
          maxPeriodSeconds: null,
          deactivateAfter: '',
        },
      },
    });
  });

  test('had the policies that were recorded', () => {
    const policies = { anchor: 'finish', catch_up: 'each', backoff: 'on_failure', max_period_s: 600 };
    const audit = [
      entry('12:00:05', 'created', { after: FIRST_COLUMNS }),
      entry('12:30:05', 'changed', { before: COLUMNS, after: { ...COLUMNS, ...policies } }),
    ];
    const known = { id: 7, audit, current: undefined };
    expect(taskAt(known, at('13:00'))).toMatchObject({
      record: { fields: { anchor: 'finish', catchUp: 'each', backoff: 'on_failure', maxPeriodSeconds: 600 } },
    });
    expect(taskAt(known, at('12:30'))).toMatchObject({ record: { fields: { anchor: 'slot' } } });
  });
});

describe('the slots of a state count', () => {
  const startOf = (...audit: readonly AuditEntry[]) => {
    const start = countingStart(audit, 'alpha', at('23:00'));
    return start && [toText(start.countedFrom), start.change.action];
  };
  const CREATED = entry('12:00:05', 'created', { after: COLUMNS });

  test.each([
    ['another anchor', { anchor: 'start' }],
    ['another schedule', { schedule: '10m' }],
    ['another zone', { timezone: 'Asia/Tokyo' }],
  ])('from a change to %s', (_title, changes) => {
    const change = entry('12:30:05', 'changed', { before: COLUMNS, after: { ...COLUMNS, ...changes } });
    expect(startOf(CREATED, change)).toEqual(['2026-03-10T12:30:00.000Z', 'changed']);
  });

  test.each([
    ['another catch-up', { catch_up: 'each' }],
    ['another back-off', { backoff: 'every_run', max_period_s: 600 }],
    ['another delay', { first_delay_s: 60, enabled_delay_s: 60 }],
  ])('on as before after a change to %s', (_title, changes) => {
    const change = entry('12:30:05', 'changed', { before: COLUMNS, after: { ...COLUMNS, ...changes } });
    expect(startOf(CREATED, change)).toEqual(['2026-03-10T12:00:00.000Z', 'created']);
  });

  test('from the end of the first delay of a new task, on the nodes that came with it too', () => {
    const created = entry('12:00:05', 'created', { after: { ...COLUMNS, first_delay_s: 600 } });
    expect(startOf(created, nodeAdded('12:00:05', 'alpha'))).toEqual(['2026-03-10T12:10:00.000Z', 'created']);
    expect(startOf(created, nodeAdded('12:05:05', 'alpha'))).toEqual([
      '2026-03-10T12:05:00.000Z',
      'node added',
    ]);
  });

  test('from the end of the delay of a task that is on again', () => {
    const delayed = { ...COLUMNS, first_delay_s: 60, enabled_delay_s: 600 };
    const enabled = entry('12:30:05', 'enabled', { before: { ...delayed, active: 0 }, after: delayed });
    expect(startOf(CREATED, enabled)).toEqual(['2026-03-10T12:40:00.000Z', 'enabled']);
  });

  test('from the minute of a change that names no delay, or none that is one', () => {
    const enabled = (delay: unknown) =>
      entry('12:30:05', 'enabled', { after: { ...FIRST_COLUMNS, enabled_delay_s: delay } });
    for (const delay of [undefined, null, -60, 'soon']) {
      expect(startOf(CREATED, enabled(delay))).toEqual(['2026-03-10T12:30:00.000Z', 'enabled']);
    }
  });
});

import { describe, expect, test } from 'vitest';
import { newState } from '../../src/core/state.ts';
import { definitionRow, taskRecordOf } from '../../src/store/definition-row.ts';
import type { Row } from '../../src/store/driver.ts';
import { stateAssignments, stateOf } from '../../src/store/state-row.ts';
import { at, taskWith } from '../support/builders.ts';

describe('the row of a definition', () => {
  const POLICIES = {
    anchor: 'finish',
    firstDelaySeconds: 0,
    enabledDelaySeconds: 600,
    randomOffsetSeconds: 30,
    catchUp: 'each',
    catchUpMax: 5,
    backoff: 'on_failure',
    maxPeriodSeconds: 86_400,
    deactivateAfter: '5 failures and 7 days',
  } as const;

  test('holds what is given, by its columns', () => {
    expect(definitionRow(POLICIES)).toEqual({
      anchor: 'finish',
      first_delay_s: 0,
      enabled_delay_s: 600,
      random_offset_s: 30,
      catch_up: 'each',
      catch_up_max: 5,
      backoff: 'on_failure',
      max_period_s: 86_400,
      deactivate_after: '5 failures and 7 days',
    });
  });

  test('reads as the definition that was written', () => {
    const { id, nodes, tags, ...definition } = taskWith(POLICIES);
    const record = taskRecordOf({ ...(definitionRow(definition) as Row), id }, { nodes, tags });
    expect(record.fields).toEqual({ ...definition, nodes, tags });
  });

  test('reads as it is where plain SQL wrote what is no such value', () => {
    const row = { id: 7, anchor: 'middle', first_delay_s: 'soon', catch_up_max: -1, deactivate_after: 5 };
    expect(taskRecordOf(row, { nodes: [], tags: [] }).fields).toMatchObject({
      anchor: 'middle',
      firstDelaySeconds: 'soon',
      catchUpMax: -1,
      deactivateAfter: 5,
    });
  });
});

describe('the row of a state', () => {
  const ROW = {
    task_id: 7,
    scope_key: 'alpha',
    counted_from: '2026-03-10T12:00:00.000Z',
    first_attempt: 1,
    earliest_start: '',
  };

  test('without anchor, back-off and ticks is that of a new state', () => {
    expect(stateOf(ROW)).toEqual(newState(at('12:00'), { taskId: 7, scopeKey: 'alpha' }));
  });

  test('has the anchor, the period and the numbers of ticks, also where they come as text', () => {
    const row = { anchored_at: '2026-03-10T12:05:00.000Z', current_period_s: 600, counted_tick: 41 };
    expect(stateOf({ ...ROW, ...row, due_tick: '43' })).toMatchObject({
      anchoredAt: at('12:05'),
      currentPeriodSeconds: 600,
      countedTick: 41,
      dueTick: 43,
    });
  });

  test('is assigned what a patch changes, and nothing else', () => {
    const patch = { anchoredAt: at('12:05'), currentPeriodSeconds: null, countedTick: 41, dueTick: 43 };
    expect(stateAssignments(patch)).toEqual({
      sql: ', anchored_at = ?, current_period_s = ?, counted_tick = ?, due_tick = ?',
      values: ['2026-03-10T12:05:00.000Z', null, 41, 43],
    });
    expect(stateAssignments({ dueTick: null })).toEqual({ sql: ', due_tick = ?', values: [null] });
  });
});

import { describe, expect, test } from 'vitest';
import { newState } from '../../src/core/state.ts';
import { stateAssignments, stateOf } from '../../src/store/state-row.ts';
import { at } from '../support/builders.ts';

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

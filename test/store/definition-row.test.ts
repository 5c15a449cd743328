import { describe, expect, test } from 'vitest';
import { definitionRow, taskRecordOf } from '../../src/store/definition-row.ts';
import type { Row } from '../../src/store/driver.ts';
import { taskWith } from '../support/builders.ts';

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

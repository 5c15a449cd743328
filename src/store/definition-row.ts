import type { TaskDefinition, TaskRecord } from '../core/task.ts';
import { bigNumberOf, booleanOf, instantOf, listOf, numberOf, parsedJson } from './cells.ts';
import type { Row, SqlValue } from './driver.ts';

/** The columns of periodic_task that hold a definition, by the name of their field. */
export const DEFINITION_COLUMNS = {
  name: 'name',
  active: 'active',
  module: 'module',
  options: 'options',
  scheduleKind: 'schedule_kind',
  schedule: 'schedule',
  timezone: 'timezone',
  scope: 'scope',
  ordering: 'ordering',
  anchor: 'anchor',
  runImmediately: 'run_immediately',
  firstDelaySeconds: 'first_delay_s',
  enabledDelaySeconds: 'enabled_delay_s',
  randomOffsetSeconds: 'random_offset_s',
  catchUp: 'catch_up',
  catchUpMax: 'catch_up_max',
  startDeadlineSeconds: 'start_deadline_s',
  timeoutSeconds: 'timeout_s',
  killGraceSeconds: 'kill_grace_s',
  retryLimit: 'retry_limit',
  retryDelaySeconds: 'retry_delay_s',
  retryMaxDelaySeconds: 'retry_max_delay_s',
  retryOn: 'retry_on',
  retryPastNext: 'retry_past_next',
  backoff: 'backoff',
  maxPeriodSeconds: 'max_period_s',
  deactivateAfter: 'deactivate_after',
  overlap: 'overlap',
  maxParallel: 'max_parallel',
  confirmation: 'confirmation',
  runUser: 'run_user',
  memoryLimitBytes: 'memory_limit_bytes',
  requires: 'requires',
  offlineResource: 'offline_resource',
  offline: 'offline',
  removeWhenDone: 'remove_when_done',
  owner: 'owner',
  gone: 'gone',
} as const satisfies Readonly<Record<Exclude<keyof TaskDefinition, 'nodes' | 'tags'>, string>>;

type DefinitionField = keyof typeof DEFINITION_COLUMNS;

/** Reads a row of periodic_task. What plain SQL wrote into it is left as it is, for the check to judge. */
export function taskRecordOf(
  row: Row,
  parts: { nodes: readonly string[]; tags: readonly string[] },
): TaskRecord {
  return {
    id: numberOf(row['id']),
    createdAt: instantOf(row['created_at']) ?? 0,
    updatedAt: instantOf(row['updated_at']) ?? 0,
    fields: {
      ...fieldsOf(row),
      nodes: parts.nodes,
      tags: parts.tags,
    },
  };
}

/** How cells are read that engines hand out in other forms than a definition has; any other is left as it is. */
const READERS: { readonly [Field in DefinitionField]?: (cell: Row[string] | undefined) => unknown } = {
  active: booleanOf,
  options: parsedJson,
  runImmediately: booleanOf,
  retryOn: listOf,
  retryPastNext: booleanOf,
  confirmation: booleanOf,
  memoryLimitBytes: bigNumberOf,
  removeWhenDone: booleanOf,
  gone: booleanOf,
};

function fieldsOf(row: Row): Readonly<Record<DefinitionField, unknown>> {
  const fields = Object.entries(DEFINITION_COLUMNS).map(([field, column]) => {
    const read = READERS[field as DefinitionField];
    return [field, read === undefined ? row[column] : read(row[column])] as const;
  });
  return Object.fromEntries(fields) as Readonly<Record<DefinitionField, unknown>>;
}

/** The columns of periodic_task for the fields of a definition that are given; nodes and tags have tables of their own. */
export function definitionRow(definition: Partial<TaskDefinition>): Record<string, SqlValue> {
  const row: Record<string, SqlValue> = {};
  for (const [field, column] of Object.entries(DEFINITION_COLUMNS)) {
    const value = definition[field as keyof typeof DEFINITION_COLUMNS];
    if (value !== undefined) {
      row[column] = definitionValue(field, value);
    }
  }
  return row;
}

function definitionValue(field: string, value: TaskDefinition[keyof TaskDefinition]): SqlValue {
  if (field === 'options') {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return value.join(',');
  }
  return typeof value === 'boolean' ? Number(value) : (value as SqlValue);
}

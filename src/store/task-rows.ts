import type { Knex } from 'knex';
import { didYouMean } from '../config/near-miss.ts';
import { NotFoundError } from '../core/errors.ts';
import { normalizeName } from '../core/names.ts';
import type { TaskState } from '../core/state.ts';
import type { TaskRecord } from '../core/task.ts';
import { taskRecordOf } from './definition-row.ts';
import type { Row } from './driver.ts';
import { stateOf } from './state-row.ts';
import { UNASSIGNED } from './tick-statements.ts';

/** A definition with the states that it has on its nodes. */
export type StoredTask = {
  readonly record: TaskRecord;
  readonly states: readonly TaskState[];
  /** What a node that has not ticked yet will start from; null when every node has its own state. */
  readonly unassigned: TaskState | null;
};

/** How many names a search for a near miss compares. */
const COMPARED_NAMES = 1_000;
/** How many names a message lists. */
const LISTED_NAMES = 10;

/** Reads the tasks with their nodes, tags and states: all, or those with the names given, as they were typed. */
export async function readTasks(
  knex: Knex,
  names: readonly string[] | undefined,
): Promise<readonly StoredTask[]> {
  const stored = names === undefined ? undefined : await storedNames(knex, names);
  const rows: readonly Row[] = await knex('periodic_task')
    .modify((query) => (stored === undefined ? query : query.whereIn('name', [...stored])))
    .orderBy(['ordering', 'id']);
  const ids = names === undefined ? undefined : rows.map((row) => Number(row['id']));
  const nodes = groupByTask(await partRows(knex, { table: 'periodic_task_node', order: 'node', ids }));
  const tags = groupByTask(await partRows(knex, { table: 'periodic_task_tag', order: 'tag', ids }));
  const states = groupByTask(await partRows(knex, { table: 'periodic_task_state', order: 'scope_key', ids }));
  return rows.map((row) => {
    const id = Number(row['id']);
    const own = (states.get(id) ?? []).map(stateOf);
    const parts = {
      nodes: (nodes.get(id) ?? []).map(({ node }) => String(node)),
      tags: (tags.get(id) ?? []).map(({ tag }) => String(tag)),
    };
    return {
      record: taskRecordOf(row, parts),
      states: own.filter(({ scopeKey }) => scopeKey !== UNASSIGNED),
      unassigned: own.find(({ scopeKey }) => scopeKey === UNASSIGNED) ?? null,
    };
  });
}

/** Typed names as tasks have them: the normal form, or the exact text where plain SQL stored only that. */
async function storedNames(knex: Knex, typed: readonly string[]): Promise<readonly string[]> {
  const rows: readonly Row[] = await knex('periodic_task')
    .whereIn('name', [...typed, ...typed.map(normalizeName)])
    .select('name');
  const stored = new Set(rows.map((row) => String(row['name'])));
  return typed.map((name) => {
    const normal = normalizeName(name);
    return stored.has(name) && !stored.has(normal) ? name : normal;
  });
}

/**
 * Reads one task.
 *
 * @throws NotFoundError that names the task that was most likely meant
 */
export async function readTask(knex: Knex, name: string): Promise<StoredTask> {
  const [stored] = await readTasks(knex, [name]);
  if (stored === undefined) {
    throw await unknownTask(knex, name);
  }
  return stored;
}

/** The error for a name that no task has. */
async function unknownTask(knex: Knex, name: string): Promise<NotFoundError> {
  const rows: readonly Row[] = await knex('periodic_task')
    .select('name')
    .orderBy('name')
    .limit(COMPARED_NAMES);
  const names = rows.map((row) => String(row['name']));
  const hint = didYouMean(name, names) || listOf(names);
  return new NotFoundError(`there is no task ${JSON.stringify(name)}${hint}`);
}

function listOf(names: readonly string[]): string {
  const listed = names.slice(0, LISTED_NAMES).join(', ');
  return names.length > LISTED_NAMES
    ? `; there are ${listed} and others ("periodic-cron list --all")`
    : `; there are: ${listed || 'none'}`;
}

function partRows(
  knex: Knex,
  { table, order, ids }: { table: string; order: string; ids: readonly number[] | undefined },
): Promise<readonly Row[]> {
  return knex(table)
    .modify((query) => (ids === undefined ? query : query.whereIn('task_id', [...ids])))
    .orderBy(order);
}

function groupByTask(rows: readonly Row[]): ReadonlyMap<number, readonly Row[]> {
  const groups = new Map<number, Row[]>();
  for (const row of rows) {
    const id = Number(row['task_id']);
    const group = groups.get(id);
    group === undefined ? groups.set(id, [row]) : group.push(row);
  }
  return groups;
}

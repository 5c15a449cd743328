import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { DefinitionError, type Fault } from '../core/errors.ts';
import { nameOf, type TaskDefinition, type TaskRecord } from '../core/task.ts';
import { definitionRow } from './definition-row.ts';
import type { Row } from './driver.ts';
import { withKnex, writeWithKnex } from './knex.ts';
import { isDuplicateKey } from './server-errors.ts';
import { NAME_KEY } from './task-lookup.ts';
import { readTask, readTasks, type StoredTask } from './task-rows.ts';

export type { StoredTask } from './task-rows.ts';

/** The fault of a definition whose name another task has. */
export const NAME_TAKEN: Fault = {
  field: 'name',
  message: 'expected a new name, got that of a task that exists (use "set" to change it)',
};

/** Every task, or those with the names given, ascending by (ordering, id). */
export function listTasks(
  database: DatabaseLocation,
  names?: readonly string[],
): Promise<readonly StoredTask[]> {
  return withKnex(database, (knex) => readTasks(knex, names));
}

/**
 * The task with this name, spaces around it aside.
 *
 * @throws NotFoundError that names the task that was most likely meant
 */
export function findTask(database: DatabaseLocation, name: string): Promise<StoredTask> {
  return withKnex(database, (knex) => readTask(knex, name));
}

/**
 * Adds a task whose definition was found valid. Its states, and the record of the change, come from the triggers that
 * serve plain SQL too.
 *
 * @throws DefinitionError when the name is taken
 */
export function addTask(
  database: DatabaseLocation,
  definition: TaskDefinition,
  actor: string,
): Promise<StoredTask> {
  return writeWithKnex(database, async (knex) => {
    await insertTask(knex, definition, actor);
    return readTask(knex, definition.name);
  });
}

/**
 * Writes a new task within a transaction.
 *
 * @throws DefinitionError when the name is taken
 */
export async function insertTask(knex: Knex, definition: TaskDefinition, actor: string): Promise<void> {
  await refuseTakenName(knex, definition.name);
  const auditMark = await lastAuditId(knex);
  await refusingTakenName(definition.name, knex('periodic_task').insert(definitionRow(definition)));
  const { id } = await knex('periodic_task').where({ name: definition.name }).first('id');
  await writeParts(knex, Number(id), definition);
  await signAudit(knex, { taskId: Number(id), after: auditMark, actor });
}

/**
 * Changes a task: `change` gets what is stored and returns the fields that become others, after it has found the result
 * valid. It may take its time, since no lock is held meanwhile; when somebody else changes the definition in between, it
 * is asked again.
 *
 * @throws NotFoundError when there is no such task, DefinitionError when a new name is taken
 */
export async function changeTask(
  database: DatabaseLocation,
  name: string,
  actor: string,
  change: (stored: StoredTask) => Promise<Partial<TaskDefinition>> | Partial<TaskDefinition>,
): Promise<StoredTask> {
  for (;;) {
    const stored = await findTask(database, name);
    const fields = await change(stored);
    const changed = await writeWithKnex(database, (knex) => writeChange(knex, stored, fields, actor));
    if (changed !== undefined) {
      return changed;
    }
  }
}

/** Undefined when the definition is no longer what it was. */
async function writeChange(
  knex: Knex,
  before: StoredTask,
  fields: Partial<TaskDefinition>,
  actor: string,
): Promise<StoredTask | undefined> {
  const name = nameOf(before.record);
  await lockTask(knex, before.record.id);
  const { record } = await readTask(knex, name);
  if (
    record.id !== before.record.id ||
    JSON.stringify(record.fields) !== JSON.stringify(before.record.fields)
  ) {
    return undefined;
  }
  await updateTask(knex, record, fields, actor);
  return readTask(knex, fields.name ?? name);
}

/**
 * Writes fields of a task within a transaction.
 *
 * @throws DefinitionError when a new name is taken
 */
export async function updateTask(
  knex: Knex,
  record: TaskRecord,
  fields: Partial<TaskDefinition>,
  actor: string,
): Promise<void> {
  const name = nameOf(record);
  if (fields.name !== undefined && fields.name !== name) {
    await refuseTakenName(knex, fields.name);
  }
  const auditMark = await lastAuditId(knex);
  const row = definitionRow(fields);
  if (Object.keys(row).length > 0) {
    const update = knex('periodic_task').where({ id: record.id }).update(row);
    await refusingTakenName(fields.name ?? name, update);
  }
  await writeParts(knex, record.id, fields);
  await signAudit(knex, { taskId: record.id, after: auditMark, actor });
}

/**
 * Removes a task with its states. Its runs stay in the ledger, under its name.
 *
 * @throws NotFoundError when there is no such task
 */
export function removeTask(database: DatabaseLocation, name: string, actor: string): Promise<StoredTask> {
  return writeWithKnex(database, async (knex) => {
    const { record } = await readTask(knex, name);
    await lockTask(knex, record.id);
    const stored = await readTask(knex, name);
    const auditMark = await lastAuditId(knex);
    await knex('periodic_task').where({ id: stored.record.id }).delete();
    await signAudit(knex, { taskId: stored.record.id, after: auditMark, actor });
    return stored;
  });
}

/** Where no lock is held from the start, another change must not come in between the look and the write. */
async function lockTask(knex: Knex, id: number): Promise<void> {
  await knex('periodic_task').where({ id }).forUpdate().first('id');
}

/** Nodes and tags that stay are left alone: removing and adding a node again would let it count anew. */
async function writeParts(
  knex: Knex,
  taskId: number,
  { nodes, tags }: Partial<TaskDefinition>,
): Promise<void> {
  for (const [table, column, wanted] of [
    ['periodic_task_node', 'node', nodes],
    ['periodic_task_tag', 'tag', tags],
  ] as const) {
    if (wanted !== undefined) {
      await replaceParts(knex, { table, column, taskId, wanted });
    }
  }
}

async function replaceParts(
  knex: Knex,
  {
    table,
    column,
    taskId,
    wanted,
  }: { table: string; column: string; taskId: number; wanted: readonly string[] },
): Promise<void> {
  const rows: readonly Row[] = await knex(table).where({ task_id: taskId }).select(column);
  const present = rows.map((row) => String(row[column]));
  for (const value of wanted.filter((one) => !present.includes(one))) {
    await knex(table).insert({ task_id: taskId, [column]: value });
  }
  const gone = present.filter((one) => !wanted.includes(one));
  await knex(table).where({ task_id: taskId }).whereIn(column, gone).delete();
}

async function refuseTakenName(knex: Knex, name: string): Promise<void> {
  const taken = await knex('periodic_task').where({ name }).first('id');
  if (taken !== undefined) {
    throw nameTaken(name);
  }
}

/** Another call may have taken the name since it was looked for; where no lock is held from the start, the key tells. */
async function refusingTakenName(name: string, write: PromiseLike<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    throw isDuplicateKey(error, NAME_KEY) ? nameTaken(name) : error;
  }
}

function nameTaken(name: string): DefinitionError {
  return new DefinitionError(`task ${JSON.stringify(name)}`, [NAME_TAKEN]);
}

async function lastAuditId(knex: Knex): Promise<number> {
  const row = await knex('periodic_audit').max({ id: 'id' }).first();
  return Number(row?.id ?? 0);
}

/** The triggers cannot know who asked: they write "outside", and whoever came through this program signs afterwards. */
async function signAudit(
  knex: Knex,
  { taskId, after, actor }: { readonly taskId: number; readonly after: number; readonly actor: string },
): Promise<void> {
  await knex('periodic_audit')
    .where({ task_id: taskId, actor: 'outside' })
    .where('id', '>', after)
    .update({ actor });
}

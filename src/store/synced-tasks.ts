import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { DefinitionError } from '../core/errors.ts';
import { OWNED_BY_FILE } from '../core/owners.ts';
import type { TaskDefinition, TaskRecord } from '../core/task.ts';
import { insertTask, NAME_TAKEN, updateTask } from './definitions.ts';
import type { Row } from './driver.ts';
import { withKnex, writeWithKnex } from './knex.ts';
import { readTasks } from './task-rows.ts';

/** What is to be written of tasks that code declares. */
export type TaskChanges = {
  readonly added: readonly TaskDefinition[];
  readonly changed: readonly { readonly record: TaskRecord; readonly fields: Partial<TaskDefinition> }[];
};

/** What decides what becomes of the tasks that code declares. */
export type StoredForSync = {
  /** The tasks that files own, and those with one of the names that were asked for, whoever owns them. */
  readonly records: readonly TaskRecord[];
  /** The names of all nodes that are known. */
  readonly nodes: readonly string[];
};

/** Reads the tasks that files own, those with one of the names, and the nodes. */
export function readSyncedTasks(
  database: DatabaseLocation,
  names: readonly string[],
): Promise<StoredForSync> {
  return withKnex(database, (knex) => readStored(knex, names));
}

/** How often it is decided anew: who lost a name finds it among the rows then, and may only lose another one. */
const TRIES = 3;

/**
 * Changes the tasks that files own, in one transaction: `decide` says what, by how they are then. What it throws leaves
 * everything as it was. Where others, such as a sync on another node, have just added one of the names, it is asked again.
 *
 * @throws DefinitionError when a task that `decide` adds has the name of one that is there
 */
export async function writeSyncedTasks<Changes extends TaskChanges>(
  database: DatabaseLocation,
  { names, actor }: { readonly names: readonly string[]; readonly actor: string },
  decide: (stored: StoredForSync) => Changes,
): Promise<Changes> {
  const write = async (knex: Knex): Promise<Changes> => {
    // No row that is not there yet can be locked: two who add the same names meet at their key.
    await owned(knex, names).forUpdate().select('id');
    const changes = decide(await readStored(knex, names));
    for (const { record, fields } of changes.changed) {
      await updateTask(knex, record, fields, actor);
    }
    for (const definition of changes.added) {
      await insertTask(knex, definition, actor);
    }
    return changes;
  };
  for (let tries = 1; ; tries += 1) {
    try {
      return await writeWithKnex(database, write);
    } catch (error) {
      if (tries === TRIES || !isNameTaken(error)) {
        throw error;
      }
    }
  }
}

function isNameTaken(error: unknown): boolean {
  return error instanceof DefinitionError && error.faults.includes(NAME_TAKEN);
}

async function readStored(knex: Knex, names: readonly string[]): Promise<StoredForSync> {
  const rows: readonly Row[] = await owned(knex, names).select('name');
  const stored = await readTasks(
    knex,
    rows.map((row) => String(row['name'])),
  );
  const nodes: readonly Row[] = await knex('periodic_node').select('name');
  return { records: stored.map(({ record }) => record), nodes: nodes.map(({ name }) => String(name)) };
}

function owned(knex: Knex, names: readonly string[]) {
  return knex('periodic_task').where((mine) =>
    mine.where('owner', 'like', `${OWNED_BY_FILE}%`).orWhereIn('name', [...names]),
  );
}

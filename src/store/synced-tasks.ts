import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { OWNED_BY_FILE } from '../core/owners.ts';
import type { TaskDefinition, TaskRecord } from '../core/task.ts';
import { insertTask, updateTask } from './definitions.ts';
import type { Row } from './driver.ts';
import { withKnex, writeWithKnex } from './knex.ts';
import { readTasks } from './task-rows.ts';

/** What is to be written of tasks that code declares. */
export type TaskChanges = {
  readonly added: readonly TaskDefinition[];
  readonly changed: readonly { readonly record: TaskRecord; readonly fields: Partial<TaskDefinition> }[];
};

/** Reads the tasks that files own, and those with one of the names, whoever owns them. */
export function readSyncedTasks(
  database: DatabaseLocation,
  names: readonly string[],
): Promise<readonly TaskRecord[]> {
  return withKnex(database, (knex) => readOwned(knex, names));
}

/**
 * Changes the tasks that files own, in one transaction: `decide` says what, by how they are then. What it throws leaves
 * everything as it was.
 *
 * @throws DefinitionError when somebody else has just taken a name
 */
export function writeSyncedTasks<Changes extends TaskChanges>(
  database: DatabaseLocation,
  { names, actor }: { readonly names: readonly string[]; readonly actor: string },
  decide: (records: readonly TaskRecord[]) => Changes,
): Promise<Changes> {
  return writeWithKnex(database, async (knex) => {
    await owned(knex, names).forUpdate().select('id');
    const changes = decide(await readOwned(knex, names));
    for (const { record, fields } of changes.changed) {
      await updateTask(knex, record, fields, actor);
    }
    for (const definition of changes.added) {
      await insertTask(knex, definition, actor);
    }
    return changes;
  });
}

async function readOwned(knex: Knex, names: readonly string[]): Promise<readonly TaskRecord[]> {
  const rows: readonly Row[] = await owned(knex, names).select('name');
  const stored = await readTasks(
    knex,
    rows.map((row) => String(row['name'])),
  );
  return stored.map(({ record }) => record);
}

function owned(knex: Knex, names: readonly string[]) {
  return knex('periodic_task').where((mine) =>
    mine.where('owner', 'like', `${OWNED_BY_FILE}%`).orWhereIn('name', [...names]),
  );
}

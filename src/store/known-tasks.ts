import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { type Instant, toText } from '../core/instants.ts';
import { normalizeName } from '../core/names.ts';
import { instantOf, numberOf, textOf } from './cells.ts';
import type { Row } from './driver.ts';
import { withKnex } from './knex.ts';

/** The names of all tasks, those included that only their changes or the ledger remember. */
export function knownTaskNames(database: DatabaseLocation): Promise<readonly string[]> {
  return withKnex(database, async (knex) => {
    const rows: readonly Row[] = await knex('periodic_task')
      .select('name')
      .union(knex('periodic_run').select('task_name'))
      .union(knex('periodic_audit').whereNotNull('task_name').select('task_name'));
    return rows.map((row) => String(row['name'])).sort();
  });
}

/** One change of a task. `before` and `after` are what the change made of: columns of the task, a node, a tag, states. */
export type AuditEntry = {
  readonly changedAt: Instant;
  /** Who asked: a system user, or `outside` for plain SQL. */
  readonly actor: string;
  readonly action: string;
  readonly before: unknown;
  readonly after: unknown;
};

/** The recorded changes of a task, oldest first. */
export function listAudit(database: DatabaseLocation, taskId: number): Promise<readonly AuditEntry[]> {
  return withKnex(database, async (knex) => {
    const rows: readonly Row[] = await knex('periodic_audit').where('task_id', taskId).orderBy('id');
    return rows.map((row) => ({
      changedAt: instantOf(row['changed_at']) ?? 0,
      actor: String(row['actor']),
      action: String(row['action']),
      before: parsed(textOf(row['before'])),
      after: parsed(textOf(row['after'])),
    }));
  });
}

/** The id of the task that was created last under this name up to the instant, as far as its changes are remembered. */
export function createdAs(
  database: DatabaseLocation,
  name: string,
  at: Instant,
): Promise<number | undefined> {
  return withKnex(database, async (knex) => {
    const row: Row | undefined = await knex('periodic_audit')
      .where({ task_name: normalizeName(name), action: 'created' })
      .where('changed_at', '<=', toText(at))
      .orderBy('id', 'desc')
      .first('task_id');
    return row === undefined ? undefined : numberOf(row['task_id']);
  });
}

/** The id of the last task that had this name, as it was typed, from its definition, its changes or its runs. */
export function lastTaskId(database: DatabaseLocation, name: string): Promise<number | undefined> {
  return withKnex(database, async (knex) => (await taskKnownAs(knex, name))?.id);
}

type KnownName = { readonly name: string; readonly id: number };

/** The task that a typed name means: one that is there before one that was, the normal form before the exact text. */
export async function taskKnownAs(knex: Knex, typed: string): Promise<KnownName | undefined> {
  for (const find of [presentId, pastId]) {
    for (const name of [normalizeName(typed), typed]) {
      const id = await find(knex, name);
      if (id !== undefined) {
        return { name, id };
      }
    }
  }
  return undefined;
}

async function presentId(knex: Knex, name: string): Promise<number | undefined> {
  const row: Row | undefined = await knex('periodic_task').where({ name }).first('id');
  return row === undefined ? undefined : numberOf(row['id']);
}

async function pastId(knex: Knex, name: string): Promise<number | undefined> {
  for (const table of ['periodic_audit', 'periodic_run']) {
    const newest: Row | undefined = await knex(table)
      .where('task_name', name)
      .whereNotNull('task_id')
      .orderBy('id', 'desc')
      .first('task_id');
    if (newest !== undefined) {
      return numberOf(newest['task_id']);
    }
  }
  return undefined;
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    // An entry that somebody wrote by hand: it tells nothing, but must not hide the others.
    return null;
  }
}

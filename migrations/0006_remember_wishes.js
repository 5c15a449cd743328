import { columnsFor, databaseNow, dropColumns } from './support/columns.js';

const TASK_COLUMNS = ['scheduled_by', 'scheduled_slot'];
const AUDIT_INDEX = ['task_name', 'id'];

/**
 * Adds what is remembered of a task that a run has scheduled, so that another attempt of that run's slot finds its own
 * wish again; and a way to what the audit knows of a name.
 *
 * The columns are no part of a definition: no trigger tells of them, and no change of them marks a state. A program of
 * the fifth version works with this schema, and goes by the owner alone.
 *
 * @param {import('knex').Knex} knex
 */
export async function up(knex) {
  const now = await databaseNow(knex);
  const make = columnsFor(knex);
  await knex.schema.alterTable('periodic_task', (table) => {
    // The id of the task, which may be gone by now; nothing for what people and code have made.
    table.bigInteger('scheduled_by');
    // The slot of its run; nothing for one by hand that has none.
    make.instant(table, 'scheduled_slot');
  });
  await knex.schema.alterTable('periodic_audit', (table) => {
    table.index(AUDIT_INDEX);
  });
  await knex('periodic_schema').update({ version: 6, migrated_at: now });
}

/**
 * The columns go, and with them nothing but what is remembered: the tasks stay as they are.
 *
 * @param {import('knex').Knex} knex
 */
export async function down(knex) {
  const now = await databaseNow(knex);
  // First, so that no runner goes on with a schema of which a part is gone.
  await knex('periodic_schema').update({ version: 5, migrated_at: now });
  await knex('periodic_schema').where('oldest_version', '>', 5).update({ oldest_version: 5 });
  await knex.schema.alterTable('periodic_audit', (table) => {
    table.dropIndex(AUDIT_INDEX);
  });
  await dropColumns(knex, 'periodic_task', TASK_COLUMNS);
}

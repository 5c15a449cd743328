import { columnsFor, databaseNow, dropColumns } from './support/columns.js';
import { makeTriggers } from './support/further_columns.js';
import { createNewerTriggers, dropNewerTriggers } from './support/newer_triggers.js';

const TASK_COLUMNS = ['requires', 'offline_resource', 'offline', 'remove_when_done', 'owner', 'gone'];
const STATE_COLUMNS = ['blocked_reason', 'offline_disabled_at'];
const OFFLINE_INDEX = 'periodic_task_state_offline';
const TABLES = ['periodic_resource_state', 'periodic_resource'];

/** The columns that the triggers had come to name before. */
const KNOWN = { confirmation: 'anchor', run_user: 'max_parallel', memory_limit_bytes: 'max_parallel' };
const GO_LIKE = { ...KNOWN, ...Object.fromEntries(TASK_COLUMNS.map((column) => [column, 'max_parallel'])) };

const NEWER = {
  version: 5,
  heeded: "NEW.requires <> '' OR NEW.offline_resource IS NOT NULL OR NEW.remove_when_done",
};

/**
 * Adds what tasks need that depend on the state of resources, the resources themselves, and tasks that are made by code or
 * by other tasks.
 *
 * A program of the fourth version still works with this schema until a task says something that it would not heed: then a
 * trigger raises the oldest version that may.
 *
 * @param {import('knex').Knex} knex
 */
export async function up(knex) {
  const now = await databaseNow(knex);
  await addColumns(knex);
  await createTables(knex);
  await makeTriggers(knex, GO_LIKE);
  await createNewerTriggers(knex, NEWER);
  await knex('periodic_schema').update({ version: 5, migrated_at: now });
}

/**
 * The new columns and tables go, with what they hold. A task that waited for a resource would run without it then, and a
 * one-shot of another task would stay for good: both are switched off first.
 *
 * @param {import('knex').Knex} knex
 */
export async function down(knex) {
  const now = await databaseNow(knex);
  // First, so that no runner goes on with a schema of which a part is gone.
  await knex('periodic_schema').update({ version: 4, migrated_at: now });
  await knex('periodic_schema').where('oldest_version', '>', 4).update({ oldest_version: 4 });
  await dropNewerTriggers(knex, NEWER);
  await knex('periodic_task')
    .where('active', true)
    .andWhere((heeded) =>
      heeded.whereNot('requires', '').orWhereNotNull('offline_resource').orWhere('remove_when_done', true),
    )
    .update({ active: false });
  await makeTriggers(knex, KNOWN);
  for (const table of TABLES) {
    await knex.schema.dropTableIfExists(table);
  }
  await knex.schema.alterTable('periodic_task_state', (table) => {
    table.dropIndex(['scope_key', 'offline_disabled_at'], OFFLINE_INDEX);
  });
  await dropColumns(knex, 'periodic_task_state', STATE_COLUMNS);
  await dropColumns(knex, 'periodic_task', TASK_COLUMNS);
}

/** @param {import('knex').Knex} knex */
async function addColumns(knex) {
  const make = columnsFor(knex);
  await knex.schema.alterTable('periodic_task', (table) => {
    make.word(table, 'requires', 1_000).notNullable().defaultTo('');
    make.name(table, 'offline_resource');
    make.word(table, 'offline').notNullable().defaultTo('execute');
    table.boolean('remove_when_done').notNullable().defaultTo(false);
    // Whose the row is that code or another task has made; nobody's for one that an operator made.
    make.word(table, 'owner', 1_000);
    // Its owner does not make it any more.
    table.boolean('gone').notNullable().defaultTo(false);
  });
  await knex.schema.alterTable('periodic_task_state', (table) => {
    table.text('blocked_reason');
    make.instant(table, 'offline_disabled_at');
    // Each tick asks for those that rest, which are few among many that do not.
    table.index(['scope_key', 'offline_disabled_at'], OFFLINE_INDEX);
  });
}

/** @param {import('knex').Knex} knex */
async function createTables(knex) {
  const make = columnsFor(knex);
  await knex.schema.createTable('periodic_resource', (table) => {
    make.name(table, 'name').notNullable().primary();
    make.word(table, 'probe').notNullable();
    table.text('target').notNullable();
    table.integer('ttl_s').notNullable().defaultTo(60);
    table.integer('timeout_s').notNullable().defaultTo(5);
    make.instant(table, 'created_at').notNullable();
  });
  // One row for each node on which somebody has looked, or said how it is.
  await knex.schema.createTable('periodic_resource_state', (table) => {
    make
      .name(table, 'resource')
      .notNullable()
      .references('name')
      .inTable('periodic_resource')
      .onDelete('CASCADE');
    make.name(table, 'node').notNullable();
    make.word(table, 'state').notNullable();
    make.instant(table, 'since').notNullable();
    make.instant(table, 'checked_at').notNullable();
    table.text('why').notNullable();
    table.primary(['resource', 'node']);
  });
}

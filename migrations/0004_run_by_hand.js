import { columnsFor, databaseNow, dropColumns, engineOf } from './support/columns.js';
import { makeTriggers } from './support/further_columns.js';
import { createNewerTriggers, dropNewerTriggers } from './support/newer_triggers.js';

const TASK_COLUMNS = ['confirmation', 'run_user', 'memory_limit_bytes'];
const RUN_COLUMNS = ['progress_done', 'progress_total'];
const TABLES = ['periodic_counter', 'periodic_stat'];

/**
 * With `confirmation` taken back a task has slots again, which count from then on, as after a change of `anchor`. The
 * other columns are like any that say how a run goes.
 */
const GO_LIKE = { confirmation: 'anchor', run_user: 'max_parallel', memory_limit_bytes: 'max_parallel' };

const NEWER = {
  version: 4,
  heeded: 'NEW.confirmation OR NEW.run_user IS NOT NULL OR NEW.memory_limit_bytes IS NOT NULL',
};

/**
 * Adds what tasks need that ask for a confirmation, and modules that run as another user or within a limit of memory; how
 * far a run is; counters and statistics.
 *
 * A program of the third version still works with this schema until a task uses one of the new columns of tasks, which it
 * would not heed: then a trigger raises the oldest version that may.
 *
 * @param {import('knex').Knex} knex
 */
export async function up(knex) {
  const now = await databaseNow(knex);
  await addColumns(knex);
  await createTables(knex);
  await makeTriggers(knex, GO_LIKE);
  await createNewerTriggers(knex, NEWER);
  await knex('periodic_schema').update({ version: 4, migrated_at: now });
}

/**
 * The new columns and tables go, with what they hold. A task that asked for a confirmation would run by itself then, and
 * one that ran as another user as the runner's: both are switched off first.
 *
 * @param {import('knex').Knex} knex
 */
export async function down(knex) {
  const now = await databaseNow(knex);
  // First, so that no runner goes on with a schema of which a part is gone.
  const oldest = engineOf(knex) === 'sqlite' ? 2 : 3;
  await knex('periodic_schema').update({ version: 3, oldest_version: oldest, migrated_at: now });
  await dropNewerTriggers(knex, NEWER);
  await knex('periodic_task')
    .where('active', true)
    .andWhere((heeded) => heeded.where('confirmation', true).orWhereNotNull('run_user'))
    .update({ active: false });
  await makeTriggers(knex, {});
  for (const table of TABLES) {
    await knex.schema.dropTableIfExists(table);
  }
  await dropColumns(knex, 'periodic_run', RUN_COLUMNS);
  await dropColumns(knex, 'periodic_task', TASK_COLUMNS);
}

/** @param {import('knex').Knex} knex */
async function addColumns(knex) {
  const make = columnsFor(knex);
  await knex.schema.alterTable('periodic_task', (table) => {
    table.boolean('confirmation').notNullable().defaultTo(false);
    make.name(table, 'run_user');
    table.bigInteger('memory_limit_bytes');
  });
  await knex.schema.alterTable('periodic_run', (table) => {
    table.double('progress_done');
    table.double('progress_total');
  });
}

/** @param {import('knex').Knex} knex */
async function createTables(knex) {
  const make = columnsFor(knex);
  // One row for each node, so that nodes that count the same never wait for each other.
  await knex.schema.createTable('periodic_counter', (table) => {
    make.name(table, 'name').notNullable();
    make.name(table, 'node').notNullable();
    table.bigInteger('value').notNullable().defaultTo(0);
    table.primary(['name', 'node']);
  });
  await knex.schema.createTable('periodic_stat', (table) => {
    table.bigIncrements('id');
    make.instant(table, 'recorded_at').notNullable();
    make.name(table, 'stat_key').notNullable();
    table.double('value').notNullable();
    table.index(['stat_key', 'recorded_at']);
  });
}

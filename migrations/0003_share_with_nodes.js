import { columnsFor, databaseNow, dropColumns, engineOf } from './support/columns.js';
import { createMariadbTriggers, dropMariadbTriggers } from './support/mariadb_triggers.js';
import { createPostgresTriggers, dropPostgresTriggers } from './support/postgres_triggers.js';

const NODE_COLUMNS = ['rhythm_s', 'clock_offset_ms', 'drained_at', 'drained_by', 'drained_reason'];
const RUN_COLUMNS = ['lease_until'];
const TICK_COLUMNS = ['server', 'clock_offset_ms'];

/** What a state that is made here has. */
const STATE_COLUMNS = ['task_id', 'scope_key', 'counted_from', 'earliest_start', 'changed_at'];

/** The tables of MariaDB have the character set of their database unless they are told otherwise. */
const TABLES = [
  'periodic_task',
  'periodic_task_node',
  'periodic_task_tag',
  'periodic_task_state',
  'periodic_run',
  'periodic_node',
  'periodic_tick',
  'periodic_audit',
  'periodic_schema',
];

/**
 * Adds what nodes that share a database need: leases, what a node tells of itself, drained nodes and maintenance; and on
 * the engines that are shared, the triggers that SQLite has had from the start.
 *
 * Nothing that was there changes its meaning, so on SQLite a program of the second version still works with this schema.
 * It has no other engine.
 *
 * @param {import('knex').Knex} knex
 */
export async function up(knex) {
  const now = await databaseNow(knex);
  const engine = engineOf(knex);
  await addColumns(knex);
  await createMaintenanceTable(knex);
  if (engine === 'postgres') {
    await createPostgresTriggers(knex);
  }
  if (engine === 'mariadb') {
    for (const table of [...TABLES, 'periodic_maintenance']) {
      await knex.raw('ALTER TABLE ?? CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', [table]);
    }
    await createMariadbTriggers(knex);
  }
  if (engine !== 'sqlite') {
    await addMissingStates(knex, now);
  }
  await knex('periodic_schema').update({
    version: 3,
    oldest_version: engine === 'sqlite' ? 2 : 3,
    migrated_at: now,
  });
}

/**
 * The new columns go, with what they hold: who was drained, and that there is maintenance.
 *
 * @param {import('knex').Knex} knex
 */
export async function down(knex) {
  const now = await databaseNow(knex);
  const engine = engineOf(knex);
  // First, so that no runner goes on with a schema of which a part is gone.
  await knex('periodic_schema').update({ version: 2, oldest_version: 2, migrated_at: now });
  if (engine === 'postgres') {
    await dropPostgresTriggers(knex);
  }
  if (engine === 'mariadb') {
    await dropMariadbTriggers(knex);
  }
  await knex.schema.dropTableIfExists('periodic_maintenance');
  await dropColumns(knex, 'periodic_tick', TICK_COLUMNS);
  await dropColumns(knex, 'periodic_run', RUN_COLUMNS);
  await dropColumns(knex, 'periodic_node', NODE_COLUMNS);
}

/** @param {import('knex').Knex} knex */
async function addColumns(knex) {
  const make = columnsFor(knex);
  await knex.schema.alterTable('periodic_node', (table) => {
    table.integer('rhythm_s');
    table.bigInteger('clock_offset_ms');
    make.instant(table, 'drained_at');
    make.name(table, 'drained_by');
    table.text('drained_reason');
  });
  await knex.schema.alterTable('periodic_run', (table) => {
    make.instant(table, 'lease_until');
  });
  await knex.schema.alterTable('periodic_tick', (table) => {
    make.name(table, 'server');
    table.bigInteger('clock_offset_ms');
  });
}

/**
 * One row while maintenance is on, none otherwise.
 *
 * @param {import('knex').Knex} knex
 */
async function createMaintenanceTable(knex) {
  const make = columnsFor(knex);
  await knex.schema.createTable('periodic_maintenance', (table) => {
    table.integer('id').notNullable().primary();
    make.instant(table, 'since').notNullable();
    make.instant(table, 'until');
    make.name(table, 'actor').notNullable();
    table.text('reason').notNullable();
  });
}

/**
 * The first migration makes a task, before there were triggers to give it its state. Somebody may have added others.
 *
 * @param {import('knex').Knex} knex
 * @param {string} now
 */
async function addMissingStates(knex, now) {
  const stateless = knex('periodic_task')
    .leftJoin('periodic_task_state', 'periodic_task_state.task_id', 'periodic_task.id')
    .whereNull('periodic_task_state.task_id')
    .select(
      'periodic_task.id',
      knex.raw("CASE WHEN periodic_task.scope = 'one' THEN '*' ELSE '' END"),
      knex.raw('?', [`${now.slice(0, 16)}:00.000Z`]),
      knex.raw('?', ['']),
      knex.raw('?', [now]),
    );
  // One statement: where it is interrupted it is done again, or not, as a whole.
  await knex
    .from(knex.raw('?? (??, ??, ??, ??, ??)', ['periodic_task_state', ...STATE_COLUMNS]))
    .insert(stateless);
}

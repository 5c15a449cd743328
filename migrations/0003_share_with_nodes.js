import { columnsFor, databaseNow, dropColumns, engineOf } from './support/columns.js';
import { createMariadbTriggers, dropMariadbTriggers } from './support/mariadb_triggers.js';
import { createPostgresTriggers, dropPostgresTriggers } from './support/postgres_triggers.js';

const NODE_COLUMNS = ['rhythm_s', 'clock_offset_ms', 'drained_at', 'drained_by', 'drained_reason'];
const RUN_COLUMNS = ['lease_until', 'leftover_on'];
const LEFTOVER_INDEX = ['leftover_on'];
const TICK_COLUMNS = ['server', 'clock_offset_ms'];

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
    await markStates(knex, now);
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
  await knex.schema.alterTable('periodic_run', (table) => {
    table.dropIndex(LEFTOVER_INDEX);
  });
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
    // The machine on which processes of a run may be left that another node declared lost.
    make.name(table, 'leftover_on');
    table.index(LEFTOVER_INDEX);
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
 * What was changed while there were no triggers has left no trace, so the next tick decides every state anew.
 *
 * @param {import('knex').Knex} knex
 * @param {string} now
 */
async function markStates(knex, now) {
  await knex.raw("UPDATE periodic_task_state SET epoch = epoch + 1, earliest_start = '', changed_at = ?", [
    now,
  ]);
}

/** The states that each task has, by the rules of the triggers: `t` is the task. */
const STATE_KEYS = [
  { key: "'*'", from: 'periodic_task t', where: "t.scope = 'one'" },
  {
    key: 'n.node',
    from: 'periodic_task t JOIN periodic_task_node n ON n.task_id = t.id',
    where: "t.scope <> 'one' AND n.node <> '*'",
  },
  {
    key: 'p.name',
    from: "periodic_task t JOIN periodic_task_node n ON n.task_id = t.id AND n.node = '*' CROSS JOIN periodic_node p",
    where: "t.scope <> 'one'",
  },
  {
    key: "''",
    from: 'periodic_task t',
    where: "t.scope <> 'one' AND NOT EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = t.id)",
  },
];

/**
 * The first migration makes a task, before there were triggers to give it its state, and somebody may have added others,
 * or nodes. A state that is made here counts from now, or goes on from that with the empty key, if the task has one.
 *
 * @param {import('knex').Knex} knex
 * @param {string} now
 */
async function addMissingStates(knex, now) {
  const minute = `${now.slice(0, 16)}:00.000Z`;
  for (const { key, from, where } of STATE_KEYS) {
    // One statement for each: where it is interrupted it is done again, or not, as a whole.
    await knex.raw(
      `INSERT INTO periodic_task_state
         (task_id, scope_key, counted_from, first_slot, counted_tick, earliest_start, changed_at)
       SELECT t.id, ${key}, COALESCE(u.counted_from, ?), u.first_slot, ${tickNumber(key)}, '', ?
       FROM ${from} LEFT JOIN periodic_task_state u ON u.task_id = t.id AND u.scope_key = '' AND t.scope <> 'one'
       WHERE ${where}
         AND NOT EXISTS (SELECT 1 FROM periodic_task_state x WHERE x.task_id = t.id AND x.scope_key = ${key})`,
      [minute, now],
    );
  }
}

/**
 * The number of the last tick for a state: of its node, or of all nodes together.
 *
 * @param {string} key
 */
function tickNumber(key) {
  return key === "'*'"
    ? '(SELECT COALESCE(SUM(tick_no), 0) FROM periodic_node)'
    : `COALESCE((SELECT tick_no FROM periodic_node WHERE name = ${key}), 0)`;
}

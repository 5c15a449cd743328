import { columnsFor, databaseNow, dropColumns, engineOf } from './support/columns.js';
import {
  createSqliteTriggers as createFirstTriggers,
  dropSqliteTriggers as dropFirstTriggers,
} from './support/sqlite_triggers.js';
import { createSqliteTriggers, dropSqliteTriggers } from './support/sqlite_triggers_2.js';

const TASK_COLUMNS = [
  'anchor',
  'first_delay_s',
  'enabled_delay_s',
  'random_offset_s',
  'catch_up',
  'catch_up_max',
  'backoff',
  'max_period_s',
  'deactivate_after',
];
const STATE_COLUMNS = ['anchored_at', 'current_period_s', 'counted_tick', 'due_tick'];
const RUN_COLUMNS = ['cancel_requested'];
const DUE_TICK_INDEX = ['scope_key', 'due_tick'];

/** The kinds of schedule that the programs of the first version refused. */
const NEW_KINDS = ['window', 'ticks', 'at'];

/**
 * Adds what anchors, delays, catch-up, back-off and schedules of ticks need. Every column has the value with which a
 * task runs as before.
 *
 * A program of the first version would take the tasks of the new kinds for invalid and put them to rest, so it may not
 * work with this schema.
 *
 * @param {import('knex').Knex} knex
 */
export async function up(knex) {
  const now = await databaseNow(knex);
  if (engineOf(knex) === 'sqlite') {
    await dropFirstTriggers(knex);
  }
  await addColumns(knex);
  if (engineOf(knex) === 'sqlite') {
    await createSqliteTriggers(knex);
  }
  await wakeRefusedKinds(knex, now);
  await knex('periodic_schema').update({ version: 2, oldest_version: 2, migrated_at: now });
}

/**
 * The new columns go, with what they hold. Tasks of the new kinds stay; a program of the first version takes them for
 * invalid.
 *
 * @param {import('knex').Knex} knex
 */
export async function down(knex) {
  const now = await databaseNow(knex);
  if (engineOf(knex) === 'sqlite') {
    await dropSqliteTriggers(knex);
  }
  await knex.schema.alterTable('periodic_task_state', (table) => {
    table.dropIndex(DUE_TICK_INDEX);
  });
  await dropColumns(knex, 'periodic_run', RUN_COLUMNS);
  await dropColumns(knex, 'periodic_task_state', STATE_COLUMNS);
  await dropColumns(knex, 'periodic_task', TASK_COLUMNS);
  if (engineOf(knex) === 'sqlite') {
    await createFirstTriggers(knex);
  }
  await knex('periodic_schema').update({ version: 1, oldest_version: 1, migrated_at: now });
}

/** @param {import('knex').Knex} knex */
async function addColumns(knex) {
  const make = columnsFor(knex);
  await knex.schema.alterTable('periodic_task', (table) => {
    make.word(table, 'anchor').notNullable().defaultTo('slot');
    table.integer('first_delay_s');
    table.integer('enabled_delay_s');
    table.integer('random_offset_s').notNullable().defaultTo(0);
    make.word(table, 'catch_up').notNullable().defaultTo('latest');
    table.integer('catch_up_max').notNullable().defaultTo(100);
    make.word(table, 'backoff').notNullable().defaultTo('none');
    table.integer('max_period_s');
    make.word(table, 'deactivate_after', 100).notNullable().defaultTo('');
  });
  await knex.schema.alterTable('periodic_task_state', (table) => {
    make.instant(table, 'anchored_at');
    table.integer('current_period_s');
    table.bigInteger('counted_tick').notNullable().defaultTo(0);
    table.bigInteger('due_tick');
    table.index(DUE_TICK_INDEX);
  });
  await knex.schema.alterTable('periodic_run', (table) => {
    make.word(table, 'cancel_requested', 64);
  });
}

/**
 * Somebody may have written a task of a kind that was not known yet. It rests as invalid, and nobody would look at it
 * again: it is marked, and counts from now, so that nothing runs for the time in which it could not.
 *
 * @param {import('knex').Knex} knex
 * @param {string} now
 */
async function wakeRefusedKinds(knex, now) {
  const sum = knex('periodic_node').sum('tick_no');
  const own = knex('periodic_node').select('tick_no').whereRaw('name = periodic_task_state.scope_key');
  await knex('periodic_task_state')
    .whereIn('task_id', knex('periodic_task').select('id').whereIn('schedule_kind', NEW_KINDS))
    .update({
      epoch: knex.raw('epoch + 1'),
      counted_from: `${now.slice(0, 16)}:00.000Z`,
      first_slot: null,
      retry_at: null,
      counted_tick: knex.raw("CASE WHEN scope_key = '*' THEN coalesce(?, 0) ELSE coalesce(?, 0) END", [
        sum,
        own,
      ]),
      earliest_start: '',
      changed_at: now,
    });
}

import { createSqliteTriggers, dropSqliteTriggers } from './support/sqlite_triggers.js';

// Times are UTC text of fixed width (2026-11-20T23:55:25.123Z); names compare byte by byte on every engine.
const INSTANT_LENGTH = 24;
const NAME_LENGTH = 255;

/**
 * Creates every table of the first version, the triggers that make changes by plain SQL count, and the task that keeps
 * the history bounded.
 *
 * @param {import('knex').Knex} knex
 */
export async function up(knex) {
  const make = columnsFor(knex);
  await createDefinitionTables(knex, make);
  await createStateTable(knex, make);
  await createLedger(knex, make);
  await createNodeTables(knex, make);
  await createAuditTable(knex, make);
  await createSchemaTable(knex, make);
  if (make.engine === 'sqlite') {
    await createSqliteTriggers(knex);
  }
  await addPruneTask(knex);
}

/** @param {import('knex').Knex} knex */
export async function down(knex) {
  if (columnsFor(knex).engine === 'sqlite') {
    await dropSqliteTriggers(knex);
  }
  for (const table of [
    'periodic_schema',
    'periodic_audit',
    'periodic_tick',
    'periodic_node',
    'periodic_run',
    'periodic_task_state',
    'periodic_task_tag',
    'periodic_task_node',
    'periodic_task',
  ]) {
    await knex.schema.dropTable(table);
  }
}

/**
 * @param {import('knex').Knex} knex
 * @param {Columns} make
 */
async function createDefinitionTables(knex, make) {
  await knex.schema.createTable('periodic_task', (table) => {
    table.increments('id');
    make.name(table, 'name').notNullable().unique();
    table.boolean('active').notNullable().defaultTo(true);
    make.name(table, 'module').notNullable();
    make.textWithDefault(table, 'options', '{}');
    make.word(table, 'schedule_kind').notNullable();
    make.textWithDefault(table, 'schedule', '');
    make.name(table, 'timezone').notNullable().defaultTo('');
    make.word(table, 'scope').notNullable().defaultTo('each');
    table.integer('ordering').notNullable().defaultTo(0);
    table.boolean('run_immediately').notNullable().defaultTo(false);
    table.integer('start_deadline_s');
    table.integer('timeout_s');
    table.integer('kill_grace_s').notNullable().defaultTo(10);
    table.integer('retry_limit').notNullable().defaultTo(0);
    table.integer('retry_delay_s').notNullable().defaultTo(60);
    table.integer('retry_max_delay_s').notNullable().defaultTo(3600);
    make.word(table, 'retry_on', 100).notNullable().defaultTo('failed,timed_out');
    table.boolean('retry_past_next').notNullable().defaultTo(false);
    make.word(table, 'overlap').notNullable().defaultTo('forbid');
    table.integer('max_parallel').notNullable().defaultTo(1);
    make.instant(table, 'created_at').notNullable().defaultTo(make.now);
    make.instant(table, 'updated_at').notNullable().defaultTo(make.now);
  });
  await knex.schema.createTable('periodic_task_node', (table) => {
    make.taskId(table);
    make.name(table, 'node').notNullable();
    table.primary(['task_id', 'node']);
    table.index(['node']);
  });
  await knex.schema.createTable('periodic_task_tag', (table) => {
    make.taskId(table);
    make.name(table, 'tag').notNullable();
    table.primary(['task_id', 'tag']);
    table.index(['tag']);
  });
}

/**
 * One row per (task, scope): what has been handled, what comes next. `earliest_start` is empty in a row that the next
 * tick has to decide anew, and null in one that waits for nothing.
 *
 * @param {import('knex').Knex} knex
 * @param {Columns} make
 */
async function createStateTable(knex, make) {
  await knex.schema.createTable('periodic_task_state', (table) => {
    make.taskId(table);
    make.name(table, 'scope_key').notNullable();
    table.bigInteger('epoch').notNullable().defaultTo(0);
    make.instant(table, 'counted_from').notNullable();
    make.instant(table, 'first_slot');
    make.instant(table, 'handled_slot');
    make.instant(table, 'repeatable_until');
    make.instant(table, 'next_slot');
    make.instant(table, 'earliest_start');
    make.instant(table, 'changed_at');
    table.integer('attempt').notNullable().defaultTo(0);
    table.integer('first_attempt').notNullable().defaultTo(1);
    make.instant(table, 'retry_at');
    table.integer('failures').notNullable().defaultTo(0);
    make.instant(table, 'first_failure_at');
    make.text(table, 'fault');
    make.word(table, 'last_run_token', 36);
    make.word(table, 'last_status');
    make.instant(table, 'last_started_at');
    make.instant(table, 'last_ended_at');
    make.instant(table, 'terminated_at');
    make.text(table, 'terminated_reason');
    make.text(table, 'module_state');
    table.primary(['task_id', 'scope_key']);
    table.index(['scope_key', 'earliest_start']);
  });
}

/**
 * The ledger. It copies the task's name and has no foreign key: it outlives the task. `live_node` is set while the run
 * is alive, so that the runs of a node that need looking after are found without reading history.
 *
 * @param {import('knex').Knex} knex
 * @param {Columns} make
 */
async function createLedger(knex, make) {
  await knex.schema.createTable('periodic_run', (table) => {
    table.bigIncrements('id');
    make.word(table, 'token', 36).notNullable().unique();
    table.bigInteger('task_id').notNullable();
    make.name(table, 'task_name').notNullable();
    make.name(table, 'module').notNullable();
    make.name(table, 'scope_key').notNullable();
    make.name(table, 'node').notNullable();
    make.name(table, 'live_node');
    make.word(table, 'trigger_kind').notNullable();
    make.instant(table, 'slot');
    make.instant(table, 'slot_first');
    table.integer('slot_count').notNullable().defaultTo(0);
    table.integer('attempt').notNullable().defaultTo(1);
    table.bigInteger('epoch').notNullable().defaultTo(0);
    table.bigInteger('end_epoch');
    make.word(table, 'status').notNullable();
    make.word(table, 'reason', 64);
    make.text(table, 'message');
    make.instant(table, 'created_at').notNullable();
    make.instant(table, 'started_at');
    make.instant(table, 'ended_at');
    table.bigInteger('duration_ms');
    make.instant(table, 'deadline_at');
    table.integer('exit_code');
    make.word(table, 'signal');
    make.text(table, 'result');
    make.text(table, 'output');
    table.bigInteger('output_bytes').notNullable().defaultTo(0);
    make.text(table, 'late_result');
    make.name(table, 'machine_id');
    make.name(table, 'boot_id');
    make.name(table, 'pid_namespace');
    table.integer('pid');
    make.word(table, 'pid_started', 64);
    table.unique(['task_id', 'scope_key', 'slot', 'attempt']);
    table.index(['live_node']);
    table.index(['task_id', 'live_node']);
    table.index(['task_id', 'id']);
    table.index(['created_at']);
  });
}

/**
 * @param {import('knex').Knex} knex
 * @param {Columns} make
 */
async function createNodeTables(knex, make) {
  await knex.schema.createTable('periodic_node', (table) => {
    make.name(table, 'name').notNullable().primary();
    make.name(table, 'machine_id');
    make.name(table, 'boot_id');
    make.name(table, 'host_name');
    make.word(table, 'version', 64);
    make.name(table, 'timezone');
    make.word(table, 'tz_version', 64);
    table.bigInteger('tick_no').notNullable().defaultTo(0);
    make.instant(table, 'first_tick_at');
    make.instant(table, 'last_tick_at');
  });
  await knex.schema.createTable('periodic_tick', (table) => {
    table.bigIncrements('id');
    make.name(table, 'node').notNullable();
    table.bigInteger('tick_no').notNullable();
    make.instant(table, 'tick_at').notNullable();
    make.instant(table, 'started_at').notNullable();
    make.instant(table, 'ended_at');
    table.integer('started').notNullable().defaultTo(0);
    table.integer('failed').notNullable().defaultTo(0);
    table.integer('exit_code');
    table.unique(['node', 'tick_no']);
    table.index(['started_at']);
  });
}

/**
 * @param {import('knex').Knex} knex
 * @param {Columns} make
 */
async function createAuditTable(knex, make) {
  await knex.schema.createTable('periodic_audit', (table) => {
    table.bigIncrements('id');
    make.instant(table, 'changed_at').notNullable();
    make.name(table, 'actor').notNullable();
    make.word(table, 'action').notNullable();
    table.bigInteger('task_id');
    make.name(table, 'task_name');
    make.text(table, 'before');
    make.text(table, 'after');
    table.index(['task_id', 'id']);
    table.index(['changed_at']);
  });
}

/**
 * @param {import('knex').Knex} knex
 * @param {Columns} make
 */
async function createSchemaTable(knex, make) {
  await knex.schema.createTable('periodic_schema', (table) => {
    table.integer('version').notNullable();
    table.integer('oldest_version').notNullable();
    make.word(table, 'database_id', 36).notNullable();
    make.instant(table, 'migrated_at').notNullable().defaultTo(make.now);
  });
  await knex('periodic_schema').insert({
    version: 1,
    oldest_version: 1,
    database_id: globalThis.crypto.randomUUID(),
  });
}

/**
 * History that nobody prunes grows until the disk is full, so a new database comes with the task that prunes it. Its
 * minute is a hash of its id; it may be changed or disabled like any other.
 *
 * @param {import('knex').Knex} knex
 */
async function addPruneTask(knex) {
  await knex('periodic_task').insert({
    name: 'prune_history',
    module: 'prune_history',
    schedule_kind: 'cron',
    schedule: 'H H(0-5) * * *',
    timezone: 'UTC',
    scope: 'one',
    ordering: 1000,
  });
  const row = await knex('periodic_task').where({ name: 'prune_history' }).first('id');
  await knex('periodic_task_node').insert({ task_id: row.id, node: '*' });
  await knex('periodic_audit').update({ actor: 'migration' });
}

/**
 * The column types of each engine. Names and times must compare byte by byte, which is SQLite's default, "C" in
 * PostgreSQL and utf8mb4_bin in MariaDB.
 *
 * @typedef {ReturnType<typeof columnsFor>} Columns
 * @param {import('knex').Knex} knex
 */
function columnsFor(knex) {
  const engine = engineOf(knex);
  /** @param {import('knex').Knex.ColumnBuilder} column */
  const binary = (column) => (engine === 'mariadb' ? column.collate('utf8mb4_bin') : column);
  /** @type {(table: import('knex').Knex.CreateTableBuilder, name: string, length: number) => import('knex').Knex.ColumnBuilder} */
  const bounded = (table, name, length) =>
    engine === 'postgres'
      ? table.specificType(name, `varchar(${length}) COLLATE "C"`)
      : binary(table.string(name, length));
  return {
    engine,
    now: knex.raw(NOW_SQL[engine]),
    name: (/** @type {import('knex').Knex.CreateTableBuilder} */ table, /** @type {string} */ name) =>
      bounded(table, name, NAME_LENGTH),
    word: (
      /** @type {import('knex').Knex.CreateTableBuilder} */ table,
      /** @type {string} */ name,
      length = 32,
    ) => bounded(table, name, length),
    instant: (/** @type {import('knex').Knex.CreateTableBuilder} */ table, /** @type {string} */ name) =>
      bounded(table, name, INSTANT_LENGTH),
    text: (/** @type {import('knex').Knex.CreateTableBuilder} */ table, /** @type {string} */ name) =>
      table.text(name, 'longtext'),
    // The query builder leaves the default of a text away for MariaDB, which has taken one since 10.2.
    textWithDefault: (
      /** @type {import('knex').Knex.CreateTableBuilder} */ table,
      /** @type {string} */ name,
      /** @type {string} */ value,
    ) =>
      table.specificType(name, `${engine === 'mariadb' ? 'longtext' : 'text'} not null default '${value}'`),
    taskId: (/** @type {import('knex').Knex.CreateTableBuilder} */ table) =>
      table
        .integer('task_id')
        .unsigned()
        .notNullable()
        .references('id')
        .inTable('periodic_task')
        .onDelete('CASCADE'),
  };
}

/** @type {Record<'sqlite' | 'postgres' | 'mariadb', string>} */
const NOW_SQL = {
  sqlite: "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
  postgres: `(to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
  mariadb:
    "(concat(date_format(utc_timestamp(3), '%Y-%m-%dT%H:%i:%s.'), lpad(microsecond(utc_timestamp(3)) div 1000, 3, '0'), 'Z'))",
};

/**
 * @param {import('knex').Knex} knex
 * @returns {'sqlite' | 'postgres' | 'mariadb'}
 */
function engineOf(knex) {
  const client = String(knex.client.config.client?.name ?? knex.client.dialect ?? knex.client.config.client);
  const dialect = String(knex.client.dialect);
  if (dialect === 'postgresql' || /pg|postgres/i.test(client)) {
    return 'postgres';
  }
  return dialect === 'mysql' || /mysql|maria/i.test(client) ? 'mariadb' : 'sqlite';
}

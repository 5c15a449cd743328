// The columns that migrations make. The first migration has helpers of its own, since what has landed stays as it is.

const NAME_LENGTH = 255;
// Times are UTC text of fixed width: 2026-11-20T23:55:25.123Z.
const INSTANT_LENGTH = 24;

/**
 * The column types of each engine. Names and times must compare byte by byte, which is SQLite's default, "C" in
 * PostgreSQL and utf8mb4_bin in MariaDB.
 *
 * @typedef {import('knex').Knex.CreateTableBuilder} Table
 * @typedef {import('knex').Knex.ColumnBuilder} Column
 * @param {import('knex').Knex} knex
 */
export function columnsFor(knex) {
  const engine = engineOf(knex);
  /** @type {(table: Table, name: string, length: number) => Column} */
  const bounded = (table, name, length) => {
    if (engine === 'postgres') {
      return table.specificType(name, `varchar(${length}) COLLATE "C"`);
    }
    const column = table.string(name, length);
    return engine === 'mariadb' ? column.collate('utf8mb4_bin') : column;
  };
  return {
    /** @type {(table: Table, name: string) => Column} */
    name: (table, name) => bounded(table, name, NAME_LENGTH),
    /** @type {(table: Table, name: string, length?: number) => Column} */
    word: (table, name, length = 32) => bounded(table, name, length),
    /** @type {(table: Table, name: string) => Column} */
    instant: (table, name) => bounded(table, name, INSTANT_LENGTH),
  };
}

/**
 * The present instant by the clock of the database, as text.
 *
 * @param {import('knex').Knex} knex
 * @returns {Promise<string>}
 */
export async function databaseNow(knex) {
  const [row] = await knex.select(knex.raw(`${NOW_SQL[engineOf(knex)]} AS now_text`));
  return row.now_text;
}

/** @type {Record<Engine, string>} */
const NOW_SQL = {
  sqlite: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
  postgres: `to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  mariadb: "concat(left(date_format(utc_timestamp(3), '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')",
};

/**
 * Drops columns, and nothing else: the query builder would copy the whole table for it on SQLite.
 *
 * @param {import('knex').Knex} knex
 * @param {string} table
 * @param {readonly string[]} columns
 */
export async function dropColumns(knex, table, columns) {
  for (const column of columns) {
    await knex.raw('ALTER TABLE ?? DROP COLUMN ??', [table, column]);
  }
}

/**
 * @typedef {'sqlite' | 'postgres' | 'mariadb'} Engine
 * @param {import('knex').Knex} knex
 * @returns {Engine}
 */
export function engineOf(knex) {
  switch (knex.client.dialect) {
    case 'postgresql':
      return 'postgres';
    case 'mysql':
      return 'mariadb';
    default:
      return 'sqlite';
  }
}

// An older program would not heed some of what a task says, and run it all the same. As soon as there is such a task, it
// may not work with the database any more, and says so. A database without one keeps it working, so that nodes are
// upgraded one by one.

import { engineOf } from './columns.js';

/**
 * What only programs of a version and later heed.
 *
 * @typedef {{ version: number, heeded: string }} Newer `heeded`: the condition under which the new row of a task says so
 */

const EVENTS = ['insert', 'update'];

/** @param {import('knex').Knex} knex @param {Newer} newer */
export async function createNewerTriggers(knex, newer) {
  const engine = engineOf(knex);
  if (engine === 'postgres') {
    await createFunction(knex, newer);
  }
  for (const event of EVENTS) {
    await knex.raw(textOf(engine, event, newer));
  }
}

/** @param {import('knex').Knex} knex @param {Newer} newer */
export async function dropNewerTriggers(knex, newer) {
  const isPostgres = engineOf(knex) === 'postgres';
  for (const event of EVENTS) {
    await knex.raw(`DROP TRIGGER IF EXISTS ${nameOf(event, newer)}${isPostgres ? ' ON periodic_task' : ''}`);
  }
  if (isPostgres) {
    await knex.raw(`DROP FUNCTION ${functionOf(newer)}()`);
  }
}

/** @param {string} event @param {Newer} newer */
function nameOf(event, { version }) {
  return `periodic_task_${event}_needs_${version}`;
}

/** @param {Newer} newer */
function functionOf({ version }) {
  return `periodic_task_needs_${version}`;
}

/** @param {Newer} newer */
function raise({ version }) {
  return `UPDATE periodic_schema SET oldest_version = ${version} WHERE oldest_version < ${version};`;
}

/** @param {import('./columns.js').Engine} engine @param {string} event @param {Newer} newer */
function textOf(engine, event, newer) {
  const { version, heeded } = newer;
  const on = `CREATE TRIGGER ${nameOf(event, newer)} AFTER ${event.toUpperCase()} ON periodic_task`;
  switch (engine) {
    case 'postgres':
      return `${on} FOR EACH ROW WHEN (${heeded}) EXECUTE FUNCTION ${functionOf(newer)}()`;
    case 'mariadb':
      // Only a statement that changes something locks the row, for which nodes wait that tick for the first time.
      return `${on} FOR EACH ROW BEGIN
    DECLARE oldest INTEGER;
    SELECT MIN(oldest_version) INTO oldest FROM periodic_schema;
    IF (${heeded}) AND oldest < ${version} THEN
      ${raise(newer)}
    END IF;
  END`;
    default:
      return `${on} WHEN ${heeded} BEGIN ${raise(newer)} END`;
  }
}

/**
 * It runs with the rights of whoever migrated: who defines tasks need not be allowed to write this table.
 *
 * @param {import('knex').Knex} knex
 * @param {Newer} newer
 */
async function createFunction(knex, newer) {
  await knex.raw(`CREATE FUNCTION ${functionOf(newer)}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    ${raise(newer)}
    RETURN NULL;
  END $$`);
  await knex.raw(`DO $$
  BEGIN
    EXECUTE format('ALTER FUNCTION ${functionOf(newer)}() SET search_path TO %I, pg_temp',
      (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.oid = 'periodic_task'::regclass));
  END $$`);
}

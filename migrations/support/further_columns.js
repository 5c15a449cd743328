// The triggers of periodic_task name the columns of a definition. When a migration adds one, they have to name it too;
// everything else about them stays. So their new text is made of the text with which they landed: wherever that tells of
// a column, it comes to tell the same of the new one.

import { engineOf } from './columns.js';
import { createMariadbTriggers } from './mariadb_triggers.js';
import { createPostgresTriggers, dropPostgresTriggers } from './postgres_triggers.js';
import { createSqliteTriggers, dropSqliteTriggers } from './sqlite_triggers_2.js';

/**
 * Makes the triggers of definitions anew, with further columns in them, each with the known one that it goes like. On
 * MariaDB, where no transaction holds statements like these together, each takes the place of its former self, so that no
 * change goes unnoticed in between.
 *
 * @param {import('knex').Knex} knex
 * @param {Readonly<Record<string, string>>} columns
 */
export async function makeTriggers(knex, columns) {
  const engine = engineOf(knex);
  if (engine === 'mariadb') {
    for (const text of await textsWithColumns(createMariadbTriggers, columns)) {
      await knex.raw(text.replace(/^CREATE TRIGGER/, 'CREATE OR REPLACE TRIGGER'));
    }
    return;
  }
  const [create, drop] =
    engine === 'postgres'
      ? [createPostgresTriggers, dropPostgresTriggers]
      : [createSqliteTriggers, dropSqliteTriggers];
  const texts = await textsWithColumns(create, columns);
  await drop(knex);
  for (const text of texts) {
    await knex.raw(text);
  }
}

/**
 * The statements that a maker of triggers sends, with further columns in them.
 *
 * @param {(knex: import('knex').Knex) => Promise<void>} make sends each statement through `raw`
 * @param {Readonly<Record<string, string>>} columns the new columns, each with the known one that it goes like
 * @returns {Promise<readonly string[]>}
 */
async function textsWithColumns(make, columns) {
  /** @type {string[]} */
  const texts = [];
  /** @param {string} text */
  const raw = (text) => {
    texts.push(text);
    return Promise.resolve();
  };
  await make(/** @type {import('knex').Knex} */ (/** @type {unknown} */ ({ raw })));
  return texts.map((text) =>
    Object.entries(columns).reduce((changed, [column, known]) => withColumn(changed, column, known), text),
  );
}

/** @param {string} text @param {string} column @param {string} known */
function withColumn(text, column, known) {
  return text.replaceAll(termsOf(known), (term) => {
    const isMember = term.startsWith("'");
    return `${term}${isMember ? ', ' : ' OR '}${term.replaceAll(known, column)}`;
  });
}

/**
 * What the triggers of the three engines say of a column: a member of the JSON of a definition, or that it has changed.
 *
 * @param {string} column
 */
function termsOf(column) {
  const terms = [
    `'${column}', (?:OLD|NEW)\\.${column}\\b`,
    `NEW\\.${column} IS (?:NOT|DISTINCT FROM) OLD\\.${column}\\b`,
    `NOT \\(CAST\\(NEW\\.${column} AS BINARY\\) <=> CAST\\(OLD\\.${column} AS BINARY\\)\\)`,
  ];
  return new RegExp(terms.join('|'), 'g');
}

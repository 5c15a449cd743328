// The triggers of periodic_task name the columns of a definition. When a migration adds one, they have to name it too;
// everything else about them stays. So their new text is made of the text with which they landed: wherever that tells of
// a column, it comes to tell the same of the new one.

/**
 * The statements that a maker of triggers sends, with further columns in them.
 *
 * @param {(knex: import('knex').Knex) => Promise<void>} make sends each statement through `raw`
 * @param {Readonly<Record<string, string>>} columns the new columns, each with the known one that it goes like
 * @returns {Promise<readonly string[]>}
 */
export async function textsWithColumns(make, columns) {
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

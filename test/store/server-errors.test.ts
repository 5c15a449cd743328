import { expect, test } from 'vitest';
import { isDuplicateKey, isOutOfRange, wordsOf } from '../../src/store/server-errors.ts';

const KEY = 'periodic_task_name_unique';

/** What the driver of MariaDB throws, with the statement that the query builder puts before the message. */
function mariadbError(sqlMessage: string, code = 'ER_DUP_ENTRY'): Error {
  return Object.assign(new Error(`insert into t values (?) - ${sqlMessage}`), { code, sqlMessage });
}

function postgresError(constraint: string, code = '23505'): Error {
  return Object.assign(new Error('duplicate key value violates unique constraint'), { code, constraint });
}

test.each([
  ['MariaDB', mariadbError(`Duplicate entry 'backup' for key '${KEY}'`), true],
  ['MySQL', mariadbError(`Duplicate entry 'backup' for key 'periodic_task.${KEY}'`), true],
  ['a server of another language', mariadbError(`Doppelter Eintrag 'backup' für Schlüssel '${KEY}'`), true],
  ['PostgreSQL', postgresError(KEY), true],
  ['another key', mariadbError("Duplicate entry '1' for key 'PRIMARY'"), false],
  [
    'another key, with its name as value',
    mariadbError(`Duplicate entry 'x.${KEY}' for key 'PRIMARY'`),
    false,
  ],
  ['another key of PostgreSQL', postgresError('periodic_task_pkey'), false],
  ['another fault', postgresError(KEY, '23514'), false],
  ['another fault of MariaDB', mariadbError(`no index '${KEY}'`, 'ER_KEY_DOES_NOT_EXITS'), false],
  ['nothing', undefined, false],
])('whether a name is taken is told by its key: %s', (_title, error, expected) => {
  expect(isDuplicateKey(error, KEY)).toBe(expected);
});

test('the words of a server come without the statement', () => {
  expect(wordsOf(mariadbError('no such table', 'ER_NO_SUCH_TABLE'))).toBe('no such table');
});

test.each([
  ['PostgreSQL', postgresError(KEY, '22003'), true],
  ['MariaDB', mariadbError("BIGINT value is out of range in 'x'", 'ER_DATA_OUT_OF_RANGE'), true],
  [
    'a value of MariaDB',
    mariadbError("Out of range value for column 'x'", 'ER_WARN_DATA_OUT_OF_RANGE'),
    true,
  ],
  ['another fault', mariadbError('out of range'), false],
])('a number is too large for a column by its code: %s', (_title, error, expected) => {
  expect(isOutOfRange(error)).toBe(expected);
});

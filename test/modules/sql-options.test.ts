import { expect, test } from 'vitest';
import { checkOptions } from '../../src/modules/options.ts';
import { sqlOptions } from '../../src/modules/shipped/sql-options.ts';

const ONE = { connection: 'it', statements: 'SELECT 1' };

test.each([
  [{}],
  [{ statements: ['SELECT 1', 'DELETE FROM a'] }],
  [{ statements: 'SELECT ?', parameters: ['a', 1.5, true, null], max_rows: 1_000 }],
  [{ statements: ['BEGIN', 'COMMIT'], transaction: false }],
  [{ statements: ['SAVEPOINT a', 'ROLLBACK TO a', 'ROLLBACK WORK TO SAVEPOINT a', 'RELEASE a'] }],
  [{ statements: '/**/ SELECT 1 /* one */' }],
  [{ statements: ['BEGIN NOT ATOMIC SELECT 1; END', 'SELECT committed FROM a', 'endless()'] }],
])('%j is valid', async (changes) => {
  expect(await checkOptions(sqlOptions, { ...ONE, ...changes })).toEqual([]);
});

test.each([
  [{ statements: [] }, 'options.statements'],
  [{ statements: ' -- nothing\n ; /* here */ ' }, 'options.statements'],
  [{ statements: ['SELECT 1', ''] }, 'options.statements[1]'],
  [{ statements: ['SELECT 1', 'SELECT 2'], parameters: [1] }, 'options.parameters'],
  [{ parameters: [[1]] }, 'options.parameters[0]'],
  [{ max_rows: 0 }, 'options.max_rows'],
  [{ max_rows: 1_001 }, 'options.max_rows'],
  [{ statements: ['SELECT 1', 'commit'] }, 'options.statements'],
  [{ statements: '-- now\n/* really */ ROLLBACK;' }, 'options.statements'],
  [{ statements: '/**/ COMMIT /* now */' }, 'options.statements'],
  [{ statements: '# as MariaDB has it\nCOMMIT' }, 'options.statements'],
  [{ statements: "PREPARE TRANSACTION 'a'" }, 'options.statements'],
  [{ statements: 'start  transaction' }, 'options.statements'],
  [{ statements: 'END' }, 'options.statements'],
  [{ sql: 'SELECT 1' }, 'options.sql'],
])('%j is refused', async (changes, field) => {
  expect((await checkOptions(sqlOptions, { ...ONE, ...changes })).map((fault) => fault.field)).toEqual([
    field,
  ]);
});

import { expect, test } from 'vitest';
import { exitCodeOfEnds, isDatabaseTrouble, type ManualEnd } from '../../../src/cli/manual/tell-ends.ts';
import { DatabaseError, DefinitionError, type PeriodicCronError } from '../../../src/core/errors.ts';
import { recordWith } from '../../support/builders.ts';

const refused = (error: PeriodicCronError): ManualEnd => ({ kind: 'refused', task: 'tidy', error });

const TASKS = [1, 2].map(() => ({ record: recordWith({}), overrides: {} }));
const AWAY = refused(new DatabaseError('the database does not answer'));
const INVALID = refused(new DefinitionError('task "tidy" is invalid', []));

test.each([
  [[INVALID], 1],
  [[AWAY], 3],
  [[INVALID, AWAY], 3],
])('%j of several tasks end with status %i', (ends, exitCode) => {
  expect(exitCodeOfEnds(TASKS, ends)).toBe(exitCode);
});

test('only a database that is away is trouble for every task', () => {
  expect([AWAY, INVALID].map(isDatabaseTrouble)).toEqual([true, false]);
});

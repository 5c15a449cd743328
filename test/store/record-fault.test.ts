import { expect, test } from 'vitest';
import { recordFault } from '../../src/store/record-fault.ts';
import { at } from '../support/builders.ts';
import { openStoredState } from '../support/stored-state.ts';
import { newRunOf } from '../support/virtual-runs.ts';

test('a fault is recorded with the state that names it, and loses to whoever was first', async () => {
  const { database, driver, state } = await openStoredState();
  const { token, taskId, taskName, module, scopeKey, node } = newRunOf(state);
  const row = { token, taskId, taskName, module, scopeKey, node, message: 'schedule: bad', at: at('12:01') };
  expect(await recordFault(driver, { state, patch: { earliestStart: null }, row })).toBe(true);
  expect(await recordFault(driver, { state, patch: {}, row })).toBe(false);
  expect(database.ledger()).toEqual(['backup fault failed (invalid)']);
  expect(database.runRows()[0]).toMatchObject({ message: 'schedule: bad', live_node: null, slot: null });
  expect(database.stateRow('backup')).toMatchObject({ fault: 'schedule: bad', earliest_start: null });
});

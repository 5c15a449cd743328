import { expect, test } from 'vitest';
import { noteBlocked } from '../../src/store/blocked.ts';
import { settleState } from '../../src/store/move-state.ts';
import { openStoredState } from '../support/stored-state.ts';

test('a note of a blockage takes no claim away that was planned before it', async () => {
  const { database, driver, state } = await openStoredState();
  expect(await noteBlocked(driver, state, 'requires ip#0')).toBe(true);
  expect(database.stateRow('backup')).toMatchObject({ blocked_reason: 'requires ip#0', epoch: state.epoch });
  expect(await settleState(driver, state, { blockedReason: null })).toBe(true);
  expect(database.stateRow('backup')).toMatchObject({ blocked_reason: null, epoch: state.epoch + 1 });
});

test('a note that comes after another transition is void', async () => {
  const { database, driver, state } = await openStoredState();
  expect(await settleState(driver, state, {})).toBe(true);
  expect(await noteBlocked(driver, state, 'requires ip#0')).toBe(false);
  expect(database.stateRow('backup')).toMatchObject({ blocked_reason: null });
});

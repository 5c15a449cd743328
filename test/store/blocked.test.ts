import { expect, test } from 'vitest';
import { noteBlocked } from '../../src/store/blocked.ts';
import { settleState } from '../../src/store/move-state.ts';
import { openStoredState } from '../support/stored-state.ts';
import { readState } from '../support/virtual-runs.ts';

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

test('of two notes on the same state the first one stays, and only it tells that the blockage began', async () => {
  const { database, driver, state } = await openStoredState();
  expect(await noteBlocked(driver, state, 'on node "alpha": requires ip#0')).toBe(true);
  expect(await noteBlocked(driver, state, 'on node "beta": requires ip#0')).toBe(false);
  expect(database.stateRow('backup')).toMatchObject({ blocked_reason: 'on node "alpha": requires ip#0' });
});

test('a note takes the place of the one that was read', async () => {
  const { database, driver, state } = await openStoredState();
  await noteBlocked(driver, state, 'requires ip#0');
  const noted = await readState(driver, state.taskId);
  expect(await noteBlocked(driver, noted, 'requires fs#0')).toBe(true);
  expect(await noteBlocked(driver, noted, 'requires db')).toBe(false);
  expect(database.stateRow('backup')).toMatchObject({ blocked_reason: 'requires fs#0' });
});

import { describe, expect, test } from 'vitest';
import { dropState, giveUpState, settleState } from '../../src/store/move-state.ts';
import { at } from '../support/builders.ts';
import { openStoredState } from '../support/stored-state.ts';
import { claimSlot, readState } from '../support/virtual-runs.ts';

describe('settling a state', () => {
  test('moves it once', async () => {
    const { database, driver, state } = await openStoredState();
    const patch = { nextSlot: at('12:05'), earliestStart: at('12:05') };
    expect(await settleState(driver, state, patch)).toBe(true);
    expect(await settleState(driver, state, patch)).toBe(false);
    expect(database.stateRow('backup')).toMatchObject({ epoch: state.epoch + 1, handled_slot: null });
  });

  test('writes instants as text, and a mark as empty text', async () => {
    const { database, driver, state } = await openStoredState();
    await settleState(driver, state, {
      retryAt: at('12:06:07.008'),
      earliestStart: 'decide-anew',
      fault: null,
    });
    expect(database.stateRow('backup')).toMatchObject({
      retry_at: '2026-03-10T12:06:07.008Z',
      earliest_start: '',
    });
    expect(await readState(driver, state.taskId)).toMatchObject({
      retryAt: at('12:06:07.008'),
      earliestStart: 'decide-anew',
    });
  });

  test('drops a state only where it is still what was read', async () => {
    const { driver, state } = await openStoredState();
    expect(await dropState(driver, { ...state, epoch: state.epoch - 1 })).toBe(false);
    expect(await dropState(driver, state)).toBe(true);
    expect(await dropState(driver, state)).toBe(false);
  });
});

describe('giving a state up', () => {
  test('drops the attempt that was pending, and loses to whoever was first', async () => {
    const { database, driver, state } = await openStoredState();
    await claimSlot(driver, state.taskId, '12:05');
    database.sql.exec(`
      UPDATE periodic_run SET status = 'failed', reason = 'retry', live_node = NULL;
      UPDATE periodic_task_state SET retry_at = '2026-03-10T12:07:00.000Z'`);
    const pending = await readState(driver, state.taskId);
    const patch = {
      earliestStart: null,
      retryAt: null,
      terminatedAt: at('12:08'),
      terminatedReason: 'enough',
    };
    expect(await giveUpState(driver, { ...pending, epoch: pending.epoch - 1 }, patch)).toBe(false);
    expect(database.ledger()).toEqual(['backup 12:05 failed (retry)']);
    expect(await giveUpState(driver, pending, patch)).toBe(true);
    expect(database.ledger()).toEqual(['backup 12:05 failed (superseded)']);
    expect(database.stateRow('backup')).toMatchObject({
      epoch: pending.epoch + 1,
      terminated_reason: 'enough',
      retry_at: null,
    });
  });
});

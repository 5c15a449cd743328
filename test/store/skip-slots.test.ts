import { describe, expect, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import { resetTask } from '../../src/store/reset.ts';
import { skipSlots } from '../../src/store/skip-slots.ts';
import { at } from '../support/builders.ts';
import { openStoredState } from '../support/stored-state.ts';
import { claimSlot, newRunOf, readState, slotOf } from '../support/virtual-runs.ts';

describe('skipping slots', () => {
  async function skip(
    driver: Driver,
    taskId: number,
    times: readonly [string, string, number],
    { reason, attempt = 1, message = null }: { reason: string; attempt?: number; message?: string | null },
  ) {
    const state = await readState(driver, taskId);
    const [first, slot, count] = times;
    const { token, taskName, module, scopeKey, node } = newRunOf(state);
    const slots = { first: at(first), slot: at(slot), count };
    return skipSlots(driver, {
      state,
      patch: { handledSlot: slots.slot },
      skipped: {
        token,
        taskId,
        taskName,
        module,
        scopeKey,
        node,
        slots,
        attempt,
        reason,
        message,
        at: at(slot),
      },
    });
  }

  test('records them in one row, with their exact number', async () => {
    const { database, driver, state } = await openStoredState();
    expect(await skip(driver, state.taskId, ['12:05', '12:15', 3], { reason: 'too_late' })).toBe('moved');
    expect(database.ledger()).toEqual(['backup 12:05-12:15 x3 skipped (too_late)']);
    expect(database.stateRow('backup')).toMatchObject({ last_status: 'skipped' });
  });

  test('joins neighbours that were skipped for the same reason', async () => {
    const { database, driver, state } = await openStoredState();
    await skip(driver, state.taskId, ['12:05', '12:15', 3], { reason: 'too_late' });
    await skip(driver, state.taskId, ['12:20', '12:20', 1], { reason: 'too_late' });
    expect(database.ledger()).toEqual(['backup 12:05-12:20 x4 skipped (too_late)']);
  });

  test('does not join neighbours that were skipped for another reason', async () => {
    const { database, driver, state } = await openStoredState();
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late' });
    await skip(driver, state.taskId, ['12:10', '12:10', 1], { reason: 'overlap' });
    expect(database.ledger()).toEqual(['backup 12:05 skipped (too_late)', 'backup 12:10 skipped (overlap)']);
  });

  test('joins under what the row says of the attempt that its first slot superseded', async () => {
    const { database, driver, state } = await openStoredState();
    const message = 'too late: more than 1m late';
    const superseding = `${message}; supersedes attempt 2 of slot 2026-03-10T12:00:00Z`;
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late', message: superseding });
    await skip(driver, state.taskId, ['12:10', '12:10', 1], { reason: 'too_late', message });
    await skip(driver, state.taskId, ['12:15', '12:15', 1], { reason: 'too_late', message });
    expect(database.ledger()).toEqual(['backup 12:05-12:15 x3 skipped (too_late)']);
    expect(database.runRows()).toMatchObject([
      { message: superseding, ended_at: '2026-03-10T12:15:00.000Z' },
    ]);
  });

  test('does not join neighbours of which the reason says something else', async () => {
    const { database, driver, state } = await openStoredState();
    const messages = ['too late: more than 1m late', 'too late: more than 10m late'];
    const [first = '', second = ''] = messages;
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late', message: first });
    await skip(driver, state.taskId, ['12:10', '12:10', 1], { reason: 'too_late', message: second });
    expect(database.runRows().map(({ message }) => message)).toEqual(messages);
  });

  test('does not join over a time that was not counted', async () => {
    const { database, driver, state } = await openStoredState();
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late' });
    database.changeTask('backup', { active: 0 });
    database.clock.now = at('18:00');
    database.changeTask('backup', { active: 1 });
    await skip(driver, state.taskId, ['18:05', '18:05', 1], { reason: 'too_late' });
    expect(database.ledger()).toEqual(['backup 12:05 skipped (too_late)', 'backup 18:05 skipped (too_late)']);
  });

  test('does not join slots that a reset took back', async () => {
    const { database, driver, state } = await openStoredState();
    await skip(driver, state.taskId, ['12:05', '12:55', 11], { reason: 'too_late' });
    await resetTask(database.location, 'backup', { node: undefined, now: at('12:20'), actor: 'ann' });
    await skip(driver, state.taskId, ['12:25', '12:25', 1], { reason: 'too_late' });
    expect(database.ledger()).toEqual([
      'backup 12:05-12:55 x11 skipped (too_late)',
      'backup 12:25 skipped (too_late)',
    ]);
  });

  test('joins under the attempt of the newest slot', async () => {
    const { database, driver, state } = await openStoredState();
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late' });
    await skip(driver, state.taskId, ['12:10', '12:10', 1], { reason: 'too_late', attempt: 3 });
    expect(database.ledger()).toEqual(['backup 12:05-12:10 x2 #3 skipped (too_late)']);
  });

  test('does not join over a run in between', async () => {
    const { database, driver, state } = await openStoredState();
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late' });
    await claimSlot(driver, state.taskId, '12:10');
    await skip(driver, state.taskId, ['12:15', '12:15', 1], { reason: 'too_late' });
    expect(database.ledger()).toEqual([
      'backup 12:05 skipped (too_late)',
      'backup 12:10 running',
      'backup 12:15 skipped (too_late)',
    ]);
  });

  test('loses to whoever was first', async () => {
    const { database, driver, state } = await openStoredState();
    await claimSlot(driver, state.taskId, '12:05');
    const { token, taskId, taskName, module, scopeKey, node } = newRunOf(state);
    const skipped = {
      token,
      taskId,
      taskName,
      module,
      scopeKey,
      node,
      slots: slotOf('12:05'),
      attempt: 1,
      reason: 'overlap',
      message: null,
      at: at('12:05'),
    };
    expect(await skipSlots(driver, { state, patch: {}, skipped })).toBe('lost');
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });
});

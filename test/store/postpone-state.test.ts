import { expect, test } from 'vitest';
import { type PostponeAudit, postponeState } from '../../src/store/postpone-state.ts';
import { at } from '../support/builders.ts';
import { openStoredState } from '../support/stored-state.ts';
import { claimSlot, readState } from '../support/virtual-runs.ts';

const PATCH = { countedFrom: at('12:17'), nextSlot: at('12:22'), earliestStart: at('12:22'), retryAt: null };
const AUDIT: PostponeAudit = { at: at('12:17:30'), actor: 'ann', taskName: 'backup' };

/** A task whose slot 12:05 failed, and is to be tried again at 12:20. */
async function openPending() {
  const { database, driver, state } = await openStoredState();
  await claimSlot(driver, state.taskId, '12:05');
  database.sql.exec(`
    UPDATE periodic_run SET status = 'failed', reason = 'retry', live_node = NULL;
    UPDATE periodic_task_state SET retry_at = '2026-03-10T12:20:00.000Z'`);
  return { database, driver, state: await readState(driver, state.taskId) };
}

test('postponing moves the state, gives the pending attempt up, and says who did it', async () => {
  const { database, driver, state } = await openPending();
  expect(await postponeState(driver, state, { patch: PATCH, audit: AUDIT })).toEqual([]);
  expect(database.ledger()).toEqual(['backup 12:05 failed (postponed)']);
  expect(database.stateRow('backup')).toMatchObject({
    epoch: state.epoch + 1,
    counted_from: '2026-03-10T12:17:00.000Z',
    next_slot: '2026-03-10T12:22:00.000Z',
    retry_at: null,
  });
  const audit = database.sql
    .prepare(
      `SELECT changed_at, actor, task_name, "before", "after" FROM periodic_audit WHERE action = 'postponed'`,
    )
    .all();
  expect(audit).toEqual([
    {
      changed_at: '2026-03-10T12:17:30.000Z',
      actor: 'ann',
      task_name: 'backup',
      before:
        '{"scopeKey":"alpha","nextSlot":"2026-03-10T12:10:00.000Z","retryAt":"2026-03-10T12:20:00.000Z"}',
      after:
        '{"scopeKey":"alpha","countedFrom":"2026-03-10T12:17:00.000Z","nextSlot":"2026-03-10T12:22:00.000Z"}',
    },
  ]);
});

test('postponing loses to whoever was first, and leaves no trace then', async () => {
  const { database, driver, state } = await openPending();
  const stale = { ...state, epoch: state.epoch - 1 };
  expect(await postponeState(driver, stale, { patch: PATCH, audit: AUDIT })).toBeUndefined();
  expect(database.ledger()).toEqual(['backup 12:05 failed (retry)']);
  expect(database.stateRow('backup')).toMatchObject({ epoch: state.epoch });
  expect(
    database.sql.prepare("SELECT count(*) FROM periodic_audit WHERE action = 'postponed'").pluck().get(),
  ).toBe(0);
});

test('a run that had no attempt pending keeps its reason', async () => {
  const { database, driver, state } = await openPending();
  database.sql.exec("UPDATE periodic_run SET reason = 'runner_died', status = 'lost'");
  await postponeState(driver, state, { patch: PATCH, audit: AUDIT });
  expect(database.ledger()).toEqual(['backup 12:05 lost (runner_died)']);
});

import { describe, expect, test } from 'vitest';
import type { TaskState } from '../../src/core/state.ts';
import { type ClaimResult, claimRun } from '../../src/store/claim.ts';
import type { Driver } from '../../src/store/driver.ts';
import { at } from '../support/builders.ts';
import { openDriver, openStoredState } from '../support/stored-state.ts';
import { KEY_IS_TAKEN } from '../support/virtual-faults.ts';
import { claimSlot, newRunOf, readState } from '../support/virtual-runs.ts';

const HANDLE_1205 = {
  handledSlot: at('12:05'),
  attempt: 1,
  retryAt: null,
  nextSlot: at('12:10'),
  earliestStart: at('12:10'),
};

function claim(
  driver: Driver,
  state: TaskState,
  changes: Parameters<typeof newRunOf>[1] = {},
): Promise<ClaimResult> {
  return claimRun(driver, { state, patch: HANDLE_1205, run: newRunOf(state, changes), maxRunning: 4 });
}

describe('a claim', () => {
  test('that is won moves the state and records the run', async () => {
    const { database, driver, state } = await openStoredState();
    const run = newRunOf(state, { deadlineAt: at('13:05:11'), message: 'supersedes attempt 2' });
    expect(await claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 4 })).toMatchObject({
      kind: 'won',
      epoch: state.epoch + 1,
    });
    expect(database.stateRow('backup')).toMatchObject({
      epoch: state.epoch + 1,
      handled_slot: '2026-03-10T12:05:00.000Z',
      next_slot: '2026-03-10T12:10:00.000Z',
      earliest_start: '2026-03-10T12:10:00.000Z',
      attempt: 1,
      last_run_token: run.token,
      last_status: 'running',
      last_started_at: '2026-03-10T12:05:01.000Z',
    });
    expect(database.runRows()).toMatchObject([
      {
        token: run.token,
        task_name: 'backup',
        module: 'succeed',
        scope_key: 'alpha',
        node: 'alpha',
        live_node: 'alpha',
        trigger_kind: 'schedule',
        slot: '2026-03-10T12:05:00.000Z',
        slot_first: '2026-03-10T12:05:00.000Z',
        slot_count: 1,
        attempt: 1,
        epoch: state.epoch + 1,
        status: 'running',
        message: 'supersedes attempt 2',
        started_at: '2026-03-10T12:05:01.000Z',
        deadline_at: '2026-03-10T13:05:11.000Z',
        ended_at: null,
        machine_id: 'machine',
        boot_id: 'boot',
        pid_namespace: 'pid:[1]',
        pid: 100,
        pid_started: '1',
      },
    ]);
  });

  test('of two that read the same state, one wins, on one connection', async () => {
    const { database, driver, state } = await openStoredState();
    const results = await Promise.all([claim(driver, state), claim(driver, state)]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(['lost', 'won']);
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });

  test('of eight connections that read the same state, one wins', async () => {
    const { database, state } = await openStoredState();
    const drivers = await Promise.all(Array.from({ length: 8 }, () => openDriver(database)));
    const results = await Promise.all(drivers.map((one) => claim(one, state)));
    expect(results.filter(({ kind }) => kind === 'won')).toHaveLength(1);
    expect(results.filter(({ kind }) => kind === 'lost')).toHaveLength(7);
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });

  test.each([
    ['changed', 'UPDATE periodic_task SET options = \'{"a":1}\''],
    ['disabled', 'UPDATE periodic_task SET active = FALSE'],
    ['removed', 'DELETE FROM periodic_task'],
    [
      'given another node',
      "INSERT INTO periodic_task_node (task_id, node) SELECT id, 'beta' FROM periodic_task",
    ],
    ['taken from its node', 'DELETE FROM periodic_task_node'],
  ])('is lost when the task was %s since it was read', async (_title, change) => {
    const { database, driver, state } = await openStoredState();
    database.sql.exec(change);
    expect(await claim(driver, state)).toEqual({ kind: 'lost' });
    expect(database.ledger()).toEqual([]);
  });

  test('is not lost over a tag, which changes nothing that runs', async () => {
    const { database, driver, state } = await openStoredState();
    database.sql.exec("INSERT INTO periodic_task_tag (task_id, tag) SELECT id, 'nightly' FROM periodic_task");
    expect((await claim(driver, state)).kind).toBe('won');
  });

  test('is refused as full while the node runs as many as it may, and names them', async () => {
    const { database, driver, state } = await openStoredState();
    for (const name of ['one', 'two']) {
      await claimSlot(driver, database.addTask({ name }), '12:05', { taskName: name });
    }
    const claimed = { state, patch: HANDLE_1205, run: newRunOf(state), maxRunning: 2 };
    expect(await claimRun(driver, claimed)).toMatchObject({
      kind: 'full',
      running: [{ taskName: 'one' }, { taskName: 'two' }],
    });
    expect(database.stateRow('backup')).toMatchObject({ epoch: state.epoch, handled_slot: null });
    database.sql.exec('UPDATE periodic_run SET live_node = NULL WHERE id = 1');
    expect((await claimRun(driver, claimed)).kind).toBe('won');
  });

  test('counts neither the runs of other nodes nor those by hand', async () => {
    const { database, driver, state } = await openStoredState();
    await claimSlot(driver, database.addTask({ name: 'theirs' }), '12:05', { node: 'beta' });
    await claimSlot(driver, database.addTask({ name: 'by hand' }), '12:05', {
      trigger: 'manual',
      slots: null,
    });
    const run = newRunOf(state);
    expect((await claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 1 })).kind).toBe('won');
  });

  test('by hand is never refused as full, and moves nothing but the epoch', async () => {
    const { database, driver, state } = await openStoredState();
    const before = database.stateRow('backup');
    const run = newRunOf(state, { trigger: 'manual', slots: null });
    expect((await claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 0 })).kind).toBe('won');
    expect(database.stateRow('backup')).toEqual({ ...before, epoch: state.epoch + 1 });
    expect(database.ledger()).toEqual(['backup manual running']);
    expect((await claim(driver, state)).kind).toBe('lost');
  });

  test('of an attempt that the ledger already holds is a fault of the program, and changes nothing', async () => {
    const { database, driver, state } = await openStoredState();
    await claim(driver, state);
    const moved = await readState(driver, state.taskId);
    await expect(claim(driver, moved)).rejects.toThrow(KEY_IS_TAKEN);
    expect(database.stateRow('backup')).toMatchObject({ epoch: moved.epoch });
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });
});

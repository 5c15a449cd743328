import { describe, expect, onTestFinished, test } from 'vitest';
import type { TaskState } from '../../src/core/state.ts';
import {
  type ClaimResult,
  claimRun,
  dropState,
  recordFault,
  settleState,
  skipSlots,
} from '../../src/store/claim.ts';
import type { Driver } from '../../src/store/driver.ts';
import { resetTask } from '../../src/store/reset.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { at } from '../support/builders.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';
import { claimSlot, newRunOf, readState, slotOf } from '../support/virtual-runs.ts';

const HANDLE_1205 = {
  handledSlot: at('12:05'),
  attempt: 1,
  retryAt: null,
  nextSlot: at('12:10'),
  earliestStart: at('12:10'),
};

type World = { readonly database: VirtualDatabase; readonly driver: Driver; readonly state: TaskState };

/** A task `backup` every 5 minutes, and its state as a runner has read it. */
async function openWorld(): Promise<World> {
  const database = await openVirtualDatabase();
  const id = database.addTask({ name: 'backup' });
  const driver = await openDriver(database);
  return { database, driver, state: await readState(driver, id) };
}

async function openDriver({ path }: VirtualDatabase): Promise<Driver> {
  const driver = await openSqlite(path, { create: false });
  onTestFinished(() => driver.close());
  return driver;
}

function claim(
  driver: Driver,
  state: TaskState,
  changes: Parameters<typeof newRunOf>[1] = {},
): Promise<ClaimResult> {
  return claimRun(driver, { state, patch: HANDLE_1205, run: newRunOf(state, changes), maxRunning: 4 });
}

describe('a claim', () => {
  test('that is won moves the state and records the run', async () => {
    const { database, driver, state } = await openWorld();
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
    const { database, driver, state } = await openWorld();
    const results = await Promise.all([claim(driver, state), claim(driver, state)]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(['lost', 'won']);
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });

  test('of eight connections that read the same state, one wins', async () => {
    const { database, state } = await openWorld();
    const drivers = await Promise.all(Array.from({ length: 8 }, () => openDriver(database)));
    const results = await Promise.all(drivers.map((one) => claim(one, state)));
    expect(results.filter(({ kind }) => kind === 'won')).toHaveLength(1);
    expect(results.filter(({ kind }) => kind === 'lost')).toHaveLength(7);
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });

  test.each([
    ['changed', 'UPDATE periodic_task SET options = \'{"a":1}\''],
    ['disabled', 'UPDATE periodic_task SET active = 0'],
    ['removed', 'DELETE FROM periodic_task'],
    [
      'given another node',
      "INSERT INTO periodic_task_node (task_id, node) SELECT id, 'beta' FROM periodic_task",
    ],
    ['taken from its node', 'DELETE FROM periodic_task_node'],
  ])('is lost when the task was %s since it was read', async (_title, change) => {
    const { database, driver, state } = await openWorld();
    database.sql.exec(change);
    expect(await claim(driver, state)).toEqual({ kind: 'lost' });
    expect(database.ledger()).toEqual([]);
  });

  test('is not lost over a tag, which changes nothing that runs', async () => {
    const { database, driver, state } = await openWorld();
    database.sql.exec("INSERT INTO periodic_task_tag (task_id, tag) SELECT id, 'nightly' FROM periodic_task");
    expect((await claim(driver, state)).kind).toBe('won');
  });

  test('is refused as full while the node runs as many as it may, and names them', async () => {
    const { database, driver, state } = await openWorld();
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
    const { database, driver, state } = await openWorld();
    await claimSlot(driver, database.addTask({ name: 'theirs' }), '12:05', { node: 'beta' });
    await claimSlot(driver, database.addTask({ name: 'by hand' }), '12:05', {
      trigger: 'manual',
      slots: null,
    });
    const run = newRunOf(state);
    expect((await claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 1 })).kind).toBe('won');
  });

  test('by hand is never refused as full, and moves nothing but the epoch', async () => {
    const { database, driver, state } = await openWorld();
    const before = database.stateRow('backup');
    const run = newRunOf(state, { trigger: 'manual', slots: null });
    expect((await claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 0 })).kind).toBe('won');
    expect(database.stateRow('backup')).toEqual({ ...before, epoch: state.epoch + 1 });
    expect(database.ledger()).toEqual(['backup manual running']);
    expect((await claim(driver, state)).kind).toBe('lost');
  });

  test('of an attempt that the ledger already holds is a fault of the program, and changes nothing', async () => {
    const { database, driver, state } = await openWorld();
    await claim(driver, state);
    const moved = await readState(driver, state.taskId);
    await expect(claim(driver, moved)).rejects.toThrow('UNIQUE constraint failed: periodic_run.task_id');
    expect(database.stateRow('backup')).toMatchObject({ epoch: moved.epoch });
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });
});

describe('settling a state', () => {
  test('moves it once', async () => {
    const { database, driver, state } = await openWorld();
    const patch = { nextSlot: at('12:05'), earliestStart: at('12:05') };
    expect(await settleState(driver, state, patch)).toBe(true);
    expect(await settleState(driver, state, patch)).toBe(false);
    expect(database.stateRow('backup')).toMatchObject({ epoch: state.epoch + 1, handled_slot: null });
  });

  test('writes instants as text, and a mark as empty text', async () => {
    const { database, driver, state } = await openWorld();
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
    const { driver, state } = await openWorld();
    expect(await dropState(driver, { ...state, epoch: state.epoch - 1 })).toBe(false);
    expect(await dropState(driver, state)).toBe(true);
    expect(await dropState(driver, state)).toBe(false);
  });
});

describe('skipping slots', () => {
  async function skip(
    driver: Driver,
    taskId: number,
    times: readonly [string, string, number],
    { reason, attempt = 1 }: { reason: string; attempt?: number },
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
        message: null,
        at: at(slot),
      },
    });
  }

  test('records them in one row, with their exact number', async () => {
    const { database, driver, state } = await openWorld();
    expect(await skip(driver, state.taskId, ['12:05', '12:15', 3], { reason: 'too_late' })).toBe(true);
    expect(database.ledger()).toEqual(['backup 12:05-12:15 x3 skipped (too_late)']);
    expect(database.stateRow('backup')).toMatchObject({ last_status: 'skipped' });
  });

  test('joins neighbours that were skipped for the same reason', async () => {
    const { database, driver, state } = await openWorld();
    await skip(driver, state.taskId, ['12:05', '12:15', 3], { reason: 'too_late' });
    await skip(driver, state.taskId, ['12:20', '12:20', 1], { reason: 'too_late' });
    expect(database.ledger()).toEqual(['backup 12:05-12:20 x4 skipped (too_late)']);
  });

  test('does not join neighbours that were skipped for another reason', async () => {
    const { database, driver, state } = await openWorld();
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late' });
    await skip(driver, state.taskId, ['12:10', '12:10', 1], { reason: 'overlap' });
    expect(database.ledger()).toEqual(['backup 12:05 skipped (too_late)', 'backup 12:10 skipped (overlap)']);
  });

  test('does not join over a time that was not counted', async () => {
    const { database, driver, state } = await openWorld();
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late' });
    database.changeTask('backup', { active: 0 });
    database.clock.now = at('18:00');
    database.changeTask('backup', { active: 1 });
    await skip(driver, state.taskId, ['18:05', '18:05', 1], { reason: 'too_late' });
    expect(database.ledger()).toEqual(['backup 12:05 skipped (too_late)', 'backup 18:05 skipped (too_late)']);
  });

  test('does not join slots that a reset took back', async () => {
    const { database, driver, state } = await openWorld();
    await skip(driver, state.taskId, ['12:05', '12:55', 11], { reason: 'too_late' });
    await resetTask(database.path, 'backup', { node: undefined, now: at('12:20'), actor: 'ann' });
    await skip(driver, state.taskId, ['12:25', '12:25', 1], { reason: 'too_late' });
    expect(database.ledger()).toEqual([
      'backup 12:05-12:55 x11 skipped (too_late)',
      'backup 12:25 skipped (too_late)',
    ]);
  });

  test('joins under the attempt of the newest slot', async () => {
    const { database, driver, state } = await openWorld();
    await skip(driver, state.taskId, ['12:05', '12:05', 1], { reason: 'too_late' });
    await skip(driver, state.taskId, ['12:10', '12:10', 1], { reason: 'too_late', attempt: 3 });
    expect(database.ledger()).toEqual(['backup 12:05-12:10 x2 #3 skipped (too_late)']);
  });

  test('does not join over a run in between', async () => {
    const { database, driver, state } = await openWorld();
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
    const { database, driver, state } = await openWorld();
    await claim(driver, state);
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
    expect(await skipSlots(driver, { state, patch: {}, skipped })).toBe(false);
    expect(database.ledger()).toEqual(['backup 12:05 running']);
  });
});

test('a fault is recorded with the state that names it, and loses to whoever was first', async () => {
  const { database, driver, state } = await openWorld();
  const { token, taskId, taskName, module, scopeKey, node } = newRunOf(state);
  const row = { token, taskId, taskName, module, scopeKey, node, message: 'schedule: bad', at: at('12:01') };
  expect(await recordFault(driver, { state, patch: { earliestStart: null }, row })).toBe(true);
  expect(await recordFault(driver, { state, patch: {}, row })).toBe(false);
  expect(database.ledger()).toEqual(['backup fault failed (invalid)']);
  expect(database.runRows()[0]).toMatchObject({ message: 'schedule: bad', live_node: null, slot: null });
  expect(database.stateRow('backup')).toMatchObject({ fault: 'schedule: bad', earliest_start: null });
});

import { describe, expect, test } from 'vitest';
import type { Driver, Statements } from '../../src/store/driver.ts';
import { finishRun } from '../../src/store/finish.ts';
import { recordLateEnd } from '../../src/store/late-end.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';
import { claimSlot, endWith, NO_RETRY } from '../support/virtual-runs.ts';

type World = { readonly database: VirtualDatabase; readonly driver: Driver; readonly taskId: number };

async function openWorld(): Promise<World> {
  const database = await openVirtualDatabase();
  const taskId = database.addTask({ name: 'backup' });
  const driver = await openDriver(database);
  return { database, driver, taskId };
}

const LOST = endWith({
  status: 'lost',
  reason: 'runner_died',
  message: 'its runner ended',
  endedAt: at('12:07'),
});
const FAILED = endWith({ status: 'failed', message: 'exited with status 3', exitCode: 3 });

/** A driver beside which `other` writes right after a transaction has first read the state, as READ COMMITTED allows. */
function afterReadingState(driver: Driver, other: (statements: Statements) => Promise<unknown>): Driver {
  let isFirst = true;
  const raced = (statements: Statements): Statements => ({
    ...statements,
    all: async (sql, params) => {
      const rows = await statements.all(sql, params);
      if (isFirst && sql.includes('FROM periodic_task_state')) {
        isFirst = false;
        await other(statements);
      }
      return rows;
    },
  });
  return { ...driver, transaction: (work) => driver.transaction((statements) => work(raced(statements))) };
}

describe('the end of a run', () => {
  test('is recorded once, with everything that is known', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    const end = endWith({
      result: { files: 3 },
      output: { text: 'copied\n', bytes: 7 },
      exitCode: 0,
      moduleState: { last: 3 },
    });
    expect(await finishRun(driver, token, end, NO_RETRY)).toMatchObject({
      kind: 'recorded',
      retryAt: null,
    });
    expect(database.runRows()).toMatchObject([
      {
        status: 'succeeded',
        live_node: null,
        reason: null,
        message: null,
        ended_at: '2026-03-10T12:06:00.000Z',
        duration_ms: 60_000,
        exit_code: 0,
        signal: null,
        result: '{"files":3}',
        output: 'copied\n',
        output_bytes: 7,
      },
    ]);
    expect(database.stateRow('backup')).toMatchObject({
      last_status: 'succeeded',
      last_ended_at: '2026-03-10T12:06:00.000Z',
      module_state: '{"last":3}',
      failures: 0,
      earliest_start: '2026-03-10T12:10:00.000Z',
    });
  });

  test('that comes a second time changes nothing', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, endWith(), NO_RETRY);
    const before = [database.runRows(), database.stateRow('backup')];
    expect(await finishRun(driver, token, FAILED, NO_RETRY)).toMatchObject({ kind: 'already-ended' });
    expect([database.runRows(), database.stateRow('backup')]).toEqual(before);
  });

  test('of a run that nobody knows is unknown', async () => {
    const { driver } = await openWorld();
    expect(await finishRun(driver, 'no such token', endWith(), NO_RETRY)).toEqual({ kind: 'unknown' });
  });

  test('of a task that was removed meanwhile is told by the ledger alone', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    database.sql.exec('DELETE FROM periodic_task');
    expect(await finishRun(driver, token, FAILED, { ...NO_RETRY, retryLimit: 3 })).toMatchObject({
      kind: 'recorded',
      retryAt: null,
    });
    expect(database.ledger()).toEqual(['backup 12:05 failed']);
  });

  test('leaves an attempt pending where the policy retries, and gives the reason', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    const finished = await finishRun(driver, token, FAILED, { ...NO_RETRY, retryLimit: 1 });
    expect(finished).toMatchObject({ kind: 'recorded', retryAt: at('12:07') });
    expect(database.ledger()).toEqual(['backup 12:05 failed (retry)']);
    expect(database.stateRow('backup')).toMatchObject({
      retry_at: '2026-03-10T12:07:00.000Z',
      earliest_start: '2026-03-10T12:07:00.000Z',
      failures: 0,
    });
  });

  test('of a task that was disabled meanwhile leaves no attempt pending', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    database.changeTask('backup', { active: 0 });
    expect(await finishRun(driver, token, FAILED, { ...NO_RETRY, retryLimit: 1 })).toMatchObject({
      retryAt: null,
    });
    expect(database.stateRow('backup')).toMatchObject({ retry_at: null, earliest_start: '' });
  });

  test('of a run by hand moves no state', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05', { trigger: 'manual', slots: null });
    const before = database.stateRow('backup');
    await finishRun(driver, token, FAILED, { ...NO_RETRY, retryLimit: 1 });
    expect(database.ledger()).toEqual(['backup manual failed']);
    expect(database.stateRow('backup')).toEqual(before);
  });
});

describe('a result that comes late', () => {
  test('is the end of a run that is still live', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    expect(await recordLateEnd(driver, token, FAILED, NO_RETRY)).toMatchObject({ kind: 'recorded' });
    expect(database.ledger()).toEqual(['backup 12:05 failed']);
    expect(database.runRows()[0]).toMatchObject({
      message: 'exited with status 3; reported late',
      exit_code: 3,
    });
    expect(database.stateRow('backup')).toMatchObject({ failures: 1 });
  });

  test('replaces lost when nothing happened since, and takes back what lost did', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, NO_RETRY);
    expect(database.stateRow('backup')).toMatchObject({ failures: 1 });
    expect(await recordLateEnd(driver, token, endWith(), NO_RETRY)).toMatchObject({
      kind: 'recorded',
      run: { status: 'succeeded' },
    });
    expect(database.runRows()[0]).toMatchObject({ status: 'succeeded', message: 'reported late' });
    expect(database.stateRow('backup')).toMatchObject({
      failures: 0,
      first_failure_at: null,
      last_status: 'succeeded',
      last_ended_at: '2026-03-10T12:06:00.000Z',
      earliest_start: '2026-03-10T12:10:00.000Z',
    });
  });

  test.each([
    ['for good', NO_RETRY, 'backup 12:05 succeeded'],
    ['until a retry', { ...NO_RETRY, retryLimit: 1, retryOn: ['lost'] } as const, 'backup 12:05 succeeded'],
  ])('takes the reason of a loss %s back', async (_title, policy, line) => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, policy);
    await recordLateEnd(driver, token, endWith(), NO_RETRY);
    expect(database.ledger()).toEqual([line]);
  });

  test('brings its own reason, or that of the retry that follows it', async () => {
    const { database, driver, taskId } = await openWorld();
    const cancelled = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, cancelled, LOST, NO_RETRY);
    await recordLateEnd(driver, cancelled, endWith({ status: 'cancelled', reason: 'shutdown' }), NO_RETRY);
    const failed = await claimSlot(driver, taskId, '12:10');
    await finishRun(driver, failed, LOST, NO_RETRY);
    await recordLateEnd(driver, failed, FAILED, { ...NO_RETRY, retryLimit: 1 });
    expect(database.ledger()).toEqual(['backup 12:05 cancelled (shutdown)', 'backup 12:10 failed (retry)']);
  });

  test('is kept beside lost when the state moves while it is being recorded', async () => {
    const { database, driver, taskId } = await openWorld();
    database.sql.exec('UPDATE periodic_task_state SET failures = 4');
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, NO_RETRY);
    // Stands for another runner, whose next run fails between the reading and the writing.
    const racing = afterReadingState(driver, (statements) =>
      statements.run('UPDATE periodic_task_state SET epoch = epoch + 1, failures = 6, handled_slot = ?', [
        '2026-03-10T12:10:00.000Z',
      ]),
    );
    expect(await recordLateEnd(racing, token, FAILED, NO_RETRY)).toMatchObject({ kind: 'kept-as-late' });
    expect(database.stateRow('backup')).toMatchObject({ failures: 6, last_status: 'lost' });
    expect(database.ledger()).toEqual(['backup 12:05 lost (runner_died)']);
  });

  test('is not kept beside itself when another replay records it meanwhile', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, NO_RETRY);
    const racing = afterReadingState(driver, async (statements) => {
      await statements.run('UPDATE periodic_task_state SET epoch = epoch + 1');
      await statements.run(
        "UPDATE periodic_run SET status = 'failed', ended_at = '2026-03-10T12:06:00.000Z'",
      );
    });
    expect(await recordLateEnd(racing, token, FAILED, NO_RETRY)).toEqual({ kind: 'already-ended' });
    expect(database.runRows()).toMatchObject([{ status: 'failed', late_result: null }]);
  });

  test('that failed too counts as one failure, not two', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, NO_RETRY);
    await recordLateEnd(driver, token, FAILED, NO_RETRY);
    expect(database.stateRow('backup')).toMatchObject({
      failures: 1,
      first_failure_at: '2026-03-10T12:06:00.000Z',
      last_status: 'failed',
    });
  });

  test('takes the retry back that lost had left pending', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, { ...NO_RETRY, retryLimit: 1, retryOn: ['lost'] });
    expect(database.stateRow('backup')).toMatchObject({ retry_at: '2026-03-10T12:08:00.000Z' });
    await recordLateEnd(driver, token, endWith(), NO_RETRY);
    expect(database.stateRow('backup')).toMatchObject({
      retry_at: null,
      earliest_start: '2026-03-10T12:10:00.000Z',
      failures: 0,
    });
  });

  test('after a lost run that was to be retried does not take back the failures of earlier slots', async () => {
    const { database, driver, taskId } = await openWorld();
    for (const time of ['11:50', '11:55']) {
      await finishRun(driver, await claimSlot(driver, taskId, time), FAILED, NO_RETRY);
    }
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, { ...NO_RETRY, retryLimit: 1, retryOn: ['lost'] });
    expect(database.stateRow('backup')).toMatchObject({ failures: 2 });
    await recordLateEnd(driver, token, FAILED, NO_RETRY);
    expect(database.stateRow('backup')).toMatchObject({ failures: 3, retry_at: null });
  });

  test.each([
    ['every_run, whose period no failure made longer', 'every_run', 2_400],
    ['on_failure, whose period that made longer', 'on_failure', null],
  ] as const)('after a lost run with back-off %s', async (_title, backoff, seconds) => {
    const { database, driver, taskId } = await openWorld();
    const period = { periodSeconds: 600, anchor: 'slot', backoff, maxPeriodSeconds: null } as const;
    const policy = { ...NO_RETRY, period };
    await driver.run("UPDATE periodic_task SET schedule = '10m', backoff = ?", [backoff]);
    await driver.run("UPDATE periodic_task_state SET counted_from = '2026-03-10T12:00:00.000Z'");
    const token = await claimSlot(driver, taskId, '12:05');
    await driver.run('UPDATE periodic_task_state SET current_period_s = ?', [
      backoff === 'every_run' ? 2_400 : null,
    ]);
    await finishRun(driver, token, LOST, policy);
    await recordLateEnd(driver, token, endWith(), policy);
    expect(database.stateRow('backup')).toMatchObject({ current_period_s: seconds, failures: 0 });
  });

  test('of a run beside others leaves the pending attempt of the newer slot alone', async () => {
    const { database, driver, taskId } = await openWorld();
    const older = await claimSlot(driver, taskId, '12:05');
    const newer = await claimSlot(driver, taskId, '12:10');
    await finishRun(driver, newer, { ...FAILED, endedAt: at('12:11') }, { ...NO_RETRY, retryLimit: 1 });
    await finishRun(driver, older, { ...LOST, endedAt: at('12:11') }, NO_RETRY);
    await recordLateEnd(driver, older, endWith(), NO_RETRY);
    expect(database.stateRow('backup')).toMatchObject({
      retry_at: '2026-03-10T12:12:00.000Z',
      earliest_start: '2026-03-10T12:12:00.000Z',
    });
  });

  test('is kept beside lost when something happened since, and changes nothing else', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05');
    await finishRun(driver, token, LOST, NO_RETRY);
    await claimSlot(driver, taskId, '12:10');
    const before = database.stateRow('backup');
    expect(await recordLateEnd(driver, token, FAILED, NO_RETRY)).toMatchObject({ kind: 'kept-as-late' });
    const [run] = database.runRows();
    expect(run).toMatchObject({ status: 'lost', message: 'its runner ended' });
    expect(JSON.parse(String(run?.['late_result']))).toMatchObject({
      status: 'failed',
      message: 'exited with status 3',
      exitCode: 3,
      endedAt: '2026-03-10T12:06:00.000Z',
    });
    expect(database.stateRow('backup')).toEqual(before);
  });

  test.each(['live', 'lost', 'overtaken'])(
    'of a %s run is recorded once, however often it is replayed',
    async (case_) => {
      const { database, driver, taskId } = await openWorld();
      const token = await claimSlot(driver, taskId, '12:05');
      if (case_ !== 'live') {
        await finishRun(driver, token, LOST, NO_RETRY);
      }
      if (case_ === 'overtaken') {
        await claimSlot(driver, taskId, '12:10');
      }
      await recordLateEnd(driver, token, FAILED, NO_RETRY);
      const before = [database.runRows(), database.stateRow('backup')];
      expect(await recordLateEnd(driver, token, FAILED, NO_RETRY)).toMatchObject({ kind: 'already-ended' });
      expect([database.runRows(), database.stateRow('backup')]).toEqual(before);
    },
  );

  test('of a lost run by hand replaces lost', async () => {
    const { database, driver, taskId } = await openWorld();
    const token = await claimSlot(driver, taskId, '12:05', { trigger: 'manual', slots: null });
    await finishRun(driver, token, LOST, NO_RETRY);
    expect(await recordLateEnd(driver, token, endWith(), NO_RETRY)).toMatchObject({ kind: 'recorded' });
    expect(database.runRows()[0]).toMatchObject({ status: 'succeeded', message: 'reported late' });
  });

  test('of a run that nobody knows is unknown', async () => {
    const { driver } = await openWorld();
    expect(await recordLateEnd(driver, 'no such token', endWith(), NO_RETRY)).toEqual({ kind: 'unknown' });
  });
});

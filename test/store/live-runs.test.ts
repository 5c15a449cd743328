import { describe, expect, test } from 'vitest';
import { cancelRequested, noteProgress, requestCancel } from '../../src/store/live-runs.ts';
import { listLiveRuns } from '../../src/store/tick-statements.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';
import { claimSlot } from '../support/virtual-runs.ts';

async function openLiveRun() {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const token = await claimSlot(driver, database.addTask({ name: 'backup' }), '12:05');
  return { database, driver, token };
}

describe('a live run', () => {
  test('is not asked to end until somebody asks', async () => {
    const { driver, token } = await openLiveRun();
    expect(await cancelRequested(driver, token)).toBeNull();
    expect(await requestCancel(driver, token, 'postponed')).toBe(true);
    expect(await cancelRequested(driver, token)).toBe('postponed');
  });

  test('goes on, recorded as asked to end', async () => {
    const { driver, token } = await openLiveRun();
    await requestCancel(driver, token, 'postponed');
    expect(await listLiveRuns(driver, { node: 'alpha', machineId: 'another' })).toMatchObject([
      { token, status: 'running', reason: null, cancelRequested: 'postponed' },
    ]);
  });

  test('that is asked twice keeps the first reason', async () => {
    const { driver, token } = await openLiveRun();
    await requestCancel(driver, token, 'postponed');
    expect(await requestCancel(driver, token, 'operator')).toBe(true);
    expect(await cancelRequested(driver, token)).toBe('postponed');
  });
});

test('a run that has ended is asked no more', async () => {
  const { database, driver, token } = await openLiveRun();
  await requestCancel(driver, token, 'postponed');
  database.sql.exec("UPDATE periodic_run SET status = 'cancelled', live_node = NULL");
  expect(await cancelRequested(driver, token)).toBeNull();
  expect(await requestCancel(driver, token, 'operator')).toBe(false);
});

test('a run that never was is not asked', async () => {
  const { driver } = await openLiveRun();
  expect(await requestCancel(driver, 'no such token', 'postponed')).toBe(false);
  expect(await cancelRequested(driver, 'no such token')).toBeNull();
});

describe('how far a run is', () => {
  test('is not known before it says so, and then what it said last', async () => {
    const { driver, token } = await openLiveRun();
    const progress = async () =>
      (await listLiveRuns(driver, { node: 'alpha', machineId: 'another' }))[0]?.progress;
    expect(await progress()).toBeNull();
    await noteProgress(driver, token, { done: 1, total: 8 });
    await noteProgress(driver, token, { done: 2.5, total: 10 });
    expect(await progress()).toEqual({ done: 2.5, total: 10 });
  });

  test('is not written for one that has ended', async () => {
    const { database, driver, token } = await openLiveRun();
    database.sql.exec("UPDATE periodic_run SET status = 'cancelled', live_node = NULL");
    await noteProgress(driver, token, { done: 1, total: 8 });
    expect(database.sql.prepare('SELECT progress_done FROM periodic_run').get()).toEqual({
      progress_done: null,
    });
  });
});

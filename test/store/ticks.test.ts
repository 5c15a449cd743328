import { describe, expect, onTestFinished, test } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import { beginTick, endTick, type NodeFacts } from '../../src/store/ticks.ts';
import { at } from '../support/builders.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

const ALPHA: NodeFacts = {
  name: 'alpha',
  hostName: 'alpha.example',
  machineId: 'machine',
  bootId: 'first boot',
  version: '0.1.0',
  timezone: 'Europe/Berlin',
  tzVersion: '2026a',
};

async function openWorld() {
  const database = await openVirtualDatabase();
  const driver = await openSqlite(database.path, { create: false });
  onTestFinished(() => driver.close());
  const begin = (startedAt: string, node: Partial<NodeFacts> = {}) =>
    beginTick(driver, { ...ALPHA, ...node }, { tickAt: at(startedAt.slice(0, 5)), startedAt: at(startedAt) });
  return { database, driver, begin };
}

describe('a tick that begins', () => {
  test('registers its node', async () => {
    const { database, begin } = await openWorld();
    expect(await begin('12:00:01')).toEqual({ tickNo: 1, previousTickAt: null, rebooted: false });
    expect(await begin('12:01:02', { version: '0.2.0' })).toEqual({
      tickNo: 2,
      previousTickAt: at('12:00:01'),
      rebooted: false,
    });
    expect(database.sql.prepare('SELECT * FROM periodic_node').all()).toEqual([
      {
        name: 'alpha',
        host_name: 'alpha.example',
        machine_id: 'machine',
        boot_id: 'first boot',
        version: '0.2.0',
        timezone: 'Europe/Berlin',
        tz_version: '2026a',
        clock_offset_ms: 0,
        tick_no: 2,
        first_tick_at: '2026-03-10T12:00:01.000Z',
        last_tick_at: '2026-03-10T12:01:02.000Z',
      },
    ]);
  });

  test('has a number of its own, also beside others', async () => {
    const { begin } = await openWorld();
    const ticks = await Promise.all(['12:00:01', '12:00:02', '12:00:03'].map((instant) => begin(instant)));
    expect(ticks.map(({ tickNo }) => tickNo)).toEqual([1, 2, 3]);
    expect((await begin('12:00:04', { name: 'beta' })).tickNo).toBe(1);
  });

  test('notices a boot once', async () => {
    const { begin } = await openWorld();
    await begin('12:00:01');
    expect((await begin('12:01:01', { bootId: 'second boot' })).rebooted).toBe(true);
    expect((await begin('12:02:01', { bootId: 'second boot' })).rebooted).toBe(false);
  });

  test('gives a node that is new the states of the tasks of all nodes', async () => {
    const { database, begin } = await openWorld();
    database.addTask({ name: 'everywhere', nodes: ['*'], columns: { run_immediately: 1 } });
    await begin('12:00:01');
    expect(database.stateRow('everywhere', 'alpha')).toMatchObject({
      counted_from: '2026-03-10T12:00:00.000Z',
      first_slot: '2026-03-10T12:00:00.000Z',
      earliest_start: '',
    });
  });
});

test('a tick that ends says how; one that was killed never does', async () => {
  const { database, driver, begin } = await openWorld();
  await begin('12:00:01');
  const { tickNo } = await begin('12:01:01');
  const end = { endedAt: at('12:01:09'), started: 3, failed: 1, exitCode: 1 };
  await endTick(driver, { node: 'alpha', tickNo }, end);
  expect(
    database.sql.prepare('SELECT tick_no, ended_at, started, failed, exit_code FROM periodic_tick').all(),
  ).toEqual([
    { tick_no: 1, ended_at: null, started: 0, failed: 0, exit_code: null },
    { tick_no: 2, ended_at: '2026-03-10T12:01:09.000Z', started: 3, failed: 1, exit_code: 1 },
  ]);
});

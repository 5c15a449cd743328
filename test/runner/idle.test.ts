import { expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/config/config.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

/** A world in which the run of slot 12:05 of task `slow` is alive; `hourly` waits until 13:00. */
async function worldWithLiveRun(): Promise<{ world: VirtualWorld; end: () => Promise<unknown> }> {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'slow', columns: { module: 'call' } });
  world.addTask({ name: 'hourly', columns: { schedule: '1h' } });
  await world.tick('12:01');
  const busy = world.tick('12:05');
  await gate.reached;
  return {
    world,
    end: () => {
      gate.open();
      return busy;
    },
  };
}

test('a tick whose time is over is not idle while a task that it did not start is due', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup' });
  world.addTask({ name: 'hourly', columns: { schedule: '1h' } });
  await world.tick('12:01');
  const { runs, idleForSeconds } = await world.tick('12:05', { noStartAfter: at('12:05') });
  expect(runs).toEqual([]);
  expect(idleForSeconds).toBe(0);
  expect((await world.tick('12:06')).idleForSeconds).toBe(240);
});

test('a tick that finds the node full is not idle', async () => {
  const { world, end } = await worldWithLiveRun();
  world.addTask({ name: 'waiting', columns: { run_immediately: 1 } });
  const small = world.otherRunner({ settings: { ...DEFAULT_SETTINGS, maxRunning: 1 } });
  const { notRun, idleForSeconds } = await tickOf(small, world, '12:08');
  expect(notRun).toMatchObject([
    { task: 'waiting', reason: 'max_running reached: 1 tasks run on this node: slow (run 1)' },
  ]);
  expect(idleForSeconds).toBe(0);
  await end();
});

test('a tick is not idle while a slot waits for the end of a run', async () => {
  const { world, end } = await worldWithLiveRun();
  const { notRun, idleForSeconds } = await world.tick('12:10');
  expect(notRun).toMatchObject([{ task: 'slow', reason: 'still running; the slot stays due' }]);
  expect(idleForSeconds).toBe(0);
  await end();
});

test('a tick beside a run whose next slot is not due is idle until then', async () => {
  const { world, end } = await worldWithLiveRun();
  expect((await world.tick('12:08')).idleForSeconds).toBe(120);
  await end();
});

/** How many rows an idle tick at 12:03 changes, after another that took note of the tasks. */
async function rowsOfIdleTick(tasks: Parameters<VirtualWorld['addTask']>[0][]): Promise<number> {
  const world = await openVirtualWorld();
  tasks.forEach(world.addTask);
  await world.tick('12:02');
  const changes = async () => {
    const [row] = await world.runner.driver.all('SELECT total_changes() AS changes');
    return Number(row?.['changes']);
  };
  const before = await changes();
  const { runs } = await world.tick('12:03');
  expect(runs).toEqual([]);
  return (await changes()) - before;
}

// Only SQLite counts what triggers write.
test.runIf(testedEngine === 'sqlite')('an idle tick writes no more because tasks count ticks', async () => {
  const columns = { schedule_kind: 'ticks', schedule: '50 repeat' };
  const counting = Array.from({ length: 20 }, (_none, index) => ({
    name: `task ${index}`,
    columns: index % 2 === 0 ? columns : { ...columns, scope: 'one' },
  }));
  const without = await rowsOfIdleTick([{ name: 'hourly', columns: { schedule: '1h' } }]);
  expect(without).toBeGreaterThan(0);
  expect(await rowsOfIdleTick(counting)).toBe(without);
});

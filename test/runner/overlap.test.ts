import { expect, test } from 'vitest';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, type VirtualWorld } from '../support/virtual-runner.ts';

/** A world in which the run of slot 12:05 of task `slow` is alive, until `end` is called. */
async function worldWithLiveRun(columns: Readonly<Record<string, string | number>>) {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'slow', columns: { module: 'call', ...columns } });
  const busy = world.tick('12:05');
  await gate.reached;
  const end = async (): Promise<void> => {
    gate.open();
    await busy;
  };
  return { world, end };
}

function ranAt({ script }: VirtualWorld): number {
  return script.started.length;
}

test('forbid keeps a slot due while a run is alive, and runs it when that has ended', async () => {
  const { world, end } = await worldWithLiveRun({ overlap: 'forbid' });
  const { notRun } = await world.tick('12:10');
  expect(notRun).toMatchObject([{ task: 'slow', reason: 'still running; the slot stays due' }]);
  expect(ranAt(world)).toBe(1);
  await end();
  await world.tick('12:11');
  expect(world.ledger()).toEqual(['slow 12:05 succeeded', 'slow 12:10 succeeded']);
});

test('skip records the slots that come while a run is alive as skipped', async () => {
  const { world, end } = await worldWithLiveRun({ overlap: 'skip' });
  await world.tick('12:10');
  await world.tick('12:15');
  await end();
  await world.tick('12:20');
  expect(world.ledger()).toEqual([
    'slow 12:05 succeeded',
    'slow 12:10-12:15 x2 skipped (overlap)',
    'slow 12:20 succeeded',
  ]);
});

test('allow runs beside a live run, up to max_parallel', async () => {
  const { world, end } = await worldWithLiveRun({ overlap: 'allow', max_parallel: 2 });
  const second = world.tick('12:10');
  await expect.poll(() => ranAt(world)).toBe(2);
  const { notRun } = await world.tick('12:15');
  expect(notRun).toMatchObject([{ reason: 'still running; the slot stays due' }]);
  expect(ranAt(world)).toBe(2);
  await end();
  await second;
  expect(world.ledger()).toEqual(['slow 12:05 succeeded', 'slow 12:10 succeeded']);
});

test('a long task delays only itself', async () => {
  const { world, end } = await worldWithLiveRun({});
  world.addTask({ name: 'quick', columns: { schedule: '1m' } });
  await world.tick('12:07');
  await world.tick('12:08');
  expect(world.ledger()).toEqual([
    'slow 12:05 running',
    'quick 12:06-12:07 x2 succeeded',
    'quick 12:08 succeeded',
  ]);
  await end();
});

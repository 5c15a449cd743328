import { expect, test } from 'vitest';
import { previewTick } from '../../src/runner/preview.ts';
import { at } from '../support/builders.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, type VirtualWorld } from '../support/virtual-runner.ts';

/** Everything that the database holds. */
function contentOf({ sql }: VirtualWorld): unknown {
  const tables = sql
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .pluck()
    .all();
  return tables.map((name) => [name, sql.prepare(`SELECT * FROM ${name}`).all()]);
}

async function previewed(world: VirtualWorld, instant: string): Promise<readonly string[]> {
  const { runs, notRun } = await previewTick(world.runner, at(instant));
  return [
    ...runs.map(
      ({ task, missed, attempt, status }) => `${status} ${task} missed ${missed} attempt ${attempt}`,
    ),
    ...notRun.map(({ task, reason }) => `${task}: ${reason}`),
  ];
}

test('a preview decides as the tick would, and changes nothing', async () => {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'busy', columns: { module: 'call', run_immediately: 1, ordering: -1 } });
  const tick = world.tick('12:00');
  await gate.reached;
  world.addTask({ name: 'due' });
  world.addTask({ name: 'late', columns: { start_deadline_s: 60 } });
  world.addTask({ name: 'broken', columns: { module: 'missing' } });
  world.addTask({ name: 'asleep', columns: { active: 0 } });
  world.addTask({ name: 'waiting', columns: { schedule: '1h' } });
  world.addTask({ name: 'elsewhere', nodes: ['beta'] });
  const before = contentOf(world);
  expect(await previewed(world, '12:12:30')).toEqual([
    'would run due missed 1 attempt 1',
    'busy: still running; the slot stays due',
    'late: would be skipped, too late: more than 1m after the slot',
    expect.stringMatching(/^broken: invalid: module: expected a known module/),
    'waiting: not due yet',
  ]);
  expect(contentOf(world)).toEqual(before);
  gate.open();
  await tick;
});

test('a preview of another instant decides for that instant, with the states as they are', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup' });
  await world.tick('12:05');
  expect(await previewed(world, '12:09')).toEqual([]);
  expect(await previewed(world, '12:10')).toEqual(['would run backup missed 0 attempt 1']);
  expect(await previewed(world, '2026-03-17T12:05:00Z')).toEqual(['would run backup missed 2015 attempt 1']);
});

test('a preview shows a pending attempt, and a terminated task', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 1 } });
  world.addTask({ name: 'over', columns: { module: 'stop' } });
  await world.tick('12:05');
  world.changeTask('over', { ordering: 1 });
  expect(await previewed(world, '12:06')).toEqual([
    'would run bad missed 0 attempt 2',
    'over: terminated: nothing left to do',
  ]);
});

test('a preview says how long nothing will be due', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup' });
  await world.tick('12:05');
  expect((await previewTick(world.runner, at('12:06:30'))).idleForSeconds).toBe(210);
});

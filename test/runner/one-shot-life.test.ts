import { expect, test } from 'vitest';
import { resetTask } from '../../src/store/reset.ts';
import { at } from '../support/builders.ts';
import { addSwitch } from '../support/resources.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

/** A task that runs once at 12:05 and goes with that. */
const ONCE = {
  module: 'succeed',
  schedule_kind: 'at',
  schedule: '2026-03-10T12:05:00.000Z',
  remove_when_done: 1,
};

type World = Awaited<ReturnType<typeof openVirtualWorld>>;

const names = (world: World): readonly unknown[] => world.sql.prepare('SELECT name FROM periodic_task').all();

test('a one-shot whose slot was given up during maintenance goes when that ends', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup', columns: ONCE });
  world.sql
    .prepare(
      "INSERT INTO periodic_maintenance (id, since, until, actor, reason) VALUES (1, '2026-03-10T12:04:00.000Z', '2026-03-10T12:20:00.000Z', 'ann', 'disks')",
    )
    .run();
  await world.tick('12:06');
  world.clock.now = at('12:07');
  world.changeTask('backup', { active: 0 });
  world.changeTask('backup', { active: 1 });
  await world.tick('12:08');
  expect(names(world)).toHaveLength(1);
  await world.tick('12:21');
  expect(names(world)).toEqual([]);
});

test('a one-shot that was reset while it rested goes when its resource is back', async () => {
  const world = await openVirtualWorld();
  const db = addSwitch(world, 'db');
  world.addTask({ name: 'backup', columns: { ...ONCE, offline: 'disable', offline_resource: 'db' } });
  await world.tick('12:05');
  await resetTask(world.location, 'backup', { now: at('12:06'), actor: 'ann', node: undefined });
  await world.tick('12:07');
  expect(names(world)).toHaveLength(1);
  db.up();
  await world.tick('12:10');
  await world.tick('12:11');
  expect(names(world)).toEqual([]);
});

test('a one-shot takes the place of what a one-shot of the same name scheduled that is gone', async () => {
  const world = await openVirtualWorld();
  const said: string[] = [];
  world.addTask({ name: 'parent', columns: { module: 'call', schedule: '5m' } });
  world.script.call = async (task, context) => {
    const wish =
      task === 'parent'
        ? { name: 'step1', module: 'call', after: 0 }
        : { name: 'step2', module: 'succeed', after: 50, replace: true };
    await context.schedule(wish).catch((error) => said.push(error.message));
  };
  for (const minute of ['05', '06', '10', '11']) {
    await world.tick(`12:${minute}`);
  }
  expect(said).toEqual([]);
  expect(names(world)).toEqual([{ name: 'parent' }, { name: 'step2' }]);
  expect(
    world.sql
      .prepare("SELECT actor FROM periodic_audit WHERE action = 'removed' AND task_name = 'step2'")
      .all(),
  ).toEqual([{ actor: 'task step1' }]);
});

test('a later attempt leaves a one-shot alone that was switched off meanwhile', async () => {
  const world = await openVirtualWorld();
  const retries = { retry_limit: 1, retry_delay_s: 60 };
  world.addTask({ name: 'parent', columns: { module: 'call', schedule: '5m', ...retries } });
  world.script.call = async (_task, context) => {
    await context.schedule({ name: 'later', module: 'succeed', after: 9 });
    throw new Error('boom');
  };
  await world.tick('12:05');
  world.clock.now = at('12:05:30');
  world.changeTask('later', { active: 0, ordering: 5 });
  await world.tick('12:06');
  expect(world.ledger()).toEqual(['parent 12:05 failed (retry)', 'parent 12:05 #2 failed']);
  expect(world.sql.prepare("SELECT active, ordering FROM periodic_task WHERE name = 'later'").all()).toEqual([
    { active: 0, ordering: 5 },
  ]);
});

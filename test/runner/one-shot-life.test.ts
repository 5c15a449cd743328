import { describe, expect, test } from 'vitest';
import { NO_TICK } from '../../src/core/slots.ts';
import { rerunSlot } from '../../src/runner/rerun.ts';
import type { Row } from '../../src/store/driver.ts';
import { resetTask } from '../../src/store/reset.ts';
import { runOf } from '../../src/store/run-row.ts';
import { at } from '../support/builders.ts';
import { lifeOf, taskNames } from '../support/one-shots.ts';
import { addSwitch } from '../support/resources.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';
import { claimSlot } from '../support/virtual-runs.ts';

/** A task that runs once at 12:05 and goes with that. */
const ONCE = {
  module: 'succeed',
  schedule_kind: 'at',
  schedule: '2026-03-10T12:05:00.000Z',
  remove_when_done: 1,
};

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
  expect(taskNames(world)).toHaveLength(1);
  await world.tick('12:21');
  expect(taskNames(world)).toEqual([]);
});

test('a one-shot that was reset while it rested goes when its resource is back', async () => {
  const world = await openVirtualWorld();
  const db = addSwitch(world, 'db');
  world.addTask({ name: 'backup', columns: { ...ONCE, offline: 'disable', offline_resource: 'db' } });
  await world.tick('12:05');
  await resetTask(world.location, 'backup', { now: at('12:06'), actor: 'ann', node: undefined });
  await world.tick('12:07');
  expect(taskNames(world)).toHaveLength(1);
  db.up();
  await world.tick('12:10');
  await world.tick('12:11');
  expect(taskNames(world)).toEqual([]);
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
  expect(taskNames(world)).toEqual(['parent', 'step2']);
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

describe('a task that is to go when it is done', () => {
  const COLUMNS = { schedule_kind: 'ticks', schedule: '0', remove_when_done: 1 } as const;

  test.each([
    ['succeeds', 'succeed', 'succeeded'],
    ['fails', 'fail', 'failed'],
    ['stops', 'stop', 'stopped'],
  ])('goes when it %s', async (_title, module, status) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { ...COLUMNS, module } });
    await world.tick('12:05');
    expect(world.ledger()).toEqual([`backup 12:05 ${status}`]);
    expect(taskNames(world)).toEqual([]);
  });

  test('stays while an attempt is pending', async () => {
    const world = await openVirtualWorld();
    const columns = { module: 'fail_at_first', options: '{"times": 1}', retry_limit: 1 };
    world.addTask({ name: 'backup', columns: { ...COLUMNS, ...columns } });
    await world.tick('12:05');
    expect(taskNames(world)).toEqual(['backup']);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['backup 12:05 failed (retry)', 'backup 12:05 #2 succeeded']);
    expect(taskNames(world)).toEqual([]);
  });

  test('goes when its only slot is skipped', async () => {
    const world = await openVirtualWorld();
    const columns = { schedule_kind: 'at', schedule: '2026-03-10T12:05Z', start_deadline_s: 60 };
    world.addTask({ name: 'backup', columns: { ...COLUMNS, ...columns } });
    await world.tick('12:30');
    expect(world.ledger()).toEqual(['backup 12:05 skipped (too_late)']);
    expect(taskNames(world)).toEqual([]);
  });

  test('that was skipped on one node alone stays, and is not told to be gone', async () => {
    const world = await openVirtualWorld();
    const columns = { schedule_kind: 'at', schedule: '2026-03-10T12:05:00.000Z', start_deadline_s: 60 };
    world.addTask({ name: 'backup', nodes: ['alpha', 'beta'], columns: { ...COLUMNS, ...columns } });
    await world.tick('12:30');
    expect(taskNames(world)).toEqual(['backup']);
    expect(lifeOf(world, 'backup')).toEqual(['skipped', 'terminated']);
  });

  describe('whose attempt was pending', () => {
    const PENDING = {
      ...{ module: 'fail', retry_limit: 1, retry_delay_s: 600 },
      ...{ schedule_kind: 'at', schedule: '2026-03-10T12:05:00.000Z', remove_when_done: 1 },
    };

    async function pendingWorld() {
      const world = await openVirtualWorld();
      world.addTask({ name: 'backup', columns: PENDING });
      await world.tick('12:05');
      expect(world.ledger()).toEqual(['backup 12:05 failed (retry)']);
      world.clock.now = at('12:06');
      return world;
    }

    test.each<[string, (world: VirtualWorld) => unknown]>([
      [
        'a reset has taken that back',
        ({ location }) => resetTask(location, 'backup', { now: at('12:06'), actor: 'ann', node: undefined }),
      ],
      [
        'it was switched off and on again',
        ({ changeTask }) => {
          changeTask('backup', { active: 0 });
          changeTask('backup', { active: 1 });
        },
      ],
    ])('goes at the next tick when %s, since nothing of it is to come', async (_title, change) => {
      const world = await pendingWorld();
      await change(world);
      const before = lifeOf(world, 'backup').length;
      const { notRun } = await world.tick('12:07');
      expect(notRun).toMatchObject([{ reason: 'terminated: done: its only slot has passed' }]);
      expect(taskNames(world)).toEqual([]);
      expect(lifeOf(world, 'backup').slice(before)).toEqual(['terminated', 'removed']);
    });

    test('goes with the run by hand that takes its place', async () => {
      const world = await pendingWorld();
      const [row] = world.runRows();
      const before = lifeOf(world, 'backup').length;
      const report = await rerunSlot(world.runner, { run: runOf(row as Row), overrides: {} });
      expect(report.status).toBe('failed');
      expect(world.ledger()).toEqual(['backup 12:05 failed (rerun)', 'backup 12:05 #2 failed']);
      expect(taskNames(world)).toEqual([]);
      expect(lifeOf(world, 'backup').slice(before)).toEqual([
        'claimed',
        'terminated',
        'removed',
        'started',
        'failed',
      ]);
    });
  });

  test('that was reset while it ran goes after its end', async () => {
    const world = await openVirtualWorld();
    const columns = { module: 'call', schedule_kind: 'at', schedule: '2026-03-10T12:05:00.000Z' };
    world.addTask({ name: 'backup', columns: { ...columns, remove_when_done: 1 } });
    world.script.call = async () => {
      await resetTask(world.location, 'backup', { now: at('12:06'), actor: 'ann', node: undefined });
      await tickOf(world.otherRunner({}), world, '12:06');
    };
    await world.tick('12:05');
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
    expect(taskNames(world)).toEqual([]);
  });

  test('is told to be gone by whoever finds its runner dead', async () => {
    const world = await openVirtualWorld();
    const id = world.addTask({ name: 'backup', columns: COLUMNS });
    const runner = { ...world.runner.identity, pid: 2 ** 22 + 1, pidStarted: 'never' };
    await claimSlot(world.runner.driver, id, '12:05', { runner });
    world.sql.exec(`UPDATE periodic_task_state SET counted_tick = ${NO_TICK}`);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['backup 12:05 lost (runner_died)']);
    expect(taskNames(world)).toEqual([]);
    expect(lifeOf(world, 'backup')).toEqual(['lost', 'terminated', 'removed']);
  });

  test('goes when a result that waited in the spool is recorded', async () => {
    const world = await openVirtualWorld({ busyLimitMs: 50 });
    world.addTask({ name: 'backup', columns: { ...COLUMNS, module: 'call' } });
    world.script.call = () => world.lockWrites();
    await world.tick('12:05');
    world.unlockWrites();
    expect(taskNames(world)).toEqual(['backup']);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
    expect(taskNames(world)).toEqual([]);
  });

  test('goes with the last of its nodes', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', nodes: ['alpha', 'beta'], columns: COLUMNS });
    await world.tick('12:05');
    expect(taskNames(world)).toEqual(['backup']);
    await tickOf(world.otherRunner({ node: { ...world.runner.node, name: 'beta' } }), world, '12:06');
    expect(taskNames(world)).toEqual([]);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:06 succeeded']);
  });
});

import { describe, expect, test } from 'vitest';
import { resetTask } from '../../src/store/reset.ts';
import { at } from '../support/builders.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

async function tickEach(world: VirtualWorld, instants: readonly string[]): Promise<void> {
  for (const instant of instants) {
    await world.tick(instant);
  }
}

function reset({ location }: VirtualWorld, now: string) {
  return resetTask(location, 'backup', { node: undefined, now: at(now), actor: 'ann' });
}

describe('a clock that was set back an hour', () => {
  test('is told once, runs no slot again, and tasks go on where they were', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    await tickEach(world, ['12:05', '11:07', '11:10', '12:05', '12:10']);
    expect(world.warnings()).toEqual([
      'the clock of node "alpha" went back by 58m: its last tick was at 2026-03-10T12:05:00Z; slots handled until then are not run again, and tasks wait for later ones ("periodic-cron doctor" names them, "periodic-cron reset" counts from now)',
    ]);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:10 succeeded']);
  });

  test('is repaired by a reset: its slots run from then on, those of before under a number of their own', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { schedule_kind: 'cron', schedule: '5 * * * *' } });
    await tickEach(world, ['12:05', '11:02']);
    await reset(world, '11:02');
    await tickEach(world, ['11:03', '11:05', '12:05', '13:05']);
    expect(world.ledger()).toEqual([
      'backup 12:05 succeeded',
      'backup 11:05 succeeded',
      'backup 12:05 #2 succeeded',
      'backup 13:05 succeeded',
    ]);
  });

  test('is repaired by a reset, after which a slot of before has all its retries again', async () => {
    const world = await openVirtualWorld();
    const columns = { schedule_kind: 'cron', schedule: '5 * * * *', module: 'fail', retry_limit: 1 };
    world.addTask({ name: 'backup', columns });
    await tickEach(world, ['12:05', '12:06', '11:10']);
    await reset(world, '11:10');
    await tickEach(world, ['12:05', '12:06', '12:07']);
    expect(world.ledger()).toEqual([
      'backup 12:05 failed (retry)',
      'backup 12:05 #2 failed',
      'backup 12:05 #3 failed (retry)',
      'backup 12:05 #4 failed',
    ]);
  });

  test('may be repaired by two resets, and every slot still runs once after each', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { schedule_kind: 'cron', schedule: '*/5 * * * *' } });
    await tickEach(world, ['12:05', '12:10', '12:15', '12:02']);
    await reset(world, '12:02');
    await tickEach(world, ['12:05', '12:02']);
    await reset(world, '12:02');
    await tickEach(world, ['12:05', '12:10', '12:15']);
    expect(world.ledger().slice(3)).toEqual([
      'backup 12:05 #2 succeeded',
      'backup 12:05 #3 succeeded',
      'backup 12:10 #2 succeeded',
      'backup 12:15 #2 succeeded',
    ]);
  });

  test('is repaired by a reset also where what comes is skipped', async () => {
    const world = await openVirtualWorld();
    world.addTask({
      name: 'backup',
      columns: { start_deadline_s: 60, schedule_kind: 'cron', schedule: '5 * * * *' },
    });
    await tickEach(world, ['12:05', '11:10']);
    await reset(world, '11:10');
    await tickEach(world, ['12:07', '13:05']);
    expect(world.ledger()).toEqual([
      'backup 12:05 succeeded',
      'backup 12:05 #2 skipped (too_late)',
      'backup 13:05 succeeded',
    ]);
  });

  test('shows a task that is handled in the future when somebody changes it', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    await world.tick('12:05');
    world.clock.now = at('11:00');
    world.changeTask('backup', { ordering: 3 });
    const { notRun } = await world.tick('11:01');
    expect(notRun).toMatchObject([
      {
        task: 'backup',
        reason:
          'handled in the future: its slots are handled until 2026-03-10T12:05:00Z; "periodic-cron reset" counts from now',
      },
    ]);
  });

  test('by less than time daemons do, is not worth a word', async () => {
    const world = await openVirtualWorld();
    await tickEach(world, ['12:05:02', '12:05:00.001']);
    expect(world.warnings()).toEqual([]);
    await world.tick('12:04:58');
    expect(world.warnings()).toHaveLength(1);
  });
});

describe('a clock that was ten years ahead for one tick', () => {
  test('gives one run, no flood and no second run, and a reset puts it right', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    await tickEach(world, ['12:05', '2036-03-10T12:06:00Z', '12:07', '12:10']);
    expect(world.ledger()).toEqual([
      'backup 12:05 succeeded',
      'backup 12:10-2036-03-10T12:05 x10000 succeeded',
    ]);
    expect(world.warnings()).toHaveLength(1);
    await reset(world, '12:11');
    await tickEach(world, ['12:12', '12:15', '12:16', '12:20']);
    expect(world.ledger().slice(2)).toEqual(['backup 12:16 succeeded']);
  });
});

describe('a machine that slept for a week', () => {
  test('runs a task of every five minutes once, for 2016 slots', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { schedule_kind: 'cron', schedule: '*/5 * * * *' } });
    await tickEach(world, ['12:00', '2026-03-17T12:00:20Z', '2026-03-17T12:01:00Z']);
    expect(world.ledger()).toEqual(['backup 12:05-2026-03-17T12:00 x2016 succeeded']);
    expect(world.warnings()).toEqual([]);
  });
});

describe('a boot', () => {
  test('gives each @reboot task of the node one run', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'at boot', columns: { schedule_kind: 'cron', schedule: '@reboot' } });
    world.addTask({
      name: 'at boot elsewhere',
      nodes: ['beta'],
      columns: { schedule_kind: 'cron', schedule: '@reboot' },
    });
    world.addTask({
      name: 'at boot, once',
      nodes: ['*'],
      columns: { scope: 'one', schedule_kind: 'cron', schedule: ' @reboot ', timezone: 'UTC' },
    });
    await tickEach(world, ['12:00', '12:01']);
    expect(world.ledger()).toEqual([]);
    const rebooted = world.otherRunner({ node: { ...world.runner.node, bootId: 'second boot' } });
    await tickOf(rebooted, world, '12:10:20');
    await tickOf(rebooted, world, '12:11');
    expect(world.ledger()).toEqual(['at boot 12:10 succeeded', 'at boot, once 12:10 succeeded']);
    const again = world.otherRunner({ node: { ...world.runner.node, bootId: 'third boot' } });
    await tickOf(again, world, '12:30');
    expect(world.ledger().slice(2)).toEqual(['at boot 12:30 succeeded', 'at boot, once 12:30 succeeded']);
  });

  test('gives an inactive @reboot task nothing, not even when it is switched on later', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'at boot', columns: { schedule_kind: 'cron', schedule: '@reboot', active: 0 } });
    await world.tick('12:00');
    const rebooted = world.otherRunner({ node: { ...world.runner.node, bootId: 'second boot' } });
    await tickOf(rebooted, world, '12:10');
    world.clock.now = at('12:20');
    world.changeTask('at boot', { active: 1 });
    await tickOf(rebooted, world, '12:21');
    expect(world.ledger()).toEqual([]);
  });
});

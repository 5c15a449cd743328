import { describe, expect, test } from 'vitest';
import { addSwitch } from '../support/resources.ts';
import { openVirtualWorld, type VirtualWorld } from '../support/virtual-runner.ts';

/** A task every 5 minutes with a back end, which is up at first. */
async function worldWithBackEnd(offline: string, columns = {}) {
  const world = await openVirtualWorld();
  const backEnd = addSwitch(world, 'db');
  backEnd.up();
  world.addTask({ name: 'sync', columns: { offline, offline_resource: 'db', ...columns } });
  await world.tick('12:01');
  return { world, backEnd };
}

function events({ events: told }: VirtualWorld): readonly string[] {
  return told.flatMap((event) =>
    event.kind === 'life' && ['offline', 'online', 'skipped', 'terminated'].includes(event.life.event)
      ? [event.life.event]
      : [],
  );
}

test('execute runs the task whether it is offline or not', async () => {
  const { world, backEnd } = await worldWithBackEnd('execute');
  backEnd.down();
  await world.tick('12:05');
  expect(world.ledger()).toEqual(['sync 12:05 succeeded']);
});

describe('skip', () => {
  test('takes the slot as skipped and counts from then', async () => {
    const { world, backEnd } = await worldWithBackEnd('skip');
    backEnd.down();
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)']);
    expect(world.runRows()[0]).toMatchObject({ message: 'offline: its resource db is down' });
    expect(world.stateRow('sync')).toMatchObject({
      counted_from: '2026-03-10T12:07:00.000Z',
      earliest_start: '2026-03-10T12:12:00.000Z',
    });
    backEnd.up();
    await world.tick('12:12');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)', 'sync 12:12 succeeded']);
  });

  test('makes one row of what is skipped one after the other, however late the ticks are', async () => {
    const { world, backEnd } = await worldWithBackEnd('skip', { schedule: '90s' });
    backEnd.down();
    for (let minute = 2; minute < 20; minute += 1) {
      await world.tick(`12:${String(minute).padStart(2, '0')}`);
    }
    expect(world.runRows()).toHaveLength(1);
  });

  test('with catch_up each skips all that is due at once', async () => {
    const { world, backEnd } = await worldWithBackEnd('skip', { catch_up: 'each' });
    backEnd.down();
    await world.tick('12:21');
    expect(world.ledger()).toEqual(['sync 12:05-12:20 x4 skipped (offline)']);
  });

  test('leaves a pending attempt out: its slot has failed for good', async () => {
    const { world, backEnd } = await worldWithBackEnd('skip', {
      module: 'fail',
      retry_limit: 3,
      retry_delay_s: 60,
    });
    await world.tick('12:05');
    backEnd.down();
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['sync 12:05 failed (retry)', 'sync 12:05 #2 skipped (offline)']);
    expect(world.stateRow('sync')).toMatchObject({
      retry_at: null,
      failures: 1,
      earliest_start: '2026-03-10T12:10:00.000Z',
    });
  });

  test('of the only slot of a task ends the task', async () => {
    const { world, backEnd } = await worldWithBackEnd('skip', {
      schedule_kind: 'at',
      schedule: '2026-03-10T12:05:00Z',
    });
    backEnd.down();
    await world.tick('12:05');
    expect(world.stateRow('sync')).toMatchObject({ terminated_reason: 'its only slot was skipped' });
  });

  test('does nothing while it is not known how the resource is', async () => {
    const { world } = await worldWithBackEnd('skip', { offline_resource: 'unknown' });
    await world.tick('12:05');
    expect(world.ledger()).toEqual(['sync 12:05 succeeded']);
  });
});

describe('disable', () => {
  test('lets the task rest with one row and one event, and counts from its return', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable');
    backEnd.down();
    for (const minute of ['05', '06', '10', '15', '18']) {
      await world.tick(`12:${minute}`);
    }
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)']);
    expect(world.stateRow('sync')).toMatchObject({
      offline_disabled_at: '2026-03-10T12:05:00.000Z',
      earliest_start: null,
      terminated_at: null,
    });
    backEnd.up();
    await world.tick('12:23');
    expect(world.stateRow('sync')).toMatchObject({
      offline_disabled_at: null,
      counted_from: '2026-03-10T12:23:00.000Z',
      earliest_start: '2026-03-10T12:28:00.000Z',
    });
    await world.tick('12:28');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)', 'sync 12:28 succeeded']);
    expect(events(world)).toEqual(['offline', 'online']);
  });

  test('waits for the enabled delay after the return', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', { enabled_delay_s: 120 });
    backEnd.down();
    await world.tick('12:05');
    backEnd.up();
    await world.tick('12:06');
    await world.tick('12:07');
    await world.tick('12:08');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)', 'sync 12:08 succeeded']);
  });

  test('that the operator disabled as well stays disabled when the back end returns', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable');
    backEnd.down();
    await world.tick('12:05');
    world.changeTask('sync', { active: 0 });
    await world.tick('12:06');
    expect(world.stateRow('sync')['offline_disabled_at']).not.toBeNull();
    backEnd.up();
    await world.tick('12:10');
    await world.tick('12:15');
    expect(world.stateRow('sync')).toMatchObject({ offline_disabled_at: null, earliest_start: null });
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)']);
  });

  test('that is enabled by the operator while it is offline goes on to rest', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable');
    backEnd.down();
    await world.tick('12:05');
    world.changeTask('sync', { active: 0 });
    world.changeTask('sync', { active: 1 });
    const { notRun } = await world.tick('12:06');
    expect(notRun).toEqual([]);
    expect(world.stateRow('sync')).toMatchObject({
      offline_disabled_at: '2026-03-10T12:05:00.000Z',
      earliest_start: null,
    });
  });

  test('ends when an edit says that the task does not rest any more', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable');
    backEnd.down();
    await world.tick('12:05');
    world.changeTask('sync', { offline: 'execute' });
    await world.tick('12:06');
    await world.tick('12:11');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)', 'sync 12:11 succeeded']);
  });

  test('keeps the only slot of a task for the return', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', {
      schedule_kind: 'at',
      schedule: '2026-03-10T12:05:00Z',
    });
    backEnd.down();
    await world.tick('12:05');
    await world.tick('12:06');
    expect(world.ledger()).toEqual([]);
    backEnd.up();
    await world.tick('12:10');
    expect(world.ledger()).toEqual(['sync 12:05 succeeded']);
  });

  test('keeps the pending attempt of an only slot for the return', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', {
      schedule_kind: 'at',
      schedule: '2026-03-10T12:05:00Z',
      module: 'fail',
      retry_limit: 1,
      retry_delay_s: 60,
    });
    await world.tick('12:05');
    backEnd.down();
    await world.tick('12:06');
    expect(world.stateRow('sync')['earliest_start']).toBeNull();
    backEnd.up();
    await world.tick('12:10');
    expect(world.ledger()).toEqual(['sync 12:05 failed (retry)', 'sync 12:05 #2 failed']);
  });

  test('gives a pending attempt of a period up at the return', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', {
      module: 'fail',
      retry_limit: 1,
      retry_delay_s: 60,
    });
    await world.tick('12:05');
    backEnd.down();
    await world.tick('12:06');
    backEnd.up();
    await world.tick('12:08');
    expect(world.ledger()).toEqual(['sync 12:05 failed (superseded)']);
    expect(world.stateRow('sync')).toMatchObject({
      retry_at: null,
      earliest_start: '2026-03-10T12:13:00.000Z',
    });
  });
});

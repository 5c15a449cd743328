import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { addResourceRow, addSwitch, resourceStates } from '../support/resources.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

/** What happened to tasks and resources, in a few words. */
function lives({ events }: VirtualWorld, ...kinds: readonly string[]): readonly string[] {
  return events.flatMap((event) => {
    if (event.kind === 'resource') {
      const { resource, before, state } = event.change;
      return kinds.includes('resource') ? [`${resource} ${before ?? 'unknown'} -> ${state}`] : [];
    }
    return event.kind === 'life' && kinds.includes(event.life.event)
      ? [`${event.life.task} ${event.life.event}: ${event.life.reason}`]
      : [];
  });
}

/** A task every 5 minutes that needs an address, which is not here at first. */
async function worldWithAddress(columns = {}) {
  const world = await openVirtualWorld();
  const address = addSwitch(world, 'ip#0');
  world.addTask({ name: 'backup', columns: { requires: 'ip#0', ...columns } });
  await world.tick('12:01');
  return { world, address };
}

const DOWN = 'requires ip#0 up or stdby up, which is down since 2026-03-10T12:05:00Z';
/** What is told has what the look found as well. */
const WHY = new RegExp(`^blocked: ${DOWN} \\(\\S+ does not exist\\); the slot stays due$`);

describe('a task whose requirement does not hold', () => {
  test('is blocked: its slot stays due without a row, and one column says why', async () => {
    const { world } = await worldWithAddress();
    const report = await world.tick('12:05');
    expect(report.notRun).toMatchObject([
      { task: 'backup', reason: expect.stringMatching(WHY), newFault: false },
    ]);
    expect(exitCodeOf(report)).toBe(0);
    expect(world.ledger()).toEqual([]);
    expect(world.stateRow('backup')).toMatchObject({
      blocked_reason: DOWN,
      earliest_start: '2026-03-10T12:05:00.000Z',
      handled_slot: null,
    });
  });

  test('runs as soon as it holds, and its row says for what it waited', async () => {
    const { world, address } = await worldWithAddress();
    await world.tick('12:05');
    await world.tick('12:06');
    address.up();
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
    expect(world.runRows()[0]).toMatchObject({ message: `was blocked: ${DOWN}` });
    expect(world.stateRow('backup')).toMatchObject({ blocked_reason: null });
  });

  test('is told and written once for as long as it is blocked for the same reason', async () => {
    const { world } = await worldWithAddress();
    const epochs = new Set<unknown>();
    for (const minute of ['05', '06', '07', '08', '11', '12']) {
      await world.tick(`12:${minute}`);
      epochs.add(world.stateRow('backup')['epoch']);
    }
    expect(lives(world, 'blocked')).toEqual([expect.stringMatching(/^backup blocked: .* does not exist\)$/)]);
    expect(epochs.size).toBe(1);
  });

  test('says with each of the slots that it ran late for what they waited', async () => {
    const { world, address } = await worldWithAddress({ catch_up: 'each' });
    await world.tick('12:05');
    await world.tick('12:12');
    address.up();
    await world.tick('12:15');
    expect(world.ledger()).toEqual([
      'backup 12:05 succeeded',
      'backup 12:10 succeeded',
      'backup 12:15 succeeded',
    ]);
    const waited = `was blocked: ${DOWN}`;
    expect(world.runRows().map(({ message }) => message)).toEqual([waited, waited, null]);
  });

  test('says so with those that it ran late after others were missed', async () => {
    const { world, address } = await worldWithAddress({ catch_up: 'skip' });
    await world.tick('12:05');
    address.up();
    await world.tick('12:11');
    expect(world.ledger()).toEqual(['backup 12:05 skipped (missed)', 'backup 12:10 succeeded']);
    expect(world.runRows()[1]).toMatchObject({ message: `was blocked: ${DOWN}` });
  });

  test('of which the newest slot is met stands for the ones that were blocked', async () => {
    const { world, address } = await worldWithAddress();
    await world.tick('12:05');
    await world.tick('12:11');
    address.up();
    await world.tick('12:16');
    expect(world.ledger()).toEqual(['backup 12:05-12:15 x3 succeeded']);
  });

  test('until its deadline skips the slot, and names the blockage too', async () => {
    const { world } = await worldWithAddress({ start_deadline_s: 120 });
    await world.tick('12:05');
    await world.tick('12:08');
    expect(world.ledger()).toEqual(['backup 12:05 skipped (too_late)']);
    expect(world.runRows()[0]?.['message']).toBe(`too late: more than 2m late; was blocked: ${DOWN}`);
    expect(world.stateRow('backup')).toMatchObject({ blocked_reason: null });
  });

  test('holds a pending attempt back as well, and takes none of its attempts', async () => {
    const { world, address } = await worldWithAddress({ module: 'fail', retry_limit: 1, retry_delay_s: 60 });
    address.up();
    await world.tick('12:05');
    address.down();
    const { notRun } = await world.tick('12:06');
    expect(notRun[0]?.reason).toMatch(/^blocked: requires ip#0/);
    expect(world.ledger()).toEqual(['backup 12:05 failed (retry)']);
    address.up();
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['backup 12:05 failed (retry)', 'backup 12:05 #2 failed']);
  });

  test('is blocked no more when an edit gives it another schedule', async () => {
    const { world } = await worldWithAddress();
    await world.tick('12:05');
    world.changeTask('backup', { schedule: '30m' });
    await world.tick('12:06');
    expect(world.stateRow('backup')).toMatchObject({
      blocked_reason: null,
      earliest_start: '2026-03-10T12:35:00.000Z',
    });
  });

  test('that no resource has is not met, and says so', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { requires: 'fs#1(up)' } });
    const { notRun } = await world.tick('12:05');
    expect(notRun[0]?.reason).toBe(
      'blocked: requires fs#1 up, and there is no such resource; the slot stays due',
    );
  });
});

describe('looking at resources', () => {
  test('happens once in a tick, for due tasks only, and again when the last look is too old', async () => {
    const world = await openVirtualWorld();
    addSwitch(world, 'ip#0', { ttlSeconds: 120 }).up();
    addSwitch(world, 'never#0').up();
    world.addTask({ name: 'one', columns: { requires: 'ip#0', schedule: '1m' } });
    world.addTask({ name: 'two', columns: { requires: 'ip#0', schedule: '1m' } });
    world.addTask({ name: 'off', columns: { requires: 'never#0', active: 0 } });
    const looks: unknown[] = [];
    for (const minute of ['01', '02', '03', '04']) {
      await world.tick(`12:${minute}`);
      looks.push(world.sql.prepare('SELECT checked_at FROM periodic_resource_state').all());
    }
    const seen = looks.map((rows) =>
      (rows as { checked_at: string }[]).map((row) => row.checked_at.slice(11, 16)),
    );
    expect(seen).toEqual([['12:01'], ['12:01'], ['12:03'], ['12:03']]);
    expect(resourceStates(world)).toEqual(['ip#0 up since 12:01']);
    expect(lives(world, 'resource')).toEqual(['ip#0 unknown -> up']);
  });

  test('tells of a change once, and keeps since when it is so', async () => {
    const { world, address } = await worldWithAddress({ schedule: '1m' });
    for (const minute of ['02', '03']) {
      await world.tick(`12:${minute}`);
    }
    address.up();
    await world.tick('12:04');
    await world.tick('12:05');
    expect(lives(world, 'resource')).toEqual(['ip#0 unknown -> down', 'ip#0 down -> up']);
    expect(resourceStates(world)).toEqual(['ip#0 up since 12:04']);
  });

  test('a resource without a probe is as somebody has set it', async () => {
    const world = await openVirtualWorld();
    addResourceRow(world, { name: 'gate', probe: 'none' });
    world.addTask({ name: 'backup', columns: { requires: 'gate', schedule: '1m' } });
    const { notRun } = await world.tick('12:01');
    expect(notRun[0]?.reason).toContain('which is undef');
    const set =
      'INSERT INTO periodic_resource_state (resource, node, state, since, checked_at, why) VALUES (?, ?, ?, ?, ?, ?)';
    const since = '2026-03-10T12:01:30.000Z';
    world.sql.prepare(set).run('gate', 'alpha', 'up', since, since, 'set by root');
    await world.tick('12:02');
    expect(world.ledger()).toEqual(['backup 12:01-12:02 x2 succeeded']);
  });
});

describe('a task of scope one', () => {
  test('is taken by the node where its requirement holds, and the other one claims nothing from it', async () => {
    const world = await openVirtualWorld();
    addResourceRow(world, { name: 'ip#0', probe: 'none' });
    world.addTask({ name: 'backup', nodes: ['*'], columns: { requires: 'ip#0', scope: 'one' } });
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    await world.tick('12:01');
    const set =
      'INSERT INTO periodic_resource_state (resource, node, state, since, checked_at, why) VALUES (?, ?, ?, ?, ?, ?)';
    const since = '2026-03-10T12:01:30.000Z';
    world.sql.prepare(set).run('ip#0', 'beta', 'up', since, since, '');
    await world.tick('12:05');
    expect(world.stateRow('backup')['blocked_reason']).toMatch(/^on node "alpha": requires ip#0/);
    await tickOf(beta, world, '12:05:01');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
    expect(world.runRows()[0]).toMatchObject({ node: 'beta' });
    expect(world.stateRow('backup')).toMatchObject({ blocked_reason: null });
  });

  test('that is blocked on two nodes keeps the note of the first, and is told once', async () => {
    const world = await openVirtualWorld();
    addResourceRow(world, { name: 'ip#0', probe: 'none' });
    world.addTask({ name: 'backup', nodes: ['*'], columns: { requires: 'ip#0', scope: 'one' } });
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    for (const second of ['00', '10', '20']) {
      await world.tick(`12:05:${second}`);
      await tickOf(beta, world, `12:05:${second}`);
    }
    expect(world.stateRow('backup')['blocked_reason']).toMatch(/^on node "alpha"/);
    expect(lives(world, 'blocked')).toHaveLength(1);
  });
});

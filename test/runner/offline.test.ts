import { describe, expect, test } from 'vitest';
import { exitCodeOf, type TickReport } from '../../src/runner/tick.ts';
import { addResourceRow, addSwitch } from '../support/resources.ts';
import type { Columns } from '../support/virtual-database.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

/** A task that fails, and tries again a minute later. */
const RETRIED = { module: 'fail', retry_limit: 3, retry_delay_s: 60 };

/** A task every 5 minutes with a back end, which is up at first. */
async function worldWithBackEnd(offline: string, columns = {}) {
  const world = await openVirtualWorld();
  const backEnd = addSwitch(world, 'db');
  backEnd.up();
  world.addTask({ name: 'sync', columns: { offline, offline_resource: 'db', ...columns } });
  await world.tick('12:01');
  return { world, backEnd };
}

const TOLD = ['offline', 'online', 'blocked', 'skipped', 'terminated'];

function events({ events: told }: VirtualWorld): readonly string[] {
  return told.flatMap((event) =>
    event.kind === 'life' && TOLD.includes(event.life.event) ? [event.life.event] : [],
  );
}

/** The last run of `sync` has failed for good in this tick, as the report, an event of its life and the exit code say. */
function expectFailed(world: VirtualWorld, report: TickReport, error: string): void {
  expect(report.runs).toMatchObject([{ task: 'sync', status: 'failed', retryAt: null, error }]);
  expect(exitCodeOf(report)).toBe(1);
  const failed = world.events.flatMap((event) =>
    event.kind === 'life' && event.life.event === 'failed' ? [event.life] : [],
  );
  expect(failed.at(-1)).toMatchObject({ error });
  expect(failed.at(-1)?.retryAt ?? null).toBeNull();
  expect(world.events.filter(({ kind }) => kind === 'ended').at(-1)).toMatchObject({ run: { error } });
}

/** A world in which `sync` has failed at 12:05 before its back end went down, and the tick at the instant, which finds that. */
async function offlineAfterFailure(policy: 'skip' | 'disable', instant: string, columns: Columns) {
  const { world, backEnd } = await worldWithBackEnd(policy, columns);
  await world.tick('12:05');
  backEnd.down();
  return { world, backEnd, report: await world.tick(instant) };
}

/** Sets a resource without a probe. */
function setTo(
  { sql }: VirtualWorld,
  resource: string,
  { state, node = 'alpha' }: { readonly state: string; readonly node?: string },
): void {
  const since = '2026-03-10T12:00:00.000Z';
  sql.prepare('DELETE FROM periodic_resource_state WHERE resource = ? AND node = ?').run(resource, node);
  sql
    .prepare(
      'INSERT INTO periodic_resource_state (resource, node, state, since, checked_at, why) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(resource, node, state, since, since, '');
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
    const { world, report } = await offlineAfterFailure('skip', '12:06', {
      module: 'fail',
      retry_limit: 3,
      retry_delay_s: 60,
    });
    expect(world.ledger()).toEqual(['sync 12:05 failed (offline)', 'sync 12:05 #2 skipped (offline)']);
    expect(world.stateRow('sync')).toMatchObject({
      retry_at: null,
      failures: 1,
      earliest_start: '2026-03-10T12:10:00.000Z',
    });
    expectFailed(world, report, 'boom; its next attempt is left out, offline: its resource db is down');
  });

  test('that leaves one attempt too many out terminates the task', async () => {
    const {
      world,
      report: { runs },
    } = await offlineAfterFailure('skip', '12:06', {
      ...RETRIED,
      deactivate_after: '1 failure',
    });
    const terminated = 'deactivated after 1 failure in a row since 2026-03-10T12:05:00Z';
    expect(runs).toMatchObject([{ status: 'failed', retryAt: null, terminated }]);
    expect(world.stateRow('sync')).toMatchObject({ terminated_reason: terminated, earliest_start: null });
  });

  test('leaves an attempt out that goes before newer slots, and takes those in the same tick', async () => {
    const { world, report } = await offlineAfterFailure('skip', '12:11', { ...RETRIED, retry_past_next: 1 });
    expect(world.ledger()).toEqual([
      'sync 12:05 failed (offline)',
      'sync 12:05 #2 skipped (offline)',
      'sync 12:10 skipped (offline)',
    ]);
    expect(exitCodeOf(report)).toBe(1);
  });

  test('takes newer slots, which supersede a pending attempt as ever', async () => {
    const { world, report } = await offlineAfterFailure('skip', '12:10', { ...RETRIED, retry_delay_s: 600 });
    expect(world.ledger()).toEqual(['sync 12:05 failed (superseded)', 'sync 12:10 skipped (offline)']);
    expectFailed(world, report, 'boom; its next attempt was superseded by a newer slot');
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

  test('leaves a pending attempt out when the task goes to rest: its slot has failed for good', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', RETRIED);
    await world.tick('12:05');
    backEnd.down();
    const report = await world.tick('12:06');
    expect(world.ledger()).toEqual(['sync 12:05 failed (offline)', 'sync 12:05 #2 skipped (offline)']);
    expect(world.runRows()[1]).toMatchObject({
      message:
        'offline: its resource db is down; it rests until that is known not to be down; attempt 2 is left out',
    });
    expect(world.stateRow('sync')).toMatchObject({ retry_at: null, failures: 1, earliest_start: null });
    expectFailed(world, report, 'boom; its next attempt is left out, offline: its resource db is down');
    backEnd.up();
    expect(exitCodeOf(await world.tick('12:08'))).toBe(0);
    expect(world.stateRow('sync')).toMatchObject({
      failures: 1,
      offline_disabled_at: null,
      earliest_start: '2026-03-10T12:13:00.000Z',
    });
  });

  test('with a newer slot tells of the run whose attempt that supersedes', async () => {
    const { world, report } = await offlineAfterFailure('disable', '12:10', {
      ...RETRIED,
      retry_delay_s: 600,
    });
    expect(world.ledger()).toEqual(['sync 12:05 failed (superseded)', 'sync 12:10 skipped (offline)']);
    expect(world.runRows()[1]?.['message']).toContain('supersedes attempt 2 of slot 2026-03-10T12:05:00Z');
    expect(world.stateRow('sync')).toMatchObject({ retry_at: null, failures: 1 });
    expectFailed(world, report, 'boom; its next attempt was superseded by a newer slot');
  });

  test('leaves an attempt out that goes before newer slots', async () => {
    const { world, report } = await offlineAfterFailure('disable', '12:11', {
      ...RETRIED,
      retry_past_next: 1,
    });
    expect(world.ledger()).toEqual(['sync 12:05 failed (offline)', 'sync 12:10 skipped (offline)']);
    expectFailed(world, report, 'boom; its next attempt is left out, offline: its resource db is down');
  });

  test('that leaves one attempt too many out terminates the task, which does not rest then', async () => {
    const {
      world,
      report: { runs },
    } = await offlineAfterFailure('disable', '12:06', {
      ...RETRIED,
      deactivate_after: '1 failure',
    });
    const terminated = 'deactivated after 1 failure in a row since 2026-03-10T12:05:00Z';
    expect(runs).toMatchObject([{ status: 'failed', terminated }]);
    expect(world.stateRow('sync')).toMatchObject({
      terminated_reason: terminated,
      offline_disabled_at: null,
      earliest_start: null,
    });
    expect(events(world)).toEqual(['skipped', 'terminated']);
  });

  test('of a back end that fails and comes back again and again ends with deactivate_after', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', {
      ...RETRIED,
      deactivate_after: '2 failures',
    });
    for (let minute = 2; minute < 60; minute += 1) {
      if (world.stateRow('sync')['retry_at'] === null) {
        backEnd.up();
      } else {
        backEnd.down();
      }
      await world.tick(`12:${String(minute).padStart(2, '0')}`);
    }
    expect(world.stateRow('sync')).toMatchObject({ failures: 2 });
    expect(world.stateRow('sync')['terminated_at']).not.toBeNull();
  });

  test('counts a pending attempt as failed that an edit leaves to the return', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', {
      ...RETRIED,
      schedule_kind: 'at',
      schedule: '2026-03-10T12:05:00Z',
    });
    await world.tick('12:05');
    backEnd.down();
    await world.tick('12:06');
    world.sql.exec("UPDATE periodic_task SET schedule_kind = 'every', schedule = '5m'");
    world.sql.exec("UPDATE periodic_task_state SET retry_at = '2026-03-10T12:06:00.000Z'");
    backEnd.up();
    const report = await world.tick('12:08');
    expect(world.ledger()).toEqual(['sync 12:05 failed (offline)']);
    expect(world.stateRow('sync')).toMatchObject({ failures: 1, retry_at: null });
    expectFailed(world, report, 'boom; its next attempt is left out, offline: its resource db is down');
  });

  test('says in the row of an only slot that it has waited for the return', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', {
      schedule_kind: 'at',
      schedule: '2026-03-10T12:05:00Z',
    });
    backEnd.down();
    await world.tick('12:05');
    backEnd.up();
    await world.tick('12:10');
    expect(world.runRows()[0]).toMatchObject({
      status: 'succeeded',
      message: 'was blocked: it rested since 2026-03-10T12:05:00Z, while its resource db was down',
    });
    expect(world.stateRow('sync')).toMatchObject({ blocked_reason: null });
  });

  test('of an only slot that is blocked after the return is told as a blockage that begins', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', {
      schedule_kind: 'at',
      schedule: '2026-03-10T12:05:00Z',
      requires: 'ip',
    });
    addSwitch(world, 'ip');
    backEnd.down();
    await world.tick('12:05');
    backEnd.up();
    await world.tick('12:10');
    await world.tick('12:11');
    expect(events(world)).toEqual(['offline', 'online', 'blocked']);
    expect(world.stateRow('sync')['blocked_reason']).toMatch(/^requires ip up/);
  });

  test('names what the slots waited for before the task went to rest', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable', { requires: 'ip' });
    addSwitch(world, 'ip');
    await world.tick('12:05');
    backEnd.down();
    await world.tick('12:06');
    expect(world.runRows()[0]?.['message']).toMatch(
      /^offline: its resource db is down; it rests until that is known not to be down; was blocked: requires ip up/,
    );
  });

  test.each([
    ['undef', false],
    ['warn', true],
    ['stdby down', false],
    ['stdby up', true],
  ])('rests on while the resource is not known to be back: %s', async (state, isAwake) => {
    const world = await openVirtualWorld();
    addResourceRow(world, { name: 'db', probe: 'none' });
    world.addTask({ name: 'sync', columns: { offline: 'disable', offline_resource: 'db' } });
    setTo(world, 'db', { state: 'stdby down' });
    await world.tick('12:05');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)']);
    setTo(world, 'db', { state });
    await world.tick('12:06');
    expect(world.stateRow('sync')['offline_disabled_at'] === null).toBe(isAwake);
  });

  test('ends when the resource is gone: nobody could ever know it to be up', async () => {
    const { world, backEnd } = await worldWithBackEnd('disable');
    backEnd.down();
    await world.tick('12:05');
    world.sql.exec('DELETE FROM periodic_resource_state');
    world.sql.exec('DELETE FROM periodic_resource');
    await world.tick('12:07');
    await world.tick('12:12');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)', 'sync 12:12 succeeded']);
  });

  test.each([
    ['drained', "UPDATE periodic_node SET drained_at = '2026-03-10T12:05:30.000Z' WHERE name = 'alpha'"],
  ])('goes on while the node is %s, which wakes nothing', async (_hold, statement) => {
    const { world, backEnd } = await worldWithBackEnd('disable');
    backEnd.down();
    await world.tick('12:05');
    backEnd.up();
    world.sql.exec(statement);
    await world.tick('12:06');
    expect(world.stateRow('sync')['offline_disabled_at']).not.toBeNull();
  });

  test('of a task of scope one begins on one node, and ends on the other', async () => {
    const world = await openVirtualWorld();
    addResourceRow(world, { name: 'db', probe: 'none' });
    const policy = { scope: 'one', offline: 'disable', offline_resource: 'db' };
    world.addTask({ name: 'sync', nodes: ['*'], columns: policy });
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    setTo(world, 'db', { state: 'down' });
    setTo(world, 'db', { state: 'down', node: 'beta' });
    await world.tick('12:05');
    await tickOf(beta, world, '12:06');
    expect(world.stateRow('sync')['offline_disabled_at']).not.toBeNull();
    setTo(world, 'db', { state: 'up', node: 'beta' });
    await tickOf(beta, world, '12:07');
    await world.tick('12:08');
    expect(world.stateRow('sync')).toMatchObject({
      offline_disabled_at: null,
      earliest_start: '2026-03-10T12:12:00.000Z',
    });
    await tickOf(beta, world, '12:12');
    expect(world.ledger()).toEqual(['sync 12:05 skipped (offline)', 'sync 12:12 succeeded']);
    expect(events(world)).toEqual(['offline', 'online']);
  });
});

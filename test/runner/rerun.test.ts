import { describe, expect, test } from 'vitest';
import { DefinitionError, NotFoundError, UsageError } from '../../src/core/errors.ts';
import { BusyError, ConditionError } from '../../src/runner/hand-start.ts';
import { runByHand } from '../../src/runner/manual.ts';
import { rerunSlot } from '../../src/runner/rerun.ts';
import type { Runner, RunReport } from '../../src/runner/runner.ts';
import { type Run, runOf } from '../../src/store/run-row.ts';
import { at } from '../support/builders.ts';
import { addSwitch } from '../support/resources.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, type VirtualWorld } from '../support/virtual-runner.ts';

function runAt(world: VirtualWorld, index: number): Run {
  const row = world.runRows()[index];
  if (row === undefined) {
    throw new Error(`expected a run ${index}, got ${world.runRows().length} runs`);
  }
  return runOf(row);
}

function rerun(
  world: VirtualWorld,
  index: number,
  { runner = world.runner, ...rest }: { readonly runner?: Runner; readonly overrides?: Run['result'] } = {},
): Promise<RunReport> {
  const overrides = (rest.overrides ?? {}) as Record<string, number>;
  return rerunSlot(runner, { run: runAt(world, index), overrides });
}

const NEVER_MOVED = ['handled_slot', 'counted_from', 'failures', 'current_period_s', 'last_run_token'];

function unmoved(row: ReturnType<VirtualWorld['stateRow']>) {
  return Object.fromEntries(NEVER_MOVED.map((column) => [column, row[column]]));
}

test('a rerun of a task whose requirement does not hold is refused, whatever ran before', async () => {
  const world = await openVirtualWorld();
  const address = addSwitch(world, 'ip#0');
  address.up();
  world.addTask({ name: 'backup', columns: { requires: 'ip#0', schedule: '1h' } });
  await world.tick('13:00');
  address.down();
  world.clock.now = at('13:05');
  await expect(rerun(world, 0)).rejects.toThrow(
    /^task "backup" may not run here now: it requires ip#0 up or stdby up, which is down since 2026-03-10T13:05:00Z/,
  );
  await expect(rerun(world, 0)).rejects.toThrow(ConditionError);
  expect(world.ledger()).toEqual(['backup 13:00 succeeded']);
});

describe('a rerun', () => {
  test('is a new attempt of the slot, by hand, and moves nothing', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'bad', columns: { module: 'fail' } });
    await world.tick('12:05');
    const before = world.stateRow('bad');
    world.changeTask('bad', { module: 'succeed' });
    const marked = world.stateRow('bad');
    world.clock.now = at('12:07');
    expect(await rerun(world, 0)).toMatchObject({ slotAt: at('12:05'), attempt: 2, status: 'succeeded' });
    expect(world.ledger()).toEqual(['bad 12:05 failed', 'bad 12:05 #2 succeeded']);
    const { id } = runAt(world, 0);
    expect(runAt(world, 1)).toMatchObject({ trigger: 'manual', message: `rerun of run ${id}`, slotCount: 1 });
    const after = world.stateRow('bad');
    expect(unmoved(after)).toEqual(unmoved(before));
    expect(after).toMatchObject({ failures: 1, attempt: 2, first_attempt: 2 });
    // The change of the definition is still to be looked at.
    expect(after['earliest_start']).toBe(marked['earliest_start']);
  });

  test('that fails counts as no failure, is not retried, and leaves the next slot as it is', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 1, backoff: 'on_failure' } });
    await world.tick('12:05');
    await world.tick('12:06');
    const before = world.stateRow('bad');
    expect(before).toMatchObject({ failures: 1, retry_at: null });
    expect(await rerun(world, 1)).toMatchObject({ attempt: 3, status: 'failed', retryAt: null });
    const after = world.stateRow('bad');
    expect(unmoved(after)).toEqual(unmoved(before));
    expect(after).toMatchObject({
      retry_at: null,
      next_slot: before['next_slot'],
      earliest_start: before['earliest_start'],
    });
  });

  test('takes the place of the pending attempt of that very slot, which no tick makes any more', async () => {
    const world = await openVirtualWorld();
    world.addTask({
      name: 'bad',
      columns: { module: 'fail', schedule: '1h', retry_limit: 3, retry_delay_s: 600 },
    });
    await world.tick('13:00');
    expect(world.stateRow('bad')).toMatchObject({ retry_at: '2026-03-10T13:10:00.000Z' });
    world.clock.now = at('13:05');
    await rerun(world, 0);
    expect(world.ledger()).toEqual(['bad 13:00 failed (rerun)', 'bad 13:00 #2 failed']);
    expect(runAt(world, 1).message).toBe(
      `boom; rerun of run ${runAt(world, 0).id}; takes the place of attempt 2, which was pending`,
    );
    expect(world.stateRow('bad')).toMatchObject({
      retry_at: null,
      failures: 0,
      earliest_start: '2026-03-10T14:00:00.000Z',
    });
    expect((await world.tick('13:10')).runs).toEqual([]);
    await world.tick('14:00');
    await world.tick('14:10');
    expect(world.ledger().slice(2)).toEqual(['bad 14:00 failed (retry)', 'bad 14:00 #2 failed (retry)']);
  });

  test('in the place of the pending attempt of the only slot leaves the task done', async () => {
    const world = await openVirtualWorld();
    world.addTask({
      name: 'bad',
      columns: { module: 'fail', schedule_kind: 'at', schedule: '2026-03-10T13:00Z', retry_limit: 3 },
    });
    await world.tick('13:00');
    world.clock.now = at('13:00:30');
    expect(await rerun(world, 0)).toMatchObject({ attempt: 2, status: 'failed', retryAt: null });
    expect(world.stateRow('bad')).toMatchObject({
      terminated_at: '2026-03-10T13:00:30.000Z',
      terminated_reason: 'done: its only slot has been run again by hand',
      earliest_start: null,
    });
    await world.tick('13:02');
    expect(world.ledger()).toHaveLength(2);
  });

  test('of an older slot leaves the pending attempt of the newer one, which the next tick makes', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 2 } });
    await world.tick('12:05');
    await world.tick('12:10');
    await rerun(world, 0);
    expect(world.stateRow('bad')).toMatchObject({ retry_at: '2026-03-10T12:11:00.000Z', attempt: 1 });
    await world.tick('12:11');
    expect(world.ledger()).toEqual([
      'bad 12:05 failed (superseded)',
      'bad 12:10 failed (retry)',
      'bad 12:05 #2 failed',
      'bad 12:10 #2 failed (retry)',
    ]);
  });

  test('clashes with no attempt that a tick makes of a slot that a reset lets it take again', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 1 } });
    await world.tick('12:05');
    await world.tick('12:06');
    await rerun(world, 0);
    world.sql.exec(
      `UPDATE periodic_task_state SET epoch = epoch + 1, handled_slot = '2026-03-10T12:00:00.000Z',
       repeatable_until = '2026-03-10T12:05:00.000Z', earliest_start = ''`,
    );
    world.clock.now = at('12:06');
    await rerun(world, 0);
    await world.tick('12:06');
    await world.tick('12:07');
    await rerun(world, 0);
    expect(world.ledger()).toEqual([
      'bad 12:05 failed (retry)',
      'bad 12:05 #2 failed',
      'bad 12:05 #3 failed',
      'bad 12:05 #4 failed',
      'bad 12:05 #5 failed (retry)',
      'bad 12:05 #6 failed',
      'bad 12:05 #7 failed',
    ]);
  });

  test('of one slot by several hands at once gives each attempt a number of its own', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'fine', columns: { overlap: 'allow', max_parallel: 5 } });
    await world.tick('12:05');
    const ends = await Promise.allSettled([rerun(world, 0), rerun(world, 0), rerun(world, 0)]);
    const won = ends.filter(({ status }) => status === 'fulfilled').length;
    expect(won).toBeGreaterThan(0);
    expect(world.runRows().map(({ attempt }) => Number(attempt))).toEqual(
      Array.from({ length: won + 1 }, (_, index) => index + 1),
    );
  });

  test('runs a slot that was skipped', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'late', columns: { start_deadline_s: 60 } });
    await world.tick('12:09');
    await rerun(world, 0);
    expect(world.ledger()).toEqual(['late 12:05 skipped (too_late)', 'late 12:05 #2 succeeded']);
  });

  test('of a task that was disabled runs with a note, and wakes nothing', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'off' });
    await world.tick('12:05');
    world.sql.exec('UPDATE periodic_task SET active = FALSE');
    await world.tick('12:06');
    await rerun(world, 0);
    expect(world.warnings()).toEqual(['task "off": the task is not active, it runs all the same']);
    expect(world.stateRow('off')).toMatchObject({ earliest_start: null, next_slot: null });
  });

  test('takes options for this run only', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'flaky', columns: { module: 'fail_at_first', options: '{"times":5}' } });
    await world.tick('12:05');
    expect(await rerun(world, 0, { overrides: { times: 1 } })).toMatchObject({ status: 'succeeded' });
    expect(await rerun(world, 0)).toMatchObject({ attempt: 3, status: 'failed' });
  });
});

describe('a rerun is refused', () => {
  test('of a run by hand, of a fault, and of a removed task', async () => {
    const world = await openVirtualWorld();
    const taskId = world.addTask({ name: 'fine' });
    await world.tick('12:05');
    await runByHand(world.runner, { taskId, overrides: {}, isOwnNode: true });
    world.changeTask('fine', { schedule: '5x' });
    await world.tick('12:06');
    expect(() => rerun(world, 1)).toThrow(UsageError);
    expect(() => rerun(world, 1)).toThrow('which was started by hand: "periodic-cron run_manually -t fine"');
    expect(() => rerun(world, 2)).toThrow('which records a fault in the definition of task "fine"');
    await expect(rerun(world, 0)).rejects.toThrow(DefinitionError);
    world.sql.exec('DELETE FROM periodic_task');
    await expect(rerun(world, 0)).rejects.toThrow(NotFoundError);
    expect(world.ledger()).toHaveLength(3);
  });

  test('on a node whose state it is not, and says which', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'fine', nodes: ['alpha', 'beta'] });
    await world.tick('12:05');
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    expect(() => rerun(world, 0, { runner: beta })).toThrow(
      'is one of node "alpha", and this is node "beta": call rerun there',
    );
  });

  test('while its slot runs, whatever overlap allows, and while the task does where it does not', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'slow', columns: { module: 'call', overlap: 'allow', max_parallel: 5 } });
    await world.tick('12:05');
    const gate = createGate();
    world.script.call = gate.wait;
    const ticking = world.tick('12:10');
    await gate.reached;
    await expect(rerun(world, 1)).rejects.toThrow(BusyError);
    await expect(rerun(world, 1)).rejects.toThrow(
      'slot 2026-03-10T12:10:00Z of task "slow" is running, as run',
    );
    world.script.call = () => undefined;
    expect(await rerun(world, 0)).toMatchObject({ status: 'succeeded', attempt: 2 });
    world.changeTask('slow', { overlap: 'forbid', max_parallel: 1 });
    await expect(rerun(world, 0)).rejects.toThrow('task "slow" is running (overlap forbid)');
    gate.open();
    await ticking;
  });
});

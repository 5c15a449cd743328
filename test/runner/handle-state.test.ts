import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { withLookFor } from '../support/virtual-faults.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

/** Makes the state of a task look as if another runner had moved it. */
function moveState({ sql }: VirtualWorld, taskId: number): void {
  sql.prepare('UPDATE periodic_task_state SET epoch = epoch + 1 WHERE task_id = ?').run(taskId);
}

describe('an error that nobody expects', () => {
  test('while others keep moving the state is told, and the other tasks run', async () => {
    const world = await openVirtualWorld();
    const id = world.addTask({ name: 'odd', columns: { module: 'count' } });
    world.addTask({ name: 'good' });
    await world.tick('12:01');
    const runner = await withLookFor(world.runner, (module) => {
      if (module === 'count') {
        moveState(world, id);
        throw new Error('the registry is odd');
      }
      return module;
    });
    await tickOf(runner, world, '12:05');
    expect(world.ledger()).toEqual(['good 12:05 succeeded']);
    expect(world.warnings()).toEqual(['task "odd": the registry is odd']);
  });

  test('is recorded as a fault of its task when the state was moved only once', async () => {
    const world = await openVirtualWorld();
    const id = world.addTask({ name: 'odd', columns: { module: 'count' } });
    world.addTask({ name: 'good' });
    await world.tick('12:01');
    let looks = 0;
    const runner = await withLookFor(world.runner, (module) => {
      if (module === 'count') {
        looks += 1;
        if (looks === 1) {
          moveState(world, id);
        }
        throw new Error('the registry is odd');
      }
      return module;
    });
    const report = await tickOf(runner, world, '12:05');
    expect(report.notRun).toMatchObject([
      { task: 'odd', reason: 'invalid: definition: the registry is odd', newFault: true },
    ]);
    expect(world.ledger()).toEqual(['odd fault failed (invalid)', 'good 12:05 succeeded']);
    expect(world.warnings()).toEqual([]);
  });
});

test('a runner that is told to end while it checks a definition claims nothing', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup' });
  await world.tick('12:01');
  const { epoch } = world.stateRow('backup');
  const end = new AbortController();
  const ending = await withLookFor(world.otherRunner({ cancel: end.signal }), (module) => {
    end.abort('shutdown');
    return module;
  });
  const { runs, notRun } = await tickOf(ending, world, '12:05');
  expect([runs, notRun]).toEqual([[], []]);
  expect(world.script.started).toEqual([]);
  expect(world.stateRow('backup')).toMatchObject({ epoch });
  await world.tick('12:06');
  expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
});

test('a slot that is too late drops the pending attempt of the slot before, and says so', async () => {
  const world = await openVirtualWorld();
  world.addTask({
    name: 'bad',
    columns: { module: 'fail', retry_limit: 3, retry_delay_s: 600, start_deadline_s: 60 },
  });
  await world.tick('12:05');
  const message = 'too late: more than 1m late; supersedes attempt 2 of slot 2026-03-10T12:05:00Z';
  const { notRun } = await world.tick('12:12');
  expect(notRun).toMatchObject([{ task: 'bad', reason: `skipped, ${message}` }]);
  expect(world.ledger()).toEqual(['bad 12:05 failed (superseded)', 'bad 12:10 skipped (too_late)']);
  expect(world.runRows()[1]).toMatchObject({ message });
  expect(world.stateRow('bad')).toMatchObject({ retry_at: null, earliest_start: '2026-03-10T12:15:00.000Z' });
});

test('a newer slot that gives the task up with its pending attempt reports that run as the last one', async () => {
  const world = await openVirtualWorld();
  world.addTask({
    name: 'bad',
    columns: { module: 'fail', retry_limit: 3, retry_delay_s: 600, deactivate_after: '1 failure' },
  });
  expect(exitCodeOf(await world.tick('12:05'))).toBe(0);
  const report = await world.tick('12:10');
  const terminated = 'deactivated after 1 failure in a row since 2026-03-10T12:05:00Z';
  expect(report.runs).toMatchObject([{ task: 'bad', status: 'failed', retryAt: null, terminated }]);
  expect(exitCodeOf(report)).toBe(1);
  expect(world.stateRow('bad')).toMatchObject({ terminated_reason: terminated, earliest_start: null });
});

describe('a fault that comes again', () => {
  test('after the task was valid and its slot was skipped is a new one', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { module: 'missing', start_deadline_s: 60 } });
    expect(exitCodeOf(await world.tick('12:01'))).toBe(1);
    world.changeTask('backup', { module: 'succeed' });
    expect(exitCodeOf(await world.tick('12:07'))).toBe(0);
    world.changeTask('backup', { module: 'missing' });
    const again = await world.tick('12:08');
    expect(again.notRun).toMatchObject([{ task: 'backup', newFault: true }]);
    expect(exitCodeOf(again)).toBe(1);
    expect(world.ledger()).toEqual([
      'backup fault failed (invalid)',
      'backup 12:05 skipped (too_late)',
      'backup fault failed (invalid)',
    ]);
  });

  test('after the task was valid and waited for a run to end is a new one', async () => {
    const world = await openVirtualWorld();
    const gate = createGate();
    world.script.call = gate.wait;
    world.addTask({ name: 'slow', columns: { module: 'call' } });
    const busy = world.tick('12:05');
    await gate.reached;
    // The file of the module goes and comes: nothing in the database tells.
    const without = await withLookFor(world.runner, () => 'missing');
    expect(exitCodeOf(await tickOf(without, world, '12:10'))).toBe(1);
    const waiting = await world.tick('12:15');
    expect(waiting.notRun).toMatchObject([{ reason: 'still running; the slot stays due' }]);
    const again = await tickOf(without, world, '12:16');
    expect(again.notRun).toMatchObject([{ task: 'slow', newFault: true }]);
    expect(exitCodeOf(again)).toBe(1);
    gate.open();
    await busy;
    expect(world.ledger().filter((line) => line.includes('fault'))).toEqual([
      'slow fault failed (invalid)',
      'slow fault failed (invalid)',
    ]);
  });
});

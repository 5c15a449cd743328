import { expect, test } from 'vitest';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { withWriteFaults } from '../support/virtual-faults.ts';
import { openVirtualWorld, tickOf } from '../support/virtual-runner.ts';

test('a result whose recording fails in an unknown way is spooled, and the other tasks run', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'first' });
  world.addTask({ name: 'second' });
  let failures = 0;
  const driver = withWriteFaults(world.runner.driver, (sql) => {
    const isFirstEnd = sql.startsWith('UPDATE periodic_run SET live_node = NULL') && failures === 0;
    failures += isFirstEnd ? 1 : 0;
    return isFirstEnd ? new TypeError('cannot bind a parameter') : undefined;
  });
  const report = await tickOf(world.otherRunner({ driver }), world, '12:05');
  expect(report.runs).toMatchObject([
    { task: 'first', status: 'succeeded', spooled: true },
    { task: 'second', status: 'succeeded', spooled: false },
  ]);
  expect(exitCodeOf(report)).toBe(3);
  expect(world.warnings()).toEqual([
    'the result of task "first" (succeeded) waits for the next tick: cannot bind a parameter',
  ]);
  expect(world.ledger()).toEqual(['first 12:05 running', 'second 12:05 succeeded']);
  await world.tick('12:06');
  expect(world.ledger()).toEqual(['first 12:05 succeeded', 'second 12:05 succeeded']);
});

test('a message that an engine would not store is recorded as one that it does', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'odd', columns: { module: 'call' } });
  world.script.call = () => {
    throw new Error('NUL \0 and half a pair \ud800');
  };
  const report = await world.tick('12:05');
  expect(report.runs).toMatchObject([{ task: 'odd', status: 'failed', spooled: false }]);
  expect(world.sql.prepare('SELECT message FROM periodic_run').all()).toEqual([
    { message: 'NUL \uFFFD and half a pair \uFFFD' },
  ]);
  expect(world.warnings()).toEqual([]);
});

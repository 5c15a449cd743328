import { expect, test } from 'vitest';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { at } from '../support/builders.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

test('a failed slot is tried again when its delay has passed, and the delay doubles', async () => {
  const world = await openVirtualWorld();
  world.addTask({
    name: 'flaky',
    columns: {
      schedule: '1h',
      module: 'fail_at_first',
      options: '{"times":2}',
      retry_limit: 2,
      retry_delay_s: 60,
    },
  });
  const ran: string[] = [];
  for (const instant of ['13:00', '13:01', '13:02', '13:03', '13:04', '13:05', '13:06']) {
    const { runs } = await world.tick(instant);
    ran.push(...runs.map(({ attempt, status }) => `${instant} #${attempt} ${status}`));
  }
  expect(ran).toEqual(['13:00 #1 failed', '13:01 #2 failed', '13:03 #3 succeeded']);
  expect(world.ledger()).toEqual([
    'flaky 13:00 failed (retry)',
    'flaky 13:00 #2 failed (retry)',
    'flaky 13:00 #3 succeeded',
  ]);
});

test('the last attempt fails for good, counts once, and the next slot starts anew', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 1 } });
  for (const instant of ['12:05', '12:06', '12:07', '12:08', '12:10']) {
    await world.tick(instant);
  }
  expect(world.ledger()).toEqual([
    'bad 12:05 failed (retry)',
    'bad 12:05 #2 failed',
    'bad 12:10 failed (retry)',
  ]);
  expect(world.stateRow('bad')).toMatchObject({ failures: 1, first_failure_at: '2026-03-10T12:06:00.000Z' });
});

test('a newer slot supersedes a pending attempt, and says so', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 3, retry_delay_s: 240 } });
  expect(exitCodeOf(await world.tick('12:05'))).toBe(0);
  const report = await world.tick('12:10');
  expect(report.runs).toMatchObject([
    {
      slotAt: at('12:05'),
      status: 'failed',
      error: 'boom; its next attempt was superseded by a newer slot',
      retryAt: null,
    },
    { slotAt: at('12:10'), status: 'failed' },
  ]);
  expect(exitCodeOf(report)).toBe(1);
  expect(world.stateRow('bad')).toMatchObject({ failures: 1 });
  expect(world.ledger()).toEqual(['bad 12:05 failed (superseded)', 'bad 12:10 failed (retry)']);
  expect(world.runRows().map(({ message }) => message)).toEqual([
    'boom',
    'boom; supersedes attempt 2 of slot 2026-03-10T12:05:00Z',
  ]);
});

test('a run that replaces a pending attempt names it', async () => {
  const world = await openVirtualWorld();
  world.addTask({
    name: 'flaky',
    columns: { module: 'fail_at_first', options: '{"times":1}', retry_limit: 3, retry_delay_s: 600 },
  });
  await world.tick('12:05');
  world.changeTask('flaky', { module: 'succeed', options: '{}' });
  await world.tick('12:10');
  expect(world.ledger()).toEqual(['flaky 12:05 failed (superseded)', 'flaky 12:10 succeeded']);
  expect(world.runRows()[1]).toMatchObject({
    message: 'supersedes attempt 2 of slot 2026-03-10T12:05:00Z',
  });
});

test('retry_past_next finishes a slot before it turns to the next', async () => {
  const world = await openVirtualWorld();
  world.addTask({
    name: 'stubborn',
    columns: {
      module: 'fail_at_first',
      options: '{"times":1}',
      retry_limit: 1,
      retry_delay_s: 420,
      retry_past_next: 1,
    },
  });
  for (const instant of ['12:05', '12:10', '12:11', '12:12', '12:13']) {
    await world.tick(instant);
  }
  expect(world.ledger()).toEqual([
    'stubborn 12:05 failed (retry)',
    'stubborn 12:05 #2 succeeded',
    'stubborn 12:10 failed (retry)',
  ]);
});

test('a tick says when the next attempt is due', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 1 } });
  const { runs, idleForSeconds } = await world.tick('12:05:10');
  expect(runs).toMatchObject([{ status: 'failed', retryAt: Date.parse('2026-03-10T12:06:10Z') }]);
  expect(idleForSeconds).toBe(60);
});

test.each([
  ['disabled', 'UPDATE periodic_task SET active = FALSE', 'backup 12:05 failed'],
  ['given another schedule', "UPDATE periodic_task SET schedule = '1h'", 'backup 12:05 failed (retry)'],
])('a task that was %s while it ran is judged by what it is when it ends', async (_title, change, line) => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup', columns: { module: 'call', retry_limit: 1 } });
  world.script.call = () => {
    world.sql.exec(change);
    throw new Error('boom');
  };
  await world.tick('12:05');
  expect(world.ledger()).toEqual([line]);
  expect(world.stateRow('backup')).toMatchObject({ earliest_start: '' });
});

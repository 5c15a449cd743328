import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import type { Columns } from '../support/virtual-database.ts';
import { KEY_IS_TAKEN } from '../support/virtual-faults.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

type Broken = readonly [string, Columns, Columns, string];

const A_SWITCH: Broken = ['a switch', { active: 2 }, { active: 1 }, 'active: expected true or false, got 2'];

const BROKEN: readonly Broken[] = [
  ['a schedule', { schedule: 'soon' }, { schedule: '5m' }, 'schedule: expected a duration'],
  [
    'a cron schedule',
    { schedule_kind: 'cron', schedule: '61 * * * *' },
    { schedule: '*/5 * * * *' },
    'schedule: ',
  ],
  [
    'a kind',
    { schedule_kind: 'crom' },
    { schedule_kind: 'every' },
    'schedule_kind: expected cron, every, window, ticks, at, manual',
  ],
  ['a zone', { timezone: 'Mars/Olympus' }, { timezone: '' }, 'timezone: '],
  ['a module', { module: 'succed' }, { module: 'succeed' }, 'module: expected a known module'],
  [
    'options',
    { options: '{"tmes":1}' },
    { options: '{}' },
    'options.tmes: expected one of times, ms, got "tmes"',
  ],
  ['options that are no JSON', { options: '{oops' }, { options: '{}' }, 'options: expected a JSON object'],
  [
    'a policy',
    { retry_limit: -1 },
    { retry_limit: 0 },
    'retry_limit: expected a whole number from 0 to 1000',
  ],
  // PostgreSQL takes no such value.
  ...(testedEngine === 'postgres' ? [] : [A_SWITCH]),
];

describe.each(BROKEN)('%s that plain SQL made invalid', (_title, broken, mended, fault) => {
  test('fails that task alone, is in the ledger once, and heals when it is corrected', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'bad', columns: broken });
    world.addTask({ name: 'good' });
    const first = await world.tick('12:00:30');
    expect(first.notRun).toMatchObject([
      { task: 'bad', reason: expect.stringContaining(fault), newFault: true },
      { task: 'good', newFault: false },
    ]);
    expect(exitCodeOf(first)).toBe(1);
    const second = await world.tick('12:01');
    expect(exitCodeOf(second)).toBe(0);
    expect(second.notRun.filter(({ newFault }) => newFault)).toEqual([]);
    expect(world.ledger()).toEqual(['bad fault failed (invalid)']);
    world.clock.now = at('12:02');
    world.changeTask('bad', mended);
    await world.tick('12:03');
    await world.tick('12:07');
    expect(world.ledger().slice(1).sort()).toEqual([
      expect.stringMatching(/^bad 12:0[57] succeeded$/),
      'good 12:05 succeeded',
    ]);
    expect(world.stateRow('bad')).toMatchObject({ fault: null });
  });
});

test('a second fault of a task is recorded beside the first', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { schedule: 'soon' } });
  await world.tick('12:01');
  world.changeTask('bad', { schedule: 'later' });
  await world.tick('12:02');
  world.changeTask('bad', { ordering: 5 });
  await world.tick('12:03');
  expect(world.runRows().map(({ message }) => message)).toEqual([
    expect.stringContaining('"soon"'),
    expect.stringContaining('"later"'),
  ]);
});

test('the slots of a task whose module is missing leave their trace', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { module: 'missing' } });
  await world.tick('12:01');
  await world.tick('12:05');
  await world.tick('12:11');
  expect(world.ledger()).toEqual(['bad fault failed (invalid)', 'bad 12:05-12:10 x2 skipped (invalid)']);
});

test("the fault of an inactive task is nobody's trouble until it is switched on", async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { schedule: 'soon', active: 0 } });
  await world.tick('12:01');
  expect(world.ledger()).toEqual([]);
  world.changeTask('bad', { active: 1 });
  await world.tick('12:02');
  expect(world.ledger()).toEqual(['bad fault failed (invalid)']);
});

test('a task without nodes is a fault, told once, and runs when it gets one', async () => {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'nowhere', nodes: [] });
  const first = await world.tick('12:00:30');
  expect(first.notRun).toMatchObject([
    { task: 'nowhere', reason: 'invalid: nodes: expected at least one node, got none', newFault: true },
  ]);
  const second = await world.tick('12:01');
  expect(second.notRun).toEqual([]);
  world.clock.now = at('12:02');
  world.sql.prepare("INSERT INTO periodic_task_node (task_id, node) VALUES (?, 'alpha')").run(id);
  await world.tick('12:03');
  await world.tick('12:07');
  expect(world.ledger()).toEqual(['nowhere fault failed (invalid)', 'nowhere 12:07 succeeded']);
});

test('a state that was moved back by hand, onto a slot that the ledger holds, fails alone and once', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'moved' });
  world.addTask({ name: 'good' });
  await world.tick('12:05');
  world.sql.exec(`UPDATE periodic_task_state SET handled_slot = NULL, earliest_start = '', epoch = epoch + 1
    WHERE task_id = (SELECT id FROM periodic_task WHERE name = 'moved')`);
  const report = await world.tick('12:06');
  expect(report.notRun).toMatchObject([
    {
      task: 'moved',
      reason: expect.stringMatching(KEY_IS_TAKEN),
      newFault: true,
    },
  ]);
  expect(exitCodeOf(report)).toBe(1);
  expect(exitCodeOf(await world.tick('12:07'))).toBe(0);
  expect(world.ledger()).toEqual([
    'moved 12:05 succeeded',
    'good 12:05 succeeded',
    'moved fault failed (invalid)',
  ]);
  await world.tick('12:10');
  expect(world.ledger().slice(3)).toEqual(['moved 12:05-12:10 x2 succeeded', 'good 12:10 succeeded']);
});

test.each([
  ['is empty', [''], 'nodes.0: expected 1 to 255 characters, got none', []],
  [
    'has spaces around it',
    [' alpha'],
    'nodes.0: expected a name without spaces around it, in Unicode form NFC, got " alpha"',
    [],
  ],
  [
    'is empty, beside one that can be',
    ['', 'alpha'],
    'nodes.0: expected 1 to 255 characters, got none',
    ['misplaced 12:05-12:10 x2 skipped (invalid)'],
  ],
])('a node name that %s is a fault of its task, told once', async (_title, nodes, fault, skipped) => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'misplaced', nodes });
  const first = await world.tick('12:01');
  expect(first.notRun).toMatchObject([{ task: 'misplaced', reason: `invalid: ${fault}`, newFault: true }]);
  expect(exitCodeOf(first)).toBe(1);
  expect(exitCodeOf(await world.tick('12:05'))).toBe(0);
  await world.tick('12:10');
  expect(world.ledger()).toEqual(['misplaced fault failed (invalid)', ...skipped]);
  expect(world.runRows()[0]).toMatchObject({ message: fault });
});

describe('a state that its task does not keep any more', () => {
  test('of a node that was taken away is not touched by a fault', async () => {
    const world = await openVirtualWorld();
    const id = world.addTask({ name: 'backup', nodes: ['alpha', 'beta'] });
    world.sql.prepare("DELETE FROM periodic_task_node WHERE task_id = ? AND node = 'alpha'").run(id);
    await world.tick('12:01');
    world.changeTask('backup', { module: 'missing' });
    for (const instant of ['12:05', '12:10', '12:15']) {
      const { notRun } = await world.tick(instant);
      expect(notRun).toEqual([]);
    }
    expect(world.ledger()).toEqual([]);
    expect(world.stateRow('backup', 'alpha')).toMatchObject({
      fault: null,
      handled_slot: null,
      earliest_start: null,
    });
  });

  test('of a node is not touched by a fault after all nodes have come to share one', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    await world.tick('12:05');
    world.clock.now = at('12:06');
    world.changeTask('backup', { scope: 'one', timezone: 'UTC', module: 'missing' });
    await world.tick('12:07');
    await world.tick('12:15');
    expect(
      world.runRows().map(({ scope_key, trigger_kind, status }) => [scope_key, trigger_kind, status]),
    ).toEqual([
      ['alpha', 'schedule', 'succeeded'],
      ['*', 'fault', 'failed'],
      ['*', 'schedule', 'skipped'],
    ]);
    expect(world.stateRow('backup', 'alpha')).toMatchObject({
      fault: null,
      handled_slot: '2026-03-10T12:05:00.000Z',
      earliest_start: null,
    });
  });
});

test('an invalid task with an attempt pending is written once, not at every tick', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { schedule: '1h', module: 'fail', retry_limit: 3 } });
  await world.tick('13:00');
  world.changeTask('bad', { module: 'missing' });
  await world.tick('13:01');
  const { epoch } = world.stateRow('bad');
  for (const instant of ['13:02', '13:03', '13:04']) {
    await world.tick(instant);
  }
  expect(world.stateRow('bad')).toMatchObject({
    epoch,
    retry_at: null,
    earliest_start: '2026-03-10T14:00:00.000Z',
  });
  expect(world.ledger()).toEqual(['bad 13:00 failed (retry)', 'bad fault failed (invalid)']);
});

test.each([' alpha', 'al\npha'])(
  'a task whose only node is renamed to %j, which none can be, is told of once',
  async (node) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    await world.tick('12:01');
    world.sql.prepare('UPDATE periodic_task_node SET node = ? WHERE task_id = 2').run(node);
    await world.tick('12:02');
    await world.tick('12:03');
    expect(world.runRows().map(({ trigger_kind: trigger, reason }) => [trigger, reason])).toEqual([
      ['fault', 'invalid'],
    ]);
  },
);

test('a task of one state whose only node is one that none can be is told of once', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup', nodes: [' alpha'], columns: { scope: 'one', timezone: 'UTC' } });
  await world.tick('12:01');
  await world.tick('12:02');
  expect(world.runRows().map(({ trigger_kind: trigger, reason }) => [trigger, reason])).toEqual([
    ['fault', 'invalid'],
  ]);
});

test('a tag that cannot be is a fault of its task, as it is for those who look', async () => {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'backup' });
  world.sql.prepare('INSERT INTO periodic_task_tag (task_id, tag) VALUES (?, ?)').run(id, 'bad\n');
  const report = await world.tick('12:01');
  expect(report.notRun).toMatchObject([{ task: 'backup', newFault: true }]);
});

test('slots of a task with a wrong policy leave a trace, since its schedule is readable', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup', columns: { retry_limit: -1 } });
  await world.tick('12:05');
  expect(world.ledger()).toEqual(['backup fault failed (invalid)', 'backup 12:05 skipped (invalid)']);
});

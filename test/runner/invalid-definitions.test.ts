import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { at } from '../support/builders.ts';
import type { Columns } from '../support/virtual-database.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

const BROKEN: ReadonlyArray<readonly [string, Columns, Columns, string]> = [
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
    'schedule_kind: expected cron, every, manual',
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
  ['a switch', { active: 2 }, { active: 1 }, 'active: expected true or false, got 2'],
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
      reason: expect.stringContaining('UNIQUE constraint failed: periodic_run'),
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

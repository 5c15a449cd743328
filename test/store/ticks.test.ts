import { describe, expect, onTestFinished, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { beginTick, endTick, type NodeFacts, tickNumbers } from '../../src/store/ticks.ts';
import { at } from '../support/builders.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

const ALPHA: NodeFacts = {
  name: 'alpha',
  hostName: 'alpha.example',
  machineId: 'machine',
  bootId: 'first boot',
  version: '0.1.0',
  timezone: 'Europe/Berlin',
  tzVersion: '2026a',
};

async function openWorld() {
  const database = await openVirtualDatabase();
  const driver = await openSqlite(database.path, { create: false });
  onTestFinished(() => driver.close());
  const begin = (startedAt: string, node: Partial<NodeFacts> = {}) =>
    beginTick(driver, { ...ALPHA, ...node }, { tickAt: at(startedAt.slice(0, 5)), startedAt: at(startedAt) });
  return { database, driver, begin };
}

describe('a tick that begins', () => {
  test('registers its node', async () => {
    const { database, begin } = await openWorld();
    expect(await begin('12:00:01')).toEqual({
      tickNo: 1,
      ticks: { own: 1, all: 1 },
      previousTickAt: null,
      rebooted: false,
    });
    expect(await begin('12:01:02', { version: '0.2.0' })).toEqual({
      tickNo: 2,
      ticks: { own: 2, all: 2 },
      previousTickAt: at('12:00:01'),
      rebooted: false,
    });
    expect(database.sql.prepare('SELECT * FROM periodic_node').all()).toEqual([
      {
        name: 'alpha',
        host_name: 'alpha.example',
        machine_id: 'machine',
        boot_id: 'first boot',
        version: '0.2.0',
        timezone: 'Europe/Berlin',
        tz_version: '2026a',
        tick_no: 2,
        first_tick_at: '2026-03-10T12:00:01.000Z',
        last_tick_at: '2026-03-10T12:01:02.000Z',
      },
    ]);
  });

  test('has a number of its own, also beside others', async () => {
    const { begin } = await openWorld();
    const ticks = await Promise.all(['12:00:01', '12:00:02', '12:00:03'].map((instant) => begin(instant)));
    expect(ticks.map(({ tickNo }) => tickNo)).toEqual([1, 2, 3]);
    expect((await begin('12:00:04', { name: 'beta' })).tickNo).toBe(1);
  });

  test('has a number among the ticks of all nodes as well', async () => {
    const { driver, begin } = await openWorld();
    expect(await tickNumbers(driver, 'alpha')).toEqual({ own: 0, all: 0 });
    await begin('12:00:01');
    await begin('12:00:02', { name: 'beta' });
    expect(await begin('12:01:01')).toMatchObject({ tickNo: 2, ticks: { own: 2, all: 3 } });
    expect(await tickNumbers(driver, 'alpha')).toEqual({ own: 2, all: 3 });
    expect(await tickNumbers(driver, 'beta')).toEqual({ own: 1, all: 3 });
    expect(await tickNumbers(driver, 'gamma')).toEqual({ own: 0, all: 3 });
  });

  test('has no number twice among the ticks of all nodes, also beside others', async () => {
    const { begin } = await openWorld();
    const names = ['alpha', 'beta', 'alpha', 'gamma', 'beta'];
    const ticks = await Promise.all(names.map((name) => begin('12:00:01', { name })));
    expect(ticks.map(({ ticks: { all } }) => all)).toEqual([1, 2, 3, 4, 5]);
  });

  test('counts as the first tick of the tasks that its node gets with it', async () => {
    const { database, begin } = await openWorld();
    await begin('12:00:01', { name: 'beta' });
    database.addTask({ name: 'everywhere', nodes: ['*'] });
    expect((await begin('12:01:01')).ticks.own).toBe(1);
    expect(database.stateRow('everywhere', 'alpha')).toMatchObject({ counted_tick: 0 });
    expect(database.stateRow('everywhere', 'beta')).toMatchObject({ counted_tick: 1 });
  });

  test('gives a slot to the @reboot tasks of its node after a boot', async () => {
    const { database, begin } = await openWorld();
    await begin('12:00:01');
    database.addTask({ name: 'at boot', columns: { schedule_kind: 'cron', schedule: ' @Reboot' } });
    database.addTask({ name: 'no such window', columns: { schedule_kind: 'window', schedule: '@reboot' } });
    await begin('12:01:01', { bootId: 'second boot' });
    expect(database.stateRow('at boot')).toMatchObject({ first_slot: '2026-03-10T12:01:00.000Z' });
    expect(database.stateRow('no such window')).toMatchObject({ first_slot: null });
  });

  test('notices a boot once', async () => {
    const { begin } = await openWorld();
    await begin('12:00:01');
    expect((await begin('12:01:01', { bootId: 'second boot' })).rebooted).toBe(true);
    expect((await begin('12:02:01', { bootId: 'second boot' })).rebooted).toBe(false);
  });

  test('gives a node that is new the states of the tasks of all nodes', async () => {
    const { database, begin } = await openWorld();
    database.addTask({ name: 'everywhere', nodes: ['*'], columns: { run_immediately: 1 } });
    await begin('12:00:01');
    expect(database.stateRow('everywhere', 'alpha')).toMatchObject({
      counted_from: '2026-03-10T12:00:00.000Z',
      first_slot: '2026-03-10T12:00:00.000Z',
      earliest_start: '',
    });
  });
});

test('the first tick of a node may come beside another first one', async () => {
  const { driver } = await openWorld();
  let isFirst = true;
  const beside: Driver = {
    ...driver,
    transaction: (work) =>
      driver.transaction((statements) =>
        work({
          ...statements,
          run: async (sql, params) => {
            const changed = await statements.run(sql, params);
            if (isFirst) {
              isFirst = false;
              await statements.run("INSERT INTO periodic_node (name, tick_no) VALUES ('alpha', 1)");
            }
            return changed;
          },
        }),
      ),
  };
  const begun = await beginTick(beside, ALPHA, { tickAt: at('12:00'), startedAt: at('12:00:01') });
  expect(begun.tickNo).toBe(2);
});

describe('the slots of tasks in time zones are looked for anew', () => {
  const EIGHT = { schedule_kind: 'cron', schedule: '0 8 * * *' };

  async function openTasks() {
    const world = await openWorld();
    await world.begin('12:00:01');
    const { database } = world;
    database.addTask({ name: 'in node zone', columns: EIGHT });
    database.addTask({ name: 'in own zone', columns: { ...EIGHT, timezone: 'Asia/Tokyo' } });
    database.addTask({ name: 'elsewhere', nodes: ['beta'], columns: EIGHT });
    database.addTask({ name: 'periodic' });
    database.addTask({ name: 'every tick', columns: { schedule_kind: 'ticks', schedule: '0 repeat' } });
    database.addTask({ name: 'window', columns: { schedule_kind: 'window', schedule: '08:00-09:00' } });
    const once = { schedule_kind: 'at', schedule: '2026-04-01T08:00' };
    database.addTask({ name: 'once in own zone', columns: { ...once, timezone: 'Asia/Tokyo' } });
    const shared = { ...EIGHT, scope: 'one', timezone: 'Asia/Tokyo' };
    database.addTask({ name: 'shared', nodes: ['*'], columns: shared });
    database.addTask({ name: 'shared elsewhere', nodes: ['beta'], columns: shared });
    database.sql.exec(
      "DELETE FROM periodic_task_state WHERE scope_key = ''; UPDATE periodic_task_state SET epoch = 7, first_slot = counted_from, earliest_start = '2026-03-11T07:00:00.000Z'",
    );
    const marked = () =>
      database.sql
        .prepare(
          `SELECT name FROM periodic_task t JOIN periodic_task_state s ON s.task_id = t.id
           WHERE s.epoch = 8 AND s.earliest_start = '' AND s.first_slot = s.counted_from ORDER BY t.id`,
        )
        .pluck()
        .all();
    return { ...world, marked };
  }

  test.each<[string, Partial<NodeFacts>, readonly string[]]>([
    ['never while nothing changes', {}, []],
    ['in the zone of the node when that is another', { timezone: 'Asia/Tokyo' }, ['in node zone', 'window']],
    [
      'in every zone when the data of the zones are others',
      { tzVersion: '2026b' },
      ['in node zone', 'in own zone', 'window', 'once in own zone', 'shared'],
    ],
    [
      'once when both change',
      { timezone: 'Asia/Tokyo', tzVersion: '2026b' },
      ['in node zone', 'in own zone', 'window', 'once in own zone', 'shared'],
    ],
  ])('%s', async (_title, changes, names) => {
    const { begin, marked } = await openTasks();
    await begin('12:01:01', changes);
    expect(marked()).toEqual(names);
    await begin('12:02:01', changes);
    expect(marked()).toEqual(names);
  });

  test('not by the first tick of a node, for which nobody has looked before', async () => {
    const { database, begin } = await openWorld();
    database.addTask({ name: 'backup', columns: EIGHT });
    database.sql.exec("INSERT INTO periodic_node (name) VALUES ('alpha')");
    const { epoch } = database.stateRow('backup', 'alpha');
    await begin('12:00:01');
    expect(database.stateRow('backup', 'alpha')).toMatchObject({ epoch });
  });
});

test('a tick that ends says how; one that was killed never does', async () => {
  const { database, driver, begin } = await openWorld();
  await begin('12:00:01');
  const { tickNo } = await begin('12:01:01');
  const end = { endedAt: at('12:01:09'), started: 3, failed: 1, exitCode: 1 };
  await endTick(driver, { node: 'alpha', tickNo }, end);
  expect(
    database.sql.prepare('SELECT tick_no, ended_at, started, failed, exit_code FROM periodic_tick').all(),
  ).toEqual([
    { tick_no: 1, ended_at: null, started: 0, failed: 0, exit_code: null },
    { tick_no: 2, ended_at: '2026-03-10T12:01:09.000Z', started: 3, failed: 1, exit_code: 1 },
  ]);
});

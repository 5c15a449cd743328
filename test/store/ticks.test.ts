import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import type { Driver } from '../../src/store/driver.ts';
import type { NameHolder } from '../../src/store/nodes.ts';
import { beginTick, endTick, type NodeFacts, type TickStart, tickNumbers } from '../../src/store/ticks.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
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
  const driver = await openDriver(database);
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
      previousOffsetMs: null,
      rebooted: false,
    });
    expect(await begin('12:01:02', { version: '0.2.0' })).toEqual({
      tickNo: 2,
      ticks: { own: 2, all: 2 },
      previousTickAt: at('12:00:01'),
      previousOffsetMs: null,
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
        rhythm_s: null,
        clock_offset_ms: null,
        drained_at: null,
        drained_by: null,
        drained_reason: null,
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

describe('a tick tells', () => {
  async function openStarts() {
    const { database, driver } = await openWorld();
    const begin = (startedAt: string, start: Partial<TickStart>, node: Partial<NodeFacts> = {}) =>
      beginTick(
        driver,
        { ...ALPHA, ...node },
        { tickAt: at(startedAt.slice(0, 5)), startedAt: at(startedAt), ...start },
      );
    return { database, driver, begin };
  }

  test('which rhythm the configuration promises, until it promises none', async () => {
    const { database, begin } = await openStarts();
    const rhythm = () => database.sql.prepare('SELECT rhythm_s FROM periodic_node').pluck().get();
    await begin('12:00:01', { rhythmSeconds: 300 });
    expect(rhythm()).toBe(300);
    await begin('12:05:01', {});
    expect(rhythm()).toBe(null);
  });

  test('how far the clock of its machine is off, and how far it was before', async () => {
    const { database, begin } = await openStarts();
    await begin('12:00:01', { clockOffsetMs: -7_200_000 });
    const { previousOffsetMs } = await begin('12:05:01', { clockOffsetMs: 12 });
    expect(previousOffsetMs).toBe(-7_200_000);
    expect(database.sql.prepare('SELECT clock_offset_ms FROM periodic_node').pluck().all()).toEqual([12]);
    expect(
      database.sql.prepare('SELECT clock_offset_ms FROM periodic_tick ORDER BY tick_no').pluck().all(),
    ).toEqual([-7_200_000, 12]);
  });

  test('which server it used, if there can be several', async () => {
    const { database, begin } = await openStarts();
    await begin('12:00:01', {});
    const server = database.sql.prepare('SELECT server FROM periodic_tick').pluck().get();
    if (database.engine === 'sqlite') {
      expect(server).toBe(null);
    } else {
      expect(server).toMatch(/^(?:socket|.+:\d+)$/);
    }
  });

  describe('that another machine has the name of its node', () => {
    const refuse = () => Promise.reject(new ConfigError('the name is taken'));

    test('and is undone if that is refused', async () => {
      const { database, begin } = await openStarts();
      await begin('12:00:01', {});
      const before = database.sql.prepare('SELECT * FROM periodic_node').all();
      await expect(begin('12:05:01', { onOtherMachine: refuse }, { machineId: 'other' })).rejects.toThrow(
        new ConfigError('the name is taken'),
      );
      expect(database.sql.prepare('SELECT * FROM periodic_node').all()).toEqual(before);
      expect(database.sql.prepare('SELECT tick_no FROM periodic_tick').pluck().all()).toEqual([1]);
    });

    test('with what is known of that one', async () => {
      const { begin } = await openStarts();
      await begin('12:00:01', { rhythmSeconds: 60 });
      const asked: NameHolder[] = [];
      const onOtherMachine: TickStart['onOtherMachine'] = (_statements, holder) => {
        asked.push(holder);
        return Promise.resolve();
      };
      await begin('12:05:01', { onOtherMachine }, { machineId: 'other', hostName: 'other.example' });
      expect(asked).toEqual([
        {
          name: 'alpha',
          hostName: 'alpha.example',
          machineId: 'machine',
          lastTickAt: at('12:00:01'),
          rhythmSeconds: 60,
        },
      ]);
      await begin('12:06:01', { onOtherMachine: refuse }, { machineId: 'other' });
    });

    test('but not where nobody has ticked under it', async () => {
      const { database, begin } = await openStarts();
      database.sql.exec("INSERT INTO periodic_node (name) VALUES ('alpha')");
      expect((await begin('12:00:01', { onOtherMachine: refuse })).tickNo).toBe(1);
    });

    test('also where two come under a new name at the same time', async () => {
      const { database, driver, begin } = await openStarts();
      const other = await openDriver(database);
      const results = await Promise.allSettled([
        begin('12:00:01', { onOtherMachine: refuse }, { machineId: 'one' }),
        beginTick(
          other,
          { ...ALPHA, machineId: 'two' },
          { tickAt: at('12:00'), startedAt: at('12:00:01'), onOtherMachine: refuse },
        ),
      ]);
      expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(await tickNumbers(driver, 'alpha')).toEqual({ own: 1, all: 1 });
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

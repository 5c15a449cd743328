import { describe, expect, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import {
  listDueKeys,
  listLiveRuns,
  loadCandidate,
  nextEarliestStart,
  waitsForTicks,
} from '../../src/store/tick-statements.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, sqliteOf, type VirtualDatabase } from '../support/virtual-database.ts';
import { claimSlot } from '../support/virtual-runs.ts';
import { plansOf, queriesOf } from './asked-statements.ts';

type World = { readonly database: VirtualDatabase; readonly driver: Driver };

async function openWorld(): Promise<World> {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  return { database, driver };
}

/** Makes all states of a task wait until this instant. */
function waitUntil({ database }: World, name: string, instant: string): void {
  database.sql
    .prepare(
      `UPDATE periodic_task_state SET earliest_start = ?
       WHERE task_id = (SELECT id FROM periodic_task WHERE name = ?) AND scope_key <> ''`,
    )
    .run(new Date(at(instant)).toISOString(), name);
}

/** Makes all states of a task wait for the tick of this number, and for no instant. */
function waitForTick({ database }: World, name: string, number: number): void {
  database.sql
    .prepare(
      `UPDATE periodic_task_state SET earliest_start = NULL, due_tick = ?
       WHERE task_id = (SELECT id FROM periodic_task WHERE name = ?) AND scope_key <> ''`,
    )
    .run(number, name);
}

async function dueNames(
  { database, driver }: World,
  node: string,
  tickAt: string,
  ticks = { own: 0, all: 0 },
): Promise<readonly string[]> {
  const keys = await listDueKeys(driver, node, at(tickAt), ticks);
  const nameOf = database.sql.prepare('SELECT name FROM periodic_task WHERE id = ?').pluck();
  return keys.map(
    ({ taskId, scopeKey }) => `${nameOf.get(taskId)} of ${scopeKey === '' ? 'nobody' : scopeKey}`,
  );
}

describe('the due list', () => {
  test('holds the states of the node that are due, ascending by ordering, then id', async () => {
    const world = await openWorld();
    for (const [name, ordering] of [
      ['c', 2],
      ['a', 1],
      ['b', 2],
      ['later', 0],
    ] as const) {
      world.database.addTask({ name, columns: { ordering } });
      waitUntil(world, name, name === 'later' ? '12:10' : '12:05');
    }
    world.database.sql.exec("DELETE FROM periodic_task_state WHERE scope_key = ''");
    expect(await dueNames(world, 'alpha', '12:05')).toEqual(['a of alpha', 'c of alpha', 'b of alpha']);
    expect(await dueNames(world, 'alpha', '12:04:59')).toEqual([]);
    expect(await dueNames(world, 'beta', '12:05')).toEqual([]);
  });

  test('holds what was marked, whatever it waited for', async () => {
    const world = await openWorld();
    world.database.addTask({ name: 'a' });
    waitUntil(world, 'a', '23:00');
    world.database.sql.exec("DELETE FROM periodic_task_state WHERE scope_key = ''");
    expect(await dueNames(world, 'alpha', '12:00')).toEqual([]);
    world.database.changeTask('a', { ordering: 1 });
    expect(await dueNames(world, 'alpha', '12:00')).toEqual(['a of alpha']);
  });

  test('holds what all nodes share only on the nodes of the task', async () => {
    const world = await openWorld();
    world.database.addTask({ name: 'shared', nodes: ['alpha', 'beta'], columns: { scope: 'one' } });
    world.database.addTask({ name: 'shared by all', nodes: ['*'], columns: { scope: 'one' } });
    expect(await dueNames(world, 'alpha', '12:00')).toEqual(['shared of *', 'shared by all of *']);
    expect(await dueNames(world, 'gamma', '12:00')).toEqual(['shared by all of *']);
  });

  test('shows a task without nodes to every node', async () => {
    const world = await openWorld();
    world.database.addTask({ name: 'nowhere', nodes: [] });
    world.database.addTask({ name: 'shared by none', nodes: [], columns: { scope: 'one' } });
    expect(await dueNames(world, 'alpha', '12:00')).toEqual(['nowhere of nobody', 'shared by none of *']);
    expect(await dueNames(world, 'beta', '12:00')).toEqual(['nowhere of nobody', 'shared by none of *']);
  });

  test('leaves out what waits for nothing', async () => {
    const world = await openWorld();
    world.database.addTask({ name: 'a' });
    world.database.sql.exec('UPDATE periodic_task_state SET earliest_start = NULL');
    expect(await dueNames(world, 'alpha', '2036-03-10T12:00:00Z')).toEqual([]);
  });
});

describe('the due list of a tick by its number', () => {
  async function openTicks(): Promise<World> {
    const world = await openWorld();
    world.database.addTask({ name: 'own', nodes: ['alpha', 'beta'], columns: { ordering: 2 } });
    world.database.addTask({ name: 'shared', columns: { scope: 'one', ordering: 1 } });
    waitForTick(world, 'own', 7);
    waitForTick(world, 'shared', 12);
    world.database.sql.exec("DELETE FROM periodic_task_state WHERE scope_key = ''");
    return world;
  }

  test('holds what waits for it: ticks of the node, or of all nodes for what they share', async () => {
    const world = await openTicks();
    expect(await dueNames(world, 'alpha', '12:00', { own: 6, all: 11 })).toEqual([]);
    expect(await dueNames(world, 'alpha', '12:00', { own: 7, all: 11 })).toEqual(['own of alpha']);
    expect(await dueNames(world, 'alpha', '12:00', { own: 6, all: 12 })).toEqual(['shared of *']);
    expect(await dueNames(world, 'alpha', '12:00', { own: 9, all: 20 })).toEqual([
      'shared of *',
      'own of alpha',
    ]);
  });

  test('holds what nodes share only on the nodes of the task', async () => {
    const world = await openTicks();
    expect(await dueNames(world, 'beta', '12:00', { own: 9, all: 20 })).toEqual(['own of beta']);
    expect(await dueNames(world, 'gamma', '12:00', { own: 9, all: 20 })).toEqual([]);
  });

  test('holds what is due by its instant as well, or marked, once', async () => {
    const world = await openTicks();
    waitUntil(world, 'own', '12:00');
    world.database.changeTask('shared', { timeout_s: 5 });
    expect(await dueNames(world, 'alpha', '12:00', { own: 7, all: 12 })).toEqual([
      'shared of *',
      'own of alpha',
    ]);
  });
});

describe('a node waits for ticks', () => {
  test('while a state of its own does, or one that it shares', async () => {
    const world = await openWorld();
    expect(await waitsForTicks(world.driver, 'alpha')).toBe(false);
    world.database.addTask({ name: 'own' });
    world.database.addTask({ name: 'shared', nodes: ['beta', 'gamma'], columns: { scope: 'one' } });
    waitForTick(world, 'own', 7);
    waitForTick(world, 'shared', 12);
    const waiting = (node: string) => waitsForTicks(world.driver, node);
    expect(await Promise.all(['alpha', 'beta', 'delta'].map(waiting))).toEqual([true, true, false]);
    world.database.sql.exec('UPDATE periodic_task_state SET due_tick = NULL');
    expect(await Promise.all(['alpha', 'beta', 'delta'].map(waiting))).toEqual([false, false, false]);
  });
});

describe('what comes next', () => {
  test('is the earliest start after the instant, of the node and of what it shares', async () => {
    const world = await openWorld();
    expect(await nextEarliestStart(world.driver, 'alpha', at('12:00'))).toBeNull();
    world.database.addTask({ name: 'own' });
    waitUntil(world, 'own', '12:30');
    expect(await nextEarliestStart(world.driver, 'alpha', at('12:00'))).toBe(at('12:30'));
    world.database.addTask({ name: 'shared', columns: { scope: 'one' } });
    waitUntil(world, 'shared', '12:20');
    world.database.addTask({ name: 'shared elsewhere', nodes: ['beta'], columns: { scope: 'one' } });
    waitUntil(world, 'shared elsewhere', '12:10');
    expect(await nextEarliestStart(world.driver, 'alpha', at('12:00'))).toBe(at('12:20'));
    expect(await nextEarliestStart(world.driver, 'alpha', at('12:20'))).toBe(at('12:30'));
    expect(await nextEarliestStart(world.driver, 'alpha', at('12:30'))).toBeNull();
  });
});

describe('a candidate', () => {
  test('has its definition, its nodes, its state and the number of its live runs', async () => {
    const { database, driver } = await openWorld();
    const taskId = database.addTask({ name: 'backup', nodes: ['beta', 'alpha'] });
    await claimSlot(driver, taskId, '12:05');
    await claimSlot(driver, taskId, '12:10', { trigger: 'manual', slots: null });
    expect(await loadCandidate(driver, { taskId, scopeKey: 'alpha', ordering: 0 })).toMatchObject({
      record: {
        id: taskId,
        fields: { name: 'backup', active: true, schedule: '5m', nodes: ['alpha', 'beta'] },
      },
      state: { taskId, scopeKey: 'alpha', handledSlot: at('12:05') },
      liveRuns: 2,
    });
    expect(await loadCandidate(driver, { taskId, scopeKey: 'beta', ordering: 0 })).toMatchObject({
      liveRuns: 0,
    });
  });

  test('that is gone is undefined', async () => {
    const { driver } = await openWorld();
    expect(await loadCandidate(driver, { taskId: 99, scopeKey: 'alpha', ordering: 0 })).toBeUndefined();
  });
});

test('live runs are listed by node', async () => {
  const { database, driver } = await openWorld();
  const one = await claimSlot(driver, database.addTask({ name: 'one' }), '12:05');
  await claimSlot(driver, database.addTask({ name: 'two' }), '12:05', { node: 'beta' });
  expect(
    (await listLiveRuns(driver, { node: 'alpha', machineId: 'another' })).map(({ token }) => token),
  ).toEqual([one]);
});

describe.runIf(testedEngine === 'sqlite')('what an idle tick asks', () => {
  /** Two thousand tasks, each waiting for a minute of its own. */
  async function openLargeWorld(): Promise<World> {
    const world = await openWorld();
    const { sql, addTask } = world.database;
    sql.transaction(() => {
      for (let number = 1; number <= 2_000; number += 1) {
        addTask({ name: `task ${number}` });
      }
      sql.exec(`DELETE FROM periodic_task_state WHERE scope_key = '';
        UPDATE periodic_task_state SET earliest_start = printf('2026-03-%02dT%02d:%02d:00.000Z',
          11 + task_id % 7, task_id % 24, task_id % 60)`);
    })();
    return world;
  }

  test.each<readonly [string, (driver: Driver) => Promise<unknown>, RegExp]>([
    [
      'the due list',
      (driver) => listDueKeys(driver, 'alpha', at('12:00'), { own: 3, all: 5 }),
      /SEARCH periodic_task_state USING INDEX periodic_task_state_scope_key_earliest_start_index \(scope_key=\? AND earliest_start>\? AND earliest_start<\?\)/,
    ],
    [
      'the due list by ticks',
      (driver) => listDueKeys(driver, 'alpha', at('12:00'), { own: 3, all: 5 }),
      /SEARCH periodic_task_state USING INDEX periodic_task_state_scope_key_due_tick_index \(scope_key=\? AND due_tick>\? AND due_tick<\?\)/,
    ],
    [
      'whether it waits for ticks',
      (driver) => waitsForTicks(driver, 'alpha'),
      /SEARCH s USING INDEX periodic_task_state_scope_key_due_tick_index \(scope_key=\? AND due_tick>\?\)/,
    ],
    [
      'what comes next',
      (driver) => nextEarliestStart(driver, 'alpha', at('12:00')),
      /SEARCH periodic_task_state USING COVERING INDEX periodic_task_state_scope_key_earliest_start_index \(scope_key=\? AND earliest_start>\?\)/,
    ],
    [
      'live runs',
      (driver) => listLiveRuns(driver, { node: 'alpha', machineId: 'machine' }),
      /SEARCH periodic_run USING INDEX periodic_run_live_node_index \(live_node>\?\)/,
    ],
  ])('is an index lookup whatever the number of definitions: %s', async (_title, work, lookup) => {
    const world = await openLargeWorld();
    for (const gatherStatistics of ['', 'ANALYZE']) {
      world.database.sql.exec(gatherStatistics);
      const plans = plansOf(sqliteOf(world.database), await queriesOf(world.driver, work));
      expect(plans).toContainEqual(expect.stringMatching(lookup));
      expect(plans.filter((step) => /^SCAN (?!waiting|shared|due|\(subquery)/.test(step))).toEqual([]);
    }
  });

  test('looks at no more of the states that nodes share than it takes to find the next', async () => {
    const world = await openLargeWorld();
    const sql = sqliteOf(world.database);
    sql.exec("UPDATE periodic_task SET scope = 'one'");
    sql.exec(`UPDATE periodic_task_state SET earliest_start = printf('2026-03-%02dT%02d:%02d:00.000Z',
      11 + task_id % 7, task_id % 24, task_id % 60) WHERE scope_key = '*'`);
    const [asked] = await queriesOf(world.driver, (driver) =>
      nextEarliestStart(driver, 'alpha', at('12:00')),
    );
    let looks = 0;
    sql.function('look', (node: unknown) => {
      looks += 1;
      return node;
    });
    // Hides the table from this connection behind one that counts.
    sql.exec(
      'CREATE TEMP VIEW periodic_task_node AS SELECT task_id, look(node) AS node FROM main.periodic_task_node',
    );
    expect(sql.prepare(asked?.sql ?? '').get(...(asked?.params ?? []))).toEqual({
      at: '2026-03-11T00:00:00.000Z',
    });
    expect(looks).toBeLessThan(100);
  });

  test('counts the live runs of a state without reading its history', async () => {
    const { database, driver } = await openWorld();
    const taskId = database.addTask({ name: 'backup' });
    await claimSlot(driver, taskId, '12:05');
    const asked = await queriesOf(driver, (spied) =>
      loadCandidate(spied, { taskId, scopeKey: 'alpha', ordering: 0 }),
    );
    expect(plansOf(sqliteOf(database), asked)).toContainEqual(
      expect.stringMatching(
        /SEARCH r USING INDEX periodic_run_task_id_live_node_index \(task_id=\? AND live_node>\?\)/,
      ),
    );
  });
});

import { expect, test } from 'vitest';
import { INSTALLATION_NUMBER_NAMES } from '../../src/modules/shipped/simplestats-options.ts';
import { numbersOf } from '../../src/runner/installation.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';

const NOW = at('12:00');

async function openWorld() {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const numbers = async () =>
    (await numbersOf({ driver, clock: () => NOW }, INSTALLATION_NUMBER_NAMES)).numbers;
  return { database, driver, numbers };
}

function insert({ sql }: VirtualDatabase, table: string, row: Readonly<Record<string, string | number>>) {
  const columns = Object.keys(row);
  sql
    .prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
    .run(...Object.values(row));
}

function insertRun(database: VirtualDatabase, hoursAgo: number, status: string, isStarted = true) {
  const instant = new Date(NOW - hoursAgo * 3_600_000).toISOString();
  insert(database, 'periodic_run', {
    token: `${hoursAgo} ${status}`,
    task_id: 1,
    task_name: 'a',
    module: 'succeed',
    scope_key: 'alpha',
    node: 'alpha',
    trigger_kind: 'manual',
    status,
    created_at: instant,
    ...(isStarted ? { started_at: instant } : {}),
    ...(status === 'running' ? { live_node: 'alpha' } : {}),
  });
}

test('an installation without anything has noughts, and a size', async () => {
  const { numbers } = await openWorld();
  const { database_bytes: bytes, ...others } = await numbers();
  expect(Object.keys(others)).toHaveLength(INSTALLATION_NUMBER_NAMES.length - 1);
  expect(Object.values(others)).toEqual(Array(Object.keys(others).length).fill(0));
  expect(bytes).toBeGreaterThan(8_192);
});

test('tasks are counted by how they stand', async () => {
  const { database, numbers } = await openWorld();
  database.addTask({ name: 'a', nodes: ['alpha', 'beta'] });
  database.addTask({ name: 'b', columns: { active: 0 } });
  database.addTask({ name: 'c' });
  const set = (name: string, assignment: string) =>
    database.sql
      .prepare(
        `UPDATE periodic_task_state SET epoch = epoch + 1, ${assignment}
         WHERE task_id = (SELECT id FROM periodic_task WHERE name = ?)`,
      )
      .run(name);
  set('a', "last_status = 'timed_out'");
  set('b', "last_status = 'cancelled'");
  set('c', "last_status = 'lost', terminated_at = '2026-03-10T11:00:00.000Z', terminated_reason = 'done'");
  expect(await numbers()).toMatchObject({
    tasks: 3,
    active_tasks: 2,
    terminated_tasks: 1,
    failed_tasks: 2,
  });
});

test('states of nodes that a task has left, and of another scope, are not counted', async () => {
  const { database, numbers } = await openWorld();
  const { sql } = database;
  const ids = ['left', 'shared', 'everywhere'].map((name) =>
    database.addTask({ name, nodes: ['alpha', 'beta'] }),
  );
  sql
    .prepare(
      `UPDATE periodic_task_state SET epoch = epoch + 1, last_status = 'failed', terminated_reason = 'done',
         terminated_at = '2026-03-10T11:00:00.000Z' WHERE scope_key = 'beta'`,
    )
    .run();
  const counted = async () => {
    const { failed_tasks: failed, terminated_tasks: terminated } = await numbers();
    return { failed, terminated };
  };
  expect(await counted()).toEqual({ failed: 3, terminated: 3 });
  const [left, shared, everywhere] = ids;
  sql.prepare("DELETE FROM periodic_task_node WHERE task_id = ? AND node = 'beta'").run(left ?? 0);
  sql.prepare("UPDATE periodic_task SET scope = 'one', timezone = 'UTC' WHERE id = ?").run(shared ?? 0);
  sql
    .prepare("UPDATE periodic_task_node SET node = '*' WHERE task_id = ? AND node = 'beta'")
    .run(everywhere ?? 0);
  expect(sql.prepare("SELECT task_id FROM periodic_task_state WHERE scope_key = 'beta'").all()).toHaveLength(
    3,
  );
  expect(await counted()).toEqual({ failed: 1, terminated: 1 });
});

test('runs are counted by their age and how they ended; what never started is none', async () => {
  const { database, numbers } = await openWorld();
  insertRun(database, 30, 'failed');
  insertRun(database, 24, 'lost');
  insertRun(database, 5, 'succeeded');
  insertRun(database, 4, 'skipped', false);
  insertRun(database, 3, 'failed', false);
  insertRun(database, 1, 'running');
  expect(await numbers()).toMatchObject({
    runs_total: 4,
    runs_last_day: 3,
    failed_runs_last_day: 1,
    live_runs: 1,
  });
});

test('a node is late after three of its rhythms', async () => {
  const { database, numbers } = await openWorld();
  const node = (name: string, facts: Readonly<Record<string, string | number>>) =>
    insert(database, 'periodic_node', { name, ...facts });
  node('ticks', { rhythm_s: 300, last_tick_at: '2026-03-10T11:45:00.000Z' });
  node('late', { rhythm_s: 300, last_tick_at: '2026-03-10T11:44:59.999Z' });
  node('of no known rhythm', { last_tick_at: '2026-03-01T00:00:00.000Z' });
  node('never ticked', { rhythm_s: 300 });
  expect(await numbers()).toMatchObject({ nodes: 4, late_nodes: 1 });
});

test('only what is asked for is looked up, as of now', async () => {
  const { driver } = await openWorld();
  expect(await numbersOf({ driver, clock: () => NOW }, ['tasks'])).toEqual({
    at: NOW,
    numbers: { tasks: 0 },
  });
});

import { describe, expect, test } from 'vitest';
import { migrateDatabase } from '../../src/store/migrate.ts';
import { testedEngine } from '../support/engines.ts';
import { type EmptyDatabase, openEmptyDatabase, takeBackTo } from './migrate-world.ts';

const COUNTED = '2026-01-01T00:00:00.000Z';

/** A database without triggers, in which two nodes have ticked. */
async function openWithoutTriggers(): Promise<EmptyDatabase> {
  const database = openEmptyDatabase();
  await migrateDatabase(database.location);
  await takeBackTo(database.location, 2);
  database.tell("INSERT INTO periodic_node (name, tick_no) VALUES ('alpha', 5), ('beta', 7)");
  return database;
}

/** Tasks with their ids, as somebody writes them by SQL. */
function addTasks(
  { tell }: EmptyDatabase,
  tasks: Readonly<Record<string, readonly string[]>>,
  scope: string,
): void {
  for (const [id, nodes] of Object.entries(tasks)) {
    tell(`INSERT INTO periodic_task (id, name, module, schedule_kind, schedule, scope)
      VALUES (${id}, 'task ${id}', 'command', 'ticks', '3', '${scope}')`);
    for (const node of nodes) {
      tell(`INSERT INTO periodic_task_node (task_id, node) VALUES (${id}, '${node}')`);
    }
  }
}

/** The states from the task with the id 10 on. */
function states({ ask }: EmptyDatabase) {
  return ask(
    `SELECT task_id, scope_key, epoch, counted_from, first_slot, counted_tick, earliest_start, changed_at
     FROM periodic_task_state WHERE task_id >= 10 ORDER BY task_id, scope_key`,
  );
}

describe.runIf(testedEngine !== 'sqlite')('states that were not made while there were no triggers', () => {
  test('are made as these make them: for each named node, each known one, all together, or none', async () => {
    const database = await openWithoutTriggers();
    addTasks(database, { 10: ['alpha', 'gamma'], 11: ['*'], 12: ['*', 'beta', 'gamma'], 13: [] }, 'each');
    addTasks(database, { 20: ['alpha', '*'], 21: [] }, 'one');
    await migrateDatabase(database.location);
    const made = states(database);
    expect(made.map((row) => [row.task_id, row.scope_key, row.counted_tick])).toEqual([
      [10, 'alpha', 5],
      [10, 'gamma', 0],
      [11, 'alpha', 5],
      [11, 'beta', 7],
      [12, 'alpha', 5],
      [12, 'beta', 7],
      [12, 'gamma', 0],
      [13, '', 0],
      [20, '*', 12],
      [21, '*', 12],
    ]);
    const [{ changed_at: now }] = made;
    for (const row of made) {
      expect(row).toMatchObject({ epoch: 0, first_slot: null, earliest_start: '', changed_at: now });
      expect(row.counted_from).toBe(`${now.slice(0, 16)}:00.000Z`);
    }
  });

  test('go on from the state that waited for a node, and those that there are keep what they know', async () => {
    const database = await openWithoutTriggers();
    addTasks(database, { 10: ['alpha', 'beta'] }, 'each');
    addTasks(database, { 20: ['*'] }, 'one');
    database.tell(`INSERT INTO periodic_task_state
        (task_id, scope_key, epoch, counted_from, first_slot, handled_slot, earliest_start, counted_tick) VALUES
      (10, '', 2, '${COUNTED}', '${COUNTED}', NULL, NULL, 1),
      (10, 'alpha', 3, '${COUNTED}', NULL, '${COUNTED}', '2026-11-21T09:00:00.000Z', 4),
      (20, '', 4, '${COUNTED}', '${COUNTED}', NULL, NULL, 1)`);
    await migrateDatabase(database.location);
    const shown = states(database).map(({ changed_at: _, ...row }) => row);
    const old = { counted_from: COUNTED, first_slot: null, earliest_start: '' };
    expect(shown).toEqual([
      { ...old, task_id: 10, scope_key: '', epoch: 3, first_slot: COUNTED, counted_tick: 1 },
      { ...old, task_id: 10, scope_key: 'alpha', epoch: 4, counted_tick: 4 },
      { ...old, task_id: 10, scope_key: 'beta', epoch: 0, first_slot: COUNTED, counted_tick: 7 },
      { ...old, task_id: 20, scope_key: '', epoch: 5, first_slot: COUNTED, counted_tick: 1 },
      {
        ...old,
        task_id: 20,
        scope_key: '*',
        epoch: 0,
        counted_from: expect.not.stringMatching(COUNTED),
        counted_tick: 12,
      },
    ]);
    expect(
      database.ask(
        'SELECT handled_slot FROM periodic_task_state WHERE task_id = 10 AND scope_key = ?',
        'alpha',
      ),
    ).toEqual([{ handled_slot: COUNTED }]);
  });
});

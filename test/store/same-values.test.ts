import { describe, expect, test } from 'vitest';
import { definitionSchema } from '../../src/core/task-schema.ts';
import { addTask, findTask } from '../../src/store/definitions.ts';
import { testedEngine } from '../support/engines.ts';
import { openDriver } from '../support/stored-state.ts';
import { openNewDatabase, openVirtualDatabase } from '../support/virtual-database.ts';
import { KEY_IS_TAKEN } from '../support/virtual-faults.ts';

describe('a new database', () => {
  test('comes with the task that prunes its history, which waits to be looked at, signed by the migration', async () => {
    const { sql } = await openNewDatabase();
    const columns = 'name, module, schedule_kind, schedule, timezone, scope, active';
    expect(sql.prepare(`SELECT ${columns} FROM periodic_task`).all()).toEqual([
      {
        name: 'prune_history',
        module: 'prune_history',
        schedule_kind: 'cron',
        schedule: 'H H(0-5) * * *',
        timezone: 'UTC',
        scope: 'one',
        active: 1,
      },
    ]);
    expect(sql.prepare('SELECT scope_key, earliest_start FROM periodic_task_state').all()).toEqual([
      { scope_key: '*', earliest_start: '' },
    ]);
    const outside = sql.prepare("SELECT action FROM periodic_audit WHERE actor <> 'migration'");
    expect(outside.all()).toEqual([]);
  });
});

describe('names', () => {
  const NAMES = [
    ...['Backup', 'b', 'backup', ' backup', 'backüp', 'backu\u0308p', '🗄', '🗄️'],

    // The collation of MariaDB overlooks spaces at the end, which no name has that the program writes.
    ...(testedEngine === 'mariadb' ? [] : ['backup ']),
  ];

  test('are the same only where every byte is, and sort by their bytes', async () => {
    const database = await openVirtualDatabase();
    for (const name of NAMES) {
      database.addTask({ name });
    }
    const sorted = NAMES.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    expect(database.sql.prepare('SELECT name FROM periodic_task ORDER BY name').pluck().all()).toEqual(
      sorted,
    );
    for (const name of NAMES) {
      expect(() => database.addTask({ name })).toThrow(KEY_IS_TAKEN);
      expect(database.sql.prepare('SELECT name FROM periodic_task WHERE name = ?').pluck().all(name)).toEqual(
        [name],
      );
    }
  });

  test('of nodes are as strict: each has a state of its own', async () => {
    const database = await openVirtualDatabase();
    database.addTask({ name: 'backup', nodes: ['Alpha', 'alpha', 'älpha'] });
    for (const node of ['Alpha', 'alpha', 'älpha']) {
      const rows = database.sql.prepare('SELECT scope_key FROM periodic_task_state WHERE scope_key = ?');
      expect(rows.all(node)).toEqual([{ scope_key: node }]);
    }
  });

  test('may be as long as they may be anywhere, in four bytes each', async () => {
    const database = await openVirtualDatabase();
    const long = '🗄'.repeat(255);
    database.addTask({ name: long, nodes: [long], columns: { module: long } });
    expect(database.stateRow(long, long)).toMatchObject({ scope_key: long });
  });
});

test('a definition comes back as it was given, whatever its characters', async () => {
  const { location } = await openVirtualDatabase();
  const odd = '€ 🗄 \\ \' " % _ ? $1 ` \t\n';
  const definition = definitionSchema.parse({
    name: '🗄 ? $1 \\ "quoted" \'so\'',
    module: 'command',
    options: { argv: ['printf', odd] },
    scheduleKind: 'manual',
    nodes: ['alpha'],
    tags: ['ä', '🗄'],
  });
  await addTask(location, definition, 'ann');
  const { record } = await findTask(location, definition.name);
  expect(record.fields).toMatchObject({ ...definition, tags: expect.arrayContaining(['ä', '🗄']) });
});

describe('a row as the driver reads it', () => {
  test('has numbers for big integers, sums and counts, and 0 or 1 for what is true or false', async () => {
    const database = await openVirtualDatabase();
    const driver = await openDriver(database);
    database.addTask({ name: 'backup', columns: { run_immediately: 1 } });
    await driver.run('INSERT INTO periodic_node (name, tick_no) VALUES (?, ?), (?, ?)', [
      ...['alpha', Number.MAX_SAFE_INTEGER - 1],
      ...['beta', 1],
    ]);
    const [row] = await driver.all(
      `SELECT t.active, t.run_immediately, t.retry_past_next,
         (SELECT max(tick_no) FROM periodic_node) AS biggest, (SELECT count(*) FROM periodic_node) AS nodes
       FROM periodic_task t`,
    );
    expect(row).toEqual({
      active: 1,
      run_immediately: 1,
      retry_past_next: 0,
      biggest: Number.MAX_SAFE_INTEGER - 1,
      nodes: 2,
    });
    const [sum] = await driver.all('SELECT sum(tick_no) AS ticks FROM periodic_node');
    expect(Number(sum?.['ticks'])).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('has instants as they were written, to the millisecond', async () => {
    const database = await openVirtualDatabase('2026-03-10T12:00:00.007Z');
    database.addTask({ name: 'backup' });
    const driver = await openDriver(database);
    expect(await driver.all('SELECT created_at, updated_at FROM periodic_task')).toEqual([
      { created_at: '2026-03-10T12:00:00.007Z', updated_at: '2026-03-10T12:00:00.007Z' },
    ]);
  });
});

test('a statement tells how many rows it found, also where it leaves them as they are', async () => {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  database.addTask({ name: 'backup' });
  database.addTask({ name: 'mirror' });
  expect(await driver.run('UPDATE periodic_task SET ordering = 0')).toBe(2);
  expect(await driver.run("UPDATE periodic_task SET ordering = 0 WHERE name = 'none'")).toBe(0);
});

import { describe, expect, test } from 'vitest';
import { migrateDatabase, migrationStatus, takeBackMigration } from '../../src/store/migrate.ts';
import { MIGRATIONS, SCHEMA_VERSION } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/open.ts';
import { testedEngine } from '../support/engines.ts';
import { columnsOf, contentOf, openEmptyDatabase, schemaOf, stock, takeBackTo } from './migrate-world.ts';

const isShared = testedEngine !== 'sqlite';

type Content = ReturnType<typeof contentOf>;

/** On a server every state is marked, since what was changed while there were no triggers left no trace. */
function withMarkedStates(content: Content): Content {
  const marked = (content['periodic_task_state'] ?? []).map((row) => ({
    ...row,
    epoch: Number(row['epoch']) + 1,
    earliest_start: '',
    changed_at: expect.stringMatching(/Z$/),
  }));
  return isShared ? { ...content, periodic_task_state: marked } : content;
}

describe('migrating an empty database', () => {
  test('runs every migration, in order, and says so', async () => {
    const { location, ask } = openEmptyDatabase();
    expect(await migrationStatus(location)).toEqual({ done: [], pending: MIGRATIONS });
    expect(await migrateDatabase(location)).toEqual(MIGRATIONS);
    expect(await migrationStatus(location)).toEqual({ done: MIGRATIONS, pending: [] });
    expect(ask('SELECT version FROM periodic_schema')).toEqual([{ version: SCHEMA_VERSION }]);
    expect(ask('SELECT task_id, scope_key FROM periodic_task_state')).toEqual([
      { task_id: 1, scope_key: '*' },
    ]);
  });

  // A file makes the whole process wait for it, so the processes that share one are tested as such.
  test.runIf(isShared)(
    'by several callers at once gives one schema: one of them runs it, the others find it done',
    async () => {
      const { location, ask } = openEmptyDatabase();
      const ran = await Promise.all([1, 2, 3].map(() => migrateDatabase(location)));
      expect(ran.filter((names) => names.length > 0)).toEqual([MIGRATIONS]);
      expect(ask('SELECT name FROM periodic_migration ORDER BY id').map(({ name }) => name)).toEqual(
        MIGRATIONS,
      );
      expect(ask('SELECT name FROM periodic_task')).toEqual([{ name: 'prune_history' }]);
    },
  );

  test('that holds a table of that name from elsewhere changes nothing', async () => {
    const database = openEmptyDatabase();
    database.tell('CREATE TABLE periodic_tick (mine INTEGER)');
    await expect(migrateDatabase(database.location)).rejects.toThrow(
      /table `periodic_tick` already exists, and no migration made it: name another database/,
    );
    expect(columnsOf(database)).toEqual({ periodic_tick: ['mine'] });
  });
});

describe('taking migrations back', () => {
  test('one by one, and bringing them again, keeps every row and gives the same schema', async () => {
    const database = openEmptyDatabase();
    const { location } = database;
    await migrateDatabase(location);
    const schemaOfSix = schemaOf(database);
    await takeBackTo(location, 2);
    stock(database);
    const columnsOfTwo = columnsOf(database);
    const before = contentOf(database, columnsOfTwo);
    expect(Object.entries(before).filter(([, rows]) => rows.length === 0)).toEqual([]);
    const schemaOfTwo = schemaOf(database);

    expect(await migrateDatabase(location)).toEqual(MIGRATIONS.slice(2));
    const versionSix = { ...before['periodic_schema']?.[0], version: 6, oldest_version: isShared ? 3 : 2 };
    expect(contentOf(database, columnsOfTwo)).toEqual({
      ...withMarkedStates(before),
      periodic_schema: [versionSix],
    });
    expect(schemaOf(database)).toEqual(schemaOfSix);

    expect(await takeBackMigration(location)).toEqual({ name: '0006_remember_wishes', lost: [] });
    expect(await takeBackMigration(location)).toEqual({ name: '0005_ask_the_world', lost: [] });
    expect(await takeBackMigration(location)).toEqual({ name: '0004_run_by_hand', lost: [] });
    expect(contentOf(database, columnsOfTwo)).toEqual({
      ...withMarkedStates(before),
      periodic_schema: [{ ...versionSix, version: 3 }],
    });
    expect(await takeBackMigration(location)).toEqual({ name: '0003_share_with_nodes', lost: [] });
    expect(contentOf(database, columnsOfTwo)).toEqual(withMarkedStates(before));
    expect(schemaOf(database)).toEqual(schemaOfTwo);

    await takeBackMigration(location);
    const columnsOfOne = columnsOf(database);
    const inOne = contentOf(database, columnsOfOne);
    expect(await migrateDatabase(location)).toEqual(MIGRATIONS.slice(1));
    const { periodic_schema: _, ...rowsOfOne } = inOne;
    expect(contentOf(database, columnsOfOne)).toMatchObject(withMarkedStates(rowsOfOne));
    expect(schemaOf(database)).toEqual(schemaOfSix);
  });

  test('switches off what would run otherwise than it was meant to, and keeps the rest as it is', async () => {
    const database = openEmptyDatabase();
    const { location, tell, ask } = database;
    await migrateDatabase(location);
    await takeBackTo(location, 4);
    tell('DELETE FROM periodic_task');
    tell(`INSERT INTO periodic_task (id, name, module, schedule_kind, schedule, confirmation, run_user, memory_limit_bytes)
      VALUES (10, 'asks', 'm', 'cron', '@daily', TRUE, NULL, NULL), (11, 'as nobody', 'm', 'cron', '@daily', FALSE, 'nobody', NULL),
             (12, 'bounded', 'm', 'cron', '@daily', FALSE, NULL, 99000000), (13, 'plain', 'm', 'cron', '@daily', FALSE, NULL, NULL)`);
    tell("INSERT INTO periodic_counter (name, node, value) VALUES ('seen', 'alpha', 3)");
    tell(
      "INSERT INTO periodic_stat (recorded_at, stat_key, value) VALUES ('2026-11-21T08:00:00.000Z', 'users', 2.5)",
    );
    expect(await takeBackMigration(location)).toEqual({
      name: '0004_run_by_hand',
      lost: [
        { table: 'periodic_task', column: 'confirmation', rows: 1 },
        { table: 'periodic_task', column: 'run_user', rows: 1 },
        { table: 'periodic_task', column: 'memory_limit_bytes', rows: 1 },
        { table: 'periodic_counter', column: null, rows: 1 },
        { table: 'periodic_stat', column: null, rows: 1 },
      ],
    });
    const active = ask('SELECT name, active FROM periodic_task ORDER BY id');
    expect(active.map(({ name, active: isOn }) => [name, Boolean(isOn)])).toEqual([
      ['asks', false],
      ['as nobody', false],
      ['bounded', true],
      ['plain', true],
    ]);
    expect(ask("SELECT task_name FROM periodic_audit WHERE action = 'disabled' ORDER BY id")).toEqual([
      { task_name: 'asks' },
      { task_name: 'as nobody' },
    ]);
    await migrateDatabase(location);
    expect(ask('SELECT DISTINCT run_user, memory_limit_bytes FROM periodic_task')).toEqual([
      { run_user: null, memory_limit_bytes: null },
    ]);
  });

  test('forgets by whom a task was scheduled, and leaves it, its state and the audit as they are', async () => {
    const database = openEmptyDatabase();
    const { location, tell } = database;
    await migrateDatabase(location);
    await takeBackTo(location, 5);
    tell('DELETE FROM periodic_task');
    tell(`INSERT INTO periodic_task (id, name, module, schedule_kind, schedule, remove_when_done, owner)
      VALUES (10, 'later', 'm', 'ticks', '5', TRUE, 'task:parent'), (11, 'plain', 'm', 'cron', '@daily', FALSE, NULL)`);
    tell("INSERT INTO periodic_task_node (task_id, node) VALUES (10, 'alpha'), (11, 'alpha')");
    const schemaOfFive = schemaOf(database);
    const columns = columnsOf(database);
    const before = contentOf(database, columns);

    expect(await migrateDatabase(location)).toEqual(['0006_remember_wishes']);
    const [schema] = before['periodic_schema'] ?? [];
    const inSix = { ...before, periodic_schema: [{ ...schema, version: 6 }] };
    expect(contentOf(database, columns)).toEqual(inSix);
    tell(
      "UPDATE periodic_task SET scheduled_by = 9, scheduled_slot = '2026-11-21T08:00:00.000Z' WHERE id = 10",
    );
    // They are no part of the definition: nothing is marked, and nothing stands in the audit.
    expect(contentOf(database, columns)).toEqual(inSix);

    expect(await takeBackMigration(location)).toEqual({
      name: '0006_remember_wishes',
      lost: [
        { table: 'periodic_task', column: 'scheduled_by', rows: 1 },
        { table: 'periodic_task', column: 'scheduled_slot', rows: 1 },
      ],
    });
    expect(contentOf(database, columns)).toEqual(before);
    expect(schemaOf(database)).toEqual(schemaOfFive);
  });

  test('says what was lost, and stops at the first, which would take every table along', async () => {
    const database = openEmptyDatabase();
    const { location, tell } = database;
    await migrateDatabase(location);
    tell(
      "INSERT INTO periodic_node (name, drained_at, rhythm_s) VALUES ('alpha', '2026-11-21T08:00:00.000Z', 60)",
    );
    tell("INSERT INTO periodic_node (name, rhythm_s) VALUES ('beta', 300)");
    tell(
      "INSERT INTO periodic_maintenance (id, since, actor, reason) VALUES (1, '2026-11-21T08:00:00.000Z', 'alice', 'move')",
    );
    tell("UPDATE periodic_task SET anchor = 'start', catch_up_max = 5, first_delay_s = 0");
    await takeBackTo(location, 3);
    const inThree = columnsOf(database);
    const { lost } = await takeBackMigration(location);
    expect(lost).toEqual([
      { table: 'periodic_node', column: 'rhythm_s', rows: 2 },
      { table: 'periodic_node', column: 'drained_at', rows: 1 },
      { table: 'periodic_maintenance', column: null, rows: 1 },
    ]);
    const inTwo = columnsOf(database);
    expect(Object.keys(inThree).filter((table) => !(table in inTwo))).toEqual(['periodic_maintenance']);
    expect(await takeBackMigration(location)).toEqual({
      name: '0002_add_policies',
      lost: ['anchor', 'first_delay_s', 'catch_up_max'].map((column) => ({
        table: 'periodic_task',
        column,
        rows: 1,
      })),
    });
    const before = schemaOf(database);
    await expect(takeBackMigration(location)).rejects.toThrow(
      /drop every table .* drop the database itself$/,
    );
    expect(schemaOf(database)).toEqual(before);
  });

  test('is refused where there is none', async () => {
    const { location } = openEmptyDatabase();
    await expect(takeBackMigration(location)).rejects.toMatchObject({ exitCode: 5 });
  });

  test('and bringing them are refused to a program that does not know the newest', async () => {
    const { location, tell } = openEmptyDatabase();
    await migrateDatabase(location);
    tell("INSERT INTO periodic_migration (name, batch) VALUES ('0099_do_more', 4)");
    await expect(takeBackMigration(location)).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(
        /newer periodic-cron: this one does not know 0099_do_more; use that one$/,
      ),
    });
    expect(await migrateDatabase(location)).toEqual([]);
    tell("DELETE FROM periodic_migration WHERE name = '0003_share_with_nodes'");
    await expect(migrateDatabase(location)).rejects.toMatchObject({ exitCode: 4 });
  });
});

describe('opening a database', () => {
  const open = (location: Parameters<typeof openStore>[0]) =>
    openStore(location, { create: true, migrate: true });

  test.runIf(isShared)('that is shared never migrates it, and names the command that does', async () => {
    const database = openEmptyDatabase();
    const { location } = database;
    const refused = (found: string) => ({
      exitCode: 4,
      message: `database ${location.url} has ${found}; this program needs version ${SCHEMA_VERSION}: run "periodic-cron migrate"`,
    });
    await expect(open(location)).rejects.toMatchObject(refused('no schema yet'));
    expect(columnsOf(database)).toEqual({});
    await migrateDatabase(location);
    await takeBackTo(location, 2);
    await expect(open(location)).rejects.toMatchObject(refused('schema version 2'));
    expect(database.ask('SELECT version FROM periodic_schema')).toEqual([{ version: 2 }]);
  });

  test('of a newer schema works where that allows this program, and only there', async () => {
    const { location, tell } = openEmptyDatabase();
    await migrateDatabase(location);
    tell('UPDATE periodic_schema SET version = 99');
    const { driver, schema } = await open(location);
    expect(schema).toMatchObject({ version: 99 });
    await driver.close();
    tell('UPDATE periodic_schema SET oldest_version = 98');
    await expect(open(location)).rejects.toMatchObject({ exitCode: 4 });
  });
});

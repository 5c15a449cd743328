import { existsSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { takeBackMigration } from '../../../src/store/migrate.ts';
import { sqliteAt } from '../../support/virtual-database.ts';
import { openWorld } from './command-world.ts';

const NAMES = [
  '0001_create_tables',
  '0002_add_policies',
  '0003_share_with_nodes',
  '0004_run_by_hand',
  '0005_ask_the_world',
  '0006_remember_wishes',
];

describe('migrate', () => {
  test('creates the database with all of its schema, then finds nothing to do', async () => {
    const { call, callAs, database } = openWorld();
    const created = await call('migrate');
    expect(created).toEqual({
      exitCode: 0,
      out: `${NAMES.map((name) => `ran ${name}\n`).join('')}the schema has version 6\n`,
      err: '',
    });
    expect(existsSync(database)).toBe(true);
    expect(await callAs({}, 'migrate')).toEqual({
      exitCode: 0,
      out: 'the schema has version 6: nothing to do\n',
      err: '',
    });
  });

  test('prints JSON', async () => {
    const { call, database } = openWorld();
    expect(JSON.parse((await call('migrate', '--json')).out)).toEqual({
      database,
      version: 6,
      ran: NAMES,
    });
    expect(JSON.parse((await call('migrate', '--json')).out)).toEqual({ database, version: 6, ran: [] });
  });

  test('leaves a newer schema alone that knows this program, and refuses one that does not', async () => {
    const { call, sql, database } = openWorld();
    await call('migrate');
    sql('UPDATE periodic_schema SET version = 99');
    expect(await call('migrate')).toEqual({
      exitCode: 0,
      out: 'the schema has version 99: nothing to do\n',
      err: '',
    });
    sql('UPDATE periodic_schema SET oldest_version = 98');
    expect(await call('migrate')).toEqual({
      exitCode: 4,
      out: '',
      err: `periodic-cron: database ${database} has schema version 99, which needs a program that knows version 98 or later; this one knows version 6: upgrade periodic-cron\n`,
    });
  });

  test('that fails prints nothing but the reason, in one line', async () => {
    const { call, database } = openWorld();
    const other = new Database(database);
    other.exec('CREATE TABLE periodic_tick (mine TEXT)');
    other.close();
    const { exitCode, out, err } = await call('migrate', '--json');
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: '' });
    expect(err).toBe(
      `periodic-cron: database ${database}: table \`periodic_tick\` already exists, and no migration made it: name another database with --database, or restore this one from a backup\n`,
    );
  });
});

describe('on a schema of the version before', () => {
  /** A database as it was before the last migration, with a task of each kind that it knew. */
  async function openOldWorld() {
    const world = openWorld();
    const command = ['--module', 'command', '-o', 'command=true'];
    await world.call('add', 'hourly', ...command, '--cron', '@hourly');
    await world.call('add', 'poll', ...command, '--every', '5m', '--retry-limit', '2');
    await takeBackMigration(sqliteAt(world.database));
    return world;
  }

  test('migrate runs only what is new, and the tasks stay valid', async () => {
    const { call } = await openOldWorld();
    expect((await call('migrate', '--status')).out).toContain('0006_remember_wishes   pending\n');
    expect(await call('migrate')).toEqual({
      exitCode: 0,
      out: 'ran 0006_remember_wishes\nthe schema has version 6\n',
      err: '',
    });
    const { tasks } = JSON.parse((await call('list', '--json')).out);
    expect(tasks).toMatchObject([
      { name: 'hourly', faults: [], anchor: 'slot', catchUp: 'latest', backoff: 'none' },
      { name: 'poll', faults: [], retryLimit: 2, deactivateAfter: '', maxPeriodSeconds: null },
      { name: 'prune_history', faults: [] },
    ]);
  });

  test('a command that writes migrates the embedded database by itself', async () => {
    const { call } = await openOldWorld();
    expect((await call('set', 'poll', '--anchor', 'finish')).exitCode).toBe(0);
    expect((await call('migrate')).out).toBe('the schema has version 6: nothing to do\n');
  });

  test.each([['list'], ['show', 'poll'], ['next', 'poll'], ['explain', 'poll'], ['run_scheduled', '-d']])(
    '%s, which writes nothing, says which command mends it',
    async (...words) => {
      const world = await openOldWorld();
      const { exitCode, out, err } = await world.call(...words);
      expect({ exitCode, out }).toEqual({ exitCode: 4, out: '' });
      expect(err).toBe(
        `periodic-cron: database ${world.database} has schema version 5; this program needs version 6: run "periodic-cron migrate --database sqlite:${world.database}"\n`,
      );
    },
  );
});

describe('migrate --status', () => {
  test('lists what the database has', async () => {
    const { call, database } = openWorld();
    await call('migrate');
    expect(await call('migrate', '--status')).toEqual({
      exitCode: 0,
      out: [
        `database      ${database}`,
        'its schema    version 6, for programs that know version 2 or later',
        'this program  version 6',
        '',
        'MIGRATION              STATE',
        '0001_create_tables     done',
        '0002_add_policies      done',
        '0003_share_with_nodes  done',
        '0004_run_by_hand       done',
        '0005_ask_the_world     done',
        '0006_remember_wishes   done',
        '',
      ].join('\n'),
      err: '',
    });
  });

  test('lists what an empty file lacks, and runs none of it', async () => {
    const { call, sql, database } = openWorld();
    writeFileSync(database, '');
    expect(JSON.parse((await call('migrate', '--status', '--json')).out)).toEqual({
      database,
      version: null,
      oldestVersion: null,
      programVersion: 6,
      done: [],
      pending: NAMES,
      unfinished: null,
    });
    expect((await call('migrate', '--status')).out).toContain('0001_create_tables     pending\n');
    expect(sql('SELECT name FROM sqlite_master')).toEqual([]);
  });

  test('tells of a schema that is too new, with exit status 4', async () => {
    const { call, sql } = openWorld();
    await call('migrate');
    sql('UPDATE periodic_schema SET version = 99, oldest_version = 99');
    const { exitCode, out, err } = await call('migrate', '--status');
    expect({ exitCode, err }).toEqual({ exitCode: 4, err: '' });
    expect(out).toContain('version 99, for programs that know version 99 or later');
  });

  test('creates no database', async () => {
    const { call, database } = openWorld();
    expect(await call('migrate', '--status')).toEqual({
      exitCode: 3,
      out: '',
      err: `periodic-cron: there is no database ${database} yet: "periodic-cron add" or the first run_scheduled creates it\n`,
    });
    expect(existsSync(database)).toBe(false);
  });
});

describe('migrate --down', () => {
  test('takes back one migration for each call, and says what was lost and what this program needs', async () => {
    const { call, sql, database } = openWorld();
    await call('migrate');
    sql(
      "INSERT INTO periodic_node (name, rhythm_s, drained_by) VALUES ('alpha', 60, 'alice'), ('beta', 60, NULL)",
    );
    sql("INSERT INTO periodic_maintenance (id, since, actor, reason) VALUES (1, '', 'alice', 'move')");
    sql("UPDATE periodic_task SET run_user = 'nobody'");
    expect((await call('migrate', '--down')).out).toMatch(
      /^took back 0006_remember_wishes\nthe schema has version 5/,
    );
    expect((await call('migrate', '--down', '0005_ask_the_world')).out).toMatch(
      /^took back 0005_ask_the_world\nthe schema has version 4/,
    );
    expect(await call('migrate', '--down', '0004_run_by_hand')).toMatchObject({
      out: 'took back 0004_run_by_hand\nlost periodic_task.run_user of 1 row\nthe schema has version 3; this program needs version 6, which "periodic-cron migrate" brings back\n',
    });
    expect(await call('migrate', '--down', '0003_share_with_nodes')).toEqual({
      exitCode: 0,
      out: [
        'took back 0003_share_with_nodes',
        'lost periodic_node.rhythm_s of 2 rows',
        'lost periodic_node.drained_by of 1 row',
        'lost the table periodic_maintenance with 1 row',
        'the schema has version 2; this program needs version 6, which "periodic-cron migrate" brings back',
        '',
      ].join('\n'),
      err: '',
    });
    expect(await call('migrate', '--down')).toEqual({
      exitCode: 5,
      out: '',
      err: `periodic-cron: database ${database}: expected 0006_remember_wishes as its newest migration, got 0002_add_policies: nothing was done ("periodic-cron migrate --down 0002_add_policies" takes that one back)\n`,
    });
    expect(JSON.parse((await call('migrate', '--down', '0002_add_policies', '--json')).out)).toEqual({
      database,
      version: 1,
      tookBack: '0002_add_policies',
      lost: [],
    });
    expect(await call('migrate', '--down')).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: database ${database}: expected a migration after 0001_create_tables to take back, which would drop every table with all that it holds: if that is what you want, drop the database itself\n`,
    });
    expect((await call('migrate')).out).toContain('the schema has version 6\n');
  });

  test('leaves alone what a newer program has migrated', async () => {
    const { call, sql, database } = openWorld();
    await call('migrate');
    sql("INSERT INTO periodic_migration (name, batch) VALUES ('0099_do_more', 4)");
    expect(await call('migrate', '--down')).toEqual({
      exitCode: 4,
      out: '',
      err: `periodic-cron: database ${database} was migrated by a newer periodic-cron: this one does not know 0099_do_more; use that one\n`,
    });
  });

  test('creates no database, and goes with no --status', async () => {
    const { call, database } = openWorld();
    expect(await call('migrate', '--down')).toMatchObject({ exitCode: 3, out: '' });
    expect(existsSync(database)).toBe(false);
    expect(await call('migrate', '--down', '--status')).toEqual({
      exitCode: 2,
      out: '',
      err: 'periodic-cron: expected one of --status and --down, got both\n',
    });
  });
});

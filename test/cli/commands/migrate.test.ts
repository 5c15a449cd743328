import { existsSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { writeWithKnex } from '../../../src/store/knex.ts';
import { migrationConfig } from '../../../src/store/migrations.ts';
import { openWorld } from './command-world.ts';

describe('migrate', () => {
  test('creates the database with all of its schema, then finds nothing to do', async () => {
    const { call, callAs, database } = openWorld();
    const created = await call('migrate');
    expect(created).toEqual({
      exitCode: 0,
      out: 'ran 0001_create_tables\nran 0002_add_policies\nthe schema has version 2\n',
      err: '',
    });
    expect(existsSync(database)).toBe(true);
    expect(await callAs({}, 'migrate')).toEqual({
      exitCode: 0,
      out: 'the schema has version 2: nothing to do\n',
      err: '',
    });
  });

  test('prints JSON', async () => {
    const { call, database } = openWorld();
    expect(JSON.parse((await call('migrate', '--json')).out)).toEqual({
      database,
      version: 2,
      ran: ['0001_create_tables', '0002_add_policies'],
    });
    expect(JSON.parse((await call('migrate', '--json')).out)).toEqual({ database, version: 2, ran: [] });
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
      err: `periodic-cron: database ${database} has schema version 99, which needs a program that knows version 98 or later; this one knows version 2: upgrade periodic-cron\n`,
    });
  });

  test('that fails prints nothing but the reason, in one line', async () => {
    const { call, database } = openWorld();
    const other = new Database(database);
    other.exec('CREATE TABLE periodic_tick (mine TEXT)');
    other.close();
    const { exitCode, out, err } = await call('migrate', '--json');
    expect({ exitCode, out }).toEqual({ exitCode: 70, out: '' });
    expect(err).toMatch(/^periodic-cron: internal error: .*table `periodic_tick` already exists.*\n$/);
  });
});

describe('on a schema of the version before', () => {
  /** A database as it was before the last migration, with a task of each kind that it knew. */
  async function openOldWorld() {
    const world = openWorld();
    const command = ['--module', 'command', '-o', 'command=true'];
    await world.call('add', 'hourly', ...command, '--cron', '@hourly');
    await world.call('add', 'poll', ...command, '--every', '5m', '--retry-limit', '2');
    await writeWithKnex(world.database, (knex) => knex.migrate.down(migrationConfig));
    return world;
  }

  test('migrate runs only what is new, and the tasks stay valid', async () => {
    const { call } = await openOldWorld();
    expect((await call('migrate', '--status')).out).toContain('0002_add_policies   pending\n');
    expect(await call('migrate')).toEqual({
      exitCode: 0,
      out: 'ran 0002_add_policies\nthe schema has version 2\n',
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
    expect((await call('migrate')).out).toBe('the schema has version 2: nothing to do\n');
  });

  test.each([['list'], ['show', 'poll'], ['next', 'poll'], ['explain', 'poll'], ['run_scheduled', '-d']])(
    '%s, which writes nothing, says which command mends it',
    async (...words) => {
      const world = await openOldWorld();
      const { exitCode, out, err } = await world.call(...words);
      expect({ exitCode, out }).toEqual({ exitCode: 4, out: '' });
      expect(err).toBe(
        `periodic-cron: database ${world.database} has schema version 1; this program needs version 2: run "periodic-cron migrate --database sqlite:${world.database}"\n`,
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
        'its schema    version 2, for programs that know version 2 or later',
        'this program  version 2',
        '',
        'MIGRATION           STATE',
        '0001_create_tables  done',
        '0002_add_policies   done',
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
      programVersion: 2,
      done: [],
      pending: ['0001_create_tables', '0002_add_policies'],
    });
    expect((await call('migrate', '--status')).out).toContain('0001_create_tables  pending\n');
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

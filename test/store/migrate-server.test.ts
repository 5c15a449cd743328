import { describe, expect, test } from 'vitest';
import type { ServerLocation } from '../../src/config/config.ts';
import { migrateDatabase, migrationStatus } from '../../src/store/migrate.ts';
import { explainRights, faultOf, type ServerFacts } from '../../src/store/migration-server.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { testedEngine } from '../support/engines.ts';
import { columnsOf, openEmptyDatabase, takeBackTo } from './migrate-world.ts';

const FACTS: ServerFacts = { version: '15.2', encoding: 'UTF8', schema: 'public', user: 'cron' };

describe('a server', () => {
  test.each([
    ['postgres', { version: '13.0' }, undefined],
    ['postgres', { version: '17beta1' }, undefined],
    [
      'postgres',
      { version: '12.22 (Debian)' },
      'its server is PostgreSQL 12.22 (Debian); periodic-cron needs PostgreSQL 13 or later',
    ],
    [
      'postgres',
      { encoding: 'SQL_ASCII' },
      'its encoding is SQL_ASCII; periodic-cron needs UTF8: create another one, for example with "createdb --encoding=UTF8 --template=template0 NAME"',
    ],
    [
      'postgres',
      { schema: null },
      'there is no schema in which the user cron could create tables: run "GRANT USAGE, CREATE ON SCHEMA public TO cron" in the database tasks, or set the search_path of the user',
    ],
    ['mariadb', { version: '10.6.1-MariaDB' }, undefined],
    ['mariadb', { version: '11.0.2-MariaDB-log' }, undefined],
    ['mariadb', { version: '5.5.5-10.11.3-MariaDB' }, undefined],
    [
      'mariadb',
      { version: '10.5.29-MariaDB' },
      'its server is MariaDB 10.5.29-MariaDB; periodic-cron needs MariaDB 10.6 or later',
    ],
    ['mariadb', { version: '8.0.36' }, undefined],
    [
      'mariadb',
      { version: '5.7.44-log' },
      'its server is MySQL 5.7.44-log; periodic-cron needs MariaDB 10.6 or later, or MySQL 8',
    ],
  ] as const)('of %s that says %o is taken, or refused with the reason', (engine, facts, fault) => {
    expect(faultOf({ engine, database: 'tasks' }, { ...FACTS, ...facts })).toBe(fault);
  });

  test.each([1227, 1419])('that wants SUPER for triggers (%i) is told how to do without', (errno) => {
    const location = {
      engine: 'mariadb',
      url: 'mariadb://cron@db/tasks',
      database: 'tasks',
    } as ServerLocation;
    const error = Object.assign(new Error('CREATE TRIGGER … - no'), { errno, sqlMessage: 'no' });
    expect(explainRights(error, location, FACTS)).toMatchObject({
      exitCode: 3,
      message:
        'database mariadb://cron@db/tasks: no: triggers need more where the binary log is on: run "SET GLOBAL log_bin_trust_function_creators = 1" on the server, or run migrate this once as a user with the right SUPER; then run migrate again, which goes on where this stopped: nothing is lost',
    });
  });
});

/** The same database as another user sees it, who has these rights on it and no others. */
function openAsUser(database: ReturnType<typeof openEmptyDatabase>, ...rights: readonly string[]) {
  const { location, tell, engine } = database;
  if (location.engine === 'sqlite') {
    throw new Error('expected a server');
  }
  const user = `pc_${location.database.slice(-8)}`;
  const grant = (right: string) =>
    tell(
      engine === 'postgres'
        ? `GRANT ${right} TO ${user}`
        : `GRANT ${right} ON \`${location.database}\`.* TO '${user}'@'%'`,
    );
  tell(
    engine === 'postgres'
      ? `CREATE USER ${user} PASSWORD 'w'`
      : `CREATE USER '${user}'@'%' IDENTIFIED BY 'w'`,
  );
  rights.forEach(grant);
  return {
    location: { ...location, user, password: { kind: 'literal', text: 'w' } } as const,
    user,
    grant,
    dropUser: () =>
      tell(engine === 'postgres' ? `DROP OWNED BY ${user}; DROP USER ${user}` : `DROP USER '${user}'@'%'`),
  };
}

describe.runIf(testedEngine !== 'sqlite')('the status of a shared database', () => {
  test('is told to who may only read, whether there are tables or not', async () => {
    const database = openEmptyDatabase();
    const onPostgres = testedEngine === 'postgres';
    const { location, grant, dropUser } = openAsUser(database, ...(onPostgres ? [] : ['SELECT']));
    try {
      expect(await migrationStatus(location)).toEqual({ done: [], pending: MIGRATIONS });
      expect(columnsOf(database)).toEqual({});
      await migrateDatabase(database.location);
      if (onPostgres) {
        await expect(migrationStatus(location)).rejects.toThrow(/permission denied/);
        grant('SELECT ON ALL TABLES IN SCHEMA public');
      }
      expect(await migrationStatus(location)).toEqual({ done: MIGRATIONS, pending: [] });
    } finally {
      dropUser();
    }
  });
});

describe.runIf(testedEngine === 'postgres')('migrating on PostgreSQL', () => {
  test('needs an encoding that holds every name', async () => {
    const { tell, location } = openEmptyDatabase();
    const name = `${'database' in location ? location.database : ''}_latin`;
    tell(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
    try {
      await expect(migrateDatabase({ ...location, database: name } as ServerLocation)).rejects.toThrow(
        /its encoding is LATIN1; periodic-cron needs UTF8/,
      );
    } finally {
      tell(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  test('names the right that is missing, and changes nothing', async () => {
    const database = openEmptyDatabase();
    const { location, user, grant, dropUser } = openAsUser(database);
    try {
      await expect(migrateDatabase(location)).rejects.toMatchObject({
        exitCode: 3,
        message: `database ${location.url}: permission denied for schema public: migrate creates tables and changes those that are there, so run it as the user that owns them; for a new database run "GRANT USAGE, CREATE ON SCHEMA public TO ${user}" before. Nothing was changed`,
      });
      expect(columnsOf(database)).toEqual({});
      grant('CREATE ON SCHEMA public');
      expect(await migrateDatabase(location)).toEqual(MIGRATIONS);
    } finally {
      dropUser();
    }
  });

  test('says that the tables are another user’s', async () => {
    const database = openEmptyDatabase();
    await migrateDatabase(database.location);
    await takeBackTo(database.location, 2);
    const { location, dropUser } = openAsUser(
      database,
      'CREATE ON SCHEMA public',
      'ALL ON ALL TABLES IN SCHEMA public',
    );
    try {
      await expect(migrateDatabase(location)).rejects.toThrow(
        /must be owner of table periodic_node: migrate .* run it as the user that owns them/,
      );
    } finally {
      dropUser();
    }
  });

  test('waits for a program that is at it, and names that when it takes too long', async () => {
    const { location, tell } = openEmptyDatabase();
    tell('BEGIN; SELECT pg_advisory_xact_lock(7043180117)');
    await expect(migrateDatabase(location, { turnSeconds: 1, tableSeconds: 1 })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /is being migrated by another program, for which this one waited 1 s: process \d+ of user \S+ from \S+: if it is stuck, end it with "SELECT pg_terminate_backend\(\d+\)"$/,
      ),
    });
    tell('COMMIT');
    expect(await migrateDatabase(location)).toEqual(MIGRATIONS);
  });
});

describe.runIf(testedEngine === 'mariadb')('migrating on MariaDB', () => {
  test('names the rights that are missing', async () => {
    const database = openEmptyDatabase();
    const { location, user, dropUser } = openAsUser(database, 'SELECT', 'INSERT', 'UPDATE', 'DELETE');
    try {
      await expect(migrateDatabase(location)).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(
          new RegExp(
            `CREATE command denied .*: run "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, TRIGGER ON \`${location.database}\`\\.\\* TO '${user}'@'%'"; then run migrate again`,
          ),
        ),
      });
      expect(columnsOf(database)).toEqual({});
    } finally {
      dropUser();
    }
  });

  test('without the right to create triggers is completed when that has been granted', async () => {
    const database = openEmptyDatabase();
    const needed = 'SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES';
    const { location, grant, dropUser } = openAsUser(database, needed);
    try {
      await expect(migrateDatabase(location)).rejects.toThrow(/TRIGGER command denied .* TRIGGER ON/);
      expect(await migrationStatus(location)).toMatchObject({
        pending: MIGRATIONS.slice(2),
        unfinished: { migration: '0003_share_with_nodes', direction: 'up' },
      });
      grant('TRIGGER');
      expect(await migrateDatabase(location)).toEqual(MIGRATIONS.slice(2));
      // Whoever creates a trigger must stay, since it runs with that user's rights.
      await takeBackTo(location, 2);
    } finally {
      dropUser();
    }
  });

  test('waits for a program that is at it, and names that when it takes too long', async () => {
    const { location, ask } = openEmptyDatabase();
    const lock = "CONCAT('periodic-cron migrate ', MD5(DATABASE()))";
    expect(ask(`SELECT GET_LOCK(${lock}, 0) AS got`)).toEqual([{ got: 1 }]);
    await expect(migrateDatabase(location, { turnSeconds: 1, tableSeconds: 1 })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /is being migrated by another program, for which this one waited 1 s: connection \d+ of user \S+ from \S+: if it is stuck, end it with "KILL \d+"$/,
      ),
    });
    ask(`SELECT RELEASE_LOCK(${lock}) AS freed`);
    expect(await migrateDatabase(location)).toEqual(MIGRATIONS);
  });

  test('works where the query builder’s own lock was left locked', async () => {
    const { location, tell } = openEmptyDatabase();
    await migrateDatabase(location);
    tell('UPDATE periodic_migration_lock SET is_locked = 1');
    await takeBackTo(location, 2);
    expect(await migrateDatabase(location)).toEqual(MIGRATIONS.slice(2));
  });

  test('leaves the tables to somebody who uses them for long, and goes on later', async () => {
    const { location, ask, tell } = openEmptyDatabase();
    await migrateDatabase(location);
    await takeBackTo(location, 2);
    tell('START TRANSACTION');
    ask('SELECT count(*) AS nodes FROM periodic_run');
    await expect(migrateDatabase(location, { turnSeconds: 1, tableSeconds: 1 })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('another session holds a lock for too long'),
    });
    tell('ROLLBACK');
    expect(await migrateDatabase(location)).toEqual(MIGRATIONS.slice(2));
  });
});

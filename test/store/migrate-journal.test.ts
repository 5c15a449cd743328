import mysql from 'mysql2';
import { describe, expect, test, vi } from 'vitest';
import { migrateDatabase, migrationStatus, takeBackMigration } from '../../src/store/migrate.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { testedEngine } from '../support/engines.ts';
import {
  columnsOf,
  contentOf,
  type EmptyDatabase,
  openEmptyDatabase,
  schemaOf,
  stock,
  takeBackTo,
} from './migrate-world.ts';

// MariaDB commits every statement that defines something by itself, so only there anything can be half done.
describe.runIf(testedEngine === 'mariadb')('a program that is killed while it migrates', () => {
  test('at every statement in turn, going up, has its work completed by the next', async () => {
    const whole = openEmptyDatabase();
    await migrateDatabase(whole.location);
    for (const moment of MOMENTS) {
      const database = openEmptyDatabase();
      if (moment === 'before') {
        // The statements of the first ones are of the same kinds.
        await migrateDatabase(database.location);
        await takeBackTo(database.location, 2);
      }
      const kills = await untilDone(database, moment, {
        pendingAtEnd: 0,
        work: () => migrateDatabase(database.location),
      });
      expect(kills).toBeGreaterThan(moment === 'before' ? 50 : 100);
      expect(await migrationStatus(database.location)).toEqual({ done: MIGRATIONS, pending: [] });
      expect(schemaOf(database)).toEqual(schemaOf(whole));
      expect(madeIn(database)).toEqual(madeIn(whole));
      expect(database.ask('SELECT count(*) AS marks FROM periodic_migration_step')).toEqual([{ marks: 0 }]);
    }
  }, 300_000);

  test.each([
    [6, 5],
    [5, 30],
    [4, 30],
    [3, 30],
  ])(
    'at every statement in turn, going down from version %i, has its work completed by the next',
    async (version, fewest) => {
      const database = openEmptyDatabase();
      const { location } = database;
      await migrateDatabase(location);
      await takeBackTo(location, 2);
      stock(database);
      await migrateDatabase(location);
      await takeBackTo(location, version - 1);
      const columnsBelow = columnsOf(database);
      const below = { schema: schemaOf(database), content: contentOf(database, columnsBelow) };
      for (const moment of MOMENTS) {
        await migrateDatabase(location);
        await takeBackTo(location, version);
        // Going up marks the states, and going down leaves them so.
        const { periodic_task_state: marked = [] } = contentOf(database, columnsBelow);
        const kills = await untilDone(database, moment, {
          pendingAtEnd: MIGRATIONS.length - version + 1,
          work: () => takeBackMigration(location),
        });
        expect(kills).toBeGreaterThan(fewest);
        expect(schemaOf(database)).toEqual(below.schema);
        expect(contentOf(database, columnsOf(database))).toEqual({
          ...below.content,
          periodic_task_state: marked,
        });
      }
    },
    300_000,
  );

  test('may be followed by nothing but what completes its work, which status names', async () => {
    const database = openEmptyDatabase();
    const { location } = database;
    await migrateDatabase(location);
    await takeBackTo(location, 2);
    await killed({ moment: 'before', limit: 20 }, () => migrateDatabase(location));
    const { pending, unfinished } = await migrationStatus(location);
    expect({ pending, unfinished }).toEqual({
      pending: MIGRATIONS.slice(2),
      unfinished: {
        migration: '0003_share_with_nodes',
        direction: 'up',
        step: expect.any(Number),
        statement: expect.stringMatching(/^ALTER TABLE `periodic_\w+` CONVERT TO CHARACTER SET utf8mb4/),
      },
    });
    await expect(takeBackMigration(location)).rejects.toMatchObject({
      exitCode: 4,
      message: `database ${location.url}: 0003_share_with_nodes was interrupted: complete that first with "periodic-cron migrate"`,
    });
    await migrateDatabase(location);

    await takeBackTo(location, 3);
    await killed({ moment: 'after', limit: 20 }, () => takeBackMigration(location));
    expect(await migrationStatus(location)).toMatchObject({
      pending: MIGRATIONS.slice(3),
      unfinished: { migration: '0003_share_with_nodes', direction: 'down' },
    });
    await expect(migrateDatabase(location)).rejects.toMatchObject({
      exitCode: 4,
      message: `database ${location.url}: taking back 0003_share_with_nodes was interrupted: complete that first with "periodic-cron migrate --down"`,
    });
    expect(await takeBackMigration(location)).toEqual({ name: '0003_share_with_nodes', lost: undefined });
  });
});

describe.runIf(testedEngine === 'mariadb')('a statement that the server refuses', () => {
  test('leaves no mark, so that what was in its way is not taken for its work', async () => {
    const database = openEmptyDatabase();
    const { location, tell, ask } = database;
    await migrateDatabase(location);
    await takeBackTo(location, 2);
    tell('CREATE TABLE periodic_maintenance (mine INTEGER)');
    for (const _ of [1, 2]) {
      await expect(migrateDatabase(location)).rejects.toThrow(/'periodic_maintenance' already exists/);
      expect(ask("SELECT state FROM periodic_migration_step WHERE state <> 'done'")).toEqual([]);
    }
    tell('DROP TABLE periodic_maintenance');
    expect(await migrateDatabase(location)).toEqual(MIGRATIONS.slice(2));
  });

  test('because another program has written down the same ends this one, and leaves the other alone', async () => {
    const { location, tell, ask } = openEmptyDatabase();
    await migrateDatabase(location);
    await takeBackTo(location, 2);
    // On a cluster no lock keeps two apart that use two servers: the other one is a step ahead all of a sudden.
    tell(`CREATE TRIGGER other_program BEFORE INSERT ON periodic_migration_step FOR EACH ROW
      SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1062, MESSAGE_TEXT = 'Duplicate entry'`);
    await expect(migrateDatabase(location)).rejects.toMatchObject({
      exitCode: 3,
      message: `database ${location.url}: another program runs 0003_share_with_nodes at the same time, through another server of the cluster: run this again when that has ended`,
    });
    expect(ask('SELECT version FROM periodic_schema')).toEqual([{ version: 2 }]);
  });
});

/** Whether the statement at which the program is killed has been carried out by then. */
type Moment = 'before' | 'after';
const MOMENTS: readonly Moment[] = ['before', 'after'];

/** What the migrations themselves write, without what is another in every database. */
function madeIn({ ask }: EmptyDatabase) {
  return [
    'SELECT name, module, schedule, scope, ordering FROM periodic_task',
    'SELECT t.name, n.node FROM periodic_task_node n JOIN periodic_task t ON t.id = n.task_id',
    'SELECT t.name, s.scope_key, s.earliest_start FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id',
    'SELECT version, oldest_version, length(database_id) AS length FROM periodic_schema',
    'SELECT name, batch FROM periodic_migration ORDER BY id',
  ].map((query) => ask(query));
}

/**
 * Kills one program after the other, each at the first writing statement that it sends, or where that brought the work
 * no further at the next one, until it is done. Returns how many were killed.
 */
async function untilDone(
  database: EmptyDatabase,
  moment: Moment,
  { pendingAtEnd, work }: { readonly pendingAtEnd: number; readonly work: () => Promise<unknown> },
): Promise<number> {
  const isDone = async () => {
    const { pending, unfinished } = await migrationStatus(database.location);
    return unfinished === undefined && pending.length === pendingAtEnd;
  };
  let kills = 0;
  // The last one may be killed when the server has it all, and nothing is left for another.
  for (let limit = 1; !(await isDone()); ) {
    const before = stateOf(database);
    kills += (await killed({ moment, limit }, work)) ? 1 : 0;
    limit = stateOf(database) === before ? limit + 1 : 1;
    expect(kills).toBeLessThan(1_000);
  }
  return kills;
}

function stateOf({ ask }: EmptyDatabase): string {
  const tables = ask('SHOW TABLES').flatMap((row) => Object.values(row as object).map(String));
  const marks = tables.includes('periodic_migration_step')
    ? ask('SELECT migration, digest, nth, state FROM periodic_migration_step ORDER BY 1, 2, 3')
    : [];
  const done = tables.includes('periodic_migration') ? ask('SELECT name FROM periodic_migration') : [];
  const locks = tables.includes('periodic_migration_lock')
    ? ask('SELECT * FROM periodic_migration_lock')
    : [];
  return JSON.stringify([tables, marks, done, locks]);
}

const WRITES = /^\s*(?!select\b|show\b|set\b)/i;

/** Runs the work with a connection that is gone from one of its writing statements on. False when it did not come to that. */
async function killed(
  { moment, limit }: { readonly moment: Moment; readonly limit: number },
  work: () => Promise<unknown>,
): Promise<boolean> {
  const prototype = connectionPrototype();
  const query = prototype.query;
  let count = 0;
  const spy = vi.spyOn(prototype, 'query').mockImplementation(function (this: Connection, ...args) {
    const [statement] = args;
    const sql = typeof statement === 'string' ? statement : statement.sql;
    count += WRITES.test(sql) ? 1 : 0;
    if (count < limit || !WRITES.test(sql)) {
      return query.apply(this, args);
    }
    const done = args.at(-1) as (error: Error) => void;
    const die = () => {
      this.destroy();
      done(new Error('killed'));
    };
    return count > limit || moment === 'before'
      ? setImmediate(die)
      : query.apply(this, [...args.slice(0, -1), die] as unknown as typeof args);
  });
  try {
    await work();
    return false;
  } catch (error) {
    expect(String(error)).toMatch(/killed|closed state/);
    return true;
  } finally {
    spy.mockRestore();
  }
}

type Connection = {
  query: (
    this: Connection,
    ...args: readonly [statement: string | { readonly sql: string }, ...rest: readonly unknown[]]
  ) => unknown;
  readonly destroy: () => void;
};

function connectionPrototype(): Connection {
  const { Connection } = mysql as unknown as { readonly Connection: { readonly prototype: object } };
  let prototype = Connection.prototype;
  while (!Object.hasOwn(prototype, 'query')) {
    prototype = Object.getPrototypeOf(prototype);
  }
  return prototype as Connection;
}

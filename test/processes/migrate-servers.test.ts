import { describe, expect, test } from 'vitest';
import { MIGRATIONS, SCHEMA_VERSION } from '../../src/store/migrations.ts';
import { type EmptyDatabase, openEmptyDatabase, schemaOf, takeBackTo } from '../store/migrate-world.ts';
import { reachableEngines } from '../support/engines.ts';
import { openProgramWorld, type ProgramWorld } from '../support/processes.ts';
import type { ServerEngine } from '../support/servers.ts';

const SERVERS = reachableEngines().filter((engine): engine is ServerEngine => engine !== 'sqlite');

type World = ProgramWorld & { readonly database: EmptyDatabase };

function openEmptyWorld(engine: ServerEngine): World {
  const database = openEmptyDatabase(engine);
  return { ...openProgramWorld({}, database.location), database };
}

/** How many connections wait for a table that somebody uses. */
const WAITING: Readonly<Record<ServerEngine, string>> = {
  postgres: `SELECT count(*) AS waiting FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE NOT l.granted AND c.relname = 'periodic_run' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  mariadb: `SELECT count(*) AS waiting FROM information_schema.processlist
    WHERE db = database() AND state LIKE 'Waiting for table metadata lock%'`,
};

describe.each(SERVERS)('on %s', (engine) => {
  test('four programs that migrate an empty database at once leave one schema, and a tick leaves none', async () => {
    const world = openEmptyWorld(engine);
    const { database, location } = world;
    expect(await world.call('run_scheduled', '-c')).toEqual({
      exitCode: 4,
      signal: null,
      out: '',
      err: `periodic-cron: database ${location.url} has no schema yet; this program needs version ${SCHEMA_VERSION}: run "periodic-cron migrate"\n`,
    });
    expect(schemaOf(database).flat()).toEqual([]);
    const ends = await Promise.all([1, 2, 3, 4].map(() => world.call('migrate', '--json')));
    expect(ends.map(({ exitCode, err }) => ({ exitCode, err }))).toEqual(
      Array(4).fill({ exitCode: 0, err: '' }),
    );
    const ran = ends.map(({ out }) => JSON.parse(out).ran as readonly string[]);
    expect(ran.filter((names) => names.length > 0)).toEqual([MIGRATIONS]);
    expect(database.ask('SELECT version FROM periodic_schema')).toEqual([{ version: SCHEMA_VERSION }]);
    expect(database.ask('SELECT name FROM periodic_task')).toEqual([{ name: 'prune_history' }]);
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, signal: null, out: '', err: '' });
  });

  test('of two that take the newest migration back at once, one does, and the other takes back no more', async () => {
    const world = openEmptyWorld(engine);
    await world.call('migrate');
    const ends = await Promise.all([world.call('migrate', '--down'), world.call('migrate', '--down')]);
    expect(ends.map(({ exitCode }) => exitCode).toSorted()).toEqual([0, 5]);
    expect(world.database.ask('SELECT version FROM periodic_schema')).toEqual([
      { version: SCHEMA_VERSION - 1 },
    ]);
  });

  test('one that is killed while the server works for it has its work completed by the next', async () => {
    const world = openEmptyWorld(engine);
    const { database, location } = world;
    await world.call('migrate');
    const whole = schemaOf(database);
    await takeBackTo(location, 2);
    database.tell('BEGIN');
    database.ask('SELECT count(*) AS runs FROM periodic_run');
    const { pid, ended } = world.start('migrate');
    await expect.poll(() => Number(database.ask(WAITING[engine])[0].waiting), { timeout: 60_000 }).toBe(1);
    process.kill(pid, 'SIGKILL');
    expect(await ended).toMatchObject({ signal: 'SIGKILL' });
    const status = await world.call('migrate', '--status');
    expect(status.out).toMatch(
      /0002_add_policies {6}done\n0003_share_with_nodes {2}(?:pending|unfinished)\n0004_run_by_hand {7}pending\n0005_ask_the_world {5}pending\n0006_remember_wishes {3}pending\n/,
    );
    if (engine === 'mariadb') {
      expect(status.out).toMatch(
        /running 0003_share_with_nodes came to its step 2 \(alter table `periodic_run` add .*\): if no program is at it any more, "periodic-cron migrate" completes it\n$/,
      );
    }
    // Now the server may finish what nobody waits for any more.
    database.tell('COMMIT');
    expect(await world.call('migrate')).toEqual({
      exitCode: 0,
      signal: null,
      out: 'ran 0003_share_with_nodes\nran 0004_run_by_hand\nran 0005_ask_the_world\nran 0006_remember_wishes\nthe schema has version 6\n',
      err: '',
    });
    expect(schemaOf(database)).toEqual(whole);
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, signal: null, out: '', err: '' });
  });

  test('a tick works with a newer schema that allows it, and with no other', async () => {
    const world = openEmptyWorld(engine);
    await world.call('migrate');
    world.database.tell('UPDATE periodic_schema SET version = 99');
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, signal: null, out: '', err: '' });
    world.database.tell('UPDATE periodic_schema SET oldest_version = 98');
    expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 4, out: '' });
    await world.call('migrate', '--down');
    expect(await world.call('run_scheduled', '-c')).toMatchObject({
      exitCode: 4,
      err: expect.stringContaining('has schema version 5; this program needs version 6'),
    });
  });
});

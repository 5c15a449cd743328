import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { missingFor, openPrivateServer, type PrivateServer } from '../support/private-servers.ts';
import type { ProgramWorld } from '../support/processes.ts';
import { openServerWorld, openServerWorldBeside, type ServerWorld } from '../support/server-worlds.ts';
import { SERVER_ENGINES } from '../support/servers.ts';
import { addressOf, locationThrough, openTcpProxy } from '../support/tcp-proxy.ts';

/** How the one line ends with which a call gives up. */
const AWAY = /: check that the server runs and can be reached from here\n$/;
const WAITS = /^periodic-cron: the result of task "job" \(failed\) waits for the next tick: /;
const REPORTED_LATE = ['failed|-|3|exited with status 3; reported late'];

describe.each(SERVER_ENGINES)('%s', (engine) => {
  test('that is away at the start of a tick ends it at once, with exit status 3 and one line', async ({
    skip,
  }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const { server, world } = await open(engine);
    await server.stop();
    for (const words of [['run_scheduled', '-c'], ['list'], ['run_manually', '-t', 'job']]) {
      const end = await world.call(...words);
      expect(end).toMatchObject({ exitCode: 3, out: '', err: expect.stringMatching(AWAY) });
      expect(end.err.split('\n')).toHaveLength(2);
    }
  });

  test('that goes away and comes back while a task runs is told how it ended', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const { server, world } = await open(engine);
    const job = await world.addHeldTask('job');
    const shared = await world.addHeldTask('shared', '--scope', 'one');
    const runner = world.start('run_scheduled', '-c', '--parallel', '2');
    await Promise.all([job.started(), shared.started()]);
    await server.stop();
    await server.start();
    job.letGo();
    shared.letGo();
    expect(await runner.ended).toMatchObject({ exitCode: 1, out: '' });
    expect(world.runs()).toEqual(Array(2).fill('failed|-|3|exited with status 3'));
  });

  test('that is away when a task ends gets the result from the spool, once, at the next tick', async ({
    skip,
  }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const { server, world } = await open(engine);
    const job = await world.addHeldTask('job');
    const runner = world.start('run_scheduled', '-c');
    await job.started();
    await server.stop();
    job.letGo();
    const end = await runner.ended;
    expect(end).toMatchObject({ exitCode: 3, out: '', err: expect.stringMatching(WAITS) });
    expect(spooled(world)).toHaveLength(1);
    await server.start();
    expect(world.runs()).toEqual(['running|-|-1']);
    const ticks = await Promise.all([world.call('run_scheduled', '-c'), world.call('run_scheduled', '-c')]);
    expect(ticks.map(({ exitCode }) => exitCode).toSorted()).toEqual([0, 1]);
    expect(world.runs()).toEqual(REPORTED_LATE);
    expect(spooled(world)).toEqual([]);
    expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, out: '', err: '' });
  });

  test('that fails over to another address is followed in the middle of a run', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const server = await openPrivateServer(engine);
    const address = addressOf(server.locationOf('tasks'));
    const [first, second] = [await openTcpProxy(address), await openTcpProxy(address)];
    const world = await openServerWorld(server, {
      way: (direct) => locationThrough(direct, [first, second]),
    });
    const job = await world.addHeldTask('job');
    const runner = world.start('run_scheduled', '-c');
    await job.started();
    expect(second.made()).toBe(0);
    await first.refuse();
    job.letGo();
    expect(await runner.ended).toMatchObject({ exitCode: 1, out: '' });
    expect(world.runs()).toEqual(['failed|-|3|exited with status 3']);
    expect(second.made()).toBe(1);
    expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, err: '' });
  });

  test('that only reads is waited for, and then told in one line', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const { server, world } = await open(engine);
    setReadOnly(server, true);
    expect(await world.call('run_scheduled', '-c')).toMatchObject({
      exitCode: 3,
      out: '',
      err: expect.stringMatching(
        /: the server only reads: no server of the URL can be written to now; wait for the failover, or name the primary\n$/,
      ),
    });
    const waiting = world.start('run_scheduled', '-c');
    setReadOnly(server, false);
    expect(await waiting.ended).toMatchObject({ exitCode: 0, err: '' });
  });
});

// In the time that it takes a lease to end, for both engines at once.
test('a task of scope one whose database stays away is stopped, its run lost, and its end recorded later', async ({
  skip,
}) => {
  const engines = SERVER_ENGINES.filter((engine) => missingFor(engine) === undefined);
  skip(engines.length < SERVER_ENGINES.length, 'a server is not installed');
  await Promise.all(
    engines.map(async (engine) => {
      const { server, world } = await open(engine);
      const beside = openServerWorldBeside(server, world, 'beta');
      const job = await world.addHeldTask('job', '--scope', 'one', '-n', 'alpha', '-n', 'beta');
      const runner = world.start('run_scheduled', '-c');
      await job.started();
      await server.stop();
      const end = await runner.ended;
      expect(end).toMatchObject({ exitCode: 3, out: '' });
      expect(end.err).toContain('the result of task "job" (lost) waits for the next tick: ');
      await server.start();
      // Whoever sees the end of the lease first calls it lost; what the runner knows is kept once.
      const others = await Promise.all([
        beside.call('run_scheduled', '-c'),
        world.call('run_scheduled', '-c'),
      ]);
      expect(others.map(({ exitCode }) => exitCode)).not.toContain(3);
      const [run, ...further] = world.runs();
      expect(run).toMatch(/^lost\|lease_(?:lost|expired)\|/);
      expect(further).toEqual([]);
    }),
  );
}, 180_000);

async function open(
  engine: PrivateServer['engine'],
): Promise<{ readonly server: PrivateServer; readonly world: ServerWorld }> {
  const server = await openPrivateServer(engine);
  return { server, world: await openServerWorld(server) };
}

function setReadOnly(server: PrivateServer, isReadOnly: boolean): void {
  if (server.engine === 'postgres') {
    server.sql(`ALTER SYSTEM SET default_transaction_read_only = ${isReadOnly}`);
    server.sql('SELECT pg_reload_conf()');
  } else {
    server.sql(`SET GLOBAL read_only = ${isReadOnly ? 1 : 0}`);
  }
}

function spooled({ folder }: ProgramWorld): readonly string[] {
  const root = join(folder, 'state', 'spool');
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
}

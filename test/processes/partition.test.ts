import { describe, expect, test } from 'vitest';
import type { ServerLocation } from '../../src/config/config.ts';
import { missingFor, openPrivateServer } from '../support/private-servers.ts';
import { openServerWorld, type ServerWorld } from '../support/server-worlds.ts';
import { SERVER_ENGINES, type ServerEngine } from '../support/servers.ts';
import { addressOf, COMMIT, locationThrough, openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const SILENT = { exitCode: 0, signal: null, out: '', err: '' };
const NO_ANSWER = /gave no answer for 1 s: check that the server runs and can be reached from here\n$/;

describe.each(SERVER_ENGINES)('%s', (engine) => {
  test('serves a tick over one connection, however many tasks it runs at once', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const { world, proxy } = await open(engine);
    const due = ['--every', '1d', '--run-immediately'];
    for (let number = 1; number <= 4; number += 1) {
      const scope = number % 2 === 0 ? 'one' : 'each';
      const command = ['--module', 'command', '-o', 'argv=["sleep", "0.3"]', '--scope', scope];
      await world.call('add', `command ${number}`, ...command, ...due);
    }
    await world.call('add', 'tidy', '--module', 'prune_history', '-o', 'max_runs=1000', ...due);
    for (const words of [['-c', '--parallel', '4'], ['--parallel', '4'], ['-c']]) {
      const before = proxy.made();
      expect(await world.call('run_scheduled', ...words)).toMatchObject({ exitCode: 0, err: '' });
      expect(proxy.made() - before).toBe(1);
    }
    expect(world.runs()).toHaveLength(5);
    expect(proxy.open()).toBe(0);
  });

  test('that never answers is given up after the time limit of the URL', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const { world, proxy } = await open(engine);
    proxy.stallAll();
    for (const words of [['run_scheduled', '-c'], ['list']]) {
      expect(await world.call(...words)).toMatchObject({
        exitCode: 3,
        out: '',
        err: expect.stringMatching(NO_ANSWER),
      });
    }
  });

  test('runs a task once when the answers to the commits of its tick are lost', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const { world, proxy } = await open(engine);
    const job = await world.addHeldTask('job');
    proxy.at(COMMIT, 'lose-answer');
    const runner = world.start('run_scheduled', '-c');
    await job.started();
    expect(proxy.isDone()).toBe(true);
    // What follows is the commit of the result.
    proxy.at(COMMIT, 'lose-answer');
    job.letGo();
    expect(await runner.ended).toMatchObject({ exitCode: 1, out: '' });
    expect(proxy.isDone()).toBe(true);
    expect(world.runs()).toEqual(['failed|-|3|exited with status 3']);
    expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
  });
});

// It takes as long as a runner waits, so both engines wait at once.
test('a runner that is cut off without a word ends its task, keeps the result, and ends', async ({
  skip,
}) => {
  const engines = SERVER_ENGINES.filter((engine) => missingFor(engine) === undefined);
  skip(engines.length < SERVER_ENGINES.length, 'a server is not installed');
  await Promise.all(
    engines.map(async (engine) => {
      const { world, proxy, direct } = await open(engine);
      const job = await world.addHeldTask('job');
      const runner = world.start('run_scheduled', '-c');
      await job.started();
      proxy.stallAll();
      job.letGo();
      const end = await runner.ended;
      expect(end).toMatchObject({ exitCode: 3, out: '' });
      expect(end.err).toContain('the result of task "job" (failed) waits for the next tick: ');
      expect(world.runs()).toEqual(['running|-|-1']);
      const reached = await world.call('run_scheduled', '-c', '--database', direct.url);
      expect(reached).toMatchObject({ exitCode: 1 });
      expect(world.runs()).toEqual(['failed|-|3|exited with status 3; reported late']);
    }),
  );
}, 180_000);

type Parted = {
  readonly world: ServerWorld;
  readonly proxy: TcpProxy;
  /** The way around the proxy. */
  readonly direct: ServerLocation;
};

async function open(engine: ServerEngine): Promise<Parted> {
  const server = await openPrivateServer(engine);
  const direct = server.locationOf('tasks');
  const proxy = await openTcpProxy(addressOf(direct));
  const timeout = engine === 'postgres' ? 'connect_timeout' : 'connect-timeout';
  const world = await openServerWorld(server, {
    way: (location) => ({ ...location, url: `${locationThrough(location, [proxy]).url}?${timeout}=1` }),
  });
  return { world, proxy, direct };
}

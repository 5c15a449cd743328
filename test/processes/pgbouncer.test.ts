import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  asUser,
  freePort,
  isInstalled,
  missingFor,
  openPrivateServer,
  ownedBy,
  type PrivateServer,
} from '../support/private-servers.ts';
import { openServerWorld, openServerWorldBeside } from '../support/server-worlds.ts';

const missing =
  missingFor('postgres') ?? (isInstalled('pgbouncer') ? undefined : 'pgbouncer is not installed');
const NODES = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'];
const POOL = 3;

test('the whole program works through a pooler that gives every transaction another session', async ({
  skip,
}) => {
  skip(missing !== undefined, missing);
  const server = await openPrivateServer('postgres');
  const port = await startPooler(server);
  const world = await openServerWorld(server, { port });
  const nodes = NODES.flatMap((node) => ['-n', node]);
  for (const scope of ['each', 'one']) {
    for (let number = 1; number <= 3; number += 1) {
      const how = ['--every', '1d', '--run-immediately', '--scope', scope, ...nodes];
      const added = await world.call(
        'add',
        `${scope} ${number}`,
        '--module',
        'command',
        '-o',
        'argv=["true"]',
        ...how,
      );
      expect(added).toMatchObject({ exitCode: 0, err: '' });
    }
  }
  const beside = NODES.slice(1).map((node) => openServerWorldBeside(server, world, node));
  const ticks = await Promise.all(
    [world, ...beside].map(({ call }) => call('run_scheduled', '-c', '--parallel', '2')),
  );
  expect(ticks).toEqual(Array(NODES.length).fill({ exitCode: 0, signal: null, out: '', err: '' }));
  expect(world.runs()).toEqual(Array(3 * NODES.length + 3).fill('succeeded|-|0'));
  expect(sessionsOf(server)).toBeLessThanOrEqual(POOL);
  for (const words of [
    ['list'],
    ['history'],
    ['show', 'one 1'],
    ['explain', 'each 1'],
    ['run_manually', '-t', 'one 2'],
    ['set', 'one 3', '--every', '2d'],
    ['disable', 'one 3'],
    ['reset', 'each 2'],
    ['run_scheduled', '-d'],
    ['prune', '--max-runs', '5'],
    ['remove', 'one 3'],
    ['migrate', '--status'],
  ]) {
    expect(await world.call(...words), words.join(' ')).toMatchObject({ exitCode: 0, err: '' });
  }
  await server.stop();
  const away = await world.call('run_scheduled', '-c');
  expect(away).toMatchObject({ exitCode: 3, out: '' });
  expect(away.err.split('\n')).toHaveLength(2);
});

function sessionsOf(server: PrivateServer): number {
  return Number(server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'tasks'")[0]);
}

/** Starts a pooler before the server, with fewer sessions than the test has runners; returns its port. */
async function startPooler(server: PrivateServer): Promise<number> {
  const port = await freePort();
  const file = join(server.folder, 'pooler.pem');
  writeFileSync(
    file,
    `[databases]
* = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${POOL}
logfile = ${join(server.folder, 'pooler.log')}
`,
  );
  ownedBy(file, server.user);
  const [program = '', ...args] = asUser(server.user, ['pgbouncer', '--quiet', file]);
  const pooler = spawn(program, args, { stdio: 'ignore', env: { PATH: `${process.env['PATH']}:/usr/sbin` } });
  onTestFinished(() => {
    pooler.kill('SIGKILL');
  });
  await expect.poll(() => isListening(port), { timeout: 30_000 }).toBe(true);
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DatabaseLocation } from '../../src/config/config.ts';
import { connectTo } from '../../src/store/connect.ts';
import {
  missingFor,
  openPrivateServer,
  type PrivateServer,
  type UrlOptions,
} from '../support/private-servers.ts';
import { openProgramWorld, type ProgramEnd, type ProgramWorld } from '../support/processes.ts';
import { openServerWorld } from '../support/server-worlds.ts';
import { SERVER_ENGINES } from '../support/servers.ts';

const PASSWORD = 'pa55 w:rd/@#é';
const RUNNER: UrlOptions = { user: 'runner', password: PASSWORD };
const ADD = ['--module', 'command', '-o', 'argv=["echo", "hello"]', '--every', '1d', '--run-immediately'];

/** What a user needs who runs tasks and manages them, and nothing else. */
const GRANTS = {
  postgres: [
    `CREATE ROLE runner LOGIN PASSWORD '${PASSWORD}'`,
    'REVOKE ALL ON SCHEMA public FROM PUBLIC',
    'REVOKE ALL ON DATABASE tasks FROM PUBLIC',
    'REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC',
    'GRANT CONNECT ON DATABASE tasks TO runner',
    'GRANT USAGE ON SCHEMA public TO runner',
    'GRANT EXECUTE ON FUNCTION periodic_now() TO runner',
    'GRANT SELECT ON ALL TABLES IN SCHEMA public TO runner',
    'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO runner',
  ],
  mariadb: [`CREATE USER runner@'%' IDENTIFIED BY '${PASSWORD}'`, "GRANT SELECT ON tasks.* TO runner@'%'"],
} as const;

/** What it only reads. */
const ONLY_READ = [
  'periodic_schema',
  'periodic_migration',
  'periodic_migration_lock',
  'periodic_migration_step',
];

describe.each(SERVER_ENGINES)('%s', (engine) => {
  test('lets a user without the right to change the schema run and manage tasks', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const server = await openPrivateServer(engine);
    await openServerWorld(server);
    grant(server);
    const world = openProgramWorld({}, server.locationOf('tasks', RUNNER));
    for (const words of [
      ['add', 'job', ...ADD],
      ['add', 'shared', '--scope', 'one', '--retry-limit', '2', ...ADD],
      ['add', 'ticks', '--module', 'command', '-o', 'argv=["true"]', '--ticks', '0', '--repeat'],
      ['run_scheduled', '-d'],
      ['run_scheduled'],
      ['list', '--all'],
      ['show', 'job'],
      ['set', 'job', '--every', '2d', '-n', 'alpha', '-n', 'beta', '--tag', 'night'],
      ['disable', 'job'],
      ['enable', 'job'],
      ['run_manually', '-t', 'job'],
      ['postpone', 'shared'],
      ['reset', 'shared'],
      ['explain', 'job'],
      ['history'],
      ['output', '1'],
      ['simulate'],
      ['prune', '--max-runs', '1'],
      ['migrate', '--status'],
      ['remove', 'shared'],
      ['run_scheduled', '-c'],
    ]) {
      const end = await world.call(...words);
      expect({ exitCode: end.exitCode, err: end.err }, words.join(' ')).toEqual({ exitCode: 0, err: '' });
    }
    await expectRefusal(world, ['migrate', '--down'], /docs\/many-nodes\.md|grant|GRANT/);
  });

  test('refuses in one line that says what to do, and never shows a password', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const server = await openPrivateServer(engine);
    server.sql('CREATE DATABASE tasks');
    server.sql(GRANTS[engine][0]);
    requirePassword(server);
    const refuse = (location: DatabaseLocation, message: RegExp) =>
      expectRefusal(openProgramWorld({}, location), ['run_scheduled', '-c'], message);
    const to = (options: UrlOptions, database = 'tasks') => server.locationOf(database, options);
    await refuse(to({ ...RUNNER, password: 'wr0ng' }), /: check user and password/);
    await refuse(to({ user: 'runner' }), /: check user and password/);
    await refuse(to({ user: 'nobody', password: PASSWORD }), /: check user and password/);
    await refuse(to({}, 'absent'), /: create it, for example with /);
    await refuse(to({ host: 'no-such-host.invalid' }), /: check that the server runs/);
    await refuse(to({ ...RUNNER, port: 1 }), /ECONNREFUSED 127\.0\.0\.1:1: check that the server runs/);
    await refuse(
      to({ host: 'localhost', port: 1 }),
      /ECONNREFUSED (?:127\.0\.0\.1|::1):1.*: check that the server runs/,
    );
    await refuse(to({ ...RUNNER, port: await openStranger() }), /: check /);
  });

  test('has no connection left: that is waited for, and then told in one line', async ({ skip }) => {
    skip(missingFor(engine) !== undefined, missingFor(engine));
    const server = await openPrivateServer(engine, FEW_CONNECTIONS[engine]);
    server.sql('CREATE DATABASE tasks');
    server.sql(GRANTS[engine][0]);
    const drivers = await Promise.all(
      Array.from({ length: 10 }, () => connectTo(server.locationOf('tasks'), { create: false })),
    );
    const world = openProgramWorld({}, server.locationOf('tasks', RUNNER));
    await expectRefusal(
      world,
      ['run_scheduled', '-c'],
      /: the server has no connection left: raise max_connections/,
    );
    for (const driver of drivers) {
      await driver.close();
    }
  });
});

const FEW_CONNECTIONS = {
  postgres: ['-c', 'max_connections=10', '-c', 'superuser_reserved_connections=0'],
  mariadb: ['--max-connections=10'],
} as const;

function grant(server: PrivateServer): void {
  const { engine, sql } = server;
  const to = engine === 'postgres' ? 'runner' : "runner@'%'";
  for (const statement of GRANTS[engine]) {
    sql(statement, 'tasks');
  }
  const schema = engine === 'postgres' ? "'public'" : "'tasks'";
  const tables = sql(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = ${schema} AND table_type = 'BASE TABLE'`,
    'tasks',
  );
  for (const table of tables.filter((name) => !ONLY_READ.includes(name))) {
    sql(`GRANT INSERT, UPDATE, DELETE ON ${table} TO ${to}`, 'tasks');
  }
}

/** PostgreSQL's server of the tests lets everybody in until it is told otherwise. */
function requirePassword({ engine, sql, folder }: PrivateServer): void {
  if (engine === 'postgres') {
    const rules = ['local all all trust', 'host all postgres all trust', 'host all all all scram-sha-256'];
    const file = `${folder}/data/pg_hba.conf`;
    sql(`COPY (SELECT unnest(ARRAY['${rules.join("','")}'])) TO '${file}'`);
    sql('SELECT pg_reload_conf()');
  }
}

async function expectRefusal(
  world: ProgramWorld,
  words: readonly string[],
  message: RegExp,
): Promise<ProgramEnd> {
  const end = await world.call(...words);
  expect(end).toMatchObject({ exitCode: 3, out: '', err: expect.stringMatching(message) });
  expect(end.err.split('\n')).toHaveLength(2);
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'wr0ng', '    at ']) {
    expect(end.err).not.toContain(secret);
  }
  return end;
}

/** Something that listens and is no database; returns its port. */
function openStranger(): Promise<number> {
  return new Promise((resolve) => {
    const listener = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    onTestFinished(() => {
      listener.close();
    });
    listener.listen(0, '127.0.0.1', () => resolve((listener.address() as { readonly port: number }).port));
  });
}

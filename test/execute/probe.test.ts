import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { RUN_ID_VARIABLE } from '../../src/execute/environment.ts';
import { type ProbeResult, probeResource } from '../../src/execute/probe.ts';
import { carriersOf } from '../../src/execute/processes.ts';

const ID = `probe-test-${process.pid}`;
const NEVER = new AbortController().signal;

function probe(
  kind: string,
  target: JsonObject,
  { timeoutSeconds = 5, cancel = NEVER } = {},
): Promise<ProbeResult> {
  const resource = { name: 'it', probe: kind, target, ttlSeconds: 60, timeoutSeconds };
  return probeResource(resource, { node: 'alpha', id: ID, cancel });
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-probe-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A port at which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const sh = (script: string, more: JsonObject = {}): JsonObject => ({
  command: ['sh', '-c', script],
  ...more,
});

describe('a command', () => {
  test.each([
    ['exit 0', {}, 'up', 'exit status 0'],
    ['exit 3', {}, 'down', 'exit status 3'],
    ['echo no address; exit 1', {}, 'down', 'exit status 1: no address'],
    ['exit 3', { retcodes: { 3: 'warn' } }, 'warn', 'exit status 3'],
    ['exit 4', { retcodes: { 3: 'warn', other: 'stdby down' } }, 'stdby down', 'exit status 4'],
    ['exit 0', { retcodes: { 0: 'stdby up' } }, 'stdby up', 'exit status 0'],
    ['exit 0', { retcodes: { other: 'down' } }, 'up', 'exit status 0'],
  ])('%s with %j is %s', async (script, more, state, why) => {
    expect(await probe('command', sh(script, more))).toEqual({ state, why });
  });

  test('is split into words without a shell, and knows the node', async () => {
    const command = `sh -c 'test "$PERIODIC_CRON_NODE" = alpha'`;
    expect(await probe('command', { command })).toEqual({ state: 'up', why: 'exit status 0' });
  });

  test('that cannot be started, or is ended by a signal, says nothing', async () => {
    expect(await probe('command', { command: '/nowhere/at-all' })).toEqual({
      state: 'undef',
      why: 'expected an executable file, got /nowhere/at-all, which does not exist',
    });
    expect(await probe('command', sh('kill -9 $$'))).toEqual({
      state: 'undef',
      why: 'the command was ended by SIGKILL',
    });
  });

  test('that takes too long says nothing, and is ended with what it has started', async () => {
    const file = join(newFolder(), 'pid');
    const script = `sleep 600 & echo $! > ${file}; wait`;
    expect(await probe('command', sh(script), { timeoutSeconds: 1 })).toEqual({
      state: 'undef',
      why: 'the command did not end within 1s',
    });
    const pid = Number(readFileSync(file, 'utf8'));
    expect(pid).toBeGreaterThan(0);
    // What nobody has waited for yet has no environment any more.
    expect(carriersOf(RUN_ID_VARIABLE, ID)).toEqual([]);
  });
});

describe('tcp', () => {
  test('is up where a connection opens, and down where none does', async () => {
    const port = await portOf(createServer((socket) => socket.destroy()));
    expect(await probe('tcp', { host: '127.0.0.1', port })).toEqual({
      state: 'up',
      why: `127.0.0.1:${port} takes connections`,
    });
    const closed = await closedPort();
    expect(await probe('tcp', { host: '127.0.0.1', port: closed })).toEqual({
      state: 'down',
      why: `127.0.0.1:${closed} refuses the connection: nothing listens there`,
    });
  });

  test('says nothing when the runner is told to end', async () => {
    const told = await probe(
      'tcp',
      { host: '127.0.0.1', port: await closedPort() },
      { cancel: AbortSignal.abort() },
    );
    expect(told.state).toBe('undef');
  });
});

describe('http', () => {
  async function urlOf(status: number): Promise<string> {
    const server = createHttpServer((_request, response) => {
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
    return `http://127.0.0.1:${await portOf(server)}/health`;
  }

  test.each([
    [200, {}, 'up'],
    [204, {}, 'up'],
    [503, {}, 'down'],
    [302, {}, 'down'],
    [401, { expect: [200, 401] }, 'up'],
    [200, { expect: ['400-499'] }, 'down'],
  ])('status %i with %j is %s', async (status, more, state) => {
    const url = await urlOf(status);
    expect(await probe('http', { url, ...more })).toEqual({ state, why: `${url} answers ${status}` });
  });

  test('is down where no answer comes in time', async () => {
    const port = await portOf(createServer(() => undefined));
    expect(await probe('http', { url: `http://127.0.0.1:${port}/` }, { timeoutSeconds: 1 })).toEqual({
      state: 'down',
      why: `127.0.0.1:${port} does not answer within 1s`,
    });
  });
});

test('a file is up while it exists', async () => {
  const path = join(newFolder(), 'mounted');
  expect(await probe('file', { path })).toEqual({ state: 'down', why: `${path} does not exist` });
  writeFileSync(path, '');
  expect(await probe('file', { path })).toEqual({ state: 'up', why: `${path} exists` });
});

test.each([
  ['file', { path: 'relative' }, 'path: expected an absolute path, got "relative"'],
  ['tcp', { host: 'a', port: 0 }, 'port: expected a whole number from 1 to 65535, got 0'],
  ['command', { command: 'a | b' }, /^command: expected a word, got "\|".* \(at character 3\)$/],
  [
    'command',
    { command: 'a', retcodes: { 300: 'up' } },
    'retcodes: expected an exit status from 0 to 255, or other, got "300"',
  ],
  ['http', { url: 'http://me:secret@host/' }, 'url: expected a URL without a user and a password, got one'],
  ['dice', {}, 'expected one of the probes command, tcp, http, file, none, got "dice"'],
  ['none', {}, /^it has no probe/],
])('what cannot be looked at is not known: %s %j', async (kind, target, why) => {
  const { state, why: told } = await probe(kind, target as JsonObject);
  expect(state).toBe('undef');
  expect(told).toMatch(
    typeof why === 'string' ? new RegExp(`^${why.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`) : why,
  );
});

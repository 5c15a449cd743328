import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
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

/** Puts a script before the program of that name that the system has. */
function standIn(program: string, script: string): void {
  const folder = newFolder();
  writeFileSync(join(folder, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  setVariable('PATH', `${folder}:${process.env['PATH']}`);
}

function setVariable(name: string, value: string): void {
  vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
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

  test('whose interpreter is missing says nothing', async () => {
    const script = join(newFolder(), 'script');
    writeFileSync(script, '#!/nowhere/at-all\n', { mode: 0o755 });
    expect(await probe('command', { command: [script] })).toEqual({
      state: 'undef',
      why: expect.stringContaining(`could not start ${script}: `),
    });
  });

  test('that ends with the status of a missing program is down', async () => {
    expect(await probe('command', sh('exit 127'))).toEqual({ state: 'down', why: 'exit status 127' });
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

describe('a file', () => {
  test('is up while it exists, at the end of links too', async () => {
    const folder = newFolder();
    const path = join(folder, '-a file\nwith lines');
    const link = join(folder, 'link');
    symlinkSync(path, link);
    expect(await probe('file', { path })).toEqual({ state: 'down', why: `${path} does not exist` });
    expect(await probe('file', { path: link })).toEqual({ state: 'down', why: `${link} does not exist` });
    writeFileSync(path, '');
    expect(await probe('file', { path })).toEqual({ state: 'up', why: `${path} exists` });
    expect(await probe('file', { path: link })).toEqual({ state: 'up', why: `${link} exists` });
    const below = `${path}/below`;
    expect(await probe('file', { path: below })).toEqual({ state: 'down', why: `${below} does not exist` });
  });

  test('that cannot be looked at is not known', async () => {
    const path = `/${'x'.repeat(300)}`;
    expect(await probe('file', { path })).toEqual({
      state: 'undef',
      why: `could not look at ${path}: File name too long`,
    });
  });

  test('whose name tells of a missing one is known by what the system says', async () => {
    standIn(
      'stat',
      `echo "stat: cannot statx '/x: No such file or directory': Permission denied" >&2; exit 1`,
    );
    expect(await probe('file', { path: '/x: No such file or directory' })).toMatchObject({
      state: 'undef',
      why: 'could not look at /x: No such file or directory: Permission denied',
    });
  });

  test('is looked for in one language, whatever that of the runner', async () => {
    setVariable('LC_ALL', 'de_DE.UTF-8');
    setVariable('LANGUAGE', 'de');
    standIn('stat', 'echo "stat: $3: $LC_ALL" >&2; exit 1');
    expect((await probe('file', { path: '/it' })).why).toBe('could not look at /it: C');
  });

  test('that is a link to nothing is down where stat tells of the link itself', async () => {
    standIn('stat', `echo '16777220 8636 lrwxr-xr-x 1 root wheel 0 7 "Nov 21" 4096 8 0 /it'`);
    expect(await probe('file', { path: '/it' })).toEqual({ state: 'down', why: '/it does not exist' });
  });

  test('on a file system that does not answer keeps nobody', async () => {
    standIn('stat', 'trap "" TERM; sleep 600; sleep 600');
    expect(await probe('file', { path: '/mnt/gone' }, { timeoutSeconds: 1 })).toEqual({
      state: 'undef',
      why: 'could not look at /mnt/gone within 1s',
    });
    expect(carriersOf(RUN_ID_VARIABLE, ID)).toEqual([]);
  });

  test('is given up when the runner is told to end', async () => {
    standIn('stat', 'sleep 600');
    const ending = new AbortController();
    const looked = probe('file', { path: '/mnt/gone' }, { timeoutSeconds: 300, cancel: ending.signal });
    await expect.poll(() => carriersOf(RUN_ID_VARIABLE, ID)).not.toEqual([]);
    ending.abort();
    expect(await looked).toEqual({
      state: 'undef',
      why: 'could not look at /mnt/gone: the look was given up, since the runner was told to end',
    });
    expect(carriersOf(RUN_ID_VARIABLE, ID)).toEqual([]);
  });
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
  ['http', { url: 7 }, 'url: expected a URL that begins with http:// or https://, got 7'],
  [
    'http',
    { url: 'ftp://me:sec/ret@host/x' },
    'url: expected a URL that begins with http:// or https://, got "ftp://***@host/x"',
  ],
  [
    'http',
    { url: 'host@me:sec@ret.org' },
    'url: expected a URL that begins with http:// or https://, got "***@ret.org"',
  ],
  ['http', { url: 'http://me:secret@host/' }, 'url: expected a URL without a user and a password, got one'],
  ['dice', {}, 'probe: expected one of the probes command, tcp, http, file, none, got "dice"'],
  ['none', {}, /^it has no probe/],
])('what cannot be looked at is not known: %s %j', async (kind, target, why) => {
  const { state, why: told } = await probe(kind, target as JsonObject);
  expect(state).toBe('undef');
  expect(told).toMatch(
    typeof why === 'string' ? new RegExp(`^${why.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`) : why,
  );
});

test.each([0, -5, 301, 99_999_999])(
  'a time limit of %i seconds is a fault of the resource',
  async (timeoutSeconds) => {
    expect(await probe('tcp', { host: '127.0.0.1', port: 1 }, { timeoutSeconds })).toEqual({
      state: 'undef',
      why: `timeout_s: expected a whole number of seconds from 1 to 300, got ${timeoutSeconds}`,
    });
  },
);

test('a command that fails as the tool before it would is judged by its own status', async () => {
  standIn(
    'as-other',
    "echo 'setpriv: failed to execute /nowhere/check: No such file or directory' >&2; exit 127",
  );
  const target = { command: 'as-other', retcodes: { 127: 'warn' } };
  expect(await probe('command', target)).toMatchObject({ state: 'warn' });
});

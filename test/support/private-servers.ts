import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ServerLocation } from '../../src/config/config.ts';
import { parseServerUrl } from '../../src/config/server-url.ts';
import type { ServerEngine } from './servers.ts';

/** A server of the test's own, which it may stop, start and set as it likes. */
export type PrivateServer = {
  readonly engine: ServerEngine;
  readonly port: number;
  /** Files here can be read by the server's user, if they are given to him. */
  readonly folder: string;
  /** The user that runs the server; undefined where that is the user of the test. */
  readonly user: string | undefined;
  /** A database on it, with the server's administrator as the user unless the URL names another. */
  readonly locationOf: (database: string, options?: UrlOptions) => ServerLocation;
  /** Starts it with further settings, and waits until it takes connections. */
  readonly start: (...settings: readonly string[]) => Promise<void>;
  /** Stops it at once, as a crash does; `gently` ends the sessions in order. */
  readonly stop: (how?: 'gently') => Promise<void>;
  /** Runs SQL as the administrator, over the socket, and returns the first column. */
  readonly sql: (text: string, database?: string) => readonly string[];
};

export type UrlOptions = {
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly query?: string;
};

/** The programs of a server that is installed here, or why there can be none. */
export function missingFor(engine: ServerEngine): string | undefined {
  const missing =
    engine === 'postgres'
      ? postgresFolder() === undefined && 'initdb'
      : [MARIADBD, 'mariadb-install-db'].find((program) => !isInstalled(program));
  return missing ? `${missing} is not installed` : undefined;
}

/** Makes a server in a folder of its own and starts it; it ends with the test, and its files go. */
export async function openPrivateServer(
  engine: ServerEngine,
  settings: readonly string[] = [],
): Promise<PrivateServer> {
  const folder = mkdtempSync(join(tmpdir(), `periodic-cron-${engine}-`));
  const port = await freePort();
  const user = process.getuid?.() === 0 ? USERS[engine] : undefined;
  ownedBy(folder, user);
  const parts = engine === 'postgres' ? postgresParts(folder, port) : mariadbParts(folder, port);
  let running: ChildProcess | undefined;
  const stop = async (how?: 'gently') => {
    const server = running;
    running = undefined;
    await (server === undefined ? undefined : ended(server, how === 'gently' ? 'SIGTERM' : parts.killSignal));
  };
  const start = async (...more: readonly string[]) => {
    const [file = '', ...args] = asUser(user, [...parts.start, ...more]);
    running = spawn(file, args, { stdio: 'ignore' });
    await untilReady(running, parts.client('SELECT 1'), join(folder, 'server.log'));
  };
  onTestFinished(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  must(asUser(user, parts.create));
  await start(...settings);
  return {
    engine,
    port,
    folder,
    user,
    start,
    stop,
    locationOf: (database, options = {}) => locationOf({ engine, port, database }, options),
    sql: (text, database) => must(parts.client(text, database)).split('\n').filter(Boolean),
  };
}

type Parts = {
  readonly create: readonly string[];
  readonly start: readonly string[];
  readonly client: (sql: string, database?: string) => readonly string[];
  /** Ends it without a word to anybody. */
  readonly killSignal: NodeJS.Signals;
};

const USERS = { postgres: 'postgres', mariadb: 'mysql' } as const;
const ADMINS = { postgres: 'postgres', mariadb: 'root' } as const;
const MARIADBD = 'mariadbd';

function postgresParts(folder: string, port: number): Parts {
  const program = (name: string) => join(postgresFolder() ?? '', name);
  const data = join(folder, 'data');
  const create = ['-A', 'trust', '-U', ADMINS.postgres, '-E', 'UTF8', '--locale=C', '--no-sync'];
  const settings = [
    ...[`unix_socket_directories=${folder}`, 'listen_addresses=127.0.0.1', 'shared_buffers=16MB'],
    ...['logging_collector=off', 'log_destination=stderr'],
  ];
  const line = `exec "$0" "$@" > ${join(folder, 'server.log')} 2>&1`;
  const words = [
    program('postgres'),
    '-D',
    data,
    '-p',
    String(port),
    ...settings.flatMap((set) => ['-c', set]),
  ];
  return {
    create: [program('initdb'), '-D', data, ...create],
    start: ['sh', '-c', line, ...words],
    client: (sql, database = 'postgres') => [
      ...[program('psql'), '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1'],
      ...['-h', folder, '-p', String(port), '-U', ADMINS.postgres, '-d', database, '-c', sql],
    ],
    killSignal: 'SIGQUIT',
  };
}

function mariadbParts(folder: string, port: number): Parts {
  const data = join(folder, 'data');
  const socket = join(folder, 'server.sock');
  // A server that starts clears the folder for temporary files, which must not be that of another.
  const own = [`--datadir=${data}`, `--tmpdir=${folder}`];
  const create = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
  const settings = [
    ...[...own, `--port=${port}`, `--socket=${socket}`, '--bind-address=127.0.0.1'],
    ...[`--pid-file=${join(folder, 'server.pid')}`, `--log-error=${join(folder, 'server.log')}`],
    ...['--skip-name-resolve', '--skip-log-bin', '--innodb-buffer-pool-size=32M'],
  ];
  return {
    create: ['mariadb-install-db', '--no-defaults', ...own, ...create],
    start: [MARIADBD, '--no-defaults', ...settings],
    client: (sql, database = 'mysql') => [
      ...['mariadb', '--no-defaults', `--socket=${socket}`, `--user=${ADMINS.mariadb}`],
      ...['--batch', '--skip-column-names', `--database=${database}`, `--execute=${sql}`],
    ],
    killSignal: 'SIGKILL',
  };
}

function locationOf(
  { engine, port: own, database }: { engine: ServerEngine; port: number; database: string },
  { host = '127.0.0.1', port = own, user = ADMINS[engine], password, query = '' }: UrlOptions,
): ServerLocation {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  const url = `//${user}${secret}@${host}:${port}/${database}${query === '' ? '' : `?${query}`}`;
  return { ...parseServerUrl(engine, url, process.cwd()), origin: 'the tests' };
}

/** Where Debian and its like keep what they do not put in the path. */
function postgresFolder(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort().reverse() : [];
  const folders = [...versions.map((version) => join(root, version, 'bin')), '/usr/local/bin', '/usr/bin'];
  return folders.find((folder) => existsSync(join(folder, 'initdb')));
}

/** True when a shell finds the program. */
export function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/usr/local/sbin command -v ${program}`]).status === 0;
}

/** A port on which nobody listens now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const listener = createServer();
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as { readonly port: number };
      listener.close(() => resolve(port));
    });
  });
}

/** The words of a command as another user runs it; these servers refuse to be run by root. */
export function asUser(user: string | undefined, words: readonly string[]): readonly string[] {
  return user === undefined
    ? words
    : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--', ...words];
}

/** Gives a folder or a file to a user, by name, and keeps it from others. */
export function ownedBy(path: string, user: string | undefined): void {
  if (user !== undefined) {
    chownSync(path, idOf('-u', user), idOf('-g', user));
  }
  chmodSync(path, path.endsWith('.pem') ? 0o600 : 0o700);
}

function idOf(flag: '-u' | '-g', user: string): number {
  return Number(must(['id', flag, user]));
}

/** Runs a command to its end and returns what it printed. */
export function must(words: readonly string[]): string {
  const [file = '', ...args] = words;
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`expected ${file} to succeed, got ${status}: ${stderr || stdout || error?.message}`);
  }
  return stdout.trim();
}

/** How long a server may take to start, be it on a slow machine. */
const READY_LIMIT_MS = 60_000;

async function untilReady(server: ChildProcess, ask: readonly string[], log: string): Promise<void> {
  const [file = '', ...args] = ask;
  const limit = Date.now() + READY_LIMIT_MS;
  while (spawnSync(file, args, { stdio: 'ignore' }).status !== 0) {
    if (server.exitCode !== null || Date.now() > limit) {
      const said = existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : 'nothing';
      throw new Error(`expected the server to start, got ${server.exitCode ?? 'no answer'}: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function ended(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) {
      resolve();
      return;
    }
    server.once('exit', () => resolve());
    server.kill(signal);
  });
}

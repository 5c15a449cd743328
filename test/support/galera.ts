import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { ServerLocation } from '../../src/config/config.ts';
import { parseServerUrl } from '../../src/config/server-url.ts';
import { openSyncClient } from './sync-client.ts';

/** A server of a cluster on this machine. */
export type ClusterServer = {
  readonly port: number;
  /** Runs a statement as the administrator, and returns its rows. */
  readonly ask: (sql: string) => readonly Readonly<Record<string, unknown>>[];
  /** Ends it with SIGKILL; returns when it is gone. */
  readonly kill: () => Promise<void>;
};

export type Cluster = {
  readonly servers: readonly ClusterServer[];
  /** Where a database of the cluster is, by these of its servers in this order. */
  readonly locationOf: (database: string, ...servers: readonly ClusterServer[]) => ServerLocation;
  readonly stop: () => Promise<void>;
};

const START_LIMIT_MS = 180_000;
const POLL_MS = 200;
/** Root's servers run as the user that a package makes for them: what they send to each other is written by nobody else. */
const OWNER = userInfo().uid === 0 ? 'mysql' : userInfo().username;
const PORTS_EACH = 4;

const PROVIDERS = [
  '/usr/lib/galera/libgalera_smm.so',
  '/usr/lib/galera-4/libgalera_smm.so',
  '/usr/lib64/galera-4/libgalera_smm.so',
  '/usr/lib64/galera/libgalera_smm.so',
];

type Installed = { readonly provider: string; readonly mariadbd: string; readonly install: string };

/** Why there can be no cluster here, in one line; undefined when there can. */
export function whyNoCluster(): string | undefined {
  const found = findInstalled();
  return typeof found === 'string' ? found : undefined;
}

function findInstalled(): Installed | string {
  const provider = PROVIDERS.find((path) => existsSync(path));
  const mariadbd = findProgram('mariadbd');
  const install = findProgram('mariadb-install-db');
  const isMissing = findProgram('rsync') === undefined;
  return isMissing || provider === undefined || mariadbd === undefined || install === undefined
    ? 'MariaDB with Galera is not installed (Debian: apt-get install mariadb-server galera-4 rsync)'
    : { provider, mariadbd, install };
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin', '/usr/libexec'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Starts a cluster of so many servers in a temporary folder, on free ports of this machine. */
export async function startCluster(size: number): Promise<Cluster> {
  const installed = findInstalled();
  if (typeof installed === 'string') {
    throw new Error(installed);
  }
  const folder = mkdtempSync(join(tmpdir(), 'pc-galera-'));
  const ports = await freePorts(size * PORTS_EACH);
  const places = Array.from({ length: size }, (_, index) =>
    placeOf(folder, index, ports.slice(index * PORTS_EACH)),
  );
  const processes: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((child) => killed(child)));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    install(installed, folder, places);
    const servers: ClusterServer[] = [];
    for (const place of places) {
      const child = launch(installed, place, places);
      processes.push(child);
      servers.push(await joined(child, place, servers.length + 1));
    }
    return { servers, locationOf, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Place = {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  /** What the servers of the cluster say to each other. */
  readonly groupPort: number;
  readonly transferPort: number;
  readonly snapshotPort: number;
};

function placeOf(folder: string, index: number, ports: readonly number[]): Place {
  const [port = 0, groupPort = 0, transferPort = 0, snapshotPort = 0] = ports;
  const name = `s${index + 1}`;
  return { name, folder: join(folder, name), port, groupPort, transferPort, snapshotPort };
}

function launch({ provider, mariadbd }: Installed, place: Place, all: readonly Place[]): ChildProcess {
  const isFirst = place === all[0];
  const addresses = all.map(({ groupPort }) => `127.0.0.1:${groupPort}`).join();
  const provided = [
    `base_host=127.0.0.1;base_port=${place.groupPort}`,
    `gmcast.listen_addr=tcp://127.0.0.1:${place.groupPort}`,
    `ist.recv_addr=127.0.0.1:${place.transferPort};ist.recv_bind=127.0.0.1:${place.transferPort}`,
    'gcache.size=32M',
  ];
  const options = {
    datadir: dataOf(place),
    socket: join(place.folder, 'socket'),
    'pid-file': join(place.folder, 'pid'),
    'log-error': join(place.folder, 'log.err'),
    port: place.port,
    'bind-address': '127.0.0.1',
    'binlog-format': 'ROW',
    'innodb-autoinc-lock-mode': 2,
    // Nobody pulls the plug on a test, so what the system has taken is safe.
    'innodb-flush-log-at-trx-commit': 2,
    'innodb-buffer-pool-size': '64M',
    'innodb-log-file-size': '32M',
    'wsrep-on': 'ON',
    'wsrep-provider': provider,
    'wsrep-provider-options': provided.join(';'),
    'wsrep-cluster-name': 'periodic-cron-test',
    'wsrep-cluster-address': `gcomm://${addresses}`,
    'wsrep-node-name': place.name,
    'wsrep-node-address': `127.0.0.1:${place.groupPort}`,
    'wsrep-sst-method': 'rsync',
    'wsrep-sst-receive-address': `127.0.0.1:${place.snapshotPort}`,
  };
  const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  return spawn(
    mariadbd,
    ['--no-defaults', `--user=${OWNER}`, ...words, ...(isFirst ? ['--wsrep-new-cluster'] : [])],
    {
      stdio: 'ignore',
    },
  );
}

function dataOf({ folder }: Place): string {
  return join(folder, 'data');
}

/** Makes the data of the first server. The others take theirs from it when they join. */
function install({ install }: Installed, folder: string, places: readonly Place[]): void {
  for (const place of places) {
    mkdirSync(dataOf(place), { recursive: true });
  }
  execFileSync('chown', ['-R', OWNER, folder]);
  const words = places.slice(0, 1).map((place) => `--datadir=${dataOf(place)}`);
  words.push(`--user=${OWNER}`, '--auth-root-authentication-method=normal', '--skip-test-db');
  execFileSync(install, ['--no-defaults', ...words], { stdio: 'ignore' });
}

/** Waits until a server answers as a member of a cluster of that size. */
async function joined(child: ChildProcess, place: Place, size: number): Promise<ClusterServer> {
  const end = performance.now() + START_LIMIT_MS;
  const server = { port: place.port, ask: asker(place.port), kill: () => killed(child) };
  for (;;) {
    const status = statusOf(server);
    if (status.get('wsrep_ready') === 'ON' && Number(status.get('wsrep_cluster_size')) >= size) {
      return server;
    }
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > end) {
      throw new Error(`server ${place.name} did not join its cluster: ${logOf(place).slice(-3_000)}`);
    }
    await pause(POLL_MS);
  }
}

/** The status variables of a server's part in its cluster; empty while it does not answer. */
export function statusOf({ ask }: Pick<ClusterServer, 'ask'>): ReadonlyMap<string, string> {
  try {
    const rows = ask("SHOW GLOBAL STATUS LIKE 'wsrep%'");
    return new Map(rows.map((row) => [String(row['Variable_name']), String(row['Value'])]));
  } catch {
    return new Map();
  }
}

function asker(port: number): ClusterServer['ask'] {
  return (sql) => {
    const client = openSyncClient(`mariadb://root@127.0.0.1:${port}/mysql`);
    try {
      return client.ask(sql).rows;
    } finally {
      client.close();
    }
  };
}

function logOf({ folder }: Place): string {
  const path = join(folder, 'log.err');
  return existsSync(path) ? readFileSync(path, 'utf8') : 'it wrote no log';
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}

function locationOf(database: string, ...servers: readonly ClusterServer[]): ServerLocation {
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join();
  return {
    ...parseServerUrl('mariadb', `//root@${hosts}/${database}`, process.cwd()),
    origin: 'the tests',
  };
}

/** Ports that nobody listens on now. All are held until the last is known, so that none comes twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const holder = createServer();
      await new Promise<void>((resolve, reject) => {
        holder.once('error', reject).listen(0, '127.0.0.1', resolve);
      });
      return holder;
    }),
  );
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

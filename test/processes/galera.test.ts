import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { claimRun } from '../../src/store/claim.ts';
import { migrateDatabase } from '../../src/store/migrate.ts';
import { loadCandidate } from '../../src/store/tick-statements.ts';
import { at } from '../support/builders.ts';
import { type Cluster, type ClusterServer, startCluster, whyNoCluster } from '../support/galera.ts';
import { addMixedTasks, faultsOfLedger } from '../support/mixed-slots.ts';
import { CREATED_AT, openNodeBeside, type ProgramEnd } from '../support/processes.ts';
import { openDriver } from '../support/stored-state.ts';
import { openSyncClient, type SyncClient } from '../support/sync-client.ts';
import { connectOperator, type Operator } from '../support/virtual-database.ts';
import { newRunOf } from '../support/virtual-runs.ts';

const NODES = ['n1', 'n2', 'n3'];
const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };
const DEADLOCK = 'ER_LOCK_DEADLOCK';
const POLL_MS = 100;
const LIMIT_MS = 120_000;

const missing = whyNoCluster();
if (missing !== undefined) {
  process.stderr.write(`${missing}; the tests of a cluster are left out\n`);
}

describe.skipIf(missing !== undefined)('on a Galera cluster of three servers', () => {
  let cluster: Cluster;
  let databases = 0;

  beforeAll(async () => {
    cluster = await startCluster(3);
  }, 600_000);

  afterAll(() => cluster?.stop());

  /** A new database, its schema brought through the first server, and an operator there. */
  async function openDatabase(): Promise<{ readonly name: string; readonly operator: Operator }> {
    databases += 1;
    const name = `pc_${databases}`;
    const first = serverAt(cluster, 0);
    first.ask(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
    const location = cluster.locationOf(name, first);
    await migrateDatabase(location);
    const operator = connectOperator(location, { now: at(CREATED_AT) });
    operator.sql.exec('DELETE FROM periodic_task');
    return { name, operator };
  }

  /** An administrator's session at a server, which sees all that was committed anywhere before it asks. */
  function sessionAt(server: ClusterServer, database: string): SyncClient {
    const client = openSyncClient(`mariadb://root@127.0.0.1:${server.port}/${database}`);
    onTestFinished(() => client.close());
    client.ask('SET SESSION wsrep_sync_wait = 15');
    return client;
  }

  /** A node whose URL names these servers in this order. */
  function nodeAt(name: string, node: string, ...servers: readonly ClusterServer[]) {
    const location = cluster.locationOf(name, serverAt(cluster, 0));
    const { url } = cluster.locationOf(name, ...servers);
    return openNodeBeside({ location }, node, { database: url, max_running: 50 });
  }

  test('a transaction that changes what another server has changed meanwhile fails with a deadlock', async () => {
    const { name, operator } = await openDatabase();
    operator.addTask({ name: 'backup' });
    const [one, other] = [0, 1].map((index) => sessionAt(serverAt(cluster, index), name));
    const raise = "UPDATE periodic_task_state SET epoch = epoch + 1 WHERE scope_key = 'alpha'";
    for (const session of [one, other]) {
      session?.ask('BEGIN');
      expect(session?.ask(raise).changes).toBe(1);
    }
    one?.ask('COMMIT');
    // The server that lost says so at the next statement, which may be the commit.
    expect(() => other?.ask('COMMIT')).toThrow(expect.objectContaining({ code: DEADLOCK }));
    expect(other?.ask("SELECT epoch FROM periodic_task_state WHERE scope_key = 'alpha'").rows).toEqual([
      { epoch: 1 },
    ]);
  });

  test('of three servers that claim the same state at the same time, one wins', async () => {
    const { name, operator } = await openDatabase();
    const drivers = await Promise.all(
      cluster.servers.map((server) => openDriver({ location: cluster.locationOf(name, server) })),
    );
    for (let round = 1; round <= 20; round += 1) {
      const taskId = operator.addTask({ name: `task ${round}` });
      const key = { taskId, scopeKey: 'alpha', ordering: 0 };
      const states = await Promise.all(
        drivers.map((driver) => found(async () => (await loadCandidate(driver, key))?.state)),
      );
      const claims = drivers.map((driver, index) => {
        const state = states[index];
        if (state === undefined) {
          throw new Error('expected a state');
        }
        const patch = { handledSlot: at('12:05'), attempt: 1, earliestStart: null, nextSlot: null };
        return claimRun(driver, { state, patch, run: newRunOf(state), maxRunning: 100 });
      });
      const kinds = (await Promise.all(claims)).map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(['lost', 'lost', 'won']);
    }
    const runs = 'SELECT count(*) AS runs, count(DISTINCT task_id) AS tasks FROM periodic_run';
    expect(sessionAt(serverAt(cluster, 2), name).ask(runs).rows).toEqual([{ runs: 20, tasks: 20 }]);
  }, 300_000);

  test('nodes that write to a server each run 300 due slots of both scopes once', async () => {
    const { name, operator } = await openDatabase();
    addMixedTasks(operator.sql, { shared: 150, each: 50, nodes: NODES });
    const nodes = NODES.map((node, index) => nodeAt(name, node, serverAt(cluster, index)));
    await seenEverywhere(cluster, name, "SELECT count(*) AS n FROM periodic_task_node WHERE node <> ''", 300);
    const ends = await Promise.all([...nodes, ...nodes].map((node) => node.call('run_scheduled', '-c')));
    expect(ends).toEqual(Array(6).fill(SILENT));
    sessionAt(serverAt(cluster, 0), name).ask('SELECT 1');
    expect(faultsOfLedger(operator.sql)).toEqual([]);
    expect(operator.runRows()).toHaveLength(300);
  }, 300_000);

  test('a task is added, changed and run through different servers', async () => {
    const { name, operator } = await openDatabase();
    const [one, two, three] = NODES.map((_, index) => nodeAt(name, 'n1', serverAt(cluster, index)));
    const add = ['add', 'backup', '--module', 'command', '--manual', '-o', 'argv=["true"]'];
    expect(await one?.call(...add)).toMatchObject({ exitCode: 0 });
    await seenEverywhere(cluster, name, 'SELECT count(*) AS n FROM periodic_task', 1);
    expect(await two?.call('set', 'backup', '--tag', 'nightly')).toMatchObject({ exitCode: 0 });
    await seenEverywhere(cluster, name, 'SELECT count(*) AS n FROM periodic_task_tag', 1);
    expect(await three?.call('run_manually', '--tags', 'nightly')).toMatchObject({ exitCode: 0 });
    sessionAt(serverAt(cluster, 0), name).ask('SELECT 1');
    expect(operator.ledger()).toEqual(['backup manual succeeded']);
  });

  test('a new connection sees what was committed before, however late its server is', async () => {
    const { name, operator } = await openDatabase();
    const two = serverAt(cluster, 1);
    await seenEverywhere(cluster, name, 'SELECT count(*) AS n FROM periodic_schema', 1);
    // With this lock a server applies nothing that the others commit.
    const lock = openSyncClient(`mariadb://root@127.0.0.1:${two.port}/${name}`);
    onTestFinished(() => lock.close());
    lock.ask('FLUSH TABLES WITH READ LOCK');
    operator.addTask({ name: 'backup' });
    const names = openDriver({ location: cluster.locationOf(name, two) }).then((driver) =>
      driver.all('SELECT name FROM periodic_task'),
    );
    const waiting = `SELECT id FROM information_schema.processlist WHERE db = '${name}' AND info LIKE '%wsrep_sync_wait%'
      AND id <> connection_id()`;
    await found(async () => (two.ask(waiting).length > 0 ? true : undefined));
    lock.ask('UNLOCK TABLES');
    expect(await names).toEqual([{ name: 'backup' }]);
  });

  test('a server outside of its quorum is left for another one', async () => {
    const { name } = await openDatabase();
    const [apart, other] = [serverAt(cluster, 1), serverAt(cluster, 2)];
    isolate(apart, 1);
    onTestFinished(() => isolate(apart, 0));
    await found(async () => (isReady(apart) ? undefined : true));
    expect(await nodeAt(name, 'n1', apart, other).call('run_scheduled', '-c')).toEqual(SILENT);
    const alone = await nodeAt(name, 'n1', apart).call('run_scheduled', '-c');
    expect(alone).toMatchObject({ exitCode: 3, out: '' });
    expect(alone.err).toMatch(/the server is no part of its cluster now; .*\n$/);
    isolate(apart, 0);
    await found(async () => (isReady(apart) ? true : undefined));
    expect(await nodeAt(name, 'n1', apart).call('run_scheduled', '-c')).toEqual(SILENT);
  }, 300_000);

  test('runners whose server is killed go on with another one, and each slot runs once', async () => {
    const { name } = await openDatabase();
    const [first, second, third] = [0, 1, 2].map((index) => serverAt(cluster, index)) as [
      ClusterServer,
      ClusterServer,
      ClusterServer,
    ];
    const operator = connectOperator(cluster.locationOf(name, third), { now: at(CREATED_AT) });
    addMixedTasks(operator.sql, { shared: 150, each: 50, nodes: NODES });
    await seenEverywhere(cluster, name, 'SELECT count(*) AS n FROM periodic_task_node', 300);
    const nodes = [
      nodeAt(name, 'n1', first, second),
      nodeAt(name, 'n2', first, third),
      nodeAt(name, 'n3', second, third),
    ];
    const ends = nodes.map((node) => node.call('run_scheduled', '-c'));
    const countRuns = operator.sql.prepare('SELECT count(*) FROM periodic_run').pluck();
    await found(async () => (Number(countRuns.get()) >= 30 ? true : undefined));
    await first.kill();
    expect(await Promise.all(ends)).toEqual(Array(3).fill(SILENT));
    expect(faultsOfLedger(operator.sql)).toEqual([]);
    expect(operator.runRows()).toHaveLength(300);
  }, 300_000);
});

function serverAt({ servers }: Cluster, index: number): ClusterServer {
  const server = servers[index];
  if (server === undefined) {
    throw new Error(`expected a server ${index}, got ${servers.length} of them`);
  }
  return server;
}

/** Cuts a server off from the others, or lets it join them again. */
function isolate({ ask }: ClusterServer, isolated: 0 | 1): void {
  ask(`SET GLOBAL wsrep_provider_options = 'gmcast.isolate=${isolated}'`);
}

function isReady({ ask }: ClusterServer): boolean {
  return ask("SHOW GLOBAL STATUS LIKE 'wsrep_ready'")[0]?.['Value'] === 'ON';
}

/** What was committed at one server comes to the others a moment later. */
async function seenEverywhere(cluster: Cluster, database: string, sql: string, least: number): Promise<void> {
  for (const server of cluster.servers) {
    const query = sql.replace(' FROM ', ` FROM ${database}.`);
    await found(async () => (Number(server.ask(query)[0]?.['n']) >= least ? true : undefined));
  }
}

/** Asks until there is an answer. */
async function found<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) {
      return answer;
    }
    if (performance.now() > end) {
      throw new Error('expected an answer within two minutes, got none');
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

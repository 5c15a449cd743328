import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_OP, PROGRAM } from './databases.js';
import { openServer } from './servers.js';

const NODES = ['n1', 'n2', 'n3', 'n4'];
/** Half of them of tasks that the nodes share, a quarter of the other half for each node. */
const SLOTS = 5_000;

/**
 * @typedef {import('./servers.js').Server} Server
 * @typedef {(node: string, words: readonly string[]) => Promise<void>} Call
 */

/**
 * How many slots a second are handled by one runner, for each of four nodes in turn, and by eight at once, two for each
 * of them; so many that starting eight processes does not count for much. Every slot must have run once. A reason where
 * there is no server.
 *
 * @param {'postgres' | 'mariadb'} engine
 * @returns {Promise<{ one: number, eight: number } | { reason: string }>}
 */
export async function benchContention(engine) {
  const server = await openServer(engine);
  if ('reason' in server) {
    return server;
  }
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-contention-'));
  try {
    const call = callerIn(folder, server.url);
    await call('n1', ['migrate']);
    await addTasks(server);
    // The first ticks register the nodes and settle what was added.
    await eachInTurn(call);
    const one = await rateOf(server, () => eachInTurn(call));
    const eight = await rateOf(server, () => allTogether(call));
    return { one, eight };
  } finally {
    await server.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Server} server */
async function addTasks({ run }) {
  await run('DELETE FROM periodic_task');
  await run('BEGIN');
  for (const { scope, count, nodes } of [
    { scope: 'one', count: SLOTS / 2, nodes: ['*'] },
    { scope: 'each', count: SLOTS / 2 / NODES.length, nodes: NODES },
  ]) {
    const names = Array.from({ length: count }, (_, index) => `${scope} ${index}`);
    const rows = names.map((name) => `('${name}', 'prune_history', '${NO_OP}', 'manual', '', '${scope}')`);
    await run(
      `INSERT INTO periodic_task (name, module, options, schedule_kind, schedule, scope) VALUES ${rows.join()}`,
    );
    for (const node of nodes) {
      await run(
        `INSERT INTO periodic_task_node (task_id, node) SELECT id, '${node}' FROM periodic_task WHERE scope = '${scope}'`,
      );
    }
  }
  await run('COMMIT');
}

/** @param {Server} server @param {() => Promise<unknown>} tick */
async function rateOf({ run, numberOf }, tick) {
  const past = new Date(Math.floor(Date.now() / 60_000 - 1) * 60_000).toISOString();
  await run('DELETE FROM periodic_run');
  await run(`UPDATE periodic_task_state SET epoch = epoch + 1, first_slot = '${past}', next_slot = '${past}',
    earliest_start = '${past}', counted_from = '${past}', handled_slot = NULL`);
  const startedAt = performance.now();
  await tick();
  const seconds = (performance.now() - startedAt) / 1_000;
  const runs = await numberOf("SELECT count(*) FROM periodic_run WHERE status = 'succeeded'");
  const states = await numberOf(
    'SELECT count(*) FROM (SELECT DISTINCT task_id, scope_key FROM periodic_run) handled',
  );
  if (runs !== SLOTS || states !== SLOTS) {
    throw new Error(`expected each of ${SLOTS} slots to run once, got ${runs} runs of ${states}`);
  }
  return SLOTS / seconds;
}

/** @param {Call} call */
async function eachInTurn(call) {
  for (const node of NODES) {
    await call(node, ['run_scheduled', '-c']);
  }
}

/** @param {Call} call */
function allTogether(call) {
  return Promise.all([...NODES, ...NODES].map((node) => call(node, ['run_scheduled', '-c'])));
}

/**
 * Calls the program as a node whose second runner is not refused for what the first one runs.
 *
 * @param {string} folder
 * @param {string} url
 * @returns {Call}
 */
function callerIn(folder, url) {
  return (node, words) => {
    const config = join(folder, `${node}.json`);
    writeFileSync(config, JSON.stringify({ database: url, node, max_running: 50, state_directory: folder }));
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [PROGRAM, '--config', config, ...words], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let errors = '';
      child.stderr.on('data', (chunk) => {
        errors += chunk;
      });
      child.on('error', reject);
      child.on('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`${words[0]} ended with ${code}: ${errors}`)),
      );
    });
  };
}

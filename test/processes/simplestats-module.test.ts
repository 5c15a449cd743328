import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { reachableEngines } from '../support/engines.ts';
import { CREATED_AT, openNodeBeside, processesOfRun } from '../support/processes.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

/** A query that runs until something ends it. */
const ENDLESS =
  'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT count(*) FROM numbers';

describe.each(reachableEngines())('statistics of a runner on %s', (engine) => {
  async function openWorld() {
    const database = await openVirtualDatabase(CREATED_AT, engine);
    const path = join(database.folder, 'other.sqlite');
    writeFileSync(path, '');
    const node = openNodeBeside(database, 'alpha', { connections: { it: { url: `sqlite:${path}` } } });
    const addStats = (options: JsonObject, columns: Readonly<Record<string, number>> = {}) =>
      database.addTask({
        name: 'measure',
        columns: {
          module: 'simplestats',
          options: JSON.stringify(options),
          schedule_kind: 'manual',
          schedule: '',
          run_immediately: 1,
          ...columns,
        },
      });
    const stats = () =>
      database.sql
        .prepare('SELECT stat_key, value FROM periodic_stat ORDER BY stat_key')
        .all()
        .map((row) => Object.values(row as object).join(' '));
    return { ...database, ...node, addStats, stats };
  }

  test('are written by a tick, all of one instant: its own numbers, and those of queries', async () => {
    const world = await openWorld();
    const queries = { answer: { connection: 'it', statement: 'SELECT 6 * 7' } };
    world.addStats({ tasks: true, live_runs: true, nodes: true, stats_prefix: 'pc_', queries });
    expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, out: '', err: '' });
    expect(world.stats()).toEqual(['pc_answer 42', 'pc_live_runs 1', 'pc_nodes 1', 'pc_tasks 1']);
    expect(JSON.parse(String(world.runRows()[0]?.['result']))).toEqual({
      pc_tasks: 1,
      pc_live_runs: 1,
      pc_nodes: 1,
      pc_answer: 42,
    });
    const instants = world.sql.prepare('SELECT DISTINCT recorded_at FROM periodic_stat').all();
    expect(instants).toHaveLength(1);
  });

  test('are not written when a query is at fault, which the message names', async () => {
    const world = await openWorld();
    world.addStats({ tasks: true, queries: { none: { connection: 'it', statement: 'SELECT NULL' } } });
    const { exitCode, err } = await world.call('run_scheduled', '-c');
    expect([exitCode, err]).toEqual([
      1,
      expect.stringContaining('nothing was written: query "none": expected a number, got NULL'),
    ]);
    expect(world.stats()).toEqual([]);
  });

  test('are given up at the time limit, with the process of an endless query', async () => {
    const world = await openWorld();
    const queries = { endless: { connection: 'it', statement: ENDLESS } };
    world.addStats({ tasks: true, queries }, { timeout_s: 3, kill_grace_s: 600 });
    expect((await world.call('run_scheduled', '-c')).err).toMatch(/task "measure", slot \S+ timed_out/);
    expect(processesOfRun(world)).toEqual([]);
    expect(world.stats()).toEqual([]);
  });
});

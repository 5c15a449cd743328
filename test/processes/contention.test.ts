import { expect, test } from 'vitest';
import { reachableEngines } from '../support/engines.ts';
import { addMixedTasks, faultsOfLedger } from '../support/mixed-slots.ts';
import { CREATED_AT, openNodeBeside, type ProgramEnd } from '../support/processes.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

const NODES = ['n1', 'n2', 'n3', 'n4'];
const SLOTS = 10_000;
const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };

test.each(reachableEngines())(
  '%s: 8 runners on 4 nodes run each of 10,000 due slots of both scopes once, each runner in order',
  async (engine) => {
    const { sql, location } = await openVirtualDatabase(CREATED_AT, engine);
    addMixedTasks(sql, { shared: SLOTS / 2, each: SLOTS / 2 / NODES.length, nodes: NODES });
    // Neither runner of a node is refused for what the other one runs.
    const nodes = NODES.map((node) => openNodeBeside({ location }, node, { max_running: 50 }));
    const ends = await Promise.all([...nodes, ...nodes].map((node) => node.call('run_scheduled', '-c')));
    expect(ends).toEqual(Array(2 * NODES.length).fill(SILENT));
    expect(faultsOfLedger(sql)).toEqual([]);
    const runners = sql.prepare(
      `SELECT node, sum(CASE WHEN scope_key = '*' THEN 1 ELSE 0 END) > 0 AS had_shared, count(*) AS runs
       FROM periodic_run GROUP BY node, pid`,
    );
    const rows = runners.all() as readonly { node: string; had_shared: number; runs: number }[];
    expect(rows.map(({ node, had_shared }) => [node, had_shared]).sort()).toEqual(
      [...NODES, ...NODES].map((node) => [node, 1]).sort(),
    );
    expect(rows.reduce((sum, { runs }) => sum + runs, 0)).toBe(SLOTS);
  },
  600_000,
);

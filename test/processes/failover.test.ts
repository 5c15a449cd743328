import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reachableServers } from '../support/engines.ts';
import {
  armSlot,
  CREATED_AT,
  commandColumns,
  openNodeBeside,
  type ProgramEnd,
} from '../support/processes.ts';
import { addResourceRow } from '../support/resources.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

const TASKS = 12;
const NODES = ['alpha', 'beta'] as const;
type Node = (typeof NODES)[number];
const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };

/** Two nodes on one database, a service whose address is a file for each node, and its tasks, which follow it. */
async function openService(engine: Parameters<typeof openVirtualDatabase>[1]) {
  const database = await openVirtualDatabase(CREATED_AT, engine);
  const { sql, location, folder } = database;
  const log = join(folder, 'log.jsonl');
  // The probe is the same on every node, and each of them has a file of its own.
  const command = ['sh', '-c', `test -e '${folder}/address of '"$PERIODIC_CRON_NODE"`];
  addResourceRow(database, { name: 'ip#0', probe: 'command', target: { command }, ttlSeconds: 0 });
  for (let number = 1; number <= TASKS; number += 1) {
    const columns = commandColumns(['true'], { scope: 'one', requires: 'ip#0', run_immediately: 0 });
    database.addTask({ name: `task ${number}`, nodes: ['*'], columns });
  }
  const settings = { max_running: 50, log: { file: log } };
  const nodes = Object.fromEntries(
    NODES.map((node) => [node, openNodeBeside({ location }, node, settings)]),
  ) as Record<Node, ReturnType<typeof openNodeBeside>>;
  const slotOf = (round: number) => `2024-01-01T00:${String(round).padStart(2, '0')}:00.000Z`;
  return {
    sql,
    give: (node: Node | undefined) => {
      for (const one of NODES) {
        const file = join(folder, `address of ${one}`);
        one === node ? writeFileSync(file, '') : rmSync(file, { force: true });
      }
    },
    arm: (round: number) => armSlot(database, slotOf(round)),
    tick: (...who: readonly Node[]) =>
      Promise.all(who.map((node) => nodes[node].call('run_scheduled', '-c'))),
    /** On which nodes the tasks have run the slot of a round: one name for each run. */
    ranOn: (round: number) =>
      sql
        .prepare("SELECT node FROM periodic_run WHERE slot = ? AND slot_count >= 1 AND status = 'succeeded'")
        .pluck()
        .all(slotOf(round)) as readonly string[],
    rows: () => Number(sql.prepare('SELECT count(*) FROM periodic_run').pluck().get()),
    lines: (event: string) =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .split('\n')
            .filter((line) => line.includes(`"event":"${event}"`)).length
        : 0,
  };
}

test.each(reachableServers())(
  '%s: the tasks of a service follow its address within one tick, none runs twice, none is lost',
  async (engine) => {
    const service = await openService(engine);
    for (const [round, owner] of (['alpha', 'beta', 'alpha', 'beta'] as const).entries()) {
      service.give(owner);
      service.arm(round + 1);
      const ends = await service.tick('alpha', 'beta', 'alpha', 'beta');
      expect(ends).toEqual(Array(4).fill(SILENT));
      expect(service.ranOn(round + 1)).toEqual(Array(TASKS).fill(owner));
    }
    // In between nobody has the address: what is due waits for whoever gets it.
    service.give(undefined);
    service.arm(10);
    expect(await service.tick('alpha', 'beta')).toEqual([SILENT, SILENT]);
    expect(service.ranOn(10)).toEqual([]);
    service.give('beta');
    await service.tick('alpha');
    expect(service.ranOn(10)).toEqual([]);
    await service.tick('beta');
    expect(service.ranOn(10)).toEqual(Array(TASKS).fill('beta'));
    expect(service.rows()).toBe(5 * TASKS);
  },
);

test.each(reachableServers())(
  '%s: an address that flaps between the ticks of several runners causes no double run and no flood',
  async (engine) => {
    const service = await openService(engine);
    const turns = 12;
    for (let turn = 1; turn <= turns; turn += 1) {
      service.arm(turn);
      service.give(([undefined, 'alpha', undefined, 'beta'] as const)[turn % 4]);
      const ticks = service.tick('alpha', 'beta', 'alpha', 'beta');
      if (turn % 3 === 0) {
        service.give(undefined);
      }
      expect(await ticks).toEqual(Array(4).fill(SILENT));
    }
    service.give('alpha');
    await service.tick('alpha');
    for (let turn = 1; turn <= turns; turn += 1) {
      // A slot that was armed anew before it could run has given way to the newer one.
      expect([0, TASKS]).toContain(service.ranOn(turn).length);
    }
    expect(service.ranOn(turns)).toHaveLength(TASKS);
    // Runs are all that the ledger holds, and nothing is told more often than it changes.
    expect(service.rows()).toBeLessThanOrEqual(turns * TASKS);
    expect(service.lines('resource')).toBeLessThanOrEqual(2 * (2 * turns + 1));
    expect(service.lines('blocked')).toBeLessThanOrEqual(turns * TASKS);
  },
);

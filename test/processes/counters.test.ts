import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reachableEngines } from '../support/engines.ts';
import { CREATED_AT, openNodeBeside } from '../support/processes.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';

const NODES = ['n1', 'n2', 'n3', 'n4'];
const COUNTING = 8;
const EVENTS = 10_000;

/** Counts half of its share, waits until something has been read of it all, and counts the other half. */
const COUNTING_MODULE = `
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
export const count = {
  id: 'count',
  description: 'Counts.',
  async run(_options, { counters }) {
    const half = async () => {
      for (let times = 0; times < ${EVENTS / COUNTING / 2}; times += 1) {
        await counters.increment('events');
      }
    };
    await half();
    while (!existsSync(new URL('../go', import.meta.url))) {
      await pause(20);
    }
    await half();
  },
};
`;

function addManual({ addTask }: VirtualDatabase, name: string, columns: Readonly<Record<string, string>>) {
  addTask({ name, nodes: NODES, columns: { schedule_kind: 'manual', schedule: '', ...columns } });
}

test.each(reachableEngines())(
  '%s: 8 processes add 10,000 to one counter, while another takes what is there again and again',
  async (engine) => {
    const database = await openVirtualDatabase(CREATED_AT, engine);
    const folder = join(database.folder, 'modules');
    mkdirSync(folder);
    writeFileSync(join(folder, 'count.mjs'), COUNTING_MODULE);
    const taking = { event_counter: 'events', stats_key: 'new events', reset_event_counter: true };
    addManual(database, 'take', { module: 'eventcounter', options: JSON.stringify(taking) });
    // Two processes of each node, so that they meet on its row.
    const runs = Array.from({ length: COUNTING }, (_, index) => {
      addManual(database, `count ${index}`, { module: 'count' });
      const node = openNodeBeside(database, NODES[index % NODES.length] ?? '', {
        modules: { folders: [folder] },
      });
      return node.call('run_manually', '-t', `count ${index}`);
    });

    const taker = openNodeBeside(database, 'n1');
    const taken = (): readonly number[] =>
      database.sql
        .prepare('SELECT value FROM periodic_stat ORDER BY id')
        .all()
        .map((row) => Number((row as { value: number }).value));
    const take = async () => {
      expect(await taker.call('run_manually', '-t', 'take')).toMatchObject({ exitCode: 0, err: '' });
    };
    let areBusy = true;
    const ended = Promise.all(runs).finally(() => {
      areBusy = false;
    });
    while (areBusy) {
      await take();
      if (taken().some((value) => value > 0)) {
        writeFileSync(join(database.folder, 'go'), '');
      }
    }
    expect((await ended).map(({ exitCode, err }) => [exitCode, err])).toEqual(Array(COUNTING).fill([0, '']));

    const left = database.sql.prepare('SELECT sum(value) AS value FROM periodic_counter').all();
    const values = [...taken(), Number((left[0] as { value: number }).value)];
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(EVENTS);
    // Something was taken while others had yet to add.
    expect(values.filter((value) => value > 0).length).toBeGreaterThan(1);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  },
  600_000,
);

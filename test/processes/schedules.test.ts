import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStockedWorld, type ProgramEnd } from '../support/processes.ts';
import type { Columns } from '../support/virtual-database.ts';

const BOUND = { timeout: 30_000 };
const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };

function countingTicks(schedule: string): Columns {
  return {
    module: 'command',
    options: '{"argv":["true"]}',
    schedule_kind: 'ticks',
    schedule,
  };
}

test('ticks of one node that overlap are all counted, and a task of every fifth fires as often as that', async () => {
  const world = await openStockedWorld({ max_running: 8 });
  world.addTask({ name: 'fifth', columns: countingTicks('4 repeat') });
  world.addTask({ name: 'once', columns: countingTicks('6') });
  const [rounds, together] = [5, 4];
  for (let round = 0; round < rounds; round += 1) {
    const ends = await Promise.all(Array.from({ length: together }, () => world.call('run_scheduled', '-c')));
    expect(ends).toEqual(Array(together).fill(SILENT));
  }
  const ticks = rounds * together;
  expect(world.sql.prepare('SELECT tick_no FROM periodic_node').pluck().all()).toEqual([ticks]);
  // A tick may find that the ones before it have not looked yet: then it fires for them.
  const fired = world.sql
    .prepare('SELECT task_name, sum(slot_count) AS firings FROM periodic_run GROUP BY task_name ORDER BY 1')
    .all();
  expect(fired).toEqual([
    { task_name: 'fifth', firings: ticks / 5 },
    { task_name: 'once', firings: 1 },
  ]);
  expect(world.stateRow('fifth')).toMatchObject({ counted_tick: ticks, due_tick: ticks + 5 });
  expect(world.stateRow('once')).toMatchObject({ terminated_reason: 'done: its only slot has run' });
  const slots = world.sql.prepare('SELECT task_id, slot FROM periodic_run').all();
  expect(new Set(slots.map((row) => JSON.stringify(row))).size).toBe(slots.length);
});

/** Loads until somebody ends it. */
const STUCK = 'setInterval(() => undefined, 1000); await new Promise(() => undefined);\n';

test('a tick that is killed right after its first write counts', async () => {
  const world = await openStockedWorld({ modules: { folders: ['modules'] } });
  mkdirSync(join(world.folder, 'modules'));
  writeFileSync(join(world.folder, 'modules', 'stuck.mjs'), STUCK);
  world.addTask({ name: 'third', columns: countingTicks('2 repeat') });
  world.addTask({ name: 'stuck', columns: { ...countingTicks('0'), module: 'stuck' } });

  // The tick has registered itself, and now waits for the module before it claims anything.
  const tick = world.start('run_scheduled', '-c');
  const ticksOf = () => world.sql.prepare('SELECT tick_no FROM periodic_node').pluck().all();
  await expect.poll(ticksOf, BOUND).toEqual([1]);
  process.kill(tick.pid, 'SIGKILL');
  expect(await tick.ended).toMatchObject({ signal: 'SIGKILL' });
  expect(world.ledger()).toEqual([]);
  expect(world.sql.prepare('SELECT tick_no, ended_at FROM periodic_tick').all()).toEqual([
    { tick_no: 1, ended_at: null },
  ]);

  world.sql.exec("DELETE FROM periodic_task WHERE name = 'stuck'");
  expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
  expect(world.ledger()).toEqual([]);
  expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
  expect(world.runRows()).toMatchObject([{ task_name: 'third', status: 'succeeded', slot_count: 1 }]);
  expect(world.stateRow('third')).toMatchObject({ counted_tick: 3, due_tick: 6 });
});

// Another user is needed who may not write, which only root can become.
test.runIf(process.getuid?.() === 0)('a simulation of a database that the user may only read', async () => {
  const world = await openStockedWorld();
  world.addTask({ name: 'backup', columns: { ...countingTicks('2 repeat') } });
  chmodSync(world.databasePath, 0o444);
  chmodSync(world.folder, 0o555);
  const facts = () => [
    readFileSync(world.databasePath).toString('base64'),
    statSync(world.databasePath).mtimeMs,
  ];
  const before = facts();
  const nobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
  const { exitCode, out, err } = await world.shell(
    `${nobody} $PROGRAM simulate --from 2024-01-01T00:00Z --until 2024-01-01T00:30Z --every 5m --json`,
  );
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  expect(JSON.parse(out).tasks).toMatchObject([{ task: 'backup', runs: 2 }]);
  expect(facts()).toEqual(before);
});

import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

async function worldWithTask(...flags: readonly string[]): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--every', '1h', ...flags);
  return world;
}

describe('reset', () => {
  test('counts from the minute of now and says what comes next', async () => {
    const world = await worldWithTask();
    world.count('backup', '2026-11-20T00:00:00.000Z', '2036-11-21T00:00:00.000Z');
    expect(await world.call('reset', 'backup')).toEqual({
      exitCode: 0,
      out: 'reset task "backup"\nnext run 2026-11-21 01:55Z (in 59 min) on node "alpha"\n',
      err: '',
    });
    expect(world.sql("SELECT handled_slot FROM periodic_task_state WHERE scope_key = 'alpha'")).toEqual([
      { handled_slot: '2026-11-21T00:55:00.000Z' },
    ]);
    expect(world.sql("SELECT actor FROM periodic_audit WHERE action = 'reset'")).toEqual([
      { actor: userInfo().username },
    ]);
  });

  test('of one node leaves the other alone', async () => {
    const world = await worldWithTask('-n', 'alpha', '-n', 'beta');
    world.sql('UPDATE periodic_task_state SET failures = 3');
    expect((await world.call('reset', 'backup', '-n', 'beta')).out).toContain(
      'reset task "backup" on node "beta"\n',
    );
    expect(
      world.sql("SELECT scope_key, failures FROM periodic_task_state WHERE scope_key IN ('alpha', 'beta')"),
    ).toEqual([
      { scope_key: 'alpha', failures: 3 },
      { scope_key: 'beta', failures: 0 },
    ]);
  });

  test('gives up a live run whose runner cannot be seen from here, and says so', async () => {
    const world = await worldWithTask();
    insertRun(world, 'backup', { status: 'running', slot: null });
    world.sql("UPDATE periodic_run SET live_node = 'alpha', machine_id = 'another machine'");
    expect((await world.call('reset', 'backup')).err).toBe(
      'periodic-cron: gave up a live run whose runner cannot be seen from here\n',
    );
    expect(world.sql('SELECT status, reason, live_node FROM periodic_run')).toEqual([
      { status: 'lost', reason: 'reset', live_node: null },
    ]);
  });

  test('of a node that has no state is 5', async () => {
    const world = await worldWithTask();
    expect(await world.call('reset', 'backup', '-n', 'gamma')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: task "backup" has no state on node "gamma"; its nodes: alpha\n',
    });
  });
});

describe('remove', () => {
  test('takes a task away that never ran', async () => {
    const world = await worldWithTask();
    expect(await world.call('remove', 'backup')).toEqual({
      exitCode: 0,
      out: 'removed task "backup", which never ran\n',
      err: '',
    });
    expect(world.sql("SELECT * FROM periodic_task WHERE name = 'backup'")).toEqual([]);
  });

  test('says how many runs stay, and which are alive', async () => {
    const world = await worldWithTask();
    insertRun(world, 'backup', { slot: '2026-11-21T00:40:00.000Z' });
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:50:00.000Z',
      status: 'running',
      live_node: 'alpha',
    });
    expect(await world.call('remove', 'backup')).toEqual({
      exitCode: 0,
      out: 'removed task "backup"; its 2 runs stay readable: periodic-cron history backup\n',
      err: 'periodic-cron: run 2 of it is alive on node "alpha" and goes on\n',
    });
    expect(world.sql('SELECT task_name FROM periodic_run')).toEqual([
      { task_name: 'backup' },
      { task_name: 'backup' },
    ]);
  });

  test('prints JSON', async () => {
    const world = await worldWithTask();
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha' });
    const { out } = await world.call('remove', 'backup', '--json');
    expect(JSON.parse(out)).toEqual({ task: 'backup', id: 2, runs: 1, alive: [{ run: 1, node: 'alpha' }] });
  });

  test('quotes a name for the shell', async () => {
    const world = openWorld();
    await world.call('add', "ann's own", '--module', 'command', '-o', 'command=true', '--manual');
    insertRun(world, "ann's own");
    expect((await world.call('remove', "ann's own")).out).toBe(
      "removed task \"ann's own\"; its one run stays readable: periodic-cron history 'ann'\\''s own'\n",
    );
  });
});

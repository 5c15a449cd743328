import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { armSlot, commandColumns, openStockedWorld, processesOfRun } from '../support/processes.ts';

const BOUND = { timeout: 30_000 };

/** The first time it starts a child, one that has left its session, and waits; afterwards it just ends. */
const SCRIPT = `
  [ -e again ] && exit 0
  touch again
  sleep 300 &
  setsid sh -c 'trap "" TERM; sleep 300; sleep 300' < /dev/null > /dev/null 2>&1 &
  wait`;

test('what a killed runner left of a command is ended, the run is lost, and the next slot runs', async () => {
  const world = await openStockedWorld();
  const columns = commandColumns(['sh', '-c', SCRIPT]);
  const options = JSON.stringify({ argv: ['sh', '-c', SCRIPT], cwd: world.folder });
  world.addTask({ name: 'backup', columns: { ...columns, options } });
  const runner = world.start('run_scheduled', '-c');
  await expect.poll(() => processesOfRun(world).length, BOUND).toBe(4);
  process.kill(runner.pid, 'SIGKILL');
  expect(await runner.ended).toMatchObject({ signal: 'SIGKILL', out: '', err: '' });
  expect(world.ledger()).toEqual(['backup 2024-01-01T00:00 running']);
  const left = processesOfRun(world);
  expect(left).toHaveLength(4);

  const tick = await world.call('run_scheduled', '-c');
  expect(tick).toMatchObject({ exitCode: 1, out: '' });
  expect(tick.err).toMatch(/^periodic-cron: task "backup", slot 2024-01-01T00:00:00Z lost: .*\n$/);
  expect(world.ledger()).toEqual(['backup 2024-01-01T00:00 lost (runner_died)']);
  const message = String(world.runRows()[0]?.['message']);
  expect(message).toContain(`its runner, process ${runner.pid}, ended without recording a result`);
  for (const pid of left) {
    expect(message).toMatch(new RegExp(`ended what it left: process .*\\b${pid}\\b`));
  }
  expect(processesOfRun(world)).toEqual([]);

  armSlot(world, '2024-01-01T00:01:00Z');
  expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, out: '', err: '' });
  expect(world.ledger()[1]).toBe('backup 2024-01-01T00:01 succeeded');
});

const MODULE = `
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
export const nightly = {
  id: 'nightly',
  description: 'Waits the first time, and ends afterwards.',
  run() {
    if (existsSync('again')) return;
    writeFileSync('again', '');
    spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
    return new Promise(() => setInterval(() => undefined, 1000));
  },
};`;

test('what a killed runner left of a module is ended, the run is lost, and the next slot runs', async () => {
  const world = await openStockedWorld({ modules: { folders: ['modules'] } });
  mkdirSync(join(world.folder, 'modules'));
  writeFileSync(join(world.folder, 'modules', 'nightly.mjs'), MODULE);
  world.addTask({
    name: 'backup',
    columns: { module: 'nightly', schedule_kind: 'manual', schedule: '', run_immediately: 1 },
  });
  const runner = world.start('run_scheduled', '-c');
  await expect.poll(() => processesOfRun(world).length, BOUND).toBe(2);
  process.kill(runner.pid, 'SIGKILL');
  await runner.ended;

  const tick = await world.call('run_scheduled', '-c');
  expect(tick).toMatchObject({ exitCode: 1, out: '' });
  expect(tick.err).toContain('lost');
  expect(processesOfRun(world)).toEqual([]);
  expect(world.ledger()).toEqual(['backup 2024-01-01T00:00 lost (runner_died)']);

  armSlot(world, '2024-01-01T00:01:00Z');
  expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, signal: null, out: '', err: '' });
  expect(world.ledger()[1]).toBe('backup 2024-01-01T00:01 succeeded');
});

test('a runner that was killed does not hold up the other tasks of its tick', async () => {
  const world = await openStockedWorld();
  world.addTask({ name: 'slow', columns: commandColumns(['sleep', '300'], { ordering: 1 }) });
  world.addTask({ name: 'next', columns: commandColumns(['true'], { ordering: 2 }) });
  const runner = world.start('run_scheduled', '-c');
  await expect.poll(() => processesOfRun(world).length, BOUND).toBe(1);
  process.kill(runner.pid, 'SIGKILL');
  await runner.ended;
  await world.call('run_scheduled', '-c');
  expect(world.ledger()).toEqual([
    'slow 2024-01-01T00:00 lost (runner_died)',
    'next 2024-01-01T00:00 succeeded',
  ]);
});

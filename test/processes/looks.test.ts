import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { processStartTime } from '../../src/execute/processes.ts';
import { commandColumns, openStockedWorld } from '../support/processes.ts';
import { addResourceRow, resourceStates } from '../support/resources.ts';

const BOUND = { timeout: 30_000 };

/** A world with a resource whose probe takes longer than any test, and a task that depends on it. */
async function worldWithSlowProbe(policy: Readonly<Record<string, string>>) {
  const world = await openStockedWorld();
  const path = join(world.folder, 'probe.pid');
  const script = `echo $$ > ${path}.new && mv ${path}.new ${path} && exec sleep 300`;
  addResourceRow(world, { name: 'db', probe: 'command', target: { command: ['sh', '-c', script] } });
  world.sql.exec('UPDATE periodic_resource SET timeout_s = 60');
  world.addTask({ name: 'sync', columns: commandColumns(['true'], policy) });
  const pidOfProbe = () => (existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined);
  return { world, pidOfProbe };
}

describe.each([
  ['requires', { requires: 'db' }],
  ['skip', { offline: 'skip', offline_resource: 'db' }],
  ['disable', { offline: 'disable', offline_resource: 'db' }],
])('SIGTERM while the program looks, with %s,', (_policy, policy) => {
  test('ends the probe and the tick, which uses no slot up', async () => {
    const { world, pidOfProbe } = await worldWithSlowProbe(policy);
    const runner = world.start('run_scheduled', '-c');
    await expect.poll(pidOfProbe, BOUND).toBeDefined();
    process.kill(runner.pid, 'SIGTERM');
    expect(await runner.ended).toEqual({ exitCode: 143, signal: null, out: '', err: '' });
    expect(processStartTime(pidOfProbe() ?? 0)).toBeUndefined();
    expect(world.ledger()).toEqual([]);
    expect(resourceStates(world)).toEqual([]);
    expect(world.stateRow('sync')).toMatchObject({
      handled_slot: null,
      blocked_reason: null,
      offline_disabled_at: null,
    });
  });

  test('ends a run by hand before it starts', async () => {
    const { world, pidOfProbe } = await worldWithSlowProbe(policy);
    const runner = world.start('run_manually', '-t', 'sync');
    await expect.poll(pidOfProbe, BOUND).toBeDefined();
    process.kill(runner.pid, 'SIGTERM');
    expect(await runner.ended).toEqual({
      exitCode: 143,
      signal: null,
      out: '',
      err: 'periodic-cron: task "sync" was not started: the runner was told to end while it looked at what that needs\n',
    });
    expect(world.ledger()).toEqual([]);
  });
});

test('a tick with 20 probes beside each other prints nothing when all is well', async () => {
  const world = await openStockedWorld();
  for (let index = 0; index < 20; index += 1) {
    const name = `r${index}`;
    addResourceRow(world, { name, probe: 'command', target: { command: ['true'] } });
    world.addTask({ name: `needs ${name}`, columns: commandColumns(['true'], { requires: name }) });
  }
  expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, signal: null, out: '', err: '' });
  expect(world.ledger()).toHaveLength(20);
  expect(resourceStates(world)).toHaveLength(20);
});

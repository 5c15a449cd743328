import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/store/package-root.ts';
import { type CommandWorld, openWorld } from './command-world.ts';

const PROGRAM = join(packageRoot(), 'bin', 'periodic-cron.js');

/** The built program as a process of its own. */
function start(
  { database, folder }: CommandWorld,
  ...words: readonly string[]
): ChildProcess & { stdout: Readable } {
  const env = { ...process.env, HOME: folder, PERIODIC_CRON_NODE: 'alpha' };
  return spawn(process.execPath, [PROGRAM, '--database', `sqlite:${database}`, ...words], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'run_manually that gets %s ends its task, starts no other, and exits with %i',
  async (signal, exitCode) => {
    const world = openWorld();
    const script = `argv=${JSON.stringify(['sh', '-c', 'echo started; sleep 300 & wait'])}`;
    await world.call('add', 'long', '--module', 'command', '-o', script, '--manual');
    await world.call('add', 'other', '--module', 'command', '-o', 'command=true', '--manual');
    const program = start(world, 'run_manually', '-t', 'long', '-t', 'other');
    await once(program.stdout, 'data');
    program.kill(signal);
    expect(await once(program, 'close')).toEqual([exitCode, null]);
    expect(world.sql('SELECT task_name, status, reason FROM periodic_run')).toEqual([
      { task_name: 'long', status: 'cancelled', reason: 'shutdown' },
    ]);
  },
);

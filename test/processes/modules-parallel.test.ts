import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { moduleSource, openModuleWorld } from '../support/module-world.ts';

const BOUND = { timeout: 30_000 };

/** Each run waits until its own gate is opened, and then does as it is told there. */
const GATED = (folder: string) => `
import { readFile, writeFile } from 'node:fs/promises';
${moduleSource(
  'gated',
  `const path = '${folder}/' + context.task.name;
   await writeFile(path + '.pid', String(process.pid));
   const word = (await readFile(path, 'utf8')).trim();
   if (word === 'exit') process.exit(4);
   if (word === 'die') process.kill(process.pid, 'SIGKILL');
   return process.pid;`,
)}`;

test('tasks of one file run beside each other, and each is recorded when it ends', async () => {
  const world = await openModuleWorld(GATED('.'));
  writeFileSync(join(world.folder, 'modules', 'modules.mjs'), GATED(world.folder));
  const names = ['slow', 'exits', 'dies', 'fine'];
  for (const name of names) {
    execFileSync('mkfifo', [join(world.folder, name)]);
    world.addRun(name, 'gated');
  }
  const runner = world.start('run_scheduled', '-c', '--parallel', '4');
  const statusOf = (name: string) => world.told().find(({ task }) => task === name)?.status;
  await expect.poll(() => names.map(statusOf), BOUND).toEqual(names.map(() => 'running'));
  // Each is recorded while the others still wait at their gates.
  const open = async (name: string, word: string, status: string) => {
    writeFileSync(join(world.folder, name), `${word}\n`);
    await expect.poll(() => statusOf(name), BOUND).toBe(status);
  };
  await open('fine', 'go', 'succeeded');
  await open('dies', 'die', 'failed');
  await open('exits', 'exit', 'failed');
  expect(statusOf('slow')).toBe('running');
  await open('slow', 'go', 'succeeded');
  await runner.ended;
  const runs = world.told();
  const order = runs.toSorted((a, b) => (a.endedAt < b.endedAt ? -1 : 1)).map(({ task }) => task);
  expect(order).toEqual(['fine', 'dies', 'exits', 'slow']);
  const pids = runs.map(({ result }) => result).filter((result) => result !== null);
  expect(new Set(pids).size).toBe(2);
  expect(runs.find(({ task }) => task === 'dies')?.message).toContain('SIGKILL');
});

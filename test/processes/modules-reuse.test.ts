import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { processStartTime } from '../../src/execute/processes.ts';
import { moduleSource, openModuleWorld } from '../support/module-world.ts';
import { commandColumns, processesOfRun } from '../support/processes.ts';

const BOUND = { timeout: 30_000 };

const TELLS = moduleSource(
  'tells',
  `process.stdout.write(context.task.name + ' begins\\n');
   console.error(context.task.name + ' ends');
   const mark = process.env.PERIODIC_CRON_RUNNER;
   const left = process.env.LEFT;
   process.env.LEFT = context.task.name;
   return { pid: process.pid, own: process.env.PERIODIC_CRON_RUN_ID === context.runId,
     task: process.env.PERIODIC_CRON_TASK, left, mark };`,
);

test('tasks of one file are served by one child in a tick, each with its own environment and output', async () => {
  const world = await openModuleWorld(TELLS);
  const names = ['first', 'second', 'third'];
  for (const name of names) {
    world.addRun(name, 'tells');
  }
  const runs = await world.runs();
  const [{ result } = { result: undefined }] = runs;
  const { pid } = result as { readonly pid: number };
  expect(runs.map(({ output }) => output)).toEqual(names.map((name) => `${name} begins\n${name} ends\n`));
  expect(runs.map((run) => run.result)).toEqual(names.map((task) => ({ pid, own: true, task })));
  expect(processStartTime(pid)).toBeUndefined();
});

test('children of other limits are others', async () => {
  const world = await openModuleWorld(TELLS);
  world.addRun('first', 'tells');
  world.addRun('second', 'tells', { memory_limit_bytes: 128 * 1024 * 1024 });
  const pids = (await world.runs()).map(({ result }) => (result as { readonly pid: number }).pid);
  expect(new Set(pids).size).toBe(2);
});

test.each([
  ['a timer', 'setInterval(() => {}, 1000);'],
  ['another working folder', "process.chdir('/');"],
  ['a listener of the process', "process.on('exit', () => {});"],
  ['a process in its group', "spawn('sleep', ['2'], { stdio: 'ignore' }).unref();"],
  [
    'a process elsewhere that holds its output',
    "spawn('sleep', ['2'], { stdio: 'inherit', detached: true, env: {} }).unref();",
  ],
])('a child in which a run left something serves no other run: %s', async (_, leave) => {
  const source = `import { spawn } from 'node:child_process';\n${moduleSource('leaves', `${leave} return process.pid;`)}`;
  const world = await openModuleWorld(source);
  world.addRun('first', 'leaves');
  world.addRun('second', 'leaves');
  const runs = await world.runs();
  expect(runs.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
  expect(runs[0]?.result).not.toBe(runs[1]?.result);
});

test('a child whose run failed serves no other run', async () => {
  const world = await openModuleWorld(moduleSource('fails', 'throw new Error(String(process.pid));'));
  world.addRun('first', 'fails');
  world.addRun('second', 'fails');
  const runs = await world.runs();
  expect(runs[0]?.message).toMatch(/^\d+$/);
  expect(runs[0]?.message).not.toBe(runs[1]?.message);
});

test('a child that waits for another run ends with its runner, also when that is killed', async () => {
  const world = await openModuleWorld(TELLS);
  world.addRun('first', 'tells', { ordering: 1 });
  world.addTask({ name: 'second', columns: commandColumns(['sleep', '300'], { ordering: 2 }) });
  const runner = world.start('run_scheduled', '-c');
  await expect.poll(() => processesOfRun(world, 1).length, BOUND).toBe(1);
  const [{ result } = { result: undefined }] = world.told();
  const { pid } = result as { readonly pid: number };
  expect(processStartTime(pid)).toBeDefined();
  process.kill(runner.pid, 'SIGKILL');
  await expect.poll(() => processStartTime(pid), BOUND).toBeUndefined();
  await world.call('run_scheduled', '-c');
});

/** The first run leaves a process that is allowed to stay; the second never ends. */
const LOOPS = (folder: string) => `
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
${moduleSource(
  'works',
  `if (context.task.name === 'first') {
     const left = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
     left.unref();
     writeFileSync('${folder}/left', String(left.pid));
     return process.pid;
   }
   writeFileSync('${folder}/looping', String(process.pid));
   for (;;) {}`,
)}`;

test('a child in an endless loop that served another run before is ended after its runner was killed', async () => {
  const world = await openModuleWorld(LOOPS('.'));
  writeFileSync(join(world.folder, 'modules', 'modules.mjs'), LOOPS(world.folder));
  world.addRun('first', 'works', { ordering: 1 });
  world.addRun('second', 'works', { ordering: 2 });
  const read = (name: string) => {
    const path = join(world.folder, name);
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  };
  const runner = world.start('run_scheduled', '-c');
  await expect.poll(() => read('looping'), BOUND).toBeGreaterThan(0);
  const child = read('looping');
  onTestFinished(() => {
    process.kill(read('left'), 'SIGKILL');
  });
  expect(world.told()[0]?.result).toBe(child);
  process.kill(runner.pid, 'SIGKILL');
  await runner.ended;
  expect(processStartTime(child)).toBeDefined();

  await world.call('run_scheduled', '-c');
  expect(processStartTime(child)).toBeUndefined();
  expect(world.ledger()).toEqual([
    'first 2024-01-01T00:00 succeeded',
    'second 2024-01-01T00:00 lost (runner_died)',
  ]);
  expect(world.told()[1]?.message).toContain(`ended what it left: process ${child}`);
  expect(processStartTime(read('left'))).toBeDefined();
});

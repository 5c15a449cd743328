import { expect, test } from 'vitest';
import { type ModuleWorld, moduleSource, openModuleWorld } from '../support/module-world.ts';
import { processesOfRun } from '../support/processes.ts';

const HOSTILE = {
  exits: 'process.exit(0);',
  exits_badly: 'process.exit(3);',
  throws_undefined: 'throw undefined;',
  aborts: 'process.abort();',
  segfaults: "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => setInterval(() => {}, 1000));",
  killed: "process.kill(process.pid, 'SIGKILL'); await new Promise(() => setInterval(() => {}, 1000));",
};

/** A world with these modules, and a task of each that has the module's name. */
async function worldOf(
  bodies: Readonly<Record<string, string>>,
  columns: Readonly<Record<string, string | number>> = {},
): Promise<ModuleWorld> {
  const sources = Object.entries(bodies).map(([id, body]) => moduleSource(id, body));
  const world = await openModuleWorld(sources.join(''));
  for (const id of Object.keys(bodies)) {
    world.addRun(id, id, columns);
  }
  return world;
}

test('a module that exits, throws or crashes fails its own run alone, and the ledger says why', async () => {
  const world = await worldOf({ ...HOSTILE, decent: "return 'fine';" });
  const runs = await world.runs();
  expect(Object.fromEntries(runs.map(({ task, message }) => [task, message]))).toEqual({
    exits: 'the module ended its process with exit status 0 before it returned',
    exits_badly: 'the module ended its process with exit status 3 before it returned',
    throws_undefined: 'threw undefined',
    aborts: "the module's process was ended by SIGABRT before it returned",
    segfaults: "the module's process was ended by SIGSEGV before it returned",
    killed: "the module's process was ended by SIGKILL before it returned",
    decent: null,
  });
  expect(runs.at(-1)).toMatchObject({ status: 'succeeded', result: 'fine' });
});

test('a module in an endless loop ends at its time limit, and the next task runs', async () => {
  const world = await worldOf({ loops: 'for (;;) {}', decent: '' }, { timeout_s: 2, kill_grace_s: 1 });
  expect(await world.runs()).toMatchObject([
    { task: 'loops', status: 'timed_out' },
    { task: 'decent', status: 'succeeded' },
  ]);
  expect(processesOfRun(world, 0)).toEqual([]);
});

const EATERS = {
  eats_heap: 'const kept = []; for (;;) kept.push(new Array(100000).fill(kept.length));',
  eats_buffers: 'const kept = []; for (;;) kept.push(Buffer.alloc(1048576, 1));',
  eats_slowly:
    'const kept = []; for (;;) { kept.push(new Uint8Array(1048576).fill(1)); await new Promise(setImmediate); }',
};

test('a module that allocates until it dies fails by its memory limit, in the heap and outside', async () => {
  const world = await worldOf(EATERS, { memory_limit_bytes: 64 * 1024 * 1024, timeout_s: 60 });
  for (const run of await world.runs()) {
    expect(run).toMatchObject({ status: 'failed', message: 'reached its memory limit of 64MiB' });
  }
});

test('a module that keeps within its memory limit is not bothered by it', async () => {
  const body = 'const kept = new Array(24).fill(0).map(() => Buffer.alloc(1048576, 1)); return kept.length;';
  const world = await worldOf({ modest: body }, { memory_limit_bytes: 64 * 1024 * 1024 });
  expect(await world.runs()).toMatchObject([{ status: 'succeeded', result: 24 }]);
});

test('a module that floods its output is kept in bounds', async () => {
  const body = "const line = 'x'.repeat(65535) + '\\n'; for (let n = 0; n < 1600; n += 1) console.log(line);";
  const world = await worldOf({ floods: body });
  const [run] = await world.runs();
  expect(run).toMatchObject({ status: 'succeeded' });
  expect(run?.output.length).toBeLessThan(70_000);
  expect(run?.output).toContain('bytes left out');
});

test('a rejection that nobody handles after the end leaves the result, shows itself, and meets no other run', async () => {
  const body = "Promise.reject(new Error('left behind')); return process.pid;";
  const world = await worldOf({ rejects_late: body });
  world.addRun('second', 'rejects_late');
  const runs = await world.runs();
  expect(runs.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
  for (const { output } of runs) {
    expect(output.match(/left behind/g)).toHaveLength(1);
  }
  expect(new Set(runs.map(({ result }) => result)).size).toBe(2);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openChildPool } from '../../src/execute/child-pool.ts';
import { execute } from '../../src/execute/execute.ts';
import type { ExecutionRequest } from '../../src/execute/execution.ts';
import { hostWith, requestWith } from '../support/execution.ts';

// Each of these starts processes of Node, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** A request for a module with this function as its `run`. */
function requestFor(run: string, changes: Partial<ExecutionRequest> = {}): ExecutionRequest {
  const folder = mkdtempSync(join(tmpdir(), 'child-host-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'asks.mjs');
  const head = "import { writeSync } from 'node:fs';\n";
  writeFileSync(file, `${head}export default { id: 'asks', description: 'Asks.', run: ${run} };`);
  return requestWith({ module: { kind: 'foreign', id: 'asks', file }, options: {}, ...changes });
}

/** A host that writes down what it is told. */
function recordingHost() {
  const told: unknown[] = [];
  const host = hostWith({
    progress: ({ done, total }) => told.push(['progress', done, total]),
    incrementCounter: (name, by) => Promise.resolve(told.push(['counter', name, by])).then(() => undefined),
    recordStats: (values, at) => Promise.resolve(told.push(['stats', values, at])).then(() => undefined),
    schedule: (wish) => Promise.resolve(told.push(wish)).then(() => undefined),
    postpone: (task) => Promise.resolve(told.push(task)).then(() => undefined),
    isRunning: (task) => Promise.resolve(told.push(task) > 0),
  });
  return { told, host };
}

test('counters, statistics and progress of a module reach its runner', async () => {
  const { told, host } = recordingHost();
  const run = `async (_, { counters, stats, progress }) => {
    progress(1, 4);
    await counters.increment(' seen ');
    await counters.increment('seen', -3);
    await stats.record('load', 0.5, new Date(1000));
    await stats.record('load', 2);
    await stats.recordAll({ ' load': 3, users: 7 }, new Date(2000));
    await stats.recordAll({});
  }`;
  const { outcome } = await execute(requestFor(run, { host }));
  expect(outcome).toEqual({ kind: 'succeeded' });
  expect(told).toEqual([
    ['progress', 1, 4],
    ['counter', 'seen', 1],
    ['counter', 'seen', -3],
    ['stats', [{ key: 'load', value: 0.5 }], 1000],
    ['stats', [{ key: 'load', value: 2 }], undefined],
    [
      'stats',
      [
        { key: 'load', value: 3 },
        { key: 'users', value: 7 },
      ],
      2000,
    ],
    ['stats', [], undefined],
  ]);
});

test('what a module wants of other tasks reaches its runner', async () => {
  const told: unknown[] = [];
  const host = hostWith({
    schedule: (wish) => Promise.resolve(told.push(wish)).then(() => undefined),
    postpone: (task) => Promise.resolve(told.push(['postpone', task])).then(() => undefined),
    isRunning: (task) =>
      task === 'full' ? Promise.resolve(true) : Promise.reject(new Error('there is no task')),
  });
  const run = `async (_, ctx) => [
    await ctx.schedule({ name: ' later ', after: 0, options: { a: { b: 1 } } }),
    await ctx.schedule({ name: 'then', module: 'sql', at: new Date(5000), replace: true }),
    (await ctx.postpone(' smart ')) ?? null,
    await ctx.isRunning('full'),
    await ctx.isRunning('other').catch((error) => error.message),
    await ctx.schedule({ name: 'x' }).catch((error) => error.name),
    await ctx.schedule({ name: 'x', after: 1, options: { f() {} } }).catch((error) => error.name),
    await ctx.postpone('').catch((error) => error.name),
  ]`;
  const { outcome } = await execute(requestFor(run, { host }));
  expect(outcome).toEqual({
    kind: 'succeeded',
    result: ['later', 'then', null, true, 'there is no task', 'TypeError', 'TypeError', 'TypeError'],
  });
  expect(told).toEqual([
    { name: 'later', options: { a: { b: 1 } }, when: { kind: 'ticks', after: 0 }, replace: false },
    { name: 'then', module: 'sql', when: { kind: 'at', at: 5_000 }, replace: true },
    ['postpone', 'smart'],
  ]);
});

test('what the database refuses is an error in the module, which may go on', async () => {
  const host = hostWith({ incrementCounter: () => Promise.reject(new Error('the database is away')) });
  const run = "async (_, { counters }) => counters.increment('seen').catch((error) => error.message)";
  const { outcome } = await execute(requestFor(run, { host }));
  expect(outcome).toEqual({ kind: 'succeeded', result: 'the database is away' });
});

test('what is no name or no number is refused in the module, before anybody is asked', async () => {
  const { told, host } = recordingHost();
  const run = `async (_, { counters, stats, progress }) => {
    const faults = [];
    for (const wrong of [
      () => counters.increment(''), () => counters.increment('a', 1.5), () => counters.increment(7),
      () => stats.record('a', NaN), () => stats.record('a', 1, new Date(NaN)), async () => progress(2, 1),
      () => stats.recordAll([1]), () => stats.recordAll({ a: 1, b: '2' }), () => stats.recordAll({ '': 1 }), () => stats.recordAll({ a: 1, 'a ': 2 }),
      () => stats.recordAll(Object.fromEntries(Array.from({ length: 1001 }, (_, number) => ['s' + number, 1]))),
    ]) await wrong().catch((error) => faults.push(error.name));
    return faults;
  }`;
  const { outcome } = await execute(requestFor(run, { host }));
  expect(outcome).toMatchObject({
    result: [
      ...['TypeError', 'RangeError', 'TypeError', 'RangeError', 'RangeError', 'RangeError'],
      ...['TypeError', 'RangeError', 'TypeError', 'TypeError', 'RangeError'],
    ],
  });
  expect(told).toEqual([]);
});

test('what a module writes to the channel by itself is checked by the runner', async () => {
  const { told, host } = recordingHost();
  const run = `async (_, { runId }) => {
    const question = { kind: 'question', runId };
    const lines = [
      { ...question, number: 901, asks: 'increment-counter', name: 'a\\u0000b', by: 1 },
      { ...question, number: 902, asks: 'increment-counter', name: { toString: 1 }, by: 1 },
      { ...question, number: 903, asks: 'increment-counter', name: 'a', by: 0.5 },
      { ...question, number: 904, asks: 'record-stats', values: [{ key: 'a', value: 1 }, { key: 'a', value: 'many' }] },
      { ...question, number: 905, asks: 'record-stats', values: [{ key: 'a', value: 1 }], at: 1e300 },
      { ...question, number: 906, asks: 'record-stats', values: 7 },
      { ...question, number: 907, asks: 'drop-table' },
      { ...question, number: 909, asks: 'schedule' },
      { ...question, number: 910, asks: 'schedule', wish: { name: 'a', when: { kind: 'ticks', after: -1 } } },
      { ...question, number: 911, asks: 'schedule', wish: { name: 'a', when: { at: 1e300 }, owner: 'me' } },
      { ...question, number: 912, asks: 'schedule', wish: { name: 'a', when: { after: 1 }, nodes: ['b'] } },
      { ...question, number: 913, asks: 'postpone', task: 7 },
      { ...question, number: 914, asks: 'is-running', task: '' },
      { ...question, number: 'x', asks: 'still-mine' },
      { ...question, number: 908, runId: 'of somebody else', asks: 'increment-counter', name: 'a', by: 1 },
      { kind: 'progress', runId, done: 5, total: 1 },
      { kind: 'progress', runId: 'of somebody else', done: 1, total: 2 },
      null, [], 7, { kind: 'idle', runId }, { kind: 'ended', end: 1 },
    ];
    writeSync(3, lines.map((line) => JSON.stringify(line) + '\\n').join('') + '{"kind":"question","number":1e999}\\n');
    return 'fine';
  }`;
  const { outcome } = await execute(requestFor(run, { host }));
  expect(outcome).toEqual({ kind: 'succeeded', result: 'fine' });
  expect(told).toEqual([]);
});

test('a module that asks more than can be answered waits, and the runner keeps its memory', async () => {
  let open = 0;
  let most = 0;
  const incrementCounter = async (): Promise<void> => {
    open += 1;
    most = Math.max(most, open);
    await new Promise((resolve) => setImmediate(resolve));
    open -= 1;
  };
  const run = `async (_, { counters }) => {
    await Promise.all(Array.from({ length: 5000 }, () => counters.increment('seen')));
  }`;
  const { outcome } = await execute(requestFor(run, { host: hostWith({ incrementCounter }) }));
  expect(outcome).toEqual({ kind: 'succeeded' });
  // What one piece of the channel holds comes at once.
  expect(most).toBeLessThan(1_500);
});

test('a context that a module keeps beyond its run can do nothing in the next one', async () => {
  const pool = openChildPool();
  const children = () => Promise.resolve(pool);
  const { told, host } = recordingHost();
  const run = `async (_, context) => {
    const old = globalThis.old;
    globalThis.old = context;
    return old === undefined ? 'first' : old.counters.increment('seen').catch((error) => error.message);
  }`;
  const request = requestFor(run, { host, children });
  expect((await execute(request)).outcome).toMatchObject({ result: 'first' });
  const next = { ...request, run: { ...request.run, runId: 'another' } };
  expect((await execute(next)).outcome).toMatchObject({ result: 'the run has ended' });
  expect(told).toEqual([]);
  await pool.close();
});

test('a child that died while it waited for another run fails nobody', async () => {
  const pool = openChildPool();
  const children = () => Promise.resolve(pool);
  const request = requestFor('() => process.pid', { children });
  const { outcome } = await execute(request);
  const pid = outcome.kind === 'succeeded' ? Number(outcome.result) : 0;
  process.kill(pid, 'SIGKILL');
  const again = await execute(request);
  expect(again.outcome).toMatchObject({ kind: 'succeeded', result: expect.any(Number) });
  expect(again.outcome).not.toMatchObject({ result: pid });
  await pool.close();
});

test('what a shipped module is lent is handed to it and to nobody else', async () => {
  const request = requestFor(
    '(_, context, lent) => [lent, Object.values(process.env).includes(lent.secret)]',
  );
  const { module } = request;
  const lend = () => Promise.resolve({ secret: 'hunter2-lent' });
  const lending = module.kind === 'foreign' ? { ...module, lend } : module;
  const { outcome } = await execute({ ...request, module: lending });
  expect(outcome).toEqual({ kind: 'succeeded', result: [{ secret: 'hunter2-lent' }, false] });
});

test('what cannot be lent fails the run before anything starts', async () => {
  const request = requestFor("() => 'ran'");
  const lend = () => Promise.reject(new Error('expected a connection "a", got none'));
  const module = request.module.kind === 'foreign' ? { ...request.module, lend } : request.module;
  const { outcome } = await execute({ ...request, module });
  expect(outcome).toEqual({ kind: 'failed', message: 'expected a connection "a", got none' });
});

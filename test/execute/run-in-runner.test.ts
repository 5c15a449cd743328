import { expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { execute } from '../../src/execute/execute.ts';
import type { ExecutionRequest } from '../../src/execute/execution.ts';
import { stop } from '../../src/modules/module.ts';
import { defineShippedModule, type ShippedModule } from '../../src/modules/shipped-module.ts';
import { requestWith } from '../support/execution.ts';

const options = z.strictObject({ count: z.number().default(3) });

function shipped(run: ShippedModule<typeof options>['run'], changes: Partial<ExecutionRequest> = {}) {
  const module = defineShippedModule({ id: 'shipped', description: 'For this test.', options, run });
  const load = () => Promise.resolve(module);
  return execute(requestWith({ module: { kind: 'shipped', id: 'shipped', load }, options: {}, ...changes }));
}

test('a shipped module gets its options, its run and the services of the runner', async () => {
  const result = await shipped(
    ({ count }, { log, task, slotAt, state }, services) => {
      log.info('counting', { count });
      state.set(count + 1);
      return { task: task.name, at: slotAt?.toISOString() ?? null, lent: String(services['greeting']) };
    },
    { options: { count: 5 }, services: { greeting: 'hello' } },
  );
  expect(result).toEqual({
    outcome: {
      kind: 'succeeded',
      result: { task: 'nightly backup', at: '2026-11-20T23:55:00.000Z', lent: 'hello' },
    },
    state: 6,
    output: { text: 'info counting {"count":5}\n', bytes: 26, cut: false },
  });
});

test('a run by hand has no slot', async () => {
  const run = { ...requestWith().run, slotAt: null };
  const { outcome } = await shipped((_, { slotAt }) => slotAt === null, { run });
  expect(outcome).toEqual({ kind: 'succeeded', result: true });
});

test('a module that returns nothing succeeds without a result', async () => {
  expect((await shipped(() => undefined)).outcome).toEqual({ kind: 'succeeded' });
});

test('a module that stops is never to be run again', async () => {
  expect((await shipped(() => stop('done'))).outcome).toEqual({ kind: 'stopped', reason: 'done' });
});

test.each([
  ['of several lines', 'one\n  two', 'one two'],
  ['that is long', 'x'.repeat(2_000), `${'x'.repeat(999)}…`],
  ['with what not every engine stores', 'a\0b', 'a\uFFFDb'],
  ['that is cut between the halves of a pair', `${'x'.repeat(998)}😀😀`, `${'x'.repeat(998)}…`],
])('a reason to stop %s is kept as one line', async (_, reason, kept) => {
  expect((await shipped(() => stop(reason))).outcome).toEqual({ kind: 'stopped', reason: kept });
});

test.each([
  [undefined, 'stop: expected a reason, got undefined'],
  [' ', 'stop: expected a reason, got an empty text'],
])(
  'a module that stops for the reason %j fails, since whoever finds it terminated needs one',
  async (reason, message) => {
    const { outcome } = await shipped(() => stop(reason as string));
    expect(outcome).toEqual({ kind: 'failed', message });
  },
);

const hostileError = new Error('hidden');
Object.defineProperty(hostileError, 'message', {
  get: () => {
    throw new Error('twice');
  },
});

test.each([
  ['an error', new Error('broken'), 'broken'],
  ['an error without a message', Object.assign(new TypeError('x'), { message: '' }), 'TypeError'],
  ['nothing', undefined, 'threw undefined'],
  ['null', null, 'threw null'],
  ['an object', { code: 5 }, 'threw {"code":5}'],
  ['text of several lines', 'one\n  two', 'one two'],
  ['an error whose message throws', hostileError, 'threw a value that cannot be shown'],
  ['a long text', 'x'.repeat(2_000), `${'x'.repeat(999)}…`],
  ['a text with NUL', new Error('a\0b'), 'a\uFFFDb'],
])('a module that throws %s fails', async (_, thrown, message) => {
  const { outcome } = await shipped(() => {
    throw thrown;
  });
  expect(outcome).toEqual({ kind: 'failed', message });
});

test('options that are not valid fail the run before it starts', async () => {
  const { outcome } = await shipped(() => 'ran', { options: { count: 'many' } });
  expect(outcome).toEqual({ kind: 'failed', message: 'options.count: expected number, got "many"' });
});

test('a module that cannot be loaded fails the run', async () => {
  const load = () => Promise.reject(new Error('file is gone'));
  const { outcome } = await execute(requestWith({ module: { kind: 'shipped', id: 'x', load }, options: {} }));
  expect(outcome).toEqual({ kind: 'failed', message: 'could not be run: file is gone' });
});

test('a module with a fault fails with the fault', async () => {
  const module = { kind: 'fault', id: 'x', message: 'expected a known module (command), got "x"' } as const;
  const { outcome } = await execute(requestWith({ module, options: {} }));
  expect(outcome).toEqual({ kind: 'failed', message: 'expected a known module (command), got "x"' });
});

test('the signal is aborted when the time is up, and what the module then returns does not count', async () => {
  const aborted: boolean[] = [];
  const { outcome, state } = await shipped(
    (_, { signal, state: kept }) =>
      new Promise((resolve) => {
        kept.set('too late');
        signal.addEventListener('abort', () => {
          aborted.push(signal.aborted);
          resolve('done after all');
        });
      }),
    { timeoutMs: 20, graceMs: 60_000 },
  );
  expect(aborted).toEqual([true]);
  expect(outcome).toEqual({
    kind: 'timed_out',
    limitMs: 20,
    message: 'did not end within its time limit of 20 ms',
  });
  expect(state).toBeUndefined();
});

test('a module that does not obey is given up after the grace', async () => {
  const { outcome } = await shipped(() => new Promise(() => undefined), { timeoutMs: 1_000, graceMs: 10 });
  expect(outcome).toMatchObject({ kind: 'timed_out', message: 'did not end within its time limit of 1s' });
});

test('a cancelled run ends with the reason', async () => {
  const cancel = new AbortController();
  const { outcome } = await shipped(
    () => {
      cancel.abort('operator');
      return new Promise(() => undefined);
    },
    { cancel: cancel.signal, graceMs: 10 },
  );
  expect(outcome).toEqual({ kind: 'cancelled', reason: 'operator', message: 'by the operator' });
});

test('a secret of a shipped module is resolved in the runner', async () => {
  vi.stubEnv('SHIPPED_TOKEN', 'hunter2');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const module = defineShippedModule({
    id: 'secretive',
    description: 'For this test.',
    options: z.strictObject({ token: z.string().meta({ secret: true }) }),
    run: ({ token }) => token.length,
  });
  const load = () => Promise.resolve(module);
  const run = (token: string) =>
    execute(requestWith({ module: { kind: 'shipped', id: 'secretive', load }, options: { token } }));
  expect((await run('env:SHIPPED_TOKEN')).outcome).toEqual({ kind: 'succeeded', result: 7 });
  expect((await run('hunter2')).outcome).toEqual({
    kind: 'failed',
    message: 'options.token: expected a reference such as env:NAME or file:/path, got another value',
  });
});

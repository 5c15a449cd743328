import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { execute } from '../../src/execute/execute.ts';
import type { ExecutionRequest } from '../../src/execute/execution.ts';
import { packageRoot } from '../../src/store/package-root.ts';
import { hostWith, processesOf, requestWith } from '../support/execution.ts';

const FIXTURES = join(packageRoot(), 'test', 'support', 'fixtures');

// Each of these starts processes of Node, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

afterEach(() => {
  vi.unstubAllEnvs();
});

function hostile(id: string, changes: Partial<ExecutionRequest> = {}): ExecutionRequest {
  return requestWith({
    module: { kind: 'foreign', id, file: join(FIXTURES, 'hostile.js') },
    options: {},
    ...changes,
  });
}

function greeter(options: JsonValue): ExecutionRequest {
  return requestWith({
    module: { kind: 'foreign', id: 'greeter', file: join(FIXTURES, 'greeter.ts') },
    options,
  });
}

/** Tells its secret backwards. */
const SECRETIVE = `
  import { z } from 'zod';
  export const secretive = {
    id: 'secretive',
    description: 'Tells its secret.',
    options: z.strictObject({ token: z.string().min(6).meta({ secret: true }) }),
    run: ({ token }) => [...token].reverse().join(''),
  };
`;

test('a module returns a JSON result', async () => {
  const { outcome } = await execute(hostile('returns'));
  expect(outcome).toEqual({ kind: 'succeeded', result: { answer: 42 } });
});

test('a module that stops is never to be run again', async () => {
  const { outcome } = await execute(hostile('stops'));
  expect(outcome).toEqual({ kind: 'stopped', reason: 'nothing left to do', result: { handled: 12 } });
});

test('a module that leaves timers behind ends when it returns', async () => {
  const { outcome } = await execute(hostile('leaves_timer'));
  expect(outcome).toEqual({ kind: 'succeeded', result: 'done' });
});

test.each([
  ['throws_undefined', { message: 'threw undefined' }],
  ['rejects', { message: 'first line second line' }],
  ['exits', { message: 'the module ended its process with exit status 0 before it returned', exitCode: 0 }],
  [
    'exits_late',
    { message: 'the module ended its process with exit status 7 before it returned', exitCode: 7 },
  ],
  ['aborts', { message: "the module's process was ended by SIGABRT before it returned", signal: 'SIGABRT' }],
  [
    'segfaults',
    { message: "the module's process was ended by SIGSEGV before it returned", signal: 'SIGSEGV' },
  ],
  ['never_settles', { message: 'never settled: its promise waits for something that cannot come any more' }],
  ['unhandled_rejection', { message: 'unhandled rejection: nobody listens' }],
  ['uncaught_error', { message: 'uncaught error: out of the blue' }],
  ['returns_function', { message: 'result.nested.f: expected JSON, got a function' }],
  ['returns_bigint', { message: 'result: expected JSON, got a bigint' }],
  ['returns_cycle', { message: 'result.self: expected JSON, got an object that contains itself' }],
  ['returns_too_much', { message: 'result: expected at most 1048576 bytes of JSON, got 2097154' }],
  ['sets_bad_state', { message: 'state: expected JSON, got a bigint' }],
])('a module that does this fails and says why: %s', async (id, failure) => {
  const { outcome } = await execute(hostile(id));
  expect(outcome).toEqual({ kind: 'failed', ...failure });
});

test('a module that eats all memory ends alone', async () => {
  vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=64');
  const { outcome, output } = await execute(hostile('eats_memory'));
  expect(outcome).toEqual({
    kind: 'failed',
    message: "the module's process was ended by SIGABRT before it returned",
    signal: 'SIGABRT',
  });
  expect(output.text).toContain('heap out of memory');
});

test('a module that writes to the channel disturbs nobody', async () => {
  const { outcome } = await execute(hostile('garbles_channel'));
  expect(outcome).toEqual({ kind: 'succeeded', result: 'fine' });
});

test('an endless loop is killed after the grace', async () => {
  const cancel = new AbortController();
  const onOutput = (): void => cancel.abort('shutdown');
  const request = hostile('loops', { cancel: cancel.signal, onOutput, graceMs: 50 });
  const { outcome, output } = await execute(request);
  expect(outcome).toMatchObject({ kind: 'cancelled', signal: 'SIGKILL' });
  expect(output.text).toBe('looping\n');
  expect(processesOf(request)).toEqual([]);
});

test('a module that is not done when its time is up is ended', async () => {
  const request = hostile('loops', { timeoutMs: 300, graceMs: 50 });
  const { outcome } = await execute(request);
  expect(outcome).toMatchObject({
    kind: 'timed_out',
    limitMs: 300,
    message: 'did not end within its time limit of 300 ms',
  });
  expect(processesOf(request)).toEqual([]);
});

test('a module is asked by its signal to end, and has the grace to clean up', async () => {
  const cancel = new AbortController();
  const request = hostile('obeys_signal', {
    cancel: cancel.signal,
    onOutput: () => cancel.abort('shutdown'),
    graceMs: 30_000,
  });
  const { outcome, output } = await execute(request);
  expect(outcome).toMatchObject({ kind: 'cancelled', reason: 'shutdown', exitCode: 0 });
  expect(output.text).toContain('info ready\ninfo cleaned up\n');
});

test('the processes that a module started are ended with it', async () => {
  const cancel = new AbortController();
  const request = hostile('starts_processes', {
    cancel: cancel.signal,
    onOutput: () => cancel.abort('shutdown'),
    graceMs: 50,
  });
  const { outcome } = await execute(request);
  expect(outcome).toMatchObject({ kind: 'cancelled', signal: 'SIGKILL' });
  expect(processesOf(request)).toEqual([]);
});

test('what a module prints and logs is one output, in order', async () => {
  const heard: string[] = [];
  const { output } = await execute(hostile('prints_in_order', { onOutput: (text) => heard.push(text) }));
  expect(output.text).toBe('one\ntwo\nwarn three {"size":"3","error":"inside"}\nfour\n');
  expect(heard.join('')).toBe(output.text);
});

test('state is kept from run to run', async () => {
  expect((await execute(hostile('keeps_state'))).state).toEqual(['new']);
  expect((await execute(hostile('keeps_state', { state: ['old'] }))).state).toEqual(['old', 'new']);
});

test('state that a run leaves alone or that a failed run set is not kept', async () => {
  expect(await execute(hostile('returns', { state: 'old' }))).not.toHaveProperty('state');
  expect(await execute(hostile('sets_state_then_fails'))).not.toHaveProperty('state');
});

test('a module is told the facts of its run', async () => {
  const request = hostile('tells_facts');
  const { runId } = request.run;
  expect((await execute(request)).outcome).toEqual({
    kind: 'succeeded',
    result: {
      task: { id: 7, name: 'nightly backup' },
      node: 'node-a',
      slotAt: '2026-11-20T23:55:00.000Z',
      attempt: 2,
      runId,
      epoch: 41,
      environment: [
        'PERIODIC_CRON_ATTEMPT=2',
        'PERIODIC_CRON_EPOCH=41',
        'PERIODIC_CRON_NODE=node-a',
        `PERIODIC_CRON_RUN_ID=${runId}`,
        'PERIODIC_CRON_SLOT=2026-11-20T23:55:00.000Z',
        'PERIODIC_CRON_TASK=nightly backup',
      ],
    },
  });
});

test('a module that asks whether its run is still its own is told what the runner knows', async () => {
  const answers = [true, false];
  const stillMine = () => {
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new Error('nobody knows')) : Promise.resolve(answer);
  };
  const { outcome } = await execute(hostile('asks_whose_it_is', { host: hostWith({ stillMine }) }));
  expect(outcome).toEqual({ kind: 'succeeded', result: [true, false, false] });
});

test('a module in TypeScript runs, with the defaults of its options', async () => {
  const { outcome, output } = await execute(greeter({ name: 'Ada', times: 2 }));
  expect(outcome).toEqual({ kind: 'succeeded', result: { text: 'warm hello to Adawarm hello to Ada' } });
  expect(output.text).toBe('info greeting Ada\n');
});

test('options that the module refuses fail the run, all faults at once', async () => {
  const { outcome } = await execute(greeter({ name: 'A', tiems: 2 }));
  expect(outcome).toEqual({
    kind: 'failed',
    message:
      'options.name: expected at least 2 characters, got "A"; ' +
      'options.tiems: expected one of name, times, token, tone, got "tiems" (did you mean times?)',
  });
});

test('a secret is resolved in the child, and its value is in no message', async () => {
  vi.stubEnv('GREETER_TOKEN', 'hunter2');
  const folder = mkdtempSync(join(tmpdir(), 'secretive-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secretive.mjs');
  writeFileSync(file, SECRETIVE);
  const secretive = (token: string) =>
    execute(requestWith({ module: { kind: 'foreign', id: 'secretive', file }, options: { token } }));
  expect((await secretive('env:GREETER_TOKEN')).outcome).toEqual({ kind: 'succeeded', result: '2retnuh' });
  vi.stubEnv('GREETER_TOKEN', 'short');
  expect((await secretive('env:GREETER_TOKEN')).outcome).toEqual({
    kind: 'failed',
    message: 'options.token: expected at least 6 characters, got another value',
  });
  expect((await secretive('env:MISSING')).outcome).toEqual({
    kind: 'failed',
    message: 'options.token: expected the variable MISSING in the environment, got none',
  });
});

test('a module that its file no longer holds fails the run', async () => {
  const { outcome } = await execute(hostile('renamed'));
  expect(outcome).toEqual({
    kind: 'failed',
    message: `expected module "renamed" in ${join(FIXTURES, 'hostile.js')}, got none`,
  });
});

test('a file that is gone fails the run', async () => {
  const module = { kind: 'foreign', id: 'gone', file: '/does/not/exist.js' } as const;
  const { outcome } = await execute(requestWith({ module, options: {} }));
  expect(outcome.kind === 'failed' && outcome.message).toMatch(
    /^does not load: Error: Cannot find module '\/does\/not\/exist.js'/,
  );
});

test('the child ends when its runner is gone', async () => {
  const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'child.js')], {
    env: { ...process.env, PERIODIC_CRON_RUN_ID: randomUUID() },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  const channel = child.stdio[3];
  if (channel === null || channel === undefined || !('write' in channel) || child.stdout === null) {
    throw new Error('expected a channel to the child');
  }
  const { options, run } = hostile('obeys_signal');
  const file = join(FIXTURES, 'hostile.js');
  channel.write(`${JSON.stringify({ kind: 'run', file, id: 'obeys_signal', options, run })}\n`);
  await once(child.stdout, 'data');
  channel.destroy();
  await once(child, 'exit');
  expect(child.exitCode).toBe(1);
});

test('a module that floods its channel with what is no message is ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flood-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'flood.mjs');
  writeFileSync(
    file,
    `import { writeSync } from 'node:fs';
     export const flood = { id: 'flood', description: 'Floods its channel.', run: () => {
       writeSync(3, '\\n'.repeat(5_000));
       return 'done';
     } };`,
  );
  const module = { kind: 'foreign', id: 'flood', file } as const;
  const { outcome } = await execute(requestWith({ module, options: {} }));
  expect(outcome).toEqual({
    kind: 'failed',
    message: 'expected the module to leave descriptor 3 alone, got 1000 lines over it that are no message',
  });
});

import { expect, test, vi } from 'vitest';
import { runCommandWith, runShell } from '../support/commands.ts';

// These wait for real processes, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const TELL = 'echo "[$PERIODIC_CRON_STATUS|$PERIODIC_CRON_ERROR|$PERIODIC_CRON_EXIT_STATUS]"';

test('before, command and after run in this order, and the status is the command’s', async () => {
  const { outcome, text } = await runShell('echo command', {
    before: 'echo before',
    after: 'echo after',
    on_error: 'echo error',
  });
  expect(outcome).toEqual({ kind: 'succeeded', exitCode: 0 });
  expect(text).toBe('before\ncommand\nafter\n');
});

test('when before fails, the command is not run', async () => {
  const { outcome, text } = await runShell('echo command', { before: 'exit 3', after: 'echo after' });
  expect(outcome).toEqual({ kind: 'failed', message: 'before exited with status 3', exitCode: 3 });
  expect(text).toBe('');
});

test('when after fails, the run has failed', async () => {
  const { outcome } = await runShell('true', { after: 'kill -9 $$', on_error: 'exit 0' });
  expect(outcome).toEqual({ kind: 'failed', message: 'after was ended by SIGKILL', signal: 'SIGKILL' });
});

test('after is left out when the command has failed, and runs after a warning', async () => {
  const failed = await runShell('exit 5', { after: 'echo after' });
  expect(failed.text).toBe('');
  const warned = await runShell('exit 5', { after: 'echo after', retcodes: { '5': 'warning' } });
  expect(warned.text).toBe('after\n');
  expect(warned.outcome).toEqual({ kind: 'succeeded', exitCode: 5, warning: 'exited with status 5' });
});

test.each([
  ['the command fails', { command: 'exit 4' }, '[failed|exited with status 4|4]'],
  ['the command is killed', { command: 'kill -9 $$' }, '[failed|was ended by SIGKILL|]'],
  ['before fails', { command: 'true', before: 'exit 6' }, '[failed|before exited with status 6|6]'],
  ['after fails', { command: 'true', after: 'exit 7' }, '[failed|after exited with status 7|7]'],
  ['the folder is missing', { command: 'true', cwd: '/no/such' }, '[failed|options.cwd: expected a folder'],
  [
    'a file is missing',
    { command: 'true', environment_file: '/no/such' },
    '[failed|environment_file /no/such',
  ],
])('on_error runs when %s, and is told so', async (_, options, told) => {
  const { outcome, text } = await runCommandWith({ shell: true, on_error: TELL, ...options });
  expect(outcome.kind).toBe('failed');
  expect(text).toContain(told);
});

test('on_error runs when the program is unknown', async () => {
  const { outcome, text } = await runCommandWith({
    command: 'no-such-program',
    on_error: ['sh', '-c', TELL],
  });
  expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining('command not found') });
  expect(text).toContain('[failed|command not found: "no-such-program"');
});

test('on_error runs after a timeout', async () => {
  const { outcome, text } = await runShell('sleep 60', { on_error: TELL }, { timeoutMs: 200 });
  expect(outcome).toEqual({
    kind: 'timed_out',
    limitMs: 200,
    message: 'did not end within its time limit of 200 ms',
    signal: 'SIGTERM',
  });
  expect(text).toBe('[timed_out|did not end within its time limit of 200 ms|]\n');
});

test('what on_error itself comes to is only added to the message', async () => {
  const { outcome } = await runShell('exit 4', { on_error: 'exit 9' });
  expect(outcome).toEqual({
    kind: 'failed',
    message: 'exited with status 4; on_error exited with status 9',
    exitCode: 4,
  });
  const unknown = await runCommandWith({ command: 'false', on_error: 'no-such-program' });
  expect(unknown.outcome).toMatchObject({
    message: expect.stringContaining('exited with status 1; on_error could not be run: command not found'),
  });
});

test('on_error has a time limit of its own', async () => {
  const { outcome } = await runShell('exit 4', { on_error: 'sleep 60' }, { timeoutMs: 300 });
  expect(outcome).toMatchObject({
    kind: 'failed',
    message: 'exited with status 4; on_error did not end within its time limit of 300 ms',
  });
});

test('one time limit spans before, command and after', async () => {
  const hooks = { before: 'sleep 0.4', after: 'sleep 60' };
  const { outcome } = await runShell('sleep 0.4', hooks, { timeoutMs: 2_000 });
  expect(outcome).toMatchObject({
    kind: 'timed_out',
    limitMs: 2_000,
    message: 'did not end within its time limit of 2s (in after)',
  });
});

test('a cancel during a hook ends it, and nothing else is run', async () => {
  const cancel = new AbortController();
  const onOutput = (): void => cancel.abort('operator');
  const options = { before: 'echo ready; sleep 60', on_error: 'echo error' };
  const { outcome, text } = await runShell('echo command', options, { cancel: cancel.signal, onOutput });
  expect(outcome).toMatchObject({ kind: 'cancelled', reason: 'operator' });
  expect(text).toBe('ready\n');
});

test('a cancel during on_error ends it, and the run keeps its own end', async () => {
  const cancel = new AbortController();
  const onOutput = (): void => cancel.abort('operator');
  const options = { on_error: 'echo ready; sleep 60' };
  const { outcome } = await runShell('exit 4', options, { cancel: cancel.signal, onOutput });
  expect(outcome).toMatchObject({
    kind: 'failed',
    message: 'exited with status 4; on_error by the operator',
    exitCode: 4,
  });
});

test.each([
  [{}, 'exit 3', { kind: 'failed', message: 'exited with status 3', exitCode: 3 }],
  [{ '1-3': 'succeeded' }, 'exit 3', { kind: 'succeeded', exitCode: 3 }],
  [{ '24': 'warning' }, 'exit 24', { kind: 'succeeded', exitCode: 24, warning: 'exited with status 24' }],
  [{ '0': 'failed' }, 'exit 0', { kind: 'failed', message: 'exited with status 0', exitCode: 0 }],
  [{ other: 'warning' }, 'exit 9', { kind: 'succeeded', exitCode: 9, warning: 'exited with status 9' }],
  [{ other: 'warning' }, 'exit 0', { kind: 'succeeded', exitCode: 0 }],
  [
    { '0-255': 'succeeded', other: 'succeeded' },
    'kill -15 $$',
    { kind: 'failed', message: 'was ended by SIGTERM', signal: 'SIGTERM' },
  ],
])('with retcodes %j, %j comes to its meaning', async (retcodes, script, expected) => {
  const { outcome } = await runShell(script, { retcodes });
  expect(outcome).toEqual(expected);
});

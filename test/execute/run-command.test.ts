import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { execute } from '../../src/execute/execute.ts';
import { eventually, processesOf, requestWith, scriptRequest } from '../support/execution.ts';

// These wait for real processes, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const folders: string[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  for (const folder of folders.splice(0)) {
    rmSync(folder, { recursive: true });
  }
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'run-command-'));
  folders.push(folder);
  return folder;
}

function outputOf(text: string) {
  return { text, bytes: Buffer.byteLength(text), cut: false };
}

test('a command that ends with status 0 succeeds', async () => {
  const result = await execute(requestWith({ options: { command: "printf '%s|' 'a b' \"c\"" } }));
  expect(result).toEqual({ outcome: { kind: 'succeeded', exitCode: 0 }, output: outputOf('a b|c|') });
});

test('a command that fails keeps its exit status', async () => {
  const { outcome } = await execute(scriptRequest('exit 3'));
  expect(outcome).toEqual({ kind: 'failed', message: 'exited with status 3', exitCode: 3 });
});

test('a command that a signal ended keeps the signal', async () => {
  const { outcome } = await execute(scriptRequest('kill -KILL $$'));
  expect(outcome).toEqual({ kind: 'failed', message: 'was ended by SIGKILL', signal: 'SIGKILL' });
});

test('both output streams are captured in order', async () => {
  const script = 'for i in 1 2 3; do echo out $i; echo err $i >&2; done';
  const { output } = await execute(scriptRequest(script));
  expect(output.text).toBe('out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n');
});

test('a script may open its output streams by name', async () => {
  const { output } = await execute(scriptRequest('echo one > /dev/stderr; echo two > /dev/stdout'));
  expect(output.text).toBe('one\ntwo\n');
});

test('output is heard while the command still runs', async () => {
  const cancel = new AbortController();
  const heard: string[] = [];
  const onOutput = (text: string): void => {
    heard.push(text);
    cancel.abort('operator');
  };
  const { outcome } = await execute(
    scriptRequest('echo ready; sleep 60', { onOutput, cancel: cancel.signal }),
  );
  expect(heard).toEqual(['ready\n']);
  expect(outcome.kind).toBe('cancelled');
});

test('the input of a command is empty', async () => {
  const { output } = await execute(scriptRequest('cat; echo end'));
  expect(output.text).toBe('end\n');
});

test('a command sees its run, and not the address of the database', async () => {
  vi.stubEnv('PERIODIC_CRON_DATABASE_URL', 'postgres://user:secret@host/db');
  vi.stubEnv('INHERITED', 'yes');
  const request = requestWith({
    options: {
      argv: ['sh', '-c', 'env | grep -E "^(PERIODIC|INHERITED|ADDED)" | sort'],
      env: { ADDED: 'a b' },
    },
  });
  const { output } = await execute(request);
  expect(output.text.split('\n')).toEqual([
    'ADDED=a b',
    'INHERITED=yes',
    'PERIODIC_CRON_ATTEMPT=2',
    'PERIODIC_CRON_EPOCH=41',
    'PERIODIC_CRON_NODE=node-a',
    'PERIODIC_CRON_REPORT=/dev/fd/3',
    `PERIODIC_CRON_RUN_ID=${request.run.runId}`,
    'PERIODIC_CRON_SLOT=2026-11-20T23:55:00.000Z',
    'PERIODIC_CRON_TASK=nightly backup',
    '',
  ]);
});

test('a command runs in its folder, from which a relative program counts', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'here.sh'), '#!/bin/sh\npwd\n', { mode: 0o755 });
  const { output } = await execute(requestWith({ options: { command: './here.sh', cwd: folder } }));
  expect(output.text).toBe(`${folder}\n`);
});

test('a folder that does not exist is named', async () => {
  const { outcome } = await execute(requestWith({ options: { command: 'true', cwd: '/does/not/exist' } }));
  expect(outcome).toEqual({
    kind: 'failed',
    message: 'options.cwd: expected a folder, got /does/not/exist, which does not exist',
  });
});

test('a command that is not found says where it was looked for', async () => {
  const options = { command: 'no-such-command -v', env: { PATH: '/usr/bin:/bin' } };
  const { outcome } = await execute(requestWith({ options }));
  expect(outcome).toEqual({
    kind: 'failed',
    message: 'command not found: "no-such-command" (looked in PATH /usr/bin:/bin)',
  });
});

test.each([
  ['a file that is not executable', 'plain', 'which this user may not execute'],
  ['a folder', 'folder', 'which is a directory'],
  ['a missing file', 'missing', 'which does not exist'],
])('%s is refused before anything starts', async (_, name, why) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'plain'), '#!/bin/sh\n');
  chmodSync(join(folder, 'plain'), 0o644);
  const path = name === 'folder' ? folder : join(folder, name);
  const { outcome } = await execute(requestWith({ options: { argv: [path] } }));
  expect(outcome).toEqual({ kind: 'failed', message: `expected an executable file, got ${path}, ${why}` });
});

test('a file in PATH that may not be executed is mentioned', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'tool'), '#!/bin/sh\n', { mode: 0o644 });
  const { outcome } = await execute(requestWith({ options: { command: 'tool', env: { PATH: folder } } }));
  expect(outcome).toEqual({
    kind: 'failed',
    message: `command not found: "tool" (looked in PATH ${folder}); there is ${folder}/tool, which this user may not execute`,
  });
});

test('a script whose interpreter is missing says so', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'script');
  writeFileSync(path, '#!/no/such/interpreter\n', { mode: 0o755 });
  const { outcome } = await execute(requestWith({ options: { argv: [path] } }));
  expect(outcome).toEqual({
    kind: 'failed',
    message: `could not start ${path}: the interpreter that its first line names was not found (#!/no/such/interpreter)`,
  });
});

test('options that are not valid fail the run', async () => {
  const { outcome } = await execute(requestWith({ options: { command: 'ls | wc', cwd: 'x' } }));
  expect(outcome.kind === 'failed' && outcome.message).toContain('options.command: expected a word, got "|"');
  expect(outcome.kind === 'failed' && outcome.message).toContain(
    'options.cwd: expected an absolute path, got "x"',
  );
});

test('a command that closed its output runs on to its end', async () => {
  const marker = join(temporaryFolder(), 'marker');
  const script = `echo before; exec >&- 2>&-; sleep 0.2; echo after > ${marker}; exit 4`;
  const { outcome, output } = await execute(scriptRequest(script));
  expect(outcome).toMatchObject({ exitCode: 4 });
  expect(output.text).toBe('before\n');
});

test('a background process that holds the output does not keep the run open, and lives on', async () => {
  const request = scriptRequest('(sleep 60) & head -c 50000 /dev/zero | tr "\\0" x; echo end', {
    timeoutMs: 30_000,
  });
  const { outcome, output } = await execute(request);
  expect(outcome).toEqual({ kind: 'succeeded', exitCode: 0 });
  expect(output).toEqual(outputOf(`${'x'.repeat(50_000)}end\n`));
  const left = processesOf(request);
  expect(left.length).toBeGreaterThan(0);
  for (const pid of left) {
    process.kill(pid, 'SIGKILL');
  }
  await eventually('the background process is gone', () => processesOf(request).length === 0);
});

test('a flood of output is bounded in memory, and its head and tail are kept', async () => {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let peak = before;
  const onOutput = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const mebibytes = 400;
  const script = `echo first; head -c ${mebibytes}M /dev/zero; echo; echo last`;
  const { output } = await execute(scriptRequest(script, { outputLimitBytes: 64, onOutput }));
  expect(output.bytes).toBe(mebibytes * 1024 * 1024 + 12);
  expect(output.text.startsWith('first\n')).toBe(true);
  expect(output.text.endsWith('\nlast\n')).toBe(true);
  expect(output.text).toContain(`\n[${output.bytes - 64} bytes left out]\n`);
  expect(peak - before).toBeLessThan(150 * 1024 * 1024);
});

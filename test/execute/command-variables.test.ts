import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCommandWith, runShell } from '../support/commands.ts';

// These wait for real processes, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'command-variables-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

function fileWith(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('files win over what is inherited, text over files, secrets over text, and the run over all', async () => {
  vi.stubEnv('A', 'inherited');
  vi.stubEnv('B', 'inherited');
  vi.stubEnv('SOURCE', 'secret');
  const one = fileWith('one', 'B=one\nC=one\nD=one\n');
  const two = fileWith('two', '# a comment\nC="two words"\nexport E=two\n');
  const { text } = await runShell('echo "$A|$B|$C|$D|$E|$F|$PERIODIC_CRON_TASK"', {
    environment_file: [one, two],
    environment: { D: 'text', F: 'text' },
    secrets: { F: 'env:SOURCE' },
  });
  expect(text).toBe('inherited|one|two words|text|two|secret|nightly backup\n');
});

test('a secret may come from a file', async () => {
  const path = fileWith('token', 'open sesame\n');
  const { text } = await runShell('echo "<$TOKEN>"', { secrets: { TOKEN: `file:${path}` } });
  expect(text).toBe('<open sesame>\n');
});

test.each([
  [{ environment_file: '/no/such' }, 'environment_file /no/such: expected a readable file, got ENOENT'],
  [
    { environment_file: '/tmp' },
    'environment_file /tmp: expected a file of at most 1048576 bytes, got something that is no file',
  ],
  [
    { secrets: { A: 'env:NOT_THERE' } },
    'secrets.A: expected the variable NOT_THERE in the environment, got none',
  ],
  [{ secrets: { A: 'file:/no/such' } }, 'secrets.A: expected a readable file at /no/such'],
])('%j fails the run before anything starts', async (options, message) => {
  const { outcome, text } = await runShell('echo started', options);
  expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining(message) });
  expect(text).toBe('');
});

test('a file after a dash may be missing, and no other trouble is forgiven', async () => {
  const { outcome } = await runCommandWith({ command: 'true', environment_file: '-/no/such' });
  expect(outcome.kind).toBe('succeeded');
  const other = await runCommandWith({ command: 'true', environment_file: '-/tmp' });
  expect(other.outcome.kind).toBe('failed');
});

test.each([
  ['A=1\nbad line\n', 'line 2: expected NAME=value, a comment or nothing, got another line'],
  ['A=1\r\n=nokey\r\n', 'line 2: expected NAME=value, a comment or nothing, got another line'],
  ['1A=2\n', 'line 1: expected NAME=value, a comment or nothing, got another line'],
  ['# c\n\nA="one\ntwo"\n', 'line 3: expected a closing " in the same line, got none'],
])('a file with %j fails the run, with the number of the line', async (text, message) => {
  const path = fileWith('bad', text);
  const { outcome } = await runCommandWith({ command: 'true', environment_file: path });
  expect(outcome).toEqual({
    kind: 'failed',
    message: expect.stringContaining(`environment_file ${path}: ${message}`),
  });
});

test('what is withheld from tasks is no secret of theirs either', async () => {
  vi.stubEnv('PERIODIC_CRON_DATABASE_PASSWORD', 'hunter2');
  const { outcome } = await runShell('env', { secrets: { TOKEN: 'env:PERIODIC_CRON_DATABASE_PASSWORD' } });
  expect(outcome).toEqual({
    kind: 'failed',
    message:
      'secrets.TOKEN: expected the variable PERIODIC_CRON_DATABASE_PASSWORD in the environment, got none',
  });
});

test('a file that sets what is set for every run is refused', async () => {
  const path = fileWith('bad', 'PERIODIC_CRON_RUN_ID=x\n');
  const { outcome } = await runCommandWith({ command: 'true', environment_file: path });
  expect(outcome).toMatchObject({
    message: expect.stringContaining('PERIODIC_CRON_RUN_ID: expected a name outside PERIODIC_CRON_'),
  });
});

test('a command reads its input, by its descriptor and by name; hooks have none', async () => {
  const { text } = await runShell('cat; cat /dev/stdin', { stdin: 'line\n', before: 'cat; echo none' });
  expect(text).toBe('none\nline\nline\n');
});

test('long input does not wait for who reads it', async () => {
  const { text } = await runShell('sleep 0.1; wc -c', { stdin: 'x'.repeat(1_000_000) });
  expect(text.trim()).toBe('1000000');
});

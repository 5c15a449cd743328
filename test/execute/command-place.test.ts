import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findTool } from '../../src/execute/find-executable.ts';
import { LONE_USER, needsRoot, runCommandWith, runShell } from '../support/commands.ts';

// These wait for real processes, which take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const IDS = 'grep -E "^(Uid|Gid|Groups)" /proc/self/status | tr "\\t" " " | sed "s/ *$//"';

function temporaryFolder(mode = 0o755): string {
  const folder = mkdtempSync(join(tmpdir(), 'command-place-'));
  chmodSync(folder, mode);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a command gets its umask and niceness', async () => {
  const niceness = Math.min(19, getPriority() + 3);
  const { text } = await runShell('umask; nice', { umask: '027', nice: niceness });
  expect(text).toBe(`0027\n${niceness}\n`);
});

test('a command gets its limits', async () => {
  const limits = { nofile: 64, as: '512MiB', core: 0, fsize: '1MiB', cpu: '1m', nproc: '70' };
  const { text } = await runCommandWith({ command: 'cat /proc/self/limits', limits });
  const lines = text.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim());
  expect(lines).toEqual(
    expect.arrayContaining([
      'Max open files 64 64 files',
      'Max address space 536870912 536870912 bytes',
      'Max core file size 0 0 bytes',
      'Max file size 1048576 1048576 bytes',
      'Max cpu time 60 65 seconds',
      'Max processes 70 70 processes',
    ]),
  );
});

test('what goes beyond a limit ends as the system says', async () => {
  const cpu = await runShell('while :; do :; done', { limits: { cpu: 1 } });
  expect(cpu.outcome).toMatchObject({ kind: 'failed', signal: 'SIGXCPU' });
  const file = join(temporaryFolder(), 'large');
  const fsize = await runCommandWith({
    command: `dd if=/dev/zero of=${file} bs=4096 count=3`,
    limits: { fsize: 4096 },
  });
  expect(fsize.outcome).toMatchObject({ kind: 'failed', signal: 'SIGXFSZ' });
});

test('a limit under which not even the tools start is told as such', async () => {
  const { outcome } = await runCommandWith({ command: 'true', limits: { as: 400_000 } });
  expect(outcome).toMatchObject({ kind: 'failed' });
  expect(outcome.kind === 'failed' && outcome.message).toMatch(
    /^could not start \/\S+\/true with limits as 400000B: a tool before it \(prlimit, sh\) /,
  );
});

test.each([
  [{ user: 'no-such-user' }, 'expected a user of this machine, got "no-such-user", which it does not know'],
  [
    { group: 'no-such-group' },
    'expected a group of this machine, got "no-such-group", which it does not know',
  ],
])('%j is refused before anything starts', async (options, message) => {
  const { outcome, text } = await runShell('echo started', { ...options, before: 'echo before' });
  expect(outcome).toEqual({ kind: 'failed', message });
  expect(text).toBe('');
});

test('what is refused runs no hook either, since that would have other rights', async () => {
  const { outcome, text } = await runShell('true', { user: 'no-such-user', on_error: 'echo error' });
  expect(outcome).toMatchObject({
    kind: 'failed',
    message: expect.stringContaining('; on_error was not run'),
  });
  expect(text).toBe('');
});

test('a tool that is missing is named', () => {
  expect(findTool('no-such-tool', 'limits')).toEqual({
    kind: 'fault',
    message: 'limits needs the program no-such-tool, which is not installed',
  });
});

describe('as another user', () => {
  beforeEach(({ skip }) => skip(needsRoot !== undefined, needsRoot));

  test('real, effective, saved and supplementary ids are that user’s', async () => {
    const { text } = await runShell(`${IDS}; id -un`, { user: 'daemon' });
    expect(text).toBe('Uid: 1 1 1 1\nGid: 1 1 1 1\nGroups: 1\ndaemon\n');
  });

  test('a number needs no entry, and is a member of nothing else', async () => {
    const { text } = await runShell(`${IDS}; echo $HOME $USER; pwd`, { user: LONE_USER });
    const ids = `${LONE_USER} ${LONE_USER} ${LONE_USER} ${LONE_USER}`;
    expect(text).toBe(`Uid: ${ids}\nGid: ${ids}\nGroups:\n/ ${LONE_USER}\n/\n`);
  });

  test('a group alone replaces all groups and keeps the user', async () => {
    const { text } = await runShell(IDS, { group: 'games' });
    expect(text).toBe('Uid: 0 0 0 0\nGid: 60 60 60 60\nGroups:\n');
  });

  test('a group beside a user takes the place of the primary one', async () => {
    const { text } = await runShell('id -un; id -gn', { user: 'daemon', group: '60' });
    expect(text).toBe('daemon\ngames\n');
  });

  test('the environment starts clean, and what the task gives is in it', async () => {
    vi.stubEnv('INHERITED', 'yes');
    vi.stubEnv('LC_TIME', 'C');
    vi.stubEnv('TZ', 'UTC');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const given = { LD_LIBRARY_PATH: '/opt/x', TRICKY: 'a\'b"$c `d`\n e', PATH: '/bin:/usr/bin' };
    const { text } = await runCommandWith({ command: 'env -0', user: 'daemon', environment: given });
    const env = Object.fromEntries(
      text
        .split('\uFFFD')
        .filter((line) => line.includes('='))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    expect(env).toMatchObject({
      ...given,
      HOME: '/usr/sbin',
      USER: 'daemon',
      LOGNAME: 'daemon',
      LC_TIME: 'C',
    });
    expect(env).toMatchObject({ TZ: 'UTC', PERIODIC_CRON_TASK: 'nightly backup' });
    expect(env).not.toHaveProperty('INHERITED');
    expect(Object.keys(env).filter((name) => name.includes('LATER'))).toEqual([]);
  });

  test('a library that the task names is not loaded while the tools have other rights', async () => {
    const { text } = await runCommandWith({
      command: 'true',
      user: 'daemon',
      environment: { LD_PRELOAD: '/no/such/library.so' },
    });
    // The loader complains once for each program that it starts so: for the command alone.
    expect(text.match(/LD_PRELOAD/g) ?? []).toHaveLength(1);
  });

  test('it runs in the home of the user, unless a folder is named', async () => {
    expect((await runCommandWith({ command: 'pwd', user: 'daemon' })).text).toBe('/usr/sbin\n');
    expect((await runCommandWith({ command: 'pwd', user: 'nobody' })).text).toBe('/\n');
    expect((await runCommandWith({ command: 'pwd', user: 'daemon', cwd: '/tmp' })).text).toBe('/tmp\n');
  });

  test('what the user may not read stays closed', async () => {
    const file = join(temporaryFolder(), 'secret');
    writeFileSync(file, 'secret\n', { mode: 0o600 });
    const { outcome, text } = await runCommandWith({ argv: ['cat', file], user: 'nobody' });
    expect(outcome).toMatchObject({ kind: 'failed', exitCode: 1 });
    expect(text).toContain('Permission denied');
  });

  test('a program that the user may not execute is named', async () => {
    const file = join(temporaryFolder(), 'program');
    writeFileSync(file, '#!/bin/sh\n', { mode: 0o700 });
    const { outcome } = await runCommandWith({ argv: [file], user: 'nobody' });
    expect(outcome).toEqual({
      kind: 'failed',
      message: `expected an executable file, got ${file}, which user "nobody" may not execute`,
    });
  });

  test('streams, input and report can be opened by name', async () => {
    const script =
      'cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr; echo \'{"result": 1}\' >"$PERIODIC_CRON_REPORT"';
    const { outcome, text } = await runShell(script, { user: 'nobody', stdin: 'in\n' });
    expect(text).toBe('in\nout\nerr\n');
    expect(outcome).toEqual({ kind: 'succeeded', exitCode: 0, result: 1 });
  });

  test('hooks run as the same user', async () => {
    const { text } = await runShell('id -un; exit 1', {
      user: 'daemon',
      before: 'id -un',
      on_error: 'id -un',
    });
    expect(text).toBe('daemon\ndaemon\ndaemon\n');
  });

  test('a variable whose name no shell hands on is refused', async () => {
    const { outcome } = await runCommandWith({
      command: 'true',
      user: 'daemon',
      environment: { 'a.b': 'c' },
    });
    expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining('got "a.b"') });
  });
});

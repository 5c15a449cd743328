import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openCommandWorld } from '../support/command-worlds.ts';
import { commandColumns, openStockedWorld, processesOfRun } from '../support/processes.ts';

const SHORT = { timeout_s: 1, kill_grace_s: 1 };
const MEBIBYTE = 1024 * 1024;

test('daemons that the command made end with it when its time is up', async () => {
  const world = await openCommandWorld(
    {
      command: [
        'setsid sh -c "sleep 300 & sleep 300 & wait" </dev/null >/dev/null 2>&1 &',
        '(setsid sh -c "(sleep 300 &)" </dev/null >/dev/null 2>&1 &)',
        'sleep 300',
      ].join('\n'),
      shell: true,
    },
    SHORT,
  );
  expect(await world.run()).toMatchObject({ exitCode: 1 });
  expect(world.recorded()).toMatchObject({ status: 'timed_out', signal: 'SIGTERM' });
  expect(processesOfRun(world)).toEqual([]);
});

test('a command that ignores the request to end is killed', async () => {
  const world = await openCommandWorld(
    { command: 'trap "" TERM INT HUP; while :; do sleep 0.1; done', shell: true },
    SHORT,
  );
  expect(await world.run()).toMatchObject({ exitCode: 1 });
  expect(world.recorded()).toMatchObject({ status: 'timed_out', signal: 'SIGKILL' });
  expect(processesOfRun(world)).toEqual([]);
});

test('a command that closes its output and runs on is waited for', async () => {
  const world = await openCommandWorld({
    command: 'echo before; exec >&- 2>&- 3>&-; sleep 0.5; touch after; exit 4',
    shell: true,
  });
  expect(await world.run()).toMatchObject({ exitCode: 4 });
  expect(world.recorded()).toMatchObject({ status: 'failed', exit_code: 4, output: 'before\n' });
  expect(existsSync(join(world.folder, 'after'))).toBe(true);
});

test('what a command leaves in the background does not keep its run open, whatever it holds', async () => {
  const world = await openCommandWorld({ command: 'sleep 300 & echo done', shell: true });
  expect(await world.run()).toMatchObject({ exitCode: 0 });
  const left = processesOfRun(world);
  expect(left).toHaveLength(1);
  for (const pid of left) {
    process.kill(pid, 'SIGKILL');
  }
});

test('two gibibytes of output, and a flood of reports, stay out of memory', async () => {
  const world = await openCommandWorld(
    {
      command: 'head -c 2147483648 /dev/zero; head -c 134217728 /dev/zero >&3; grep VmHWM /proc/$PPID/status',
      shell: true,
    },
    { run_immediately: 1 },
  );
  expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, out: '', err: '' });
  const { output, output_bytes: bytes } = world.recorded();
  expect(Number(bytes)).toBeGreaterThan(2048 * MEBIBYTE);
  expect(String(output).length).toBeLessThan(MEBIBYTE);
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(String(output)) ?? [];
  expect(Number(peak) / 1024).toBeGreaterThan(10);
  expect(Number(peak) / 1024).toBeLessThan(150);
});

test('nothing that a run started is left uncollected by its runner', async () => {
  const world = await openStockedWorld();
  const first = { command: 'true & true; exit 0', shell: true, before: 'true', after: 'true', stdin: 'x' };
  const second = { command: 'ps -o stat=,comm= --ppid $PPID > children', shell: true, cwd: world.folder };
  for (const [index, options] of [first, second].entries()) {
    world.addTask({
      name: `job ${index}`,
      columns: { ...commandColumns(['true']), options: JSON.stringify(options), ordering: index },
    });
  }
  expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0, err: '' });
  const children = readFileSync(join(world.folder, 'children'), 'utf8').trim().split('\n');
  expect(children.length).toBeGreaterThan(0);
  expect(children.filter((line) => line.startsWith('Z'))).toEqual([]);
});

test.each([
  ['exit 3', { status: 'failed', exit_code: 3, signal: null }],
  ['kill -SEGV $$', { status: 'failed', exit_code: null, signal: 'SIGSEGV' }],
])('the real end of %j is recorded', async (command, expected) => {
  const world = await openCommandWorld({ command, shell: true });
  await world.run();
  expect(world.recorded()).toMatchObject(expected);
});

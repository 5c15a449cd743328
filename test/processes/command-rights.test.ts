import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { LONE_USER, needsRoot } from '../support/commands.ts';
import { openStockedWorld, type ProgramEnd, processesOfRun } from '../support/processes.ts';

beforeEach(({ skip }) => skip(needsRoot !== undefined, needsRoot));

const PROGRAM_BY_OTHERS = 'setpriv --reuid=nobody --regid=nogroup --clear-groups $PROGRAM';

async function openWorldWith(options: JsonObject, columns: JsonObject = {}) {
  const world = await openStockedWorld();
  world.addTask({
    name: 'job',
    columns: {
      module: 'command',
      options: JSON.stringify(options),
      schedule_kind: 'manual',
      schedule: '',
      ...columns,
    },
  });
  return world;
}

function messageIn({ runRows }: Awaited<ReturnType<typeof openWorldWith>>): string {
  return String(runRows()[0]?.['message']);
}

test('a command runs as another user, with all its ids and a home', async () => {
  const world = await openWorldWith({
    command: 'id -u; id -ru; id -G; echo "$HOME $USER $LOGNAME $PATH"; grep CapEff /proc/self/status',
    shell: true,
    user: 'daemon',
  });
  expect(await world.call('run_manually', '-t', 'job')).toMatchObject({ exitCode: 0 });
  expect(world.runRows()[0]?.['output']).toBe(
    '1\n1\n1\n/usr/sbin daemon daemon /usr/local/bin:/usr/bin:/bin\nCapEff:\t0000000000000000\n',
  );
});

test('a user without rights cannot read what is root’s', async () => {
  const world = await openWorldWith({ command: 'cat /etc/shadow', user: 'nobody' });
  expect(await world.call('run_manually', '-t', 'job')).toMatchObject({ exitCode: 1 });
  expect(world.runRows()[0]?.['output']).toContain('Permission denied');
});

/** Calls the program as nobody, with a database and a folder that nobody owns. */
async function callAsNobody(options: JsonObject): Promise<ProgramEnd> {
  const world = await openStockedWorld();
  const folder = mkdtempSync(join(tmpdir(), 'command-rights-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'state'));
  const config = { database: `sqlite:${join(folder, 'state', 'tasks.sqlite')}`, node: 'alpha' };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  for (const path of [folder, join(folder, 'state')]) {
    chmodSync(path, 0o755);
    chownSync(path, 65_534, 65_534);
  }
  const program = `cd ${folder}; ${PROGRAM_BY_OTHERS} --config config.json`;
  const words = Object.entries(options).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `-o '${key}=${text}'`;
  });
  const added = await world.shell(`${program} add job --module command ${words.join(' ')} --manual`);
  expect(added).toMatchObject({ exitCode: 0 });
  return world.shell(`${program} run_manually -t job`);
}

test.each<[JsonObject, RegExp]>([
  [{ command: 'id -u', user: 'root' }, /may not run anything as user "root": it is user nobody \(65534\)/],
  [{ command: 'id -u', user: '0' }, /may not run anything as user "0": it is user nobody/],
  [{ command: 'id -u', group: 'root' }, /may not run anything with group "root": it is user nobody/],
  [{ command: 'id -u', nice: -5 }, /nice: expected a niceness that this runner may give, at least 0, got -5/],
  [{ command: 'id -u', limits: { nofile: 1_000_000_000 } }, /limits\.nofile: expected at most \d+, which/],
])('a runner that is not root refuses %j', async (options, message) => {
  const end = await callAsNobody(options);
  expect(end.exitCode).toBe(1);
  expect(`${end.out}${end.err}`).toMatch(message);
  expect(end.out).not.toMatch(/^0$/m);
});

test('a runner that is not root runs what is its own user’s, cleanly', async () => {
  const end = await callAsNobody({ command: 'id -un; env | wc -l', shell: true, user: 'nobody' });
  expect(end).toMatchObject({ exitCode: 0 });
  expect(end.out).toContain('nobody\n');
});

test('a runner without the capabilities refuses, though it is root', async () => {
  const world = await openWorldWith({ command: 'id -u', user: 'daemon' });
  const end = await world.shell('setpriv --bounding-set=-setuid,-setgid $PROGRAM run_manually -t job');
  expect(end.exitCode).toBe(1);
  expect(messageIn(world)).toContain('it is root without the capabilities CAP_SETUID and CAP_SETGID');
});

test('a bomb of processes is bounded, and all of it ends', async () => {
  const world = await openWorldWith(
    {
      command: 'bomb() { bomb 2>/dev/null & bomb 2>/dev/null & wait; }; bomb; sleep 60',
      shell: true,
      user: LONE_USER,
      limits: { nproc: 40 },
    },
    { timeout_s: 2, kill_grace_s: 1 },
  );
  const running = world.start('run_manually', '-t', 'job');
  let most = 0;
  const ended = running.ended.then(() => true);
  for (let done = false; !done; ) {
    most = Math.max(most, processesOfRun(world).length);
    done = await Promise.race([ended, new Promise<boolean>((resolve) => setTimeout(resolve, 50, false))]);
  }
  expect(await running.ended).toMatchObject({ exitCode: 1 });
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(40);
  expect(world.runRows()[0]).toMatchObject({ status: 'timed_out' });
  expect(processesOfRun(world)).toEqual([]);
});

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openCommandWorld } from '../support/command-worlds.ts';
import { processesOfRun } from '../support/processes.ts';

// No systemd is needed for these: programs that stand in for its tools write down what they are asked to do.

const SCOPED = { systemd_scope: true };
const CALL = 'PATH=$PWD/tools:$PATH $PROGRAM';

function addTools(folder: string): void {
  mkdirSync(join(folder, 'tools'));
  const tools = {
    'systemd-run': `echo "$$ $*" | tr '\\n' ' ' >> ${folder}/run.log; echo >> ${folder}/run.log
while [ "$1" != -- ]; do shift; done; shift; exec "$@"`,
    systemctl: `echo "$*" >> ${folder}/ctl.log
case "$*" in *kill*) kill -9 $(cat ${folder}/escaped) ;; esac`,
  };
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(folder, 'tools', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'tools', name), 0o755);
  }
}

test('each command runs in a scope of its own, whose process is the command', async () => {
  const options = { command: 'echo $$', shell: true, before: 'true', umask: '077' };
  const world = await openCommandWorld(options, {}, SCOPED);
  addTools(world.folder);
  expect(await world.shell(`${CALL} run_manually -t job`)).toMatchObject({ exitCode: 0 });
  const { token, output } = world.recorded();
  const [before, command] = readFileSync(join(world.folder, 'run.log'), 'utf8').trim().split('\n');
  const user = process.getuid?.() === 0 ? '' : ' --user';
  expect(before).toContain(`--scope --quiet --collect --unit=periodic-cron-${token}-before${user} -- `);
  expect(command).toContain(`--scope --quiet --collect --unit=periodic-cron-${token}${user} -- `);
  expect(command?.split(' ')[0]).toBe(String(output).trim());
});

test('what has escaped otherwise is ended with its scope', async () => {
  const script = 'env -i setsid /bin/sh -c "echo \\$\\$ > escaped; exec sleep 300" & sleep 300';
  const world = await openCommandWorld({}, { timeout_s: 1, kill_grace_s: 1 }, SCOPED);
  const options = { command: script, shell: true, cwd: world.folder };
  world.sql.prepare('UPDATE periodic_task SET options = ?').run(JSON.stringify(options));
  addTools(world.folder);
  expect(await world.shell(`${CALL} run_manually -t job`)).toMatchObject({ exitCode: 1 });
  expect(world.recorded()).toMatchObject({ status: 'timed_out' });
  const asked = readFileSync(join(world.folder, 'ctl.log'), 'utf8').trim().split('\n');
  const unit = `periodic-cron-${world.recorded()['token']}*.scope`;
  expect(asked.map((line) => line.replace('--user ', ''))).toEqual([
    `kill --signal=SIGKILL ${unit}`,
    `stop ${unit}`,
  ]);
  const pid = Number(readFileSync(join(world.folder, 'escaped'), 'utf8'));
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test('what a killed runner left in a scope is ended by the next tick', async () => {
  const world = await openCommandWorld({}, { run_immediately: 1 }, SCOPED);
  const options = {
    command: 'env -i setsid /bin/sh -c "echo \\$\\$ > escaped; exec sleep 300" & sleep 300',
    shell: true,
    cwd: world.folder,
  };
  world.sql.prepare('UPDATE periodic_task SET options = ?').run(JSON.stringify(options));
  addTools(world.folder);
  const killed = await world.shell(
    `${CALL} run_scheduled -c & while [ ! -s escaped ]; do sleep 0.05; done; kill -9 $!; wait`,
  );
  expect(killed.out).toBe('');
  const pid = Number(readFileSync(join(world.folder, 'escaped'), 'utf8'));
  expect(isAlive(pid)).toBe(true);
  await world.shell(`${CALL} run_scheduled -c`);
  expect(world.recorded()).toMatchObject({ status: 'lost' });
  await expect.poll(() => isAlive(pid)).toBe(false);
  expect(processesOfRun(world)).toEqual([]);
});

/** False for one that has ended and waits to be collected. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

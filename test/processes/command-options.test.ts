import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/store/package-root.ts';
import { openCommandWorld } from '../support/command-worlds.ts';
import { openStockedWorld } from '../support/processes.ts';

const SECRET = 'kx7-Qd2.open-sesame';

test('a secret reaches the command, and is in nothing that is kept or shown', async () => {
  const world = await openCommandWorld({}, {}, { log: { file: 'events.json', level: 'debug' } });
  writeFileSync(join(world.folder, 'token'), `${SECRET}\n`);
  const options = {
    command: `test \${#TOKEN} -eq ${SECRET.length} && echo right`,
    shell: true,
    secrets: { TOKEN: `file:${join(world.folder, 'token')}` },
    on_error: 'true',
  };
  const json = JSON.stringify(options);
  world.sql.prepare('UPDATE periodic_task SET options = ?').run(json);
  const ends = [await world.run()];
  expect(world.recorded()).toMatchObject({ status: 'succeeded', output: 'right\n' });
  for (const words of [['list', '--json'], ['show', 'job'], ['history'], ['modules', 'show', 'command']]) {
    ends.push(await world.call(...words));
  }
  const kept = ['', '-wal'].map((end) => readFileSync(`${world.databasePath}${end}`, 'latin1'));
  const log = readFileSync(join(world.folder, 'events.json'), 'utf8');
  expect(log).toContain('job');
  for (const text of [...kept, log, ...ends.flatMap(({ out, err }) => [out, err])]) {
    expect(text).not.toContain(SECRET);
  }
});

test('text in the place of a secret is refused, and not shown', async () => {
  const world = await openStockedWorld();
  const words = ['add', 'job', '--module', 'command', '-o', 'command=true', '--manual'];
  const end = await world.call(...words, '-o', `secrets={"TOKEN": "${SECRET}"}`);
  expect(end.exitCode).toBe(2);
  expect(end.err).toContain('options.secrets.TOKEN: expected a reference such as env:NAME or file:/path');
  expect(`${end.out}${end.err}`).not.toContain(SECRET);
});

test('hooks, input, variables and the meaning of statuses work together', async () => {
  const world = await openCommandWorld({
    command: 'cat; echo "$GREETING"; exit 24',
    shell: true,
    stdin: 'input\n',
    environment: { GREETING: 'hello' },
    retcodes: { '24': 'warning' },
    before: 'echo before',
    after: 'echo after',
  });
  await world.run();
  expect(world.recorded()).toMatchObject({
    status: 'succeeded',
    reason: 'warning',
    message: 'exited with status 24',
    exit_code: 24,
    output: 'before\ninput\nhello\nafter\n',
  });
});

test('on_error of a tick runs after the timeout of its task', async () => {
  const world = await openCommandWorld(
    { command: 'sleep 60', shell: true, on_error: 'echo "$PERIODIC_CRON_STATUS"' },
    { timeout_s: 1, kill_grace_s: 1, run_immediately: 1 },
  );
  expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 1 });
  expect(world.recorded()).toMatchObject({ status: 'timed_out', output: 'timed_out\n' });
});

test('a result and the request to stop are recorded', async () => {
  const world = await openCommandWorld({
    command: 'echo \'{"result": {"files": 3}}\' >&3; echo \'{"stop": "all done"}\' >&3',
    shell: true,
  });
  await world.run();
  expect(world.recorded()).toMatchObject({ status: 'stopped', exit_code: 0 });
  expect(JSON.parse(String(world.recorded()['result']))).toEqual({ files: 3 });
});

test.each(['report.sh', 'report.py'])('the example %s reports', async (name) => {
  const world = await openStockedWorld();
  const folder = join(world.folder, 'data');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.txt'), 'one');
  writeFileSync(join(folder, 'b.txt'), 'three');
  const argv = [join(packageRoot(), 'examples', 'commands', name), folder];
  world.addTask({
    name: 'job',
    columns: { module: 'command', options: JSON.stringify({ argv }), schedule_kind: 'manual', schedule: '' },
  });
  expect(await world.call('run_manually', '-t', 'job')).toMatchObject({ exitCode: 0 });
  const result: unknown = JSON.parse(String(world.runRows()[0]?.['result']));
  expect(result).toEqual(name === 'report.sh' ? { files: 2 } : { entries: 2, bytes: 8 });
});

test('a text with operators of a shell is refused with the way to have one', async () => {
  const world = await openStockedWorld();
  const end = await world.call('add', 'job', '--module', 'command', '-o', 'command=ls | wc', '--manual');
  expect(end.exitCode).toBe(2);
  expect(end.err).toContain('for a shell, say so with shell: true');
});

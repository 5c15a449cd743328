import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, NOW, openWorld } from './commands/command-world.ts';

const ACTOR = userInfo().username;
const BACKUP = ['backup', '--module', 'command', '-o', 'command=true', '--every', '1h'] as const;

/** A world that logs, and what its log file holds since it was last asked. */
function loggingWorld(): CommandWorld & {
  readonly log: string;
  readonly newLines: () => readonly unknown[];
} {
  const world = openWorld('log: { file: log/events.json }');
  const log = join(world.folder, 'log', 'events.json');
  let seen = 0;
  const newLines = () => {
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
    const unseen = lines.slice(seen).map((line) => JSON.parse(line));
    seen = lines.length;
    return unseen;
  };
  return { ...world, log, newLines };
}

const COMMON = {
  level: 'info',
  time: expect.stringMatching(/^2026-11-21T00:5\d:\d\d\.\d{3}Z$/),
  pid: process.pid,
  host: 'alpha',
  task: 'backup',
  scope: 'alpha',
  node: 'alpha',
  slotAt: null,
  nextSlotAt: '2026-11-21T01:55:00Z',
  actor: ACTOR,
};

/** The triggers read the real clock: what counts from now has a next slot that no test can name. */
const UNNAMED = { ...COMMON, nextSlotAt: expect.any(String) };

describe('the log file has one line for', () => {
  test('a task that was added', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP);
    expect(world.newLines()).toEqual([{ ...UNNAMED, event: 'created' }]);
  });

  test('a task that never comes by itself', async () => {
    const world = loggingWorld();
    await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--manual');
    expect(world.newLines()).toEqual([{ ...COMMON, event: 'created', nextSlotAt: null }]);
  });

  test('a task of several nodes, with all of its scopes', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP, '-n', 'alpha', '-n', 'beta');
    expect(world.newLines()).toEqual([
      { ...UNNAMED, event: 'created', scope: null, scopes: ['alpha', 'beta'] },
    ]);
  });

  test('a task whose nodes share one state', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP, '-n', 'alpha', '-n', 'beta', '--scope', 'one');
    expect(world.newLines()).toEqual([{ ...UNNAMED, event: 'created', scope: '*' }]);
  });

  test('a task that was changed, with the names of the fields', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP);
    world.newLines();
    await world.call('set', 'backup', '--timeout', '2h', '-o', 'command=false');
    expect(world.newLines()).toEqual([{ ...UNNAMED, event: 'changed', fields: ['options', 'timeout'] }]);
  });

  test('a task that has another name now', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP);
    world.newLines();
    await world.call('set', 'backup', '--name', 'copy');
    expect(world.newLines()).toEqual([
      { ...UNNAMED, event: 'changed', task: 'copy', fields: ['name'], formerName: 'backup' },
    ]);
  });

  test('a task that was reset', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP);
    world.newLines();
    await world.call('reset', 'backup');
    expect(world.newLines()).toEqual([{ ...COMMON, event: 'reset' }]);
  });

  test('a task that was reset on one node', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP, '-n', 'alpha', '-n', 'beta');
    world.newLines();
    await world.call('reset', 'backup', '-n', 'beta');
    expect(world.newLines()).toEqual([{ ...COMMON, event: 'reset', scope: 'beta' }]);
  });

  test('a task that was removed', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP);
    world.newLines();
    await world.call('remove', 'backup');
    expect(world.newLines()).toEqual([{ ...COMMON, event: 'removed', nextSlotAt: null }]);
  });
});

describe('the log file has no line for', () => {
  test('a change that changes nothing', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP);
    world.newLines();
    await world.call('set', 'backup', '--every', '1h');
    expect(world.newLines()).toEqual([]);
  });

  test('what was refused', async () => {
    const world = loggingWorld();
    expect((await world.call('add', 'backup', '--module', 'command', '--every', 'soon')).exitCode).toBe(2);
    expect((await world.call('remove', 'backup')).exitCode).toBe(5);
    expect(existsSync(world.log)).toBe(false);
  });

  test('a look', async () => {
    const world = loggingWorld();
    await world.call('add', ...BACKUP);
    world.newLines();
    await world.call('list');
    await world.call('show', 'backup');
    await world.call('run_scheduled', '-d');
    expect(world.newLines()).toEqual([]);
  });

  test('a tick with nothing due', async () => {
    const world = loggingWorld();
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, out: '', err: '' });
    expect(existsSync(world.log)).toBe(false);
  });
});

test('the log file holds no value of an option', async () => {
  const world = loggingWorld();
  await world.call('add', 'backup', '--module', 'command', '-o', 'command=login hunter2', '--every', '1h');
  await world.call('set', 'backup', '-o', 'command=login hunter3');
  await world.call('set', 'backup', '-o', 'argv=hunter4');
  await world.call('remove', 'backup');
  expect(world.newLines()).toHaveLength(3);
  expect(readFileSync(world.log, 'utf8')).not.toContain('hunter');
});

test('a command says the same with a log file as without, -v included', async () => {
  const world = loggingWorld();
  const bare = openWorld();
  const words = ['-v', 'add', 'backup', '--module', 'command', '-o', 'command=true', '--manual'];
  expect(await world.call(...words)).toEqual(await bare.call(...words));
});

test('a log file that cannot be written is one line on stderr, and the command is done', async () => {
  const world = loggingWorld();
  writeFileSync(join(world.folder, 'log'), '');
  const { exitCode, out, err } = await world.call('add', ...BACKUP);
  expect({ exitCode, out }).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('added task "backup"'),
  });
  expect(err).toBe(
    `periodic-cron: cannot write to the log file ${world.log}: ENOTDIR: not a directory, open '${world.log}'\n`,
  );
});

test('what a tick warns of is in the log file too', async () => {
  const world = loggingWorld();
  await world.callAs({ now: () => NOW + 7_200_000 }, 'run_scheduled', '-c');
  const { out, err } = await world.call('run_scheduled', '-c');
  expect(out).toBe('');
  expect(err).toMatch(/^periodic-cron: the clock of node "alpha" went back by .*\n$/);
  expect(world.newLines()).toEqual([
    {
      level: 'warn',
      time: COMMON.time,
      pid: process.pid,
      host: 'alpha',
      event: 'warning',
      node: 'alpha',
      message: err.replace('periodic-cron: ', '').trimEnd(),
    },
  ]);
});

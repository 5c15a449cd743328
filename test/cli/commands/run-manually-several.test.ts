import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

async function worldWith(...names: readonly string[]): Promise<CommandWorld> {
  const world = openWorld();
  for (const name of names) {
    await world.call('add', name, '--module', 'command', '-o', `command=echo ${name}`, '--manual');
  }
  return world;
}

function ran({ sql }: CommandWorld): readonly string[] {
  return sql("SELECT task_name FROM periodic_run WHERE status <> 'running' ORDER BY id").map(
    (row) => row.task_name,
  );
}

describe('run_manually with patterns', () => {
  test.each([
    [['backup-*'], ['backup-db', 'backup-web']],
    [['backup-??'], ['backup-db']],
    [['*'], ['backup-db', 'backup-web', 'tidy', 'b*', 'prune_history']],
    [['[!b]*-*', 't*'], ['tidy']],
    [
      ['backup-*', 'tidy', 'backup-db'],
      ['backup-db', 'backup-web', 'tidy'],
    ],
    [['b*'], ['b*']],
    [[' b* '], ['b*']],
    [['b**'], ['backup-db', 'backup-web', 'b*']],
  ])('%j runs %j', async (words, names) => {
    const world = await worldWith('backup-db', 'backup-web', 'tidy', 'b*');
    await world.call(
      'add',
      'backup-xx',
      '--module',
      'command',
      '-o',
      'command=true',
      '--manual',
      '-n',
      'beta',
    );
    const { exitCode, err } = await world.call('run_manually', ...words.flatMap((word) => ['-t', word]));
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(ran(world)).toEqual(names);
  });

  test('and tags runs what has both', async () => {
    const world = await worldWith('backup-db', 'backup-web', 'tidy');
    for (const name of ['backup-db', 'tidy']) {
      await world.call('set', name, '--tag', 'night');
    }
    await world.call('run_manually', '-t', 'backup-*', '--tags', 'night');
    expect(ran(world)).toEqual(['backup-db']);
    await world.call('run_manually', '-t', 'tidy', '-t', 'backup-web', '--tags', 'night,day');
    expect(ran(world)).toEqual(['backup-db', 'tidy']);
  });
});

test('options that one of several modules does not take are refused before anything runs', async () => {
  const world = await worldWith('backup-db');
  const { exitCode, err } = await world.call('run_manually', '-t', '*', '-o', 'cwd=/');
  expect(exitCode).toBe(2);
  expect(err).toMatch(
    /^periodic-cron: nothing was started, since task "prune_history" cannot run with these options: options\.cwd: /,
  );
  expect(ran(world)).toEqual([]);
});

describe('run_manually of tasks that ask for a confirmation', () => {
  test('refuses without a terminal, goes on with the others, and exits with 1', async () => {
    const world = await worldWith('a', 'b', 'c');
    await world.call('set', 'b', '--confirmation');
    const { exitCode, out, err } = await world.call('run_manually', '-t', '?');
    expect(exitCode).toBe(1);
    expect(err).toBe(
      'periodic-cron: task "b": not confirmed: there is no terminal to ask on, and no --confirm\n',
    );
    expect(out).toMatch(/^a\nsucceeded .*\nc\nsucceeded .*\n3 tasks: 2 done, 0 failed, 1 refused\n$/);
    const rows = world.sql(
      'SELECT task_name, status, reason, trigger_kind, slot FROM periodic_run ORDER BY id',
    );
    expect(rows[1]).toEqual({
      task_name: 'b',
      status: 'cancelled',
      reason: 'not confirmed',
      trigger_kind: 'manual',
      slot: null,
    });
  });

  test('runs them with --confirm, and says so in the ledger', async () => {
    const world = await worldWith('b');
    await world.call('set', 'b', '--confirmation');
    expect((await world.call('run_manually', '-t', 'b', '--confirm')).exitCode).toBe(0);
    expect(world.sql('SELECT message FROM periodic_run')).toEqual([{ message: 'confirmed by --confirm' }]);
  });
});

test('list, next and explain say that a task asks for a confirmation', async () => {
  const world = openWorld();
  const { out } = await world.call(
    ...['add', 'x', '--module', 'command', '-o', 'command=true', '--every', '5m', '--confirmation'],
  );
  expect(out).toContain(
    'no first run: the task asks for a confirmation ("periodic-cron run_manually" runs it)',
  );
  world.count('x', '2026-11-21T00:40:00.000Z');
  expect((await world.call('list')).out).toContain('by hand, confirmed');
  const sentence = 'it asks for a confirmation: its schedule never starts it';
  expect((await world.call('next', 'x')).out).toContain(sentence);
  expect((await world.call('simulate')).out).toContain(sentence);
  expect((await world.call('explain', 'x')).out).toContain(
    'The task asks for a confirmation: it runs by hand only',
  );
  expect((await world.call('run_scheduled', '-d')).out).toContain('runs by hand only, after a confirmation');
});

test('list, show and history show the progress of a live run and the warning of one that succeeded', async () => {
  const world = await worldWith('live', 'warned');
  insertRun(world, 'live', { status: 'running', live_node: 'alpha', progress_done: 9, progress_total: 20 });
  insertRun(world, 'warned', { reason: 'warning', message: 'exited with status 3' });
  const { out: list } = await world.call('list');
  expect(list).toMatch(/ live .*running 45 % 5 min ago/);
  expect(list).toMatch(/ warned .*succeeded with a warning 5 min ago/);
  expect((await world.call('show', 'live')).out).toMatch(/last run +running 45 % 5 min ago/);
  const { out: history } = await world.call('history');
  expect(history).toMatch(/ live .* running 45 % /);
  expect(history).toMatch(/ warned .* succeeded .*warning: exited with status 3\n/);
  const { out: json } = await world.call('history', '--json');
  expect(JSON.parse(json).runs).toMatchObject([
    { task: 'warned', warning: 'exited with status 3', progress: null },
    { task: 'live', warning: null, progress: { done: 9, total: 20 } },
  ]);
});

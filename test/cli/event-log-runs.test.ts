import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, NOW, openWorld } from './commands/command-world.ts';

type LoggingWorld = CommandWorld & {
  /** What the log file holds, a word or two for each line: level and event. */
  readonly logged: () => readonly string[];
  readonly lines: () => readonly Record<string, unknown>[];
};

function loggingWorld(): LoggingWorld {
  const world = openWorld('log: { file: events.json }');
  const file = join(world.folder, 'events.json');
  const lines = () =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];
  return { ...world, lines, logged: () => lines().map(({ level, event }) => `${level} ${event}`) };
}

/** A world with a task that is due, whose command is this. */
async function worldWith(command: string, ...flags: readonly string[]): Promise<LoggingWorld> {
  const world = loggingWorld();
  await world.call(
    'add',
    'job',
    '--module',
    'command',
    '-o',
    `command=${command}`,
    '--every',
    '1h',
    ...flags,
  );
  world.count('job', '2026-11-20T00:30:00.000Z');
  return world;
}

describe('in the log file a run', () => {
  test('is claimed, started and finished, with its slot and the next', async () => {
    const world = await worldWith('echo hunter2');
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, out: '', err: '' });
    expect(world.logged()).toEqual(['info created', 'info claimed', 'info started', 'info finished']);
    const [, claimed, , finished] = world.lines();
    expect(finished).toMatchObject({
      task: 'job',
      scope: 'alpha',
      node: 'alpha',
      slotAt: '2026-11-21T00:30:00Z',
      nextSlotAt: '2026-11-21T01:30:00Z',
      slotCount: 24,
      runId: claimed?.['runId'],
      status: 'succeeded',
      durationMs: expect.any(Number),
    });
    expect(JSON.stringify(world.lines())).not.toContain('hunter2');
  });

  test('that fails is a warning while an attempt is left, and then an error', async () => {
    const world = await worldWith('false', '--retry-limit', '1', '--retry-delay', '0');
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, out: '', err: '' });
    await world.callAs({ now: () => NOW + 120_000 }, 'run_scheduled', '-c');
    expect(world.logged()).toEqual([
      'info created',
      ...['info claimed', 'info started', 'warn failed'],
      ...['info retried', 'info started', 'error failed'],
    ]);
    expect(world.lines().at(-1)).toMatchObject({ attempt: 2, error: 'exited with status 1' });
  });

  test('by hand names who asked for it', async () => {
    const world = await worldWith('true');
    await world.call('run_manually', '-t', 'job');
    expect(world.lines().at(-1)).toMatchObject({
      event: 'finished',
      trigger: 'manual',
      slotAt: null,
      actor: userInfo().username,
    });
  });
});

test('in the log file skipped slots are one line', async () => {
  const world = await worldWith('true', '--start-deadline', '1m');
  await world.call('run_scheduled', '-c');
  expect(world.lines().at(-1)).toMatchObject({
    event: 'skipped',
    reason: 'too_late',
    slotAt: '2026-11-21T00:30:00Z',
    nextSlotAt: '2026-11-21T01:30:00Z',
  });
});

test('in the log file a fault is told once, without the values of options', async () => {
  const world = await worldWith('true');
  world.sql(`UPDATE periodic_task SET options = '{"command": ["hunter2"]}' WHERE name = 'job'`);
  await world.call('run_scheduled', '-c');
  await world.call('run_scheduled', '-c');
  expect(world.logged().filter((line) => line === 'error fault')).toHaveLength(1);
  expect(JSON.stringify(world.lines())).not.toContain('hunter2');
});

describe('a tick with -v', () => {
  test('shows each event as a line, before what it tells anyway', async () => {
    const world = await worldWith('true');
    const { out } = await world.call('-v', 'run_scheduled');
    expect(out.split('\n').map((line) => line.replace(/^\S+Z {2}/, '').slice(0, 17))).toEqual([
      'claimed     "job"',
      'started     "job"',
      'finished    "job"',
      'succeeded  "job",',
      'not run  "prune_h',
      'next task of node',
      '',
    ]);
  });

  test('and -c prints nothing when all is well', async () => {
    const world = await worldWith('true');
    expect(await world.call('-v', 'run_scheduled', '-c')).toEqual({ exitCode: 0, out: '', err: '' });
  });
});

test('a run by hand with -v shows its events on lines of their own', async () => {
  const world = await worldWith('printf hello');
  const { out } = await world.call('-v', 'run_manually', '-t', 'job');
  expect(out).toMatch(
    /^\S+ {2}claimed .*\n\S+ {2}started .*\nhello\n\S+ {2}finished .*, by hand, .*\nsucceeded {2}"job"/,
  );
});

describe('the log file has one line for', () => {
  test('a task that was switched off and on, and none for one that is so already', async () => {
    const world = await worldWith('true');
    await world.call('enable', 'job');
    await world.call('disable', 'job');
    await world.call('disable', 'job');
    await world.call('enable', 'job');
    expect(world.logged()).toEqual(['info created', 'info disabled', 'info enabled']);
    const [, disabled, enabled] = world.lines();
    expect(disabled).toMatchObject({ scope: 'alpha', nextSlotAt: null });
    expect(enabled).toMatchObject({ scope: 'alpha', nextSlotAt: expect.any(String) });
  });
});

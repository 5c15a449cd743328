import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha.

/** A world with the one task `job`, whose command is a real one, and which has a slot at 00:55. */
async function worldWith(command: string, flags: readonly string[]): Promise<CommandWorld> {
  const world = openWorld();
  const words = ['add', 'job', '--module', 'command', '-o', `command=${command}`, ...flags];
  expect((await world.call(...words)).exitCode).toBe(0);
  await world.call('remove', 'prune_history');
  world.count('job', '2026-11-21T00:50:00.000Z');
  return world;
}

describe('run_scheduled -c', () => {
  test('tells a failure with which the task is given up', async () => {
    const world = await worldWith('sh -c "exit 3"', ['--every', '5m', '--deactivate-after', '1 failure']);
    const { exitCode, out, err } = await world.call('run_scheduled', '-c');
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(err).toMatch(
      /^periodic-cron: task "job", slot 2026-11-21T00:55:00Z failed: exited with status 3; it is terminated: deactivated after 1 failure in a row since 2026-11-21T00:55:\S+Z\n$/,
    );
    expect((await world.call('list')).out).toContain('  terminated  ');
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, out: '', err: '' });
  });

  test('tells no end of a task whose one slot has failed but the failure', async () => {
    const world = await worldWith('sh -c "exit 3"', ['--ticks', '0']);
    const { exitCode, err } = await world.call('run_scheduled', '-c');
    expect(exitCode).toBe(1);
    expect(err).toMatch(
      /^periodic-cron: task "job", slot 2026-11-21T00:55:00Z failed: exited with status 3\n$/,
    );
    expect((await world.call('list')).out).toContain('  done  ');
  });

  test('says nothing of an attempt that is tried again', async () => {
    const world = await worldWith('sh -c "exit 3"', ['--every', '5m', '--retry-limit', '1']);
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, out: '', err: '' });
  });
});

describe('run_scheduled', () => {
  test('runs each missed slot by itself with catch_up each', async () => {
    const world = await worldWith('true', ['--every', '1m', '--catch-up', 'each', '--catch-up-max', '3']);
    const { exitCode, out } = await world.call('run_scheduled', '--json');
    expect(exitCode).toBe(0);
    const { runs, notRun } = JSON.parse(out);
    expect(runs.map(({ slotAt, missed }: { slotAt: string; missed: number }) => [slotAt, missed])).toEqual([
      ['2026-11-21T00:53:00Z', 0],
      ['2026-11-21T00:54:00Z', 0],
      ['2026-11-21T00:55:00Z', 0],
    ]);
    expect(notRun).toMatchObject([{ task: 'job', reason: expect.stringContaining('missed: ') }]);
    expect(world.sql("SELECT status, slot_count FROM periodic_run WHERE status = 'skipped'")).toEqual([
      { status: 'skipped', slot_count: 2 },
    ]);
  });

  test('accounts for no slots: only a dry run does', async () => {
    const world = await worldWith('true', ['--every', '5m']);
    expect(JSON.parse((await world.call('run_scheduled', '--json')).out)).not.toHaveProperty('slots');
  });

  test('makes the period longer after a failure, as list then shows', async () => {
    const world = await worldWith('sh -c "exit 3"', ['--every', '5m', '--backoff', 'on_failure']);
    await world.call('run_scheduled', '-c');
    expect((await world.call('list')).out).toContain('backed off, 2026-11-21 01:05Z (in 9 min)');
    expect((await world.call('explain', 'job')).out).toContain(
      '  Back-off has made its period of 5m one of 10m after 1 failure.\n',
    );
  });

  test('counts the next slot of anchor finish from the minute of the end', async () => {
    const world = await worldWith('true', ['--every', '5m', '--anchor', 'finish']);
    world.count('job', '2026-11-21T00:47:00.000Z');
    await world.call('run_scheduled', '-c');
    expect((await world.call('list')).out).toContain('2026-11-21 01:00Z (in 4 min)');
  });
});

import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha. Switching on counts from the real now.

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

/** A world with the task `job`, which counts from 00:00, or has handled a slot since, and is switched off. */
async function pausedWorld(flags: readonly string[], handled?: string): Promise<CommandWorld> {
  const world = openWorld();
  expect((await world.call('add', 'job', ...COMMAND, ...flags)).err).toBe('');
  await world.call('disable', 'job');
  world.count('job', '2026-11-21T00:00:00.000Z', handled);
  return world;
}

/** What `enable` says of the slots that have passed, if anything. */
async function told(world: CommandWorld): Promise<readonly string[]> {
  const { exitCode, out, err } = await world.call('enable', 'job');
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  const [done, next, ...rest] = out.trimEnd().split('\n');
  expect(done).toBe('enabled task "job"');
  expect(next).toMatch(/^(?:next run|no next run:|fires at) /);
  return rest;
}

const NONE = 'switched on, the task counts anew and makes up for none';

describe('enable after a pause', () => {
  test.each([
    [['--every', '5m'], '11 slots, 2026-11-21 00:05:00Z to 2026-11-21 00:55:00Z, have'],
    [['--cron', '*/10 * * * *'], '5 slots, 2026-11-21 00:10:00Z to 2026-11-21 00:50:00Z, have'],
    [['--window', '00:30-01:00@10'], '3 slots, 2026-11-21 00:30:00Z to 2026-11-21 00:50:00Z, have'],
    [['--cron', '30 * * * *'], '1 slot, 2026-11-21 00:30:00Z, has'],
    [['--once', '2099-01-01'], undefined],
    [['--every', '5m', '--anchor', 'start'], '1 slot, 2026-11-21 00:05:00Z, has'],
    [['--every', '5m', '--anchor', 'finish'], '1 slot, 2026-11-21 00:05:00Z, has'],
    [['--every', '2h'], undefined],
    [['--every', '-5m'], undefined],
    [['--ticks', '0', '--repeat'], undefined],
    [['--manual'], undefined],
  ])('of a task with %j says how many slots have passed', async (flags, passed) => {
    const world = await pausedWorld(flags);
    expect(await told(world)).toEqual(
      passed === undefined ? [] : [`${passed} passed without a run on node "alpha": ${NONE}`],
    );
  });

  test.each(['latest', 'each', 'skip'])('makes up for no slot, also with catch_up %s', async (rule) => {
    const world = await pausedWorld(['--every', '5m', '--catch-up', rule]);
    const { out } = await world.call('enable', 'job', '--json');
    expect(JSON.parse(out)).toMatchObject({
      name: 'job',
      active: true,
      passedSlots: [
        {
          scopeKey: 'alpha',
          first: '2026-11-21T00:05:00Z',
          newest: '2026-11-21T00:55:00Z',
          count: 11,
          wouldRun: 0,
        },
      ],
    });
    const later = Date.parse(
      world.sql("SELECT counted_from AS at FROM periodic_task_state WHERE scope_key = 'alpha'")[0].at,
    );
    const dryRun = await world.callAs({ now: () => later }, 'run_scheduled', '-d', '--json');
    expect(JSON.parse(dryRun.out).runs.filter(({ task }: { task: string }) => task === 'job')).toEqual([]);
  });

  test('counts what came since the last handled slot', async () => {
    const world = await pausedWorld(['--every', '5m'], '2026-11-21T00:45:00.000Z');
    expect(await told(world)).toEqual([
      `2 slots, 2026-11-21 00:50:00Z to 2026-11-21 00:55:00Z, have passed without a run on node "alpha": ${NONE}`,
    ]);
  });

  test('tells of an instant that was let run although it had passed', async () => {
    const world = await pausedWorld(['--once', '2026-11-21T00:30Z', '--past', 'run']);
    world.count('job', '2026-11-21T00:40:00.000Z');
    const { out } = await world.call('enable', 'job');
    expect(out.split('\n').slice(1)).toEqual([
      'no next run: its instant has passed',
      `1 slot, 2026-11-21 00:30:00Z, has passed without a run on node "alpha": ${NONE}`,
      '',
    ]);
  });

  test('leaves aside a slot whose random offset is not over', async () => {
    const world = await pausedWorld(['--every', '50m', '--random-offset', '50m']);
    expect(await told(world)).toEqual([]);
  });

  test('takes the nodes of which the same slots have passed together', async () => {
    const world = await pausedWorld(['--every', '5m', '-n', 'alpha', '-n', 'beta', '-n', 'gamma']);
    world.sql(
      "UPDATE periodic_task_state SET handled_slot = '2026-11-21T00:50:00.000Z' WHERE scope_key = 'beta'",
    );
    expect(await told(world)).toEqual([
      `11 slots, 2026-11-21 00:05:00Z to 2026-11-21 00:55:00Z, have passed without a run on nodes "alpha", "gamma": ${NONE}`,
      `1 slot, 2026-11-21 00:55:00Z, has passed without a run on node "beta": ${NONE}`,
    ]);
  });

  test('names every node of a state that they share', async () => {
    const world = await pausedWorld(['--every', '30m', '--scope', 'one', '-n', '*']);
    expect(await told(world)).toEqual([
      `1 slot, 2026-11-21 00:30:00Z, has passed without a run on every node: ${NONE}`,
    ]);
  });

  test('counts up to a limit, and says so', async () => {
    const world = await pausedWorld(['--cron', '* * * * *']);
    world.count('job', '2026-11-01T00:00:00.000Z');
    expect((await told(world))[0]).toMatch(
      /^10000 or more slots, 2026-11-01 00:01:00Z to 2026-11-21 00:55:00Z, have passed /,
    );
  });

  test('tells nothing of a terminated state, which stays so', async () => {
    const world = await pausedWorld(['--every', '5m']);
    world.sql(
      "UPDATE periodic_task_state SET terminated_at = '2026-11-21T00:10:00.000Z', terminated_reason = '5 failures'",
    );
    const { out } = await world.call('enable', 'job');
    expect(out).toBe(
      'enabled task "job"\nno next run: the task is terminated ("periodic-cron reset" takes that back)\n',
    );
  });

  test('with an enabled_delay begins after that', async () => {
    const world = await pausedWorld(['--every', '5m', '--enabled-delay', '20m']);
    await world.call('enable', 'job');
    const [{ first, counted, changed }] = world.sql(
      `SELECT first_slot AS first, counted_from AS counted, changed_at AS changed FROM periodic_task_state
       WHERE scope_key = 'alpha'`,
    );
    expect(first).toBe(counted);
    const minute = Math.floor(Date.parse(changed) / 60_000) * 60_000;
    expect(Date.parse(first) - minute).toBe(20 * 60_000);
  });
});

describe('enable', () => {
  test('of a task that is on tells of no slot', async () => {
    const world = openWorld();
    await world.call('add', 'job', ...COMMAND, '--every', '5m');
    world.count('job', '2026-11-21T00:00:00.000Z');
    const { out } = await world.call('enable', 'job');
    expect(out).toBe(
      'task "job" is enabled already: nothing changed\nnext run at the next tick (due since 2026-11-21 00:05Z) on node "alpha"\n',
    );
    expect(JSON.parse((await world.call('enable', 'job', '--json')).out).passedSlots).toEqual([]);
  });

  test('and disable of an unknown task end with exit status 5', async () => {
    const world = openWorld();
    await world.call('migrate');
    for (const command of ['enable', 'disable']) {
      const { exitCode, out, err } = await world.call(command, 'prune_histori');
      expect({ exitCode, out }).toEqual({ exitCode: 5, out: '' });
      expect(err).toContain('there is no task "prune_histori"');
    }
  });
});

import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type Answer, type CommandWorld, insertRun, openWorld } from './command-world.ts';

/** The task `backup` on node alpha, which counts from midnight and has handled nothing. */
async function worldWithTask(...flags: readonly string[]): Promise<CommandWorld> {
  const world = openWorld();
  const schedule = flags.some((flag) => SCHEDULE_FLAGS.has(flag)) ? flags : ['--every', '1h', ...flags];
  await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', ...schedule);
  world.count('backup', '2026-11-21T00:00:00.000Z');
  return world;
}

const SCHEDULE_FLAGS: ReadonlySet<string> = new Set([
  '--every',
  '--cron',
  '--window',
  '--ticks',
  '--once',
  '--manual',
]);

function refused(exitCode: number, message: string): Answer {
  return { exitCode, out: '', err: `periodic-cron: ${message}\n` };
}

/** What must not have changed where postponing is refused. */
function facts({ sql }: CommandWorld): unknown {
  return [
    sql('SELECT * FROM periodic_task_state ORDER BY task_id, scope_key'),
    sql('SELECT * FROM periodic_run ORDER BY id'),
  ];
}

describe('postpone', () => {
  test('says when the task runs next', async () => {
    const world = await worldWithTask();
    expect(await world.call('postpone', 'backup')).toEqual({
      exitCode: 0,
      out: 'postponed task "backup"\nnext run 2026-11-21 01:55Z (in 59 min) on node "alpha"\n',
      err: '',
    });
    expect(world.sql("SELECT actor, task_name FROM periodic_audit WHERE action = 'postponed'")).toEqual([
      { actor: userInfo().username, task_name: 'backup' },
    ]);
  });

  test('leaves a state alone that a change of scope or of the nodes has left behind', async () => {
    const world = await worldWithTask();
    await world.call('set', 'backup', '--scope', 'one');
    await world.call('set', 'backup', '--scope', 'each', '-n', 'alpha', '-n', 'beta');
    await world.call('set', 'backup', '-n', 'alpha');
    world.count('backup', '2026-11-21T00:00:00.000Z');
    const { exitCode, out, err } = await world.call('postpone', 'backup', '--json');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(JSON.parse(out).postponed).toMatchObject([{ scope: 'alpha' }]);
  });

  test.each([
    [['--every', '10m', '--anchor', 'start'], '2026-11-21 01:05Z (in 9 min)'],
    [['--every', '10m', '--anchor', 'finish'], '2026-11-21 01:05Z (in 9 min)'],
    [['--every', '10m', '--backoff', 'every_run'], '2026-11-21 01:15Z (in 19 min)'],
    [['--cron', '0 * * * *', '--timezone', 'UTC'], '2026-11-21 01:00Z (in 4 min)'],
    [['--window', '00:00-06:00@60', '--timezone', 'UTC'], '2026-11-21 01:55Z (in 59 min)'],
  ])('of a task with %j counts anew', async (flags, next) => {
    const world = await worldWithTask(...flags);
    const { exitCode, out } = await world.call('postpone', 'backup');
    expect(exitCode).toBe(0);
    expect(out.split('\n')[1]).toContain(`next run ${next} on node "alpha"`);
  });

  test('of a task that counts ticks begins to count anew', async () => {
    const world = await worldWithTask('--ticks', '3', '--repeat');
    const [{ id }] = world.sql("SELECT id FROM periodic_task WHERE name = 'backup'");
    world.sql("INSERT INTO periodic_node (name, tick_no) VALUES ('alpha', 7)");
    const { exitCode, out } = await world.call('postpone', 'backup');
    expect({ exitCode, out }).toEqual({
      exitCode: 0,
      out: 'postponed task "backup"\nfires at the 4th tick from now of node "alpha"\n',
    });
    expect(
      world.sql(
        "SELECT counted_tick, due_tick FROM periodic_task_state WHERE task_id = ? AND scope_key = 'alpha'",
        id,
      ),
    ).toEqual([{ counted_tick: 7, due_tick: 11 }]);
  });

  test('says how many due slots it skipped', async () => {
    const world = await worldWithTask('--every', '10m');
    expect((await world.call('postpone', 'backup')).out).toBe(
      'postponed task "backup"; skipped 5 due slots\nnext run 2026-11-21 01:05Z (in 9 min) on node "alpha"\n',
    );
    expect(world.sql('SELECT status, reason, slot_first, slot, slot_count FROM periodic_run')).toEqual([
      {
        status: 'skipped',
        reason: 'postponed',
        slot_first: '2026-11-21T00:10:00.000Z',
        slot: '2026-11-21T00:50:00.000Z',
        slot_count: 5,
      },
    ]);
    expect((await world.call('history', 'backup')).out).toContain('postponed');
  });

  test('says of one slot that it is one', async () => {
    const world = await worldWithTask('--every', '30m');
    expect((await world.call('postpone', 'backup')).out).toContain('; skipped 1 due slot\n');
  });

  test('says which run it asked to end', async () => {
    const world = await worldWithTask();
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha', slot: '2026-11-21T00:00:00.000Z' });
    const [{ id }] = world.sql('SELECT id FROM periodic_run');
    expect((await world.call('postpone', 'backup')).out).toContain(
      `postponed task "backup"; asked run ${id} to end\n`,
    );
    expect(world.sql('SELECT cancel_requested, status FROM periodic_run')).toEqual([
      { cancel_requested: 'postponed', status: 'running' },
    ]);
  });

  test('gives a pending attempt up', async () => {
    const world = await worldWithTask();
    insertRun(world, 'backup', { status: 'failed', reason: 'retry', slot: '2026-11-21T00:00:00.000Z' });
    world.sql(
      `UPDATE periodic_task_state SET retry_at = '2026-11-21T02:00:00.000Z', last_run_token = 'token-0'
       WHERE scope_key = 'alpha'`,
    );
    await world.call('postpone', 'backup');
    expect(world.sql('SELECT status, reason FROM periodic_run')).toEqual([
      { status: 'failed', reason: 'postponed' },
    ]);
    expect(world.sql("SELECT retry_at FROM periodic_task_state WHERE scope_key = 'alpha'")).toContainEqual({
      retry_at: null,
    });
  });

  test('in JSON is the task, and what was done to each state', async () => {
    const world = await worldWithTask('--every', '10m', '-n', 'alpha', '-n', 'beta');
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha', slot: '2026-11-21T00:00:00.000Z' });
    const [{ id }] = world.sql('SELECT id FROM periodic_run');
    const { exitCode, out, err } = await world.call('postpone', 'backup', '--json');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    const { name, nextAt, postponed } = JSON.parse(out);
    expect({ name, nextAt, postponed }).toEqual({
      name: 'backup',
      nextAt: '2026-11-21T01:05:00Z',
      postponed: [
        { scope: 'alpha', nextSlotAt: '2026-11-21T01:05:00Z', cancelRequested: [id], skippedSlots: 5 },
        { scope: 'beta', nextSlotAt: '2026-11-21T01:05:00Z', cancelRequested: [], skippedSlots: 5 },
      ],
    });
  });

  test('of one node leaves the other alone', async () => {
    const world = await worldWithTask('-n', 'alpha', '-n', 'beta');
    expect((await world.call('postpone', 'backup', '--node', 'beta')).out).toMatch(
      /^postponed task "backup" on node "beta"\n/,
    );
    expect(
      world.sql(
        "SELECT scope_key, counted_from FROM periodic_task_state WHERE scope_key IN ('alpha', 'beta') ORDER BY scope_key",
      ),
    ).toMatchObject([
      { scope_key: 'alpha', counted_from: '2026-11-21T00:00:00.000Z' },
      { scope_key: 'beta', counted_from: '2026-11-21T00:55:00.000Z' },
    ]);
  });

  test('of any of its nodes is that of a task with one state for all', async () => {
    const world = await worldWithTask('-n', 'alpha', '-n', 'beta', '--scope', 'one');
    expect((await world.call('postpone', 'backup', '-n', 'beta')).exitCode).toBe(0);
    expect(world.sql("SELECT counted_from FROM periodic_task_state WHERE scope_key = '*'")).toContainEqual({
      counted_from: '2026-11-21T00:55:00.000Z',
    });
  });

  test('of an inactive task cleans up, and says that it does not run', async () => {
    const world = await worldWithTask();
    await world.call('disable', 'backup');
    const { exitCode, out } = await world.call('postpone', 'backup');
    expect(exitCode).toBe(0);
    expect(out).toBe('postponed task "backup"\nno next run: the task is not active\n');
    expect(world.sql('SELECT count(*) AS count FROM periodic_run')).toEqual([{ count: 0 }]);
  });
});

describe('postpone is refused', () => {
  test('for an unknown task, with 5', async () => {
    const world = await worldWithTask();
    expect(await world.call('postpone', 'nothing')).toEqual(
      refused(5, 'there is no task "nothing"; there are: backup, prune_history'),
    );
  });

  test('for a node without a state, with 5', async () => {
    const world = await worldWithTask();
    expect(await world.call('postpone', 'backup', '-n', 'gamma')).toEqual(
      refused(5, 'task "backup" has no state on node "gamma"'),
    );
  });

  test.each([
    [
      'with a negative period',
      ['--every', '-1h'],
      'postpone: expected a task with a period, got "backup", whose schedule says never',
    ],
    [
      'with an empty window',
      ['--window', ''],
      'postpone: expected a task with a period, got "backup", whose schedule says never',
    ],
    [
      'with one instant',
      ['--once', '2026-12-01T00:00Z'],
      'postpone: expected a task with a period, got "backup" of kind at: give it another instant with "periodic-cron set --once"',
    ],
    [
      'that is run by hand',
      ['--manual'],
      'postpone: expected a task with a period, got "backup" of kind manual, which nothing but a hand starts',
    ],
  ])('for a task %s, with 2', async (_title, flags, message) => {
    const world = await worldWithTask(...flags);
    const before = facts(world);
    expect(await world.call('postpone', 'backup')).toEqual(refused(2, message));
    expect(facts(world)).toEqual(before);
  });

  test('for a terminated task, with 2 and the way back', async () => {
    const world = await worldWithTask();
    world.sql(
      "UPDATE periodic_task_state SET terminated_at = '2026-11-21T00:10:00.000Z', terminated_reason = 'enough'",
    );
    const before = facts(world);
    expect(await world.call('postpone', 'backup')).toEqual(
      refused(
        2,
        'postpone: expected a task that is to run again, got "backup", which is terminated on "alpha" (enough); "periodic-cron reset" takes that back',
      ),
    );
    expect(facts(world)).toEqual(before);
  });

  test('for an invalid task, with 2 and its faults', async () => {
    const world = await worldWithTask();
    world.sql("UPDATE periodic_task SET schedule = '1 fortnight' WHERE name = 'backup'");
    const { exitCode, err } = await world.call('postpone', 'backup');
    expect(exitCode).toBe(2);
    expect(err).toContain('task "backup" is invalid');
    expect(err).toContain('schedule');
  });

  test.each([[[]], [['backup', 'other']]])('with the words %j, with 2', async (words) => {
    const world = await worldWithTask();
    expect((await world.call('postpone', ...words)).exitCode).toBe(2);
  });
});

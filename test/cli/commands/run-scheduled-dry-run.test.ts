import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha, whose clocks show UTC.

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

/** A world with the one task `job`, which counts from 00:00, or has handled a slot since. */
async function worldWith(flags: readonly string[], handled?: string, config?: string): Promise<CommandWorld> {
  const world = openWorld(config);
  expect((await world.call('add', 'job', ...COMMAND, ...flags)).exitCode).toBe(0);
  await world.call('remove', 'prune_history');
  world.count('job', '2026-11-21T00:00:00.000Z', handled);
  return world;
}

function setState({ sql }: CommandWorld, assignments: string): void {
  sql(`UPDATE periodic_task_state SET ${assignments} WHERE scope_key IN ('alpha', '*')`);
}

/** The lines of a dry run, but for the last, which says when the next task comes. */
async function foreseen(world: CommandWorld, ...words: readonly string[]): Promise<readonly string[]> {
  const { exitCode, out, err } = await world.call('run_scheduled', '-d', ...words);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return out.trimEnd().split('\n').slice(0, -1);
}

async function accounts(world: CommandWorld, ...words: readonly string[]): Promise<readonly unknown[]> {
  return JSON.parse((await world.call('run_scheduled', '-d', '--json', ...words)).out).slots;
}

describe('a dry run', () => {
  test('accounts for missed slots that share the run of the newest', async () => {
    const world = await worldWith(['--every', '5m']);
    expect(await foreseen(world)).toEqual([
      'would run  "job", slot 2026-11-21T00:55:00Z, for 10 missed slots too',
      'due        "job"  11 slots: 1 would run, 10 would share that run',
    ]);
    expect(await accounts(world)).toEqual([
      { task: 'job', due: 11, wouldRun: 1, folded: 10, wouldBeSkipped: 0, left: 0, blocked: false },
    ]);
  });

  test('accounts for slots that run one by one, and for older ones that are skipped', async () => {
    const world = await worldWith(['--cron', '*/10 * * * *', '--catch-up', 'each', '--catch-up-max', '2']);
    expect(await foreseen(world)).toEqual([
      'would run  "job", slot 2026-11-21T00:40:00Z',
      'would run  "job", slot 2026-11-21T00:50:00Z',
      expect.stringMatching(/^not run {2}"job" {2}3 slots would be skipped, missed: /),
      'due        "job"  5 slots: 2 would run, 3 would be skipped',
    ]);
  });

  test('accounts for the newest slot that runs alone, and without a deadline of its own is too late', async () => {
    const world = await worldWith(['--every', '5m', '--catch-up', 'skip']);
    expect((await foreseen(world)).at(-1)).toBe(
      'due        "job"  11 slots: 1 would run, 10 would be skipped',
    );
    world.count('job', '2026-11-21T00:02:00.000Z');
    expect((await foreseen(world)).at(-1)).toBe('due        "job"  10 slots: 10 would be skipped');
  });

  test('gives the newest slot twice the rhythm', async () => {
    const world = await worldWith(['--every', '5m', '--catch-up', 'skip'], undefined, 'tick_every: 5m\n');
    world.count('job', '2026-11-21T00:02:00.000Z');
    expect(await accounts(world)).toMatchObject([{ due: 10, wouldRun: 1, wouldBeSkipped: 9 }]);
  });

  test('accounts for slots that are too late', async () => {
    const world = await worldWith(['--cron', '30 * * * *', '--start-deadline', '10m']);
    expect(await foreseen(world)).toEqual([
      expect.stringMatching(/^not run {2}"job" {2}would be skipped, too late: more than 10m late/),
    ]);
    expect(await accounts(world)).toEqual([
      { task: 'job', due: 1, wouldRun: 0, folded: 0, wouldBeSkipped: 1, left: 0, blocked: false },
    ]);
  });

  test('accounts for slots whose window is closed', async () => {
    const world = await worldWith(['--window', '00:10-00:30@10']);
    expect(await foreseen(world)).toEqual([
      expect.stringMatching(/^not run {2}"job" {2}\d slots would be skipped, window closed: /),
      expect.stringMatching(/^due {8}"job" {2}(\d) slots: \1 would be skipped$/),
    ]);
  });

  test('leaves a slot due inside an exclusion', async () => {
    const world = await worldWith(['--window', '["00:10", "! 00:50-01:10"]']);
    const lines = await foreseen(world);
    expect(lines).toEqual([
      expect.stringMatching(
        /^not run {2}"job" {2}excluded by the schedule until 2026-11-21T01:\d\d:\d\dZ; the slot stays due/,
      ),
    ]);
    expect(await accounts(world)).toMatchObject([{ due: 1, wouldRun: 0, wouldBeSkipped: 0, left: 1 }]);
  });

  test.each([
    ['forbid', 'still running; the slot stays due', { wouldBeSkipped: 0, left: 11 }],
    [
      'skip',
      '11 slots would be skipped, overlap: the run before was still alive',
      { wouldBeSkipped: 11, left: 0 },
    ],
  ])(
    'says what becomes of the slots while a run is alive, with overlap %s',
    async (overlap, reason, account) => {
      const world = await worldWith(['--every', '5m', '--overlap', overlap]);
      insertRun(world, 'job', { status: 'running', live_node: 'alpha' });
      expect((await foreseen(world))[0]).toContain(`not run  "job"  ${reason}`);
      expect(await accounts(world)).toMatchObject([{ due: 11, wouldRun: 0, ...account }]);
    },
  );

  test('runs beside a live run with overlap allow', async () => {
    const world = await worldWith(['--every', '5m', '--overlap', 'allow', '--max-parallel', '2']);
    insertRun(world, 'job', { status: 'running', live_node: 'alpha' });
    expect(await accounts(world)).toMatchObject([{ due: 11, wouldRun: 1, folded: 10 }]);
  });

  test('foresees a retry, which is no new slot', async () => {
    const world = await worldWith(['--every', '1h', '--retry-limit', '2'], '2026-11-21T00:00:00.000Z');
    setState(
      world,
      "attempt = 1, failures = 1, last_status = 'failed', retry_at = '2026-11-21T00:54:00.000Z', earliest_start = ''",
    );
    expect(await foreseen(world)).toEqual(['would run  "job", slot 2026-11-21T00:00:00Z, attempt 2']);
    expect(await accounts(world)).toEqual([]);
  });

  test('foresees that a superseded attempt ends the task', async () => {
    const world = await worldWith(
      ['--every', '10m', '--retry-limit', '2', '--deactivate-after', '3 failures'],
      '2026-11-21T00:40:00.000Z',
    );
    setState(
      world,
      "attempt = 1, failures = 2, first_failure_at = '2026-11-21T00:20:00.000Z', last_status = 'failed', retry_at = '2026-11-21T00:58:00.000Z', earliest_start = ''",
    );
    expect((await foreseen(world))[0]).toBe(
      'not run  "job"  would be terminated: deactivated after 3 failures in a row since 2026-11-21T00:20:00Z',
    );
    expect(await accounts(world)).toMatchObject([{ due: 1, wouldRun: 0, left: 1 }]);
  });

  test('lets a pending attempt go before a newer slot with retry_past_next', async () => {
    const world = await worldWith(
      ['--every', '10m', '--retry-limit', '2', '--retry-past-next'],
      '2026-11-21T00:40:00.000Z',
    );
    const pending = "attempt = 1, failures = 1, last_status = 'failed', earliest_start = ''";
    setState(world, `${pending}, retry_at = '2026-11-21T00:58:00.000Z'`);
    expect(await foreseen(world, '-v')).toEqual([expect.stringMatching(/^not run {2}"job" {2}not due yet/)]);
    expect(await accounts(world)).toMatchObject([{ due: 1, wouldRun: 0, left: 1 }]);
    setState(world, `${pending}, retry_at = '2026-11-21T00:54:00.000Z'`);
    expect(await foreseen(world)).toEqual(['would run  "job", slot 2026-11-21T00:40:00Z, attempt 2']);
  });

  test('says why a terminated task does not run', async () => {
    const world = await worldWith(['--every', '5m']);
    setState(
      world,
      "terminated_at = '2026-11-21T00:20:00.000Z', terminated_reason = 'nothing left', earliest_start = ''",
    );
    expect(await foreseen(world)).toEqual([
      expect.stringMatching(/^not run {2}"job" {2}terminated: nothing left/),
    ]);
    expect(await accounts(world)).toEqual([]);
  });

  test('foresees nothing of an inactive task', async () => {
    const world = await worldWith(['--every', '5m', '--inactive']);
    expect(await foreseen(world, '-v')).toEqual([]);
  });

  test('counts slots up to a limit, and says so', async () => {
    const world = await worldWith(['--cron', '* * * * *']);
    world.count('job', '2026-11-01T00:00:00.000Z');
    expect((await foreseen(world)).at(-1)).toBe(
      'due        "job"  10000 or more slots: 1 would run, 9999 or more would share that run',
    );
  });

  test('counts the slots that run beside those that are skipped, though these come to the limit', async () => {
    const world = await worldWith(['--every', '1m', '--catch-up', 'each']);
    world.count('job', '2025-11-21T00:00:00.000Z');
    expect((await foreseen(world)).at(-1)).toBe(
      'due        "job"  10100 or more slots: 100 would run, 10000 or more would be skipped',
    );
    expect(await accounts(world)).toEqual([
      { task: 'job', due: 10_100, wouldRun: 100, folded: 0, wouldBeSkipped: 10_000, left: 0, blocked: false },
    ]);
  });

  test('counts the slots that are left beside those that are skipped, though these come to the limit', async () => {
    const world = await worldWith([
      '--every',
      '1m',
      '--catch-up',
      'each',
      '--deactivate-after',
      '3 failures',
    ]);
    world.count('job', '2025-11-21T00:00:00.000Z', '2025-11-21T00:00:00.000Z');
    setState(
      world,
      "attempt = 1, failures = 2, first_failure_at = '2025-11-20T00:20:00.000Z', last_status = 'failed', retry_at = '2026-11-21T00:58:00.000Z', earliest_start = ''",
    );
    expect((await foreseen(world)).at(-1)).toBe(
      'due        "job"  10100 or more slots: 10000 or more would be skipped, 100 would be left as they are',
    );
  });

  test('says that what is left may be more than was counted', async () => {
    const world = await worldWith(['--every', '1m']);
    world.count('job', '2025-11-21T00:00:00.000Z');
    insertRun(world, 'job', { status: 'running', live_node: 'alpha' });
    expect((await foreseen(world)).at(-1)).toBe(
      'due        "job"  10000 or more slots: 10000 or more would be left as they are',
    );
  });

  test('says of missed slots why they are skipped, however many they are', async () => {
    const world = await worldWith(['--every', '5m', '--catch-up', 'skip']);
    const why = 'missed: it did not start in time, and catch_up leaves it out';
    expect(await foreseen(world)).toContainEqual(
      expect.stringContaining(`not run  "job"  10 slots would be skipped, ${why}`),
    );
    world.count('job', '2026-11-21T00:45:00.000Z');
    expect(await foreseen(world)).toContainEqual(
      expect.stringContaining(`not run  "job"  would be skipped, ${why}`),
    );
  });

  test('says that slots are handled in the future', async () => {
    const world = await worldWith(['--every', '5m'], '2036-11-21T00:00:00.000Z');
    expect(await foreseen(world)).toEqual([
      expect.stringContaining(
        'not run  "job"  handled in the future: its slots are handled until 2036-11-21T00:00:00Z',
      ),
    ]);
  });

  test('waits for the random offset', async () => {
    const world = await worldWith(['--every', '50m', '--random-offset', '1d']);
    expect(await foreseen(world, '-v')).toEqual([
      expect.stringMatching(/^not run {2}"job" {2}not due yet; next slot 2026-11-21T00:50:00Z$/),
    ]);
    expect(await accounts(world, '--at', '2026-11-22T01:00Z')).toMatchObject([{ wouldRun: 1 }]);
  });

  test.each([
    [['--ticks', '0'], 1, 'slot 2026-11-21T00:55:00Z'],
    [['--ticks', '2'], 3, 'slot 2026-11-21T00:55:00Z'],
    [['--ticks', '2', '--repeat'], 7, 'slot 2026-11-21T00:55:00Z, for 1 missed slot too'],
  ])('with %j foresees the run at the tick number %d', async (flags, tickNo, slot) => {
    const world = await worldWith(flags);
    setTickNumber(world, tickNo - 1);
    expect((await foreseen(world))[0]).toBe(`would run  "job", ${slot}`);
  });

  test('with ticks foresees nothing before that', async () => {
    const world = await worldWith(['--ticks', '2']);
    setTickNumber(world, 1);
    expect(await foreseen(world)).toEqual([]);
  });

  test('takes an instant that has passed at the next tick', async () => {
    const world = await worldWith(['--once', '2026-11-21T00:30Z', '--past', 'run']);
    world.count('job', '2026-11-21T00:31:00.000Z');
    expect(await foreseen(world)).toEqual(['would run  "job", slot 2026-11-21T00:30:00Z']);
  });

  test('foresees one slot of anchors start and finish, however long nothing ticked', async () => {
    for (const anchor of ['start', 'finish']) {
      const world = await worldWith(['--every', '5m', '--anchor', anchor]);
      expect(await foreseen(world)).toEqual(['would run  "job", slot 2026-11-21T00:05:00Z']);
    }
  });

  test('uses the period as back-off has left it', async () => {
    const world = await worldWith(['--every', '5m', '--backoff', 'on_failure']);
    setState(world, "current_period_s = 1800, failures = 3, earliest_start = ''");
    expect(await foreseen(world)).toEqual(['would run  "job", slot 2026-11-21T00:30:00Z']);
  });

  test('counts what is skipped once a success has made the period shorter', async () => {
    const catchUp = ['--catch-up', 'each', '--catch-up-max', '2'];
    const world = await worldWith(['--every', '5m', '--backoff', 'on_failure', ...catchUp]);
    setState(world, "current_period_s = 1200, failures = 2, earliest_start = ''");
    expect(await foreseen(world)).toEqual([
      'would run  "job", slot 2026-11-21T00:20:00Z',
      'would run  "job", slot 2026-11-21T00:50:00Z',
      'would run  "job", slot 2026-11-21T00:55:00Z',
      expect.stringMatching(/^not run {2}"job" {2}5 slots would be skipped, missed: /),
      'due        "job"  8 slots: 3 would run, 5 would be skipped',
    ]);
  });

  test('decides for another instant with --at', async () => {
    const world = await worldWith(['--every', '5m'], '2026-11-21T00:55:00.000Z');
    expect(await accounts(world)).toEqual([]);
    expect(await foreseen(world, '--at', '2026-11-21T01:05Z')).toEqual([
      'would run  "job", slot 2026-11-21T01:05:00Z, for 1 missed slot too',
      'due        "job"  2 slots: 1 would run, 1 would share that run',
    ]);
  });

  test('names the faults of an invalid task, and accounts for none of its slots', async () => {
    const world = await worldWith(['--every', '5m']);
    world.sql("UPDATE periodic_task SET catch_up = 'maybe' WHERE name = 'job'");
    expect(await foreseen(world)).toEqual([
      expect.stringContaining('not run  "job"  invalid: catch_up: expected latest, each, skip, got "maybe"'),
    ]);
    expect(await accounts(world)).toEqual([]);
  });

  test('writes nothing', async () => {
    const world = await worldWith(['--every', '5m', '--catch-up', 'skip']);
    const rows = () =>
      ['periodic_task_state', 'periodic_run', 'periodic_tick', 'periodic_node'].map((table) =>
        world.sql(`SELECT * FROM ${table}`),
      );
    const before = rows();
    await foreseen(world);
    expect(rows()).toEqual(before);
  });
});

/** As if the node had ticked so often; the task was there before its first tick. */
function setTickNumber({ sql }: CommandWorld, no: number): void {
  sql(
    "INSERT INTO periodic_node (name, last_tick_at, tick_no) VALUES ('alpha', '2026-11-21T00:54:00.000Z', ?)",
    no,
  );
}

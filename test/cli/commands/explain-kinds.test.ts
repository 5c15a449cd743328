import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha, whose clocks show UTC.

type Values = Readonly<Record<string, string | number | null>>;

/** A world with the task `job`, added by ann at 23:00 the day before. */
async function worldWith(flags: readonly string[], config?: string): Promise<CommandWorld> {
  const world = openWorld(config);
  const words = ['add', 'job', '--module', 'command', '-o', 'command=true', ...flags];
  const { exitCode } = await world.call(...words);
  expect(exitCode).toBe(0);
  world.count('job', '2026-11-20T23:00:00.000Z');
  world.sql("UPDATE periodic_task SET created_at = '2026-11-20T23:00:03.000Z' WHERE name = 'job'");
  world.sql(
    "UPDATE periodic_audit SET changed_at = '2026-11-20T23:00:03.000Z', actor = 'ann' WHERE task_name = 'job'",
  );
  return world;
}

function setState({ sql }: CommandWorld, changes: Values): void {
  sql(
    `UPDATE periodic_task_state SET ${Object.keys(changes)
      .map((column) => `${column} = ?`)
      .join(', ')}
     WHERE task_id = (SELECT id FROM periodic_task WHERE name = 'job')`,
    ...Object.values(changes),
  );
}

/** A tick that took two seconds. */
function insertTick({ sql }: CommandWorld, minute: string): void {
  sql(
    `INSERT INTO periodic_tick (node, tick_no, tick_at, started_at, ended_at)
     VALUES ('alpha', (SELECT count(*) + 1 FROM periodic_tick), ?, ?, ?)`,
    instant(minute),
    instant(minute, '01'),
    instant(minute, '03'),
  );
}

function instant(minute: string, second = '00'): string {
  return `2026-11-21T${minute}:${second}.000Z`;
}

/** An attempt that took a second, two seconds after its slot unless it says otherwise. */
function insertAttempt(world: CommandWorld, slot: string, changes: Values = {}): void {
  insertRun(world, 'job', {
    slot: instant(slot),
    slot_first: instant(slot),
    slot_count: 1,
    created_at: instant(slot, '02'),
    started_at: instant(slot, '02'),
    ended_at: instant(slot, '03'),
    duration_ms: 1000,
    ...changes,
  });
}

/** What is said of the state on alpha. */
async function explained(world: CommandWorld, ...words: readonly string[]): Promise<readonly string[]> {
  const { exitCode, out, err } = await world.call('explain', 'job', ...words);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return out
    .trimEnd()
    .split('\n')
    .slice(3)
    .map((line) => line.trim());
}

const COUNTS =
  'No slot had come yet: the slots count from 2026-11-20 23:00:00Z on, since it was created at 2026-11-20 23:00:03Z by ann.';

describe('explain, of a state that had no due slot,', () => {
  test.each([
    [
      ['--every', '3h'],
      [COUNTS, 'The next slot is 2026-11-21 02:00:00Z.'],
    ],
    [
      ['--every', '3h', '--anchor', 'start'],
      [COUNTS, 'The next slot is 2026-11-21 02:00:00Z.'],
    ],
    [
      ['--every', '3h', '--anchor', 'finish'],
      [COUNTS, 'The next slot is 2026-11-21 02:00:00Z.'],
    ],
    [['--every', '-3h'], ['The schedule is a negative period, which is never.']],
    [['--window', '@0'], ['The schedule says never.']],
    [
      ['--once', '2099-01-01T08:00Z'],
      [COUNTS, 'The next slot is 2099-01-01 08:00:00Z.'],
    ],
    [['--manual'], ['The schedule is manual: the task runs by hand only.']],
  ])('says so of %j, now and in the past', async (flags, sentences) => {
    const world = await worldWith(flags);
    expect(await explained(world)).toEqual(sentences);
    expect(await explained(world, '--at', '2026-11-21T00:10Z')).toEqual(sentences);
  });

  test.each([
    [['--ticks', '3'], 1, 'It fires at the 3rd tick from now.'],
    [['--ticks', '3', '--repeat'], 3, 'It fires at the next tick.'],
  ])('says of %j after %d ticks at which tick it fires', async (flags, ticks, sentence) => {
    const world = await worldWith(flags);
    world.sql("INSERT INTO periodic_node (name, tick_no) VALUES ('alpha', ?)", ticks);
    const waits =
      'The schedule counts ticks, and its tick had not come yet, since it was created at 2026-11-20 23:00:03Z by ann.';
    expect(await explained(world)).toEqual([waits, sentence]);
    expect(await explained(world, '--at', '2026-11-21T00:10Z')).toEqual([waits]);
  });
});

describe('explain, of a slot that came,', () => {
  test('waits for the random offset', async () => {
    const world = await worldWith(['--cron', '30 * * * *', '--random-offset', '1d']);
    insertTick(world, '00:50');
    const [first = '', ...rest] = await explained(world);
    expect(first).toMatch(
      /^The slot 2026-11-21 00:30:00Z starts at 2026-11-2\d \d\d:\d\d:\d\dZ at the earliest: its spread or the random offset says so\.$/,
    );
    expect(rest).toEqual([expect.stringMatching(/^The next slot is 2026-11-21 01:30:00Z\.?/)]);
  });

  test('waits for the spread of its window', async () => {
    const world = await worldWith(['--window', '~00:10-01:00']);
    insertTick(world, '00:50');
    expect((await explained(world, '--at', '2026-11-21T00:10Z'))[0]).toMatch(
      /^The slot 2026-11-21 00:10:00Z starts at 2026-11-21 00:\d\d:\d\dZ at the earliest: /,
    );
  });

  test('stays due in an excluded stretch, now and in the past', async () => {
    const world = await worldWith(['--window', '["00:10", "! 00:40-01:10"]']);
    insertTick(world, '00:45');
    const sentence =
      /^The slot 2026-11-21 00:10:00Z stayed due: the schedule excludes the time until 2026-11-21 01:1\d:\d\dZ\.$/;
    expect((await explained(world))[0]).toMatch(sentence);
    expect((await explained(world, '--at', '2026-11-21T00:50Z'))[0]).toMatch(sentence);
    expect((await explained(world, '--at', '2026-11-21T00:20Z'))[0]).not.toMatch(sentence);
  });

  test('ran, of an instant, with which the task is done', async () => {
    const world = await worldWith(['--once', '2026-11-21T00:30Z', '--past', 'run']);
    insertTick(world, '00:30');
    insertAttempt(world, '00:30');
    setState(world, {
      handled_slot: instant('00:30'),
      terminated_at: instant('00:30', '03'),
      terminated_reason: 'done: its only slot has run',
      last_status: 'succeeded',
    });
    expect(await explained(world)).toEqual([
      'The slot was 2026-11-21 00:30:00Z.',
      'Run 1 started at 2026-11-21 00:30:02Z, 2s after the slot, on node "alpha" and succeeded after 1.0 s.',
      'It was terminated at 2026-11-21 00:30:03Z: done: its only slot has run.',
      '"periodic-cron set --once" gives it another instant.',
    ]);
  });

  test('ran, of ticks, with which the task is done', async () => {
    const world = await worldWith(['--ticks', '3']);
    insertAttempt(world, '00:30');
    setState(world, {
      handled_slot: instant('00:30'),
      terminated_at: instant('00:30', '03'),
      terminated_reason: 'done: its only slot has run',
      last_status: 'succeeded',
    });
    expect(await explained(world)).toEqual([
      'The slot was 2026-11-21 00:30:00Z.',
      expect.stringContaining('Run 1 started at 2026-11-21 00:30:02Z'),
      'It was terminated at 2026-11-21 00:30:03Z: done: its only slot has run.',
      '"periodic-cron reset" takes that back.',
    ]);
  });

  test('was skipped, and why', async () => {
    const world = await worldWith(['--window', '00:10-00:20@5']);
    insertAttempt(world, '00:20', {
      status: 'skipped',
      reason: 'window_closed',
      message: 'window closed: its time range had ended before it could start',
      started_at: null,
      ended_at: instant('00:30', '02'),
      slot_first: instant('00:10'),
      slot_count: 3,
      duration_ms: null,
    });
    world.count('job', '2026-11-20T23:00:00.000Z', instant('00:20'));
    const sentences = [
      'One row of the ledger stands for 3 slots from 2026-11-21 00:10:00Z to 2026-11-21 00:20:00Z.',
      'It was skipped at 2026-11-21 00:30:02Z: window closed: its time range had ended before it could start.',
    ];
    expect((await explained(world)).slice(0, 2)).toEqual(sentences);
    expect((await explained(world, '--at', '2026-11-21T00:40Z')).slice(0, 2)).toEqual(sentences);
  });

  test('is about to be skipped', async () => {
    const world = await worldWith(['--window', '00:10-00:20@5']);
    insertTick(world, '00:05');
    expect(await explained(world)).toContain(
      'The next tick skips it: window closed: its time range had ended before it could start.',
    );
  });

  test('superseded the pending attempt of the slot before', async () => {
    const world = await worldWith(['--every', '10m', '--retry-limit', '3']);
    insertAttempt(world, '00:40', { status: 'failed', message: 'exited with status 3' });
    insertAttempt(world, '00:50', {
      message: 'supersedes attempt 2 of slot 2026-11-21T00:40:00Z',
    });
    world.count('job', '2026-11-20T23:00:00.000Z', instant('00:50'));
    expect(await explained(world)).toEqual([
      'The slot was 2026-11-21 00:50:00Z.',
      'Run 2 started at 2026-11-21 00:50:02Z, 2s after the slot, on node "alpha" and succeeded after 1.0 s: supersedes attempt 2 of slot 2026-11-21T00:40:00Z.',
      'The next slot is 2026-11-21 01:00:00Z.',
    ]);
    const past = await explained(world, '--at', '2026-11-21T00:45Z');
    expect(past.slice(0, 2)).toEqual([
      'The slot was 2026-11-21 00:40:00Z.',
      'Run 1 started at 2026-11-21 00:40:02Z, 2s after the slot, on node "alpha" and failed after 1.0 s: exited with status 3.',
    ]);
    expect(past.at(-1)).toBe('The next slot is 2026-11-21 00:50:00Z.');
  });

  test('was ended by a postponement', async () => {
    const world = await worldWith(['--every', '10m']);
    insertAttempt(world, '00:50', {
      status: 'cancelled',
      reason: 'postponed',
      message: 'postponed: the period counts anew',
    });
    world.count('job', instant('00:53'), instant('00:50'));
    expect(await explained(world, '--at', '2026-11-21T00:52Z')).toEqual([
      'The slot was 2026-11-21 00:50:00Z.',
      expect.stringMatching(
        /^Run 1 started at .* and was cancelled after 1\.0 s: postponed: the period counts anew\.$/,
      ),
      expect.stringMatching(/^The next slot is 2026-11-21 01:0\d:00Z\.$/),
    ]);
  });
});

describe('explain, of a period,', () => {
  test('that back-off has made longer says from which, and after how many failures', async () => {
    const world = await worldWith(['--every', '5m', '--backoff', 'on_failure']);
    insertAttempt(world, '00:40', { status: 'failed', message: 'exited with status 3' });
    setState(world, {
      handled_slot: instant('00:40'),
      current_period_s: 1200,
      failures: 2,
      first_failure_at: instant('00:30'),
      last_status: 'failed',
    });
    expect(await explained(world)).toEqual([
      'The slot was 2026-11-21 00:40:00Z.',
      'Run 1 started at 2026-11-21 00:40:02Z, 2s after the slot, on node "alpha" and failed after 1.0 s: exited with status 3.',
      'Back-off has made its period of 5m one of 20m after 2 failures.',
      'The next slot is 2026-11-21 01:00:00Z.',
    ]);
  });

  test('that each run doubles says nothing of failures', async () => {
    const world = await worldWith(['--every', '5m', '--backoff', 'every_run']);
    insertAttempt(world, '00:40');
    setState(world, { handled_slot: instant('00:40'), current_period_s: 1200, last_status: 'succeeded' });
    expect(await explained(world)).toContain('Back-off has made its period of 5m one of 20m.');
  });

  test('with anchor finish has no next slot while a run is alive', async () => {
    const world = await worldWith(['--every', '10m', '--anchor', 'finish']);
    insertTick(world, '00:50');
    insertAttempt(world, '00:50', {
      status: 'running',
      live_node: 'alpha',
      ended_at: null,
      duration_ms: null,
    });
    setState(world, {
      handled_slot: instant('00:50'),
      last_status: 'running',
      anchored_at: instant('00:50'),
    });
    expect(await explained(world)).toEqual([
      'The slot was 2026-11-21 00:50:00Z.',
      expect.stringMatching(
        /^Run 1 started at 2026-11-21 00:50:02Z, 2s after the slot, on node "alpha" and /,
      ),
      'The next slot counts from the end of the run.',
    ]);
  });

  test('with anchor finish counts from the minute of the end', async () => {
    const world = await worldWith(['--every', '10m', '--anchor', 'finish']);
    insertAttempt(world, '00:50', { ended_at: instant('00:53', '20'), duration_ms: 198_000 });
    setState(world, {
      handled_slot: instant('00:50'),
      last_status: 'succeeded',
      anchored_at: instant('00:53'),
    });
    expect((await explained(world)).at(-1)).toBe('The next slot is 2026-11-21 01:03:00Z.');
  });

  test('with anchor start says that no tick came for its one slot', async () => {
    const world = await worldWith(['--every', '10m', '--anchor', 'start']);
    insertTick(world, '00:10');
    setState(world, {
      handled_slot: instant('00:10'),
      last_status: 'succeeded',
      anchored_at: instant('00:10'),
    });
    insertAttempt(world, '00:10');
    expect((await explained(world))[0]).toBe(
      'The slot 2026-11-21 00:20:00Z was due, and no tick came to take it.',
    );
  });
});

import { describe, expect, test } from 'vitest';
import { stableHash } from '../../../src/core/hash.ts';
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

describe('explain, of slots that followed from the runs before them,', () => {
  /** Ticks from 00:31 to 00:38; failures made the period longer, and the state has gone on to 00:45. */
  async function worldBackedOff(...flags: readonly string[]): Promise<CommandWorld> {
    const world = await worldWith(['--every', '1m', ...flags]);
    for (const slot of ['00:31', '00:33', '00:37', '00:45']) {
      insertTick(world, slot);
      insertAttempt(world, slot, { status: 'failed', message: 'exited with status 3' });
    }
    setState(world, {
      counted_from: instant('00:30'),
      handled_slot: instant('00:45'),
      current_period_s: 960,
      failures: 4,
      last_status: 'failed',
    });
    return world;
  }

  test.each([[['--backoff', 'on_failure']], [['--anchor', 'start']], [['--anchor', 'finish']]])(
    'takes those of the past from the ledger with %j',
    async (flags) => {
      const world = await worldBackedOff(...flags);
      expect(await explained(world, '--at', instant('00:40'))).toEqual([
        'The slot was 2026-11-21 00:37:00Z.',
        'Run 3 started at 2026-11-21 00:37:02Z, 2s after the slot, on node "alpha" and failed after 1.0 s: exited with status 3.',
        'The next slot is 2026-11-21 00:45:00Z.',
      ]);
      expect(await explained(world, '--at', instant('00:30', '30'))).toEqual([
        expect.stringMatching(/^No slot had come yet: the slots count from 2026-11-21 00:30:00Z on/),
        'The next slot is 2026-11-21 00:31:00Z.',
      ]);
    },
  );

  test('names no next slot that the ledger does not hold', async () => {
    const world = await worldBackedOff('--backoff', 'on_failure');
    setState(world, { counted_from: instant('00:50') });
    expect(await explained(world, '--at', instant('00:48'))).toEqual([
      'The slot was 2026-11-21 00:45:00Z.',
      expect.stringMatching(/^Run 4 started at 2026-11-21 00:45:02Z, /),
    ]);
  });

  test('says that history was deleted where it was', async () => {
    const world = await worldBackedOff('--backoff', 'on_failure');
    world.sql("DELETE FROM periodic_run WHERE slot < '2026-11-21T00:40'");
    expect(await explained(world, '--at', instant('00:40'))).toEqual([
      'The slot 2026-11-21 00:31:00Z was handled, but the ledger does not hold it any more: old history is deleted.',
      'The next slot is 2026-11-21 00:45:00Z.',
    ]);
  });
});

describe('explain, of a slot that came late,', () => {
  function insertTicks(world: CommandWorld, minutes: readonly string[]): void {
    for (const minute of minutes) {
      insertTick(world, minute);
    }
  }

  test('names the attempt of the slot before that went first', async () => {
    const retries = ['--retry-past-next', '--retry-limit', '2', '--retry-delay', '2m'];
    const world = await worldWith(['--every', '3m', ...retries]);
    insertTicks(world, ['00:20', '00:21', '00:22', '00:23', '00:24', '00:25']);
    const attempts: ReadonlyArray<readonly [number, string]> = [
      [1, '00:18'],
      [2, '00:20'],
      [3, '00:24'],
    ];
    for (const [attempt, minute] of attempts) {
      insertAttempt(world, '00:18', {
        attempt,
        status: 'failed',
        reason: attempt < 3 ? 'retry' : null,
        started_at: instant(minute, '02'),
        ended_at: instant(minute, '03'),
      });
    }
    insertAttempt(world, '00:24', {
      slot_first: instant('00:21'),
      slot_count: 2,
      started_at: instant('00:25', '02'),
      ended_at: instant('00:25', '03'),
    });
    world.count('job', '2026-11-20T23:00:00.000Z', instant('00:24'));
    const sentences = [
      'One run stands for 2 slots from 2026-11-21 00:21:00Z to 2026-11-21 00:24:00Z: the earlier ones had been missed.',
      'Run 4 started at 2026-11-21 00:25:02Z, 1m2s after the slot, on node "alpha" and succeeded after 1.0 s.',
      'Attempt 3 of the slot 2026-11-21 00:18:00Z went first (retry_past_next): run 3 ran until 2026-11-21 00:24:03Z.',
    ];
    expect((await explained(world, '--at', instant('00:26'))).slice(0, -1)).toEqual(sentences);
    expect((await explained(world, '--at', instant('00:22'))).slice(0, -1)).toEqual(sentences);
  });

  /** The run of the slot 00:30 starts with the first tick after its random offset, up to 20 minutes. */
  async function worldWithOffset(flags: readonly string[], config?: string) {
    const world = await worldWith(['--cron', '30 * * * *', '--random-offset', '20m', ...flags], config);
    const [{ id }] = world.sql("SELECT id FROM periodic_task WHERE name = 'job'");
    const drawn = stableHash(`${id}/alpha/${instant('00:30')}`) % 1200;
    const startsAt = Date.parse(instant('00:30')) + drawn * 1000;
    return { world, startsAt };
  }

  test('names the random offset, and no gap between ticks that keep their rhythm', async () => {
    const { world, startsAt } = await worldWithOffset([], 'tick_every: 5m\n');
    const tickAt = Math.ceil(startsAt / 300_000) * 300_000;
    const minutes = ['00:20', '00:25', '00:30', '00:35', '00:40', '00:45', '00:50', '00:55'];
    insertTicks(world, minutes);
    const startedAt = new Date(tickAt + 3_000).toISOString();
    insertAttempt(world, '00:30', { created_at: startedAt, started_at: startedAt, ended_at: startedAt });
    world.count('job', '2026-11-20T23:00:00.000Z', instant('00:30'));
    const [, , ...reasons] = await explained(world);
    const from = new Date(startsAt).toISOString().replace('T', ' ').replace('.000', '');
    expect(reasons.slice(0, -1)).toEqual([`Its random offset let it start from ${from} on.`]);
  });

  test('counts a gap between ticks from the start that the random offset gives', async () => {
    const { world, startsAt } = await worldWithOffset([], 'tick_every: 1m\n');
    const late = new Date(Math.ceil(startsAt / 60_000) * 60_000 + 240_000).toISOString();
    insertTick(world, '00:29');
    insertTick(world, '00:30');
    insertTick(world, late.slice(11, 16));
    const startedAt = late.replace('00.000', '02.000');
    insertAttempt(world, '00:30', { created_at: startedAt, started_at: startedAt, ended_at: startedAt });
    world.count('job', '2026-11-20T23:00:00.000Z', instant('00:30'));
    expect((await explained(world)).slice(2, -1)).toEqual([
      expect.stringMatching(/^Its random offset let it start from 2026-11-21 00:\d\d:\d\dZ on\.$/),
      expect.stringContaining(
        `did not tick between 2026-11-21 00:30:00Z and 2026-11-21 ${late.slice(11, 16)}:00Z`,
      ),
    ]);
  });

  test.each([
    ['tick_every: 10m\n', ['00:25', '00:35']],
    [undefined, ['00:15', '00:25', '00:35', '00:45', '00:55']],
  ])('blames no tick where ticks keep the rhythm of %j', async (config, minutes) => {
    const world = await worldWith(['--cron', '28 * * * *'], config);
    insertTicks(world, minutes);
    insertAttempt(world, '00:28', { started_at: instant('00:35', '02'), ended_at: instant('00:35', '03') });
    world.count('job', '2026-11-20T23:00:00.000Z', instant('00:28'));
    expect((await explained(world)).slice(0, -1)).toEqual([
      'The slot was 2026-11-21 00:28:00Z.',
      'Run 1 started at 2026-11-21 00:35:02Z, 7m2s after the slot, on node "alpha" and succeeded after 1.0 s.',
    ]);
    world.sql('DELETE FROM periodic_run');
    world.count('job', '2026-11-20T23:00:00.000Z');
    expect((await explained(world, '--at', instant('00:30'))).slice(0, 2)).toEqual([
      'The slot 2026-11-21 00:28:00Z was due, and no tick came to take it.',
      'The tick before it came at 2026-11-21 00:25:00Z, the next one at 2026-11-21 00:35:00Z, as often as the node ticks.',
    ]);
  });
});

describe('explain, of a change of the clock,', () => {
  const BERLIN = ['--timezone', 'Europe/Berlin'];
  const now = () => Date.UTC(2027, 2, 30);

  async function explainedAt(flags: readonly string[], at: string): Promise<string> {
    const world = await worldWith(flags);
    const { exitCode, out } = await world.callAs({ now }, 'explain', 'job', '--at', at);
    expect(exitCode).toBe(0);
    return out;
  }

  test.each([
    [
      ['--cron', '*/10 2 * * *'],
      '2027-03-28T01:30Z',
      'The clock changed in the day before: 2027-03-28 02:00 clocks go forward to 03:00 in Europe/Berlin: 6 times from 02:00 to 02:50 do not exist, skipped.',
    ],
    [
      ['--window', '02:30'],
      '2027-03-28T01:30Z',
      'The clock changed in the day before: 2027-03-28 02:00 clocks go forward to 03:00 in Europe/Berlin: a slot at 03:00 +02:00, the first instant after the skipped stretch.',
    ],
  ])('names one by which slots of %j moved', async (flags, at, sentence) => {
    expect(await explainedAt([...flags, ...BERLIN], at)).toContain(`\n  ${sentence}\n`);
  });

  test.each([
    [['--cron', '*/10 2 * * *'], '2027-03-28T00:59Z'],
    [['--cron', '*/10 2 * * *'], '2027-03-29T01:01Z'],
    [['--cron', '*/10 4 * * *'], '2027-03-28T01:30Z'],
    [['--window', '04:30'], '2027-03-28T01:30Z'],
    [['--every', '10m'], '2027-03-28T01:30Z'],
  ])('says nothing of one that does not concern %j at %s', async (flags, at) => {
    const zone = flags[0] === '--every' ? [] : BERLIN;
    expect(await explainedAt([...flags, ...zone], at)).not.toContain('clock');
  });
});

test('explain says of an instant that had passed when it was written that it never starts', async () => {
  const world = await worldWith(['--once', '2099-01-01T08:00Z']);
  world.sql("UPDATE periodic_task SET schedule = '2020-01-01' WHERE name = 'job'");
  world.count('job', instant('00:40'));
  const [counted, ...rest] = await explained(world);
  expect(counted).toMatch(/^The slot 2020-01-01 00:00:00Z does not count: the slots count from /);
  expect(rest).toEqual([
    'It is the only slot, so the schedule never starts it.',
    '"periodic-cron set --once" gives it another instant; with "--past run" that may be one that has passed, and the next tick runs it.',
  ]);
});

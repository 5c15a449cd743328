import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha, whose clocks show UTC.

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

async function answered(world: CommandWorld, ...words: readonly string[]) {
  const { exitCode, out, err } = await world.call('next', ...words, '--json');
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return JSON.parse(out).schedules[0];
}

async function printed(world: CommandWorld, ...words: readonly string[]): Promise<readonly string[]> {
  const { exitCode, out, err } = await world.call('next', ...words);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return out.trimEnd().split('\n');
}

/** A world with the one task `job`, which counts from 00:50. */
async function worldWith(flags: readonly string[], config?: string): Promise<CommandWorld> {
  const world = openWorld(config);
  expect((await world.call('add', 'job', ...COMMAND, ...flags)).exitCode).toBe(0);
  world.count('job', '2026-11-21T00:50:00.000Z');
  return world;
}

function setState({ sql }: CommandWorld, assignments: string): void {
  sql(
    `UPDATE periodic_task_state SET ${assignments}
     WHERE task_id = (SELECT id FROM periodic_task WHERE name = 'job')`,
  );
}

describe('next, of a schedule that is typed,', () => {
  test.each([
    [
      ['--window', '02:00-04:00@60'],
      ['2026-11-21T02:00:00Z', '2026-11-21T03:00:00Z', '2026-11-21T04:00:00Z', '2026-11-22T02:00:00Z'],
    ],
    [
      ['--window', '["08:00 mon-fri", "! * * * dec"]', '--from', '2026-11-29T12:00Z'],
      ['2026-11-30T08:00:00Z', '2027-01-01T08:00:00Z', '2027-01-04T08:00:00Z', '2027-01-05T08:00:00Z'],
    ],
    [
      ['--window', '@1d', '--last', '2026-11-20T03:10Z'],
      ['2026-11-21T03:10:00Z', '2026-11-22T03:10:00Z', '2026-11-23T03:10:00Z', '2026-11-24T03:10:00Z'],
    ],
    [['--once', '2027-01-05T09:30+01:00'], ['2027-01-05T08:30:00Z']],
    [['--once', '2027-01-05T09:30', '--timezone', 'Asia/Kolkata'], ['2027-01-05T04:00:00Z']],
    [
      ['--every', '90s'],
      ['2026-11-21T00:56:30Z', '2026-11-21T00:58:00Z', '2026-11-21T00:59:30Z', '2026-11-21T01:01:00Z'],
    ],
  ])('prints the starts of %j', async (flags, next) => {
    expect((await answered(openWorld(), ...flags, '--count', '4')).next).toEqual(next);
  });

  test.each([
    [['--ticks', '3'], 'in 4 ticks'],
    [['--ticks', '0'], 'in 1 tick'],
    [['--ticks', '0', '--repeat'], 'in 1 tick, then every tick'],
    [['--ticks', '3', '--repeat'], 'in 4 ticks, then every 4 ticks'],
    [['--ticks', '3 repeat'], 'in 4 ticks, then every 4 ticks'],
    [['--window', '@0'], 'the window says never: its schedule never starts it'],
    [['--window', ''], 'the window says never: its schedule never starts it'],
    [['--every', '-5m'], 'a negative period: its schedule never starts it'],
    [['--once', '2026-11-21'], 'its instant has passed: 2026-11-21 00:00:00Z'],
  ])('says of %j, which has no instant to come, %s', async (flags, remark) => {
    const world = openWorld();
    expect(await answered(world, ...flags)).toMatchObject({ task: null, next: [], remarks: [remark] });
    expect((await printed(world, ...flags)).slice(1)).toEqual([`  ${remark}`]);
  });

  test('takes 0 for the default spacing', async () => {
    const answer = await answered(openWorld('default_spacing: 7m\n'), '--every', '0', '--count', '1');
    expect(answer).toMatchObject({ schedule: '7m', next: ['2026-11-21T01:02:00Z'] });
  });

  test('shows local time with its offset beside the instant', async () => {
    expect(await printed(openWorld(), '--once', '2027-07-05T09:30', '--timezone', 'Europe/Berlin')).toEqual([
      'at 2027-07-05T09:30 in Europe/Berlin',
      '  2027-07-05 09:30 +02:00  2027-07-05 07:30:00Z  (in 226 d)',
    ]);
  });

  test.each([
    [
      '2027-03-28T02:30',
      '2027-03-28T01:00:00Z',
      '2027-03-28 02:30 does not exist in Europe/Berlin, where the clocks go forward: it runs at 2027-03-28 03:00, the first instant after the change',
    ],
    [
      '2027-10-31T02:30',
      '2027-10-31T00:30:00Z',
      '2027-10-31 02:30 comes twice in Europe/Berlin, where the clocks go back: it runs in the first pass (with an offset, 2027-10-31T02:30+01:00, it runs in the second)',
    ],
  ])('explains what a change of the clocks makes of %s', async (text, instant, remark) => {
    expect(await answered(openWorld(), '--once', text, '--timezone', 'Europe/Berlin')).toMatchObject({
      next: [instant],
      remarks: [remark],
    });
  });

  test('explains what the next two clock changes do to a window', async () => {
    const { next, clockChanges } = await answered(
      openWorld(),
      ...[
        '--window',
        '02:00-04:00@30',
        '--timezone',
        'Europe/Berlin',
        '--from',
        '2027-03-28T00:30Z',
        '--count',
        '3',
      ],
    );
    expect(next).toEqual(['2027-03-28T01:00:00Z', '2027-03-28T01:30:00Z', '2027-03-28T02:00:00Z']);
    expect(clockChanges).toEqual([
      {
        at: '2027-03-28T01:00:00Z',
        text: expect.stringContaining('clocks go forward to 03:00 in Europe/Berlin: '),
      },
      {
        at: '2027-10-31T01:00:00Z',
        text: expect.stringContaining(' slots in the repeated stretch, at 02:00 +02:00'),
      },
    ]);
  });

  test('counts all slots that the clock repeats, however many they are', async () => {
    const line = '--window @1s --timezone Europe/Berlin --from 2027-10-01T00:00Z --count 1';
    const { clockChanges } = await answered(openWorld(), ...line.split(' '));
    expect(clockChanges[0]?.text).toContain(
      '7200 slots in the repeated stretch, from 02:00 +02:00 to 02:59:59 +01:00',
    );
  });

  test('says nothing of a spread where ~ does nothing', async () => {
    expect((await answered(openWorld(), '--window', '~@10', '--count', '1')).remarks).toEqual([]);
  });

  test('says that the spread of a window is that of no task', async () => {
    const { next, remarks } = await answered(openWorld(), '--window', '~02:00-06:00', '--count', '1');
    expect(remarks).toEqual([
      'the spread of ~ is chosen for no task here: for a task of its own it gives other instants',
    ]);
    expect(next[0] >= '2026-11-21T02:00:00Z' && next[0] <= '2026-11-21T06:00:00Z').toBe(true);
  });

  test.each([
    [
      '--window x',
      '--window: time ranges: expected "*", a time such as 09:00 or a range such as 09:00-17:00, with "~" before or "@10" after it, got "x" (at character 1)',
    ],
    ['--ticks x', '--ticks: expected a number of ticks such as "3", or "3 repeat", got "x" (at character 1)'],
    [
      '--once x',
      '--once: expected an instant in ISO form such as 2026-11-21T09:30, 2026-11-21T09:30+01:00 or 2026-11-21T08:30Z, got "x" (at character 1)',
    ],
    ['--every 5m --repeat', '--repeat: expected it with --ticks, got it without'],
    [
      '--once 2027-01-01 --timezone Mars/X',
      '--timezone: expected an IANA time zone such as Europe/Berlin, got "Mars/X"',
    ],
    [
      '--window @1d --ticks 3 --once 2027-01-01',
      'expected one of --cron, --every, --window, --ticks and --once, got --window and --ticks and --once',
    ],
  ])('refuses %s', async (line, message) => {
    expect(await openWorld().call('next', ...line.split(' '))).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: next: ${message}\n`,
    });
  });
});

describe('next, of a task,', () => {
  test.each([
    [
      ['--window', '02:00-04:00@60'],
      ['2026-11-21T02:00:00Z', '2026-11-21T03:00:00Z', '2026-11-21T04:00:00Z'],
    ],
    [
      ['--every', '10m'],
      ['2026-11-21T01:00:00Z', '2026-11-21T01:10:00Z', '2026-11-21T01:20:00Z'],
    ],
    [
      ['--every', '10m', '--backoff', 'every_run'],
      ['2026-11-21T01:00:00Z', '2026-11-21T01:20:00Z', '2026-11-21T02:00:00Z'],
    ],
    [
      ['--every', '10m', '--backoff', 'every_run', '--max-period', '15m'],
      ['2026-11-21T01:00:00Z', '2026-11-21T01:15:00Z', '2026-11-21T01:30:00Z'],
    ],
    [
      ['--every', '10m', '--anchor', 'start'],
      ['2026-11-21T01:00:00Z', '2026-11-21T01:10:00Z', '2026-11-21T01:20:00Z'],
    ],
    [
      ['--every', '10m', '--anchor', 'finish', '--backoff', 'every_run'],
      ['2026-11-21T01:00:00Z', '2026-11-21T01:20:00Z', '2026-11-21T02:00:00Z'],
    ],
  ])('prints the starts of %j', async (flags, next) => {
    expect((await answered(await worldWith(flags), 'job', '--count', '3')).next).toEqual(next);
  });

  test.each([
    [['--anchor', 'start'], ['anchor start: as if each run starts on time and succeeds']],
    [['--anchor', 'finish'], ['anchor finish: as if each run starts on time, succeeds and ends at once']],
    [['--backoff', 'every_run'], ['backoff every_run: the period doubles with each run']],
    [['--backoff', 'on_failure'], ['backoff on_failure: as if each run succeeds']],
  ])('says with %j what the list takes for granted', async (flags, remarks) => {
    expect(await answered(await worldWith(['--every', '10m', ...flags]), 'job')).toMatchObject({ remarks });
  });

  test('counts with the period as back-off has left it', async () => {
    const world = await worldWith(['--every', '10m', '--backoff', 'on_failure']);
    setState(world, "current_period_s = 2400, failures = 2, earliest_start = ''");
    const { next, remarks } = await answered(world, 'job', '--count', '2');
    expect(remarks).toContain('period 40m, backed off from 10m');
    expect(next[0]).toBe('2026-11-21T01:30:00Z');
    expect(next[1]).toBe('2026-11-21T01:40:00Z');
  });

  test('knows no start while a run is alive from whose end the next slot counts', async () => {
    const world = await worldWith(['--every', '10m', '--anchor', 'finish']);
    setState(
      world,
      "handled_slot = '2026-11-21T00:50:00.000Z', last_status = 'running', earliest_start = NULL",
    );
    insertRun(world, 'job', { status: 'running', live_node: 'alpha' });
    expect(await answered(world, 'job')).toMatchObject({
      next: [],
      remarks: ['anchor finish: it runs now, and its next slot counts from the end of that run'],
    });
  });

  test('counts from the minute of the last end with anchor finish', async () => {
    const world = await worldWith(['--every', '10m', '--anchor', 'finish']);
    setState(
      world,
      "handled_slot = '2026-11-21T00:50:00.000Z', anchored_at = '2026-11-21T00:53:00.000Z', last_status = 'succeeded', earliest_start = ''",
    );
    expect((await answered(world, 'job', '--count', '1')).next).toEqual(['2026-11-21T01:03:00Z']);
  });

  test.each([
    [['--ticks', '3'], 2, 'in 2 ticks, about 01:05Z'],
    [['--ticks', '3', '--repeat'], 0, 'in 4 ticks, about 01:15Z, then every 4 ticks'],
    [['--ticks', '0', '--repeat'], 0, 'in 1 tick, about 01:00Z, then every tick'],
  ])('with %j after %d ticks says %s', async (flags, ticks, remark) => {
    const world = await worldWith(flags, 'tick_every: 5m\n');
    world.sql(
      "INSERT INTO periodic_node (name, last_tick_at, tick_no) VALUES ('alpha', '2026-11-21T00:55:00.000Z', ?)",
      ticks,
    );
    expect(await answered(world, 'job')).toMatchObject({ kind: 'ticks', next: [], remarks: [remark] });
  });

  test.each([
    [['--every', '-5m'], 'a negative period: its schedule never starts it'],
    [['--window', '@0'], 'the window says never: its schedule never starts it'],
    [['--manual'], 'manual: its schedule never starts it'],
    [['--cron', '@daily', '--inactive'], 'not active'],
  ])('with %j says why nothing comes', async (flags, remark) => {
    expect(await answered(await worldWith(flags), 'job')).toMatchObject({ next: [], remarks: [remark] });
  });

  test('says that it is done, and nothing of its instant', async () => {
    const world = await worldWith(['--once', '2026-11-21T00:30Z', '--past', 'run']);
    setState(
      world,
      "terminated_at = '2026-11-21T00:53:00.000Z', terminated_reason = 'done: its only slot has run', handled_slot = '2026-11-21T00:30:00.000Z'",
    );
    expect(await answered(world, 'job')).toMatchObject({
      next: [],
      remarks: ['done: its only slot has run'],
    });
  });

  test('says that it is terminated, and why', async () => {
    const world = await worldWith(['--every', '5m']);
    setState(world, "terminated_at = '2026-11-21T00:53:00.000Z', terminated_reason = 'done: for good'");
    expect(await answered(world, 'job')).toMatchObject({
      next: [],
      remarks: ['terminated: done: for good'],
    });
  });

  test('puts the random offset into the starts, the same each time', async () => {
    const world = await worldWith(['--every', '30m', '--random-offset', '20m']);
    const { next } = await answered(world, 'job', '--count', '3');
    const offsets = next.map(
      (start: string, index: number) =>
        (Date.parse(start) - Date.UTC(2026, 10, 21, 1, 20 + 30 * index)) / 60_000,
    );
    expect(offsets.every((offset: number) => offset >= 0 && offset < 20)).toBe(true);
    expect(new Set(offsets).size).toBeGreaterThan(1);
    expect((await answered(world, 'job', '--count', '3')).next).toEqual(next);
  });

  test('begins with the attempt that goes before newer slots, and goes on with those', async () => {
    const retries = ['--retry-past-next', '--retry-limit', '2', '--retry-delay', '2m'];
    const world = await worldWith(['--every', '3m', ...retries]);
    setState(
      world,
      "handled_slot = '2026-11-21T00:50:00.000Z', attempt = 2, retry_at = '2026-11-21T00:57:11.000Z', last_status = 'failed', earliest_start = '2026-11-21T00:53:00.000Z'",
    );
    expect((await answered(world, 'job', '--count', '4')).next).toEqual([
      '2026-11-21T00:57:11Z',
      '2026-11-21T00:58:00Z',
      '2026-11-21T00:59:00Z',
      '2026-11-21T01:02:00Z',
    ]);
  });

  test('begins with the slot of a delay', async () => {
    const world = await worldWith(['--every', '30m', '--first-delay', '7m']);
    setState(
      world,
      "counted_from = '2026-11-21T00:57:00.000Z', first_slot = '2026-11-21T00:57:00.000Z', earliest_start = ''",
    );
    expect((await answered(world, 'job', '--count', '2')).next).toEqual([
      '2026-11-21T00:57:00Z',
      '2026-11-21T01:27:00Z',
    ]);
  });
});

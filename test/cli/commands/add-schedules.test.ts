import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha, whose clocks show UTC unless a test says otherwise. A new task
// counts from the real now, so what is to come lies in 2099.

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

function scheduleRow({ sql }: CommandWorld, name = 'job') {
  return sql(
    'SELECT schedule_kind, schedule, timezone, anchor, scope FROM periodic_task WHERE name = ?',
    name,
  )[0];
}

async function added(world: CommandWorld, ...flags: readonly string[]): Promise<string> {
  const { exitCode, out, err } = await world.call('add', 'job', ...COMMAND, ...flags);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return out;
}

/** The message of a task that is refused; nothing of it may be stored. */
async function refusal(...flags: readonly string[]): Promise<string> {
  const world = openWorld();
  const { exitCode, out, err } = await world.call('add', 'job', ...COMMAND, ...flags);
  expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
  expect(world.sql("SELECT 1 FROM periodic_task WHERE name = 'job'")).toEqual([]);
  return err.replace(/^periodic-cron: (?:task "job": )?/, '').trimEnd();
}

describe('add --window', () => {
  test.each([
    '02:00-06:00@60 mon-fri',
    '["02:00-06:00@60 mon-fri", "! 03:00-04:00"]',
    '~22:00-02:00 mon:last * jan-mar',
    '@1d',
  ])('stores %s as it was typed', async (text) => {
    const world = openWorld();
    expect(await added(world, '--window', text)).toMatch(
      /\nfirst run \d{4}-\d\d-\d\d \d\d:\d\d.*on node "alpha"\n$/,
    );
    expect(scheduleRow(world)).toMatchObject({ schedule_kind: 'window', schedule: text, timezone: '' });
  });

  test.each(['', '@0', '["@0", ""]'])('takes %j for never, and says so', async (text) => {
    expect(await added(openWorld(), '--window', text)).toContain('\nno first run: the window says never\n');
  });

  test.each([
    ['25:00', 'time ranges: expected a time from 00:00 to 23:59:59, got "25:00" (at character 1)'],
    [
      '10:00@5x',
      'time ranges: expected minutes, or a duration such as 90s, 2h, 1h30m or 1w, after "@", got "5x" (at character 7)',
    ],
    [
      '["02:00-06:00", "25:00"]',
      'entry 2 ("25:00"): time ranges: expected a time from 00:00 to 23:59:59, got "25:00", within the entry (at character 1)',
    ],
    [
      '["02:00',
      'expected a JSON list of strings such as ["@10", "! 02:00-03:00"], got "\\"02:00" (at character 2)',
    ],
    ['02:00 * jan', 'weeks: expected "*", or weeks 1-53 or a range of them, got "jan" (at character 9)'],
  ])('names entry, field and position of the fault in %s', async (text, fault) => {
    expect(await refusal('--window', text)).toBe(`schedule: ${fault}`);
  });

  test('stores the zone of the node where all nodes share its state', async () => {
    const world = openWorld();
    const env = { HOME: world.folder, TZ: 'Europe/Berlin' };
    await world.callAs({ env }, 'add', 'job', ...COMMAND, '--window', '02:00', '--scope', 'one');
    expect(scheduleRow(world)).toMatchObject({ timezone: 'Europe/Berlin', scope: 'one' });
  });
});

describe('add --ticks', () => {
  test.each([
    [['--ticks', '0'], '0', 'fires at the next tick of node "alpha"'],
    [['--ticks', '3'], '3', 'fires at the 4th tick from now of node "alpha"'],
    [['--ticks', ' 3 '], '3', 'fires at the 4th tick from now of node "alpha"'],
    [['--ticks', '2', '--repeat'], '2 repeat', 'fires at the 3rd tick from now of node "alpha"'],
    [['--ticks', '2 repeat'], '2 repeat', 'fires at the 3rd tick from now of node "alpha"'],
    [['--ticks', '2 repeat', '--repeat'], '2 repeat', 'fires at the 3rd tick from now of node "alpha"'],
  ])('with %j stores %s, and says at which tick it fires', async (flags, schedule, sentence) => {
    const world = openWorld();
    expect(await added(world, ...flags)).toBe(`added task "job" (id 2)\n${sentence}\n`);
    expect(scheduleRow(world)).toMatchObject({ schedule_kind: 'ticks', schedule });
  });

  test('counts the ticks of all nodes for a state that they share', async () => {
    const out = await added(openWorld(), '--ticks', '1', '--scope', 'one', '-n', '*');
    expect(out).toContain('\nfires at the 2nd tick from now, those of all nodes together, on every node\n');
  });

  test('counts from the ticks that the node has made', async () => {
    const world = openWorld('tick_every: 5m\n');
    await world.call('migrate');
    world.sql(
      "INSERT INTO periodic_node (name, last_tick_at, tick_no) VALUES ('alpha', '2026-11-21T00:55:00.000Z', 41)",
    );
    expect(await added(world, '--ticks', '3')).toContain(
      '\nfires at the 4th tick from now of node "alpha", about 01:15Z\n',
    );
    expect(world.sql("SELECT counted_tick FROM periodic_task_state WHERE scope_key = 'alpha'")).toEqual([
      { counted_tick: 41 },
    ]);
  });

  test.each([
    [
      ['--ticks', '-1'],
      'schedule: expected a number of ticks such as "3", or "3 repeat", got "-1" (at character 1)',
    ],
    [
      ['--ticks', ''],
      'schedule: expected a number of ticks such as "3", or "3 repeat", got "" (at character 1)',
    ],
    [
      ['--ticks', '3 foo'],
      'schedule: expected a number of ticks such as "3", or "3 repeat", got "3 foo" (at character 2)',
    ],
    [['--repeat'], '--repeat: expected it with --ticks, got it without'],
    [['--every', '5m', '--repeat'], '--repeat: expected it with --ticks, got it without'],
  ])('refuses %j', async (flags, fault) => {
    expect(await refusal(...flags)).toBe(fault);
  });
});

describe('add --once', () => {
  test.each([
    ['2099-01-05T09:30Z', 'UTC', '2099-01-05 09:30Z'],
    ['2099-01-05T09:30+05:30', 'UTC', '2099-01-05 04:00Z'],
    ['2099-01-05T09:30', 'UTC', '2099-01-05 09:30Z'],
    ['2099-01-05T09:30', 'Asia/Kolkata', '2099-01-05 04:00Z'],
    ['2099-01-05', 'Europe/Berlin', '2099-01-04 23:00Z'],
    ['2099-07-05T09:30', 'America/New_York', '2099-07-05 13:30Z'],
  ])('%s in the zone %s comes at %s', async (text, zone, instant) => {
    const world = openWorld();
    const out = await added(world, '--once', text, '--timezone', zone);
    expect(out).toContain(`\nfirst run ${instant} (in `);
    expect(scheduleRow(world)).toMatchObject({ schedule_kind: 'at', schedule: text, timezone: zone });
  });

  test.each([
    [
      '2099-03-29T02:30',
      '2099-03-29 01:00Z',
      '2099-03-29 02:30 does not exist in Europe/Berlin, where the clocks go forward: it runs at 2099-03-29 03:00, the first instant after the change',
    ],
    [
      '2099-10-25T02:30',
      '2099-10-25 00:30Z',
      '2099-10-25 02:30 comes twice in Europe/Berlin, where the clocks go back: it runs in the first pass (with an offset, 2099-10-25T02:30+01:00, it runs in the second)',
    ],
  ])('explains what a change of the clocks makes of %s', async (text, instant, remark) => {
    const world = openWorld();
    const lines = (await added(world, '--once', text, '--timezone', 'Europe/Berlin')).split('\n');
    expect(lines[1]).toContain(`first run ${instant} `);
    expect(lines[2]).toBe(remark);
    const { remarks } = JSON.parse((await world.call('show', 'job', '--json')).out);
    expect(remarks).toEqual([remark]);
  });

  test('has nothing to explain where an offset says which pass is meant', async () => {
    const out = await added(openWorld(), '--once', '2099-10-25T02:30+01:00', '--timezone', 'Europe/Berlin');
    expect(out.split('\n')).toEqual([
      'added task "job" (id 2)',
      expect.stringContaining('first run 2099-10-25 01:30Z '),
      '',
    ]);
  });

  test.each([
    ['2026-11-21T00:55Z', '2026-11-21T00:55:00Z'],
    ['2026-11-21T00:55:10Z', '2026-11-21T00:55:10Z'],
    ['2020-01-01', '2020-01-01T00:00:00Z'],
  ])('refuses %s, which has passed', async (text, instant) => {
    expect(await refusal('--once', text)).toBe(
      `schedule: expected an instant to come, got "${text}", which was ${instant}; with --past run the next tick takes it`,
    );
  });

  test('reads what has passed on the clock of the zone', async () => {
    expect(await refusal('--once', '2026-11-21T05:00', '--timezone', 'Asia/Kolkata')).toContain(
      'which was 2026-11-20T23:30:00Z',
    );
    await added(openWorld(), '--once', '2026-11-21T05:00');
  });

  test('with --past run lets an instant that has passed run at the next tick', async () => {
    const world = openWorld();
    const out = await added(world, '--once', '2026-11-21T00:30Z', '--past', 'run');
    expect(out).toBe(
      'added task "job" (id 2)\nfirst run at the next tick (due since 2026-11-21 00:30Z) on node "alpha"\n',
    );
  });

  test('with --past run says that a start_deadline has passed too', async () => {
    const flags = ['--once', '2026-11-21T00:30Z', '--past', 'run', '--start-deadline', '5m'];
    const { out } = await openWorld().callAs(
      { now: () => Date.UTC(2100, 0, 1) },
      'add',
      'job',
      ...COMMAND,
      ...flags,
    );
    expect(out).toBe(
      'added task "job" (id 2)\nno first run yet: the next tick skips what is due since 2026-11-21 00:30Z on node "alpha", too late: more than 5m late\n',
    );
  });

  test('with --past run changes nothing for an instant to come', async () => {
    const out = await added(openWorld(), '--once', '2099-11-21T02:55Z', '--past', 'run');
    expect(out).toContain('\nfirst run 2099-11-21 02:55Z (in ');
  });

  test.each([
    [['--once', '2099-01-01', '--past', 'yes'], '--past: expected run, got "yes"'],
    [['--every', '5m', '--past', 'run'], '--past: expected it with --once, got it without'],
    [
      ['--once', 'tomorrow'],
      'schedule: expected an instant in ISO form such as 2026-11-21T09:30, 2026-11-21T09:30+01:00 or 2026-11-21T08:30Z, got "tomorrow" (at character 1)',
    ],
    [['--once', '2099-02-30'], 'schedule: expected a date that exists, got "2099-02-30" (at character 1)'],
  ])('refuses %j', async (flags, fault) => {
    expect(await refusal(...flags)).toBe(fault);
  });
});

describe('add --every', () => {
  test.each(['slot', 'start', 'finish'])('takes the anchor %s', async (anchor) => {
    const world = openWorld();
    expect(await added(world, '--every', '10m', '--anchor', anchor)).toContain('\nfirst run ');
    expect(scheduleRow(world)).toMatchObject({ schedule_kind: 'every', schedule: '10m', anchor });
  });

  test.each(['slot', 'start', 'finish'])(
    'with 0 is the default spacing for the anchor %s',
    async (anchor) => {
      const world = openWorld('default_spacing: 7m\n');
      await added(world, '--every', '0', '--anchor', anchor);
      expect(scheduleRow(world)).toMatchObject({ schedule: '7m', anchor });
    },
  );

  test.each(['slot', 'start', 'finish'])('negative is never with the anchor %s', async (anchor) => {
    expect(await added(openWorld(), '--every', '-5m', '--anchor', anchor)).toContain(
      '\nno first run: a negative period is never\n',
    );
  });

  test('refuses an unknown anchor', async () => {
    expect(await refusal('--every', '5m', '--anchor', 'end')).toBe(
      'anchor: expected slot, start, finish, got "end"',
    );
  });

  test.each([
    [['--every', '90s'], 'slots in between share one run'],
    [['--every', '90s', '--anchor', 'start'], 'it starts no oftener than that'],
    [['--every', '90s', '--anchor', 'finish'], 'it starts no oftener than that'],
    [['--window', '@1'], 'slots in between share one run'],
    [['--window', '@1', '--catch-up', 'each'], 'each slot runs, several in one tick'],
    [
      ['--every', '90s', '--catch-up', 'each', '--catch-up-max', '3'],
      'a tick runs the newest 3 one after the other, and older ones are skipped',
    ],
    [['--every', '90s', '--catch-up', 'skip'], 'slots in between are skipped'],
  ])('%j warns of a period shorter than the rhythm', async (flags, effect) => {
    const world = openWorld('tick_every: 5m\n');
    const { exitCode, err } = await world.call('add', 'job', ...COMMAND, ...flags);
    expect(exitCode).toBe(0);
    expect(err).toMatch(
      /^periodic-cron: task "job" has slots 1m(?:30s)? apart, but a tick of node "alpha" comes every 5m: /,
    );
    expect(err).toContain(`: ${effect}\n`);
  });

  test.each([
    [['--every', '5m']],
    [['--every', '5m', '--anchor', 'finish']],
    [['--every', '-1s']],
    [['--ticks', '0', '--repeat']],
  ])('%j, as often as the rhythm or never, warns of nothing', async (flags) => {
    await added(openWorld('tick_every: 5m\n'), ...flags);
  });

  test.each([
    [['--every', '1h'], '1h', 'goes with that one'],
    [['--every', '1h', '--catch-up', 'each'], '1h', 'goes with that one'],
    [['--cron', '0,30 * * * *', '--catch-up', 'skip'], '30m', 'is skipped'],
    [['--window', '02:00-06:00@60'], '1h', 'goes with that one'],
  ])('%j warns of a random offset longer than the distance of slots', async (flags, gap, fate) => {
    const { exitCode, err } = await openWorld().call(
      'add',
      'job',
      ...COMMAND,
      ...flags,
      ...['--random-offset', '1d'],
    );
    expect({ exitCode, err }).toEqual({
      exitCode: 0,
      err: `periodic-cron: task "job" has slots ${gap} apart, but a random offset of up to 1d: a slot that has not started when a later one does ${fate}\n`,
    });
  });

  test.each([
    [['--every', '1h', '--random-offset', '1h']],
    [['--every', '1h', '--random-offset', '1d', '--anchor', 'start']],
    [['--once', '2099-01-01', '--random-offset', '1d']],
  ])('%j, where no slot overtakes another, warns of nothing', async (flags) => {
    await added(openWorld(), ...flags);
  });

  test('warns of nothing while the rhythm is not known', async () => {
    await added(openWorld(), '--every', '1s');
  });
});

describe('add', () => {
  test.each([
    [['--window', '@1d', '--ticks', '3'], '--window and --ticks'],
    [['--once', '2099-01-01', '--manual'], '--once and --manual'],
    [['--cron', '@daily', '--every', '5m', '--window', '@1d'], '--cron and --every and --window'],
  ])('takes one schedule, not %j', async (flags, got) => {
    expect(await refusal(...flags)).toBe(
      `schedule: expected one of --cron, --every, --window, --ticks, --once and --manual, got ${got}`,
    );
  });
});

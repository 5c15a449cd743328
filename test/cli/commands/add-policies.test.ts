import { describe, expect, test } from 'vitest';
import { POLICY_FLAGS } from '../../../src/cli/policy-flags.ts';
import { type CommandWorld, openWorld } from './command-world.ts';

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

type Column = readonly [flags: string, column: string, value: number | string | null];

/** Flags with a schedule that can follow them. */
const STORED: readonly Column[] = [
  ['--every 5m --anchor finish', 'anchor', 'finish'],
  ['--cron @daily --run-immediately', 'run_immediately', 1],
  ['--cron @daily --first-delay 10m', 'first_delay_s', 600],
  ['--window @1d --first-delay 0', 'first_delay_s', 0],
  ['--every 5m --first-delay none', 'first_delay_s', null],
  ['--every 5m --enabled-delay 1h30m', 'enabled_delay_s', 5400],
  ['--every 5m --enabled-delay none', 'enabled_delay_s', null],
  ['--every 5m --random-offset 90s', 'random_offset_s', 90],
  ['--once 2099-01-01 --random-offset 1d', 'random_offset_s', 86_400],
  ['--every 5m --random-offset none', 'random_offset_s', 0],
  ['--window @1d --catch-up each', 'catch_up', 'each'],
  ['--cron @daily --catch-up skip', 'catch_up', 'skip'],
  ['--cron @daily --catch-up each --catch-up-max 7', 'catch_up_max', 7],
  ['--cron @daily --start-deadline 1w', 'start_deadline_s', 604_800],
  ['--once 2099-01-01 --start-deadline 1m', 'start_deadline_s', 60],
  ['--manual --start-deadline none', 'start_deadline_s', null],
  ['--manual --timeout none', 'timeout_s', 0],
  ['--manual --timeout default', 'timeout_s', null],
  ['--manual --kill-grace 0', 'kill_grace_s', 0],
  ['--every 5m --retry-limit 3', 'retry_limit', 3],
  ['--every 5m --retry-delay 0', 'retry_delay_s', 0],
  ['--every 5m --retry-max-delay 2h', 'retry_max_delay_s', 7200],
  ['--every 5m --retry-on failed,lost,shutdown', 'retry_on', 'failed,lost,shutdown'],
  ['--every 5m --retry-past-next', 'retry_past_next', 1],
  ['--every 5m --backoff on_failure', 'backoff', 'on_failure'],
  ['--every 5m --anchor start --backoff every_run', 'backoff', 'every_run'],
  ['--every 5m --backoff every_run --max-period 5m', 'max_period_s', 300],
  ['--every 5m --backoff every_run --max-period none', 'max_period_s', null],
  ['--manual --deactivate-after 5', 'deactivate_after', '5 failures'],
  ['--ticks 3 --deactivate-after 1_failure', 'deactivate_after', '1 failure'],
  ['--every 5m --deactivate-after 5_failures_and_7_days', 'deactivate_after', '5 failures and 7 days'],
  ['--manual --deactivate-after none', 'deactivate_after', ''],
  ['--every 5m --overlap skip', 'overlap', 'skip'],
  ['--every 5m --anchor finish --overlap skip', 'overlap', 'skip'],
  ['--every 5m --overlap allow --max-parallel 4', 'max_parallel', 4],
];

/** Flags that are refused, and what the message says of them, after `task "job": `. */
const REFUSED: ReadonlyArray<readonly [flags: string, fault: string]> = [
  // What one column cannot be.
  ['--every 5m --first-delay soon', `first_delay: ${duration('soon')}`],
  ['--every 5m --random-offset 5', `random_offset: ${duration('5')}`],
  ['--every 5m --random-offset 2d', 'random_offset: expected a duration from 0s to 1d, got "2d"'],
  ['--every 5m --first-delay -5m', 'first_delay: expected a duration from 0s to 3660d, got "-5m"'],
  ['--manual --kill-grace 2h', 'kill_grace: expected a duration from 0s to 1h, got "2h"'],
  ['--every 5m --start-deadline 0', 'start_deadline: expected a duration from 1s to 3660d, got "0"'],
  [
    '--every 5m --backoff every_run --max-period 0',
    'max_period: expected a duration from 1s to 3660d, got "0"',
  ],
  ['--every 5m --catch-up all', 'catch_up: expected latest, each, skip, got "all"'],
  ['--every 5m --catch-up-max 0', 'catch_up_max: expected a whole number from 1 to 10000, got 0'],
  ['--every 5m --catch-up-max 1.5', 'catch_up_max: expected a whole number from 1 to 10000, got "1.5"'],
  ['--every 5m --retry-limit -1', 'retry_limit: expected a whole number from 0 to 1000, got -1'],
  ['--every 5m --retry-on none', 'retry_on: expected failed, timed_out, lost, shutdown, got "none"'],
  ['--every 5m --retry-on failed,oops', 'retry_on: expected failed, timed_out, lost, shutdown, got "oops"'],
  ['--every 5m --backoff often', 'backoff: expected none, on_failure, every_run, got "often"'],
  ['--every 5m --overlap both', 'overlap: expected forbid, skip, allow, got "both"'],
  ['--every 5m --max-parallel many', 'max_parallel: expected a whole number from 1 to 1000, got "many"'],
  [
    '--manual --deactivate-after soon',
    'deactivate_after: expected a number of failures, or that and a number of days, such as "5 failures" or "5 failures and 7 days", got "soon"',
  ],
  [
    '--manual --deactivate-after 99999999999_failures',
    'deactivate_after: expected 1 to 1000000 failures and at most 3660 days, got "99999999999 failures"',
  ],
  // What does not go with the kind of schedule.
  ...['--cron @daily', '--window @1d', '--ticks 3', '--once 2099-01-01', '--manual'].flatMap((schedule) => [
    [`${schedule} --anchor start`, `anchor: ${onlyWith('the kind every', schedule)}`] as const,
    [`${schedule} --backoff on_failure`, `backoff: ${onlyWith('the kind every', schedule)}`] as const,
  ]),
  ...['--ticks 3', '--once 2099-01-01'].map(
    (schedule) =>
      [
        `${schedule} --run-immediately`,
        `run_immediately: ${onlyWith('the kinds cron, every, window and manual', schedule)}`,
      ] as const,
  ),
  ...['--ticks 3', '--once 2099-01-01', '--manual'].flatMap((schedule) => [
    [
      `${schedule} --first-delay 5m`,
      `first_delay: ${onlyWith('the kinds cron, every and window', schedule)}`,
    ] as const,
    [
      `${schedule} --enabled-delay 5m`,
      `enabled_delay: ${onlyWith('the kinds cron, every and window', schedule)}`,
    ] as const,
    [
      `${schedule} --catch-up each`,
      `catch_up: ${onlyWith('the kinds cron, every and window', schedule)}`,
    ] as const,
  ]),
  ...['--ticks 3', '--manual'].map(
    (schedule) =>
      [
        `${schedule} --random-offset 5m`,
        `random_offset: ${onlyWith('the kinds cron, every, window and at', schedule)}`,
      ] as const,
  ),
  [
    '--ticks 3 --start-deadline 5m',
    `start_deadline: ${onlyWith('the kinds cron, every, window, at and manual', '--ticks 3')}`,
  ],
  // What would run once although its schedule says never.
  ...(['run-immediately', 'first-delay 1h', 'enabled-delay 1h'] as const).flatMap((policy) => {
    const field = policy.split(' ')[0]?.replace('-', '_');
    const fault = (schedule: string) =>
      `${field}: expected it with a schedule that runs, got ${schedule}, which is never`;
    return [
      [`--every -5m --${policy}`, fault('every "-5m"')] as const,
      [`--window @0 --${policy}`, fault('window "@0"')] as const,
    ];
  }),
  // What does not go with another policy.
  ...['start', 'finish'].flatMap((anchor) => [
    [
      `--every 5m --anchor ${anchor} --catch-up skip`,
      `catch_up: expected it with anchor slot only, got anchor ${anchor}, which misses no slot`,
    ] as const,
    [
      `--every 5m --anchor ${anchor} --start-deadline 5m`,
      `start_deadline: expected it with anchor slot only, got anchor ${anchor}, which misses no slot`,
    ] as const,
  ]),
  [
    '--every 5m --anchor finish --overlap allow',
    'overlap: expected forbid or skip with anchor finish, whose next slot is known at the end of a run, got allow',
  ],
  ['--every 5m --max-period 1h', 'max_period: expected it with a backoff only, got backoff none'],
  [
    '--every 5m --backoff on_failure --max-period 1m',
    'max_period: expected at least the period (5m), got 1m',
  ],
  [
    '--every 5m --run-immediately --first-delay 1m',
    'first_delay: expected either it or run_immediately, which is a delay of 0, got both',
  ],
  [
    '--every 5m --random-offset 1h --start-deadline 90s',
    'start_deadline: expected at least random_offset (1h), by which a slot may start later on purpose, got 1m30s',
  ],
  ['--every 5m --retry-delay 2h', 'retry_max_delay: expected at least retry_delay (2h), got 1h'],
  [
    '--every 5m --max-parallel 2',
    'max_parallel: expected 1 unless overlap is allow, got 2 with overlap forbid',
  ],
];

function duration(came: string): string {
  return `expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "${came}" (at character 1)`;
}

function onlyWith(kinds: string, flags: string): string {
  const kind = flags.startsWith('--once') ? 'at' : flags.replace(/^--(\w+).*/, '$1');
  return `expected it with ${kinds} only, got ${kind}`;
}

function words(line: string): readonly string[] {
  return line
    .split(' ')
    .map((word) => (word.startsWith('--') ? word : word.replaceAll(/_(?=[a-z\d])/g, ' ')));
}

/** Words of a line, where those of `--deactivate-after` are joined by underscores. */
function flagsOf(line: string): readonly string[] {
  return line.includes('--deactivate-after') ? words(line) : line.split(' ');
}

function add(world: CommandWorld, line: string) {
  return world.call('add', 'job', ...COMMAND, ...flagsOf(line));
}

describe('add with a policy', () => {
  test.each(STORED)('%s stores %s as %j', async (line, column, value) => {
    const world = openWorld();
    const { exitCode, err } = await add(world, line);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(world.sql(`SELECT ${column} AS value FROM periodic_task WHERE name = 'job'`)).toEqual([{ value }]);
  });

  test.each(REFUSED)('refuses %s', async (line, fault) => {
    const world = openWorld();
    const { exitCode, out, err } = await add(world, line);
    expect({ exitCode, out, err }).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: task "job": ${fault}\n`,
    });
    expect(world.sql("SELECT 1 FROM periodic_task WHERE name = 'job'")).toEqual([]);
  });

  test.each([
    [['--run-immediately'], 0],
    [['--first-delay', '0'], 0],
    [['--first-delay', '10m'], 600],
    [['--first-delay', '2d'], 172_800],
  ])('%j makes a first slot of the creation minute and %d seconds', async (flags, seconds) => {
    const world = openWorld();
    const { out } = await world.call('add', 'job', ...COMMAND, '--every', '1h', ...flags);
    const [{ first, counted, changed }] = world.sql(
      `SELECT first_slot AS first, counted_from AS counted, changed_at AS changed FROM periodic_task_state
       WHERE scope_key = 'alpha'`,
    );
    const creationMinute = Math.floor(Date.parse(changed) / 60_000) * 60_000;
    expect(Date.parse(first)).toBe(creationMinute + seconds * 1000);
    expect(counted).toBe(first);
    expect(out).toContain(`${first.slice(0, 16).replace('T', ' ')}Z`);
  });

  test('--enabled-delay changes nothing at the creation', async () => {
    const world = openWorld();
    await world.call('add', 'job', ...COMMAND, '--every', '1h', '--enabled-delay', '10m');
    expect(world.sql("SELECT first_slot FROM periodic_task_state WHERE scope_key = 'alpha'")).toEqual([
      { first_slot: null },
    ]);
  });

  test.each([
    [
      ['add', 'job', ...COMMAND, '--every', '5m', '--every=6m'],
      'add: --every: expected one, got "5m" and "6m"',
    ],
    [
      ['add', 'job', ...COMMAND, '--manual', '--timeout', '1h', '--timeout', '1h'],
      'add: --timeout: expected one, got "1h" and "1h"',
    ],
    [
      ['set', 'job', '--retry-limit', '1', '--retry-limit', '2'],
      'set: --retry-limit: expected one, got "1" and "2"',
    ],
    [
      ['next', '--every', '5m', '--count', '1', '--count', '2'],
      'next: --count: expected one, got "1" and "2"',
    ],
    [['simulate', '-n', 'alpha', '--node', 'beta'], 'simulate: --node: expected one, got "alpha" and "beta"'],
  ])('a flag for one value that is given twice is refused: %j', async (line, fault) => {
    expect(await openWorld().call(...line)).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: ${fault}\n`,
    });
  });

  test('tells all that does not go together at once', async () => {
    const { exitCode, err } = await add(
      openWorld(),
      '--ticks 3 --anchor start --backoff on_failure --random-offset 10s --max-parallel 3',
    );
    expect(exitCode).toBe(2);
    expect(err.match(/(?:anchor|random_offset|backoff|max_parallel): expected/g)).toEqual([
      'anchor: expected',
      'random_offset: expected',
      'backoff: expected',
      'max_parallel: expected',
    ]);
  });

  test.each(['add', 'set'])('of %s is named by its help with its default', async (command) => {
    const { exitCode, out } = await openWorld().call(command, '--help');
    expect(exitCode).toBe(0);
    const options = out.split(/\n {2}(?=-)/).map((option) => option.replaceAll(/\s+/g, ' '));
    const defaults = options.flatMap((option) => {
      const [, flag, value] = /(--[a-z-]+).* \(default: (.+)\)/.exec(option) ?? [];
      return flag === undefined ? [] : [[flag, value]];
    });
    expect(defaults.map(([flag]) => flag)).toEqual(
      expect.arrayContaining(POLICY_FLAGS.map(({ long }) => long)),
    );
    expect(Object.fromEntries(defaults)).toMatchObject({
      '--anchor': 'slot',
      '--run-immediately': 'no',
      '--first-delay': 'none',
      '--random-offset': '0s',
      '--catch-up': 'latest',
      '--catch-up-max': '100',
      '--start-deadline': 'none',
      '--timeout': 'as configured',
      '--kill-grace': '10s',
      '--retry-delay': '1m',
      '--retry-max-delay': '1h',
      '--retry-on': 'failed, timed_out',
      '--backoff': 'none',
      '--max-period': 'none',
      '--deactivate-after': 'none',
      '--overlap': 'forbid',
      '--max-parallel': '1',
    });
    expect(out).toContain('D is a duration such as 90s, 15m, 1h30m or 2d');
  });
});

import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha. A change counts from the real now, so what is to come
// lies in 2099.

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

async function worldWith(...flags: readonly string[]): Promise<CommandWorld> {
  const world = openWorld();
  const { exitCode, err } = await world.call('add', 'job', ...COMMAND, ...flags);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return world;
}

async function changed(world: CommandWorld, ...flags: readonly string[]): Promise<readonly string[]> {
  const { exitCode, out, err } = await world.call('set', 'job', ...flags);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return out.trimEnd().split('\n');
}

async function refused(world: CommandWorld, ...flags: readonly string[]): Promise<string> {
  const before = world.sql('SELECT * FROM periodic_task');
  const { exitCode, out, err } = await world.call('set', 'job', ...flags);
  expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
  expect(world.sql('SELECT * FROM periodic_task')).toEqual(before);
  return err.replace(/^periodic-cron: (?:task "job": )?/, '').trimEnd();
}

function stateRow({ sql }: CommandWorld) {
  return sql("SELECT * FROM periodic_task_state WHERE scope_key = 'alpha'")[0];
}

/** A schedule of each kind, as flags, and as the change says it. */
const KINDS = [
  [['--cron', '@daily'], 'cron', '@daily'],
  [['--every', '2h'], 'every', '2h'],
  [['--window', '02:00-06:00@60'], 'window', '02:00-06:00@60'],
  [['--ticks', '3', '--repeat'], 'ticks', '3 repeat'],
  [['--once', '2099-01-01T08:00Z'], 'at', '2099-01-01T08:00Z'],
  [['--manual'], 'manual', 'none'],
] as const;

const SWITCHES = KINDS.flatMap((from) => KINDS.filter((to) => to !== from).map((to) => [from, to] as const));

describe('set of another kind of schedule', () => {
  test.each(SWITCHES)(
    'turns %j into %j, which counts from now',
    async ([before, was, wasText], [flags, kind, text]) => {
      const world = await worldWith(...before);
      world.count('job', '2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z');
      const lines = await changed(world, ...flags);
      expect(lines).toContain(`schedule_kind: ${was} → ${kind}`);
      expect(lines).toContain(`schedule: ${wasText} → ${text}`);
      expect(lines).toContain('changed task "job"');
      expect(lines.at(-1)).toMatch(
        /^(?:next run 2|fires at the 4th tick|no next run: the schedule is manual)/,
      );
      const { counted_from, first_slot, changed_at } = stateRow(world);
      expect(counted_from.slice(0, 16)).toBe(changed_at.slice(0, 16));
      expect(first_slot).toBe(null);
    },
  );

  test('refuses policies that stay and do not go with it', async () => {
    const world = await worldWith('--every', '5m', '--anchor', 'start', '--backoff', 'on_failure');
    expect(await refused(world, '--ticks', '3')).toBe(
      'anchor: expected it with the kind every only, got ticks; backoff: expected it with the kind every only, got ticks',
    );
    await changed(world, '--ticks', '3', '--anchor', 'default', '--backoff', 'none');
  });

  test('refuses a period above the maximum that stays', async () => {
    const world = await worldWith('--every', '5m', '--backoff', 'every_run', '--max-period', '1h');
    expect(await refused(world, '--every', '2h')).toBe(
      'max_period: expected at least the period (2h), got 1h',
    );
  });

  test('refuses an anchor that does not go with policies that stay', async () => {
    const world = await worldWith('--every', '5m', '--overlap', 'allow', '--catch-up', 'each');
    expect(await refused(world, '--anchor', 'finish')).toBe(
      [
        'catch_up: expected it with anchor slot only, got anchor finish, which misses no slot',
        'overlap: expected forbid or skip with anchor finish, whose next slot is known at the end of a run, got allow',
      ].join('; '),
    );
  });

  test.each([
    [
      ['--ticks', '3', '--every', '5m'],
      'schedule: expected one of --cron, --every, --window, --ticks, --once and --manual, got --every and --ticks',
    ],
    [['--repeat'], '--repeat: expected it with --ticks, got it without'],
    [['--past', 'run'], '--past: expected it with --once, got it without'],
    [
      ['--once', '2026-11-21T00:30Z'],
      'schedule: expected an instant to come, got "2026-11-21T00:30Z", which was 2026-11-21T00:30:00Z; with --past run the next tick takes it',
    ],
    [['--random-offset', '2d'], 'random_offset: expected a duration from 0s to 1d, got "2d"'],
  ])('refuses %j', async (flags, fault) => {
    expect(await refused(await worldWith('--cron', '@daily'), ...flags)).toBe(fault);
  });
});

describe('set --once', () => {
  test('with --past run lets an instant that has passed run at the next tick', async () => {
    const world = await worldWith('--cron', '@daily');
    expect((await changed(world, '--once', '2026-11-21T00:30Z', '--past', 'run')).at(-1)).toBe(
      'next run at the next tick (due since 2026-11-21 00:30Z) on node "alpha"',
    );
  });

  test('gives a task that is done another instant', async () => {
    const world = await worldWith('--once', '2099-01-01T08:00Z');
    world.sql(
      "UPDATE periodic_task_state SET handled_slot = '2026-11-21T00:30:00.000Z', terminated_at = '2026-11-21T00:31:00.000Z', terminated_reason = 'done: its only slot has run'",
    );
    const lines = await changed(world, '--once', '2099-01-02T08:00Z');
    expect(lines.at(-1)).toContain('next run 2099-01-02 08:00Z ');
    expect(stateRow(world).terminated_at).toBe(null);
  });

  test('is what gives a task a slot again whose instant was skipped, and the commands say so', async () => {
    const world = await worldWith('--once', '2026-11-21T00:30Z', '--past', 'run');
    world.sql(
      "UPDATE periodic_task_state SET handled_slot = '2026-11-21T00:30:00.000Z', terminated_at = '2026-11-21T00:31:00.000Z', terminated_reason = 'its only slot was skipped'",
    );
    expect((await changed(world, '--order', '5')).at(-1)).toBe(
      'no next run: the task is terminated ("periodic-cron set --once" gives it another instant)',
    );
    expect((await changed(world, '--once', '2099-01-02T08:00Z')).at(-1)).toContain(
      'next run 2099-01-02 08:00Z ',
    );
  });

  test('brings no task back that failures have ended', async () => {
    const world = await worldWith('--once', '2099-01-01T08:00Z', '--deactivate-after', '1 failure');
    world.sql(
      "UPDATE periodic_task_state SET terminated_at = '2026-11-21T00:31:00.000Z', terminated_reason = 'deactivated after 1 failure'",
    );
    expect((await changed(world, '--once', '2099-01-02T08:00Z')).at(-1)).toBe(
      'no next run: the task is terminated ("periodic-cron reset" takes that back)',
    );
  });

  test('explains what a change of the clocks makes of it', async () => {
    const world = await worldWith('--manual');
    const lines = await changed(world, '--once', '2099-03-29T02:30', '--timezone', 'Europe/Berlin');
    expect(lines.at(-1)).toBe(
      '2099-03-29 02:30 does not exist in Europe/Berlin, where the clocks go forward: it runs at 2099-03-29 03:00, the first instant after the change',
    );
  });

  test('leaves an instant alone that has passed when something else changes', async () => {
    const world = await worldWith('--once', '2026-11-21T00:30Z', '--past', 'run');
    expect(await changed(world, '--order', '5')).toContain('ordering: 0 → 5');
  });
});

describe('set of a policy', () => {
  test.each([
    ['anchor', ['--anchor', 'start'], 'anchor: slot → start'],
    ['first_delay', ['--first-delay', '1h'], 'first_delay: none → 1h'],
    ['enabled_delay', ['--enabled-delay', '90s'], 'enabled_delay: none → 1m30s'],
    ['random_offset', ['--random-offset', '2m'], 'random_offset: 0s → 2m'],
    ['catch_up', ['--catch-up', 'skip'], 'catch_up: latest → skip'],
    ['catch_up_max', ['--catch-up-max', '5'], 'catch_up_max: 100 → 5'],
    ['start_deadline', ['--start-deadline', '10m'], 'start_deadline: none → 10m'],
    ['timeout', ['--timeout', '30s'], 'timeout: as configured → 30s'],
    ['kill_grace', ['--kill-grace', '1s'], 'kill_grace: 10s → 1s'],
    ['retry_limit', ['--retry-limit', '4'], 'retry_limit: 0 → 4'],
    ['retry_delay', ['--retry-delay', '5m'], 'retry_delay: 1m → 5m'],
    ['retry_max_delay', ['--retry-max-delay', '2h'], 'retry_max_delay: 1h → 2h'],
    ['retry_on', ['--retry-on', 'lost'], 'retry_on: failed, timed_out → lost'],
    ['retry_past_next', ['--retry-past-next'], 'retry_past_next: no → yes'],
    ['backoff', ['--backoff', 'on_failure'], 'backoff: none → on_failure'],
    ['deactivate_after', ['--deactivate-after', '5 failures'], 'deactivate_after: none → 5 failures'],
    ['overlap', ['--overlap', 'skip'], 'overlap: forbid → skip'],
  ])('tells the change of %s, and takes it back with "default"', async (_, flags, change) => {
    const world = await worldWith('--every', '2h');
    expect(await changed(world, ...flags)).toContain(change);
    const [flag = ''] = flags;
    const back = flags.length === 1 ? [flag.replace('--', '--no-')] : [flag, 'default'];
    const [field, words = ''] = change.split(': ');
    const [before, after] = words.split(' → ');
    expect(await changed(world, ...back)).toContain(`${field}: ${after} → ${before}`);
  });

  test('does not count anew, but for the anchor', async () => {
    const world = await worldWith('--every', '2h');
    world.count('job', '2026-11-21T00:00:00.000Z');
    await changed(
      world,
      '--catch-up',
      'each',
      '--random-offset',
      '1m',
      '--retry-limit',
      '3',
      '--first-delay',
      '1h',
    );
    expect(stateRow(world).counted_from).toBe('2026-11-21T00:00:00.000Z');
    await changed(world, '--catch-up', 'default', '--anchor', 'start');
    expect(stateRow(world).counted_from).not.toBe('2026-11-21T00:00:00.000Z');
  });

  test('lets back-off begin with the new period', async () => {
    const world = await worldWith('--every', '2h', '--backoff', 'on_failure');
    world.sql("UPDATE periodic_task_state SET current_period_s = 28800 WHERE scope_key = 'alpha'");
    await changed(world, '--every', '3h');
    expect(stateRow(world).current_period_s).toBe(null);
  });
});

test('set warns of a period shorter than the rhythm', async () => {
  const world = openWorld('tick_every: 5m\n');
  await world.call('add', 'job', ...COMMAND, '--every', '1h');
  const { exitCode, err } = await world.call('set', 'job', '--every', '90s');
  expect({ exitCode, err }).toEqual({
    exitCode: 0,
    err: 'periodic-cron: task "job" has slots 1m30s apart, but a tick of node "alpha" comes every 5m: slots in between share one run\n',
  });
});

test('set warns again when something changed, and not when nothing did', async () => {
  const world = openWorld('tick_every: 5m\n');
  await world.call('add', 'job', ...COMMAND, '--every', '90s');
  expect((await world.call('set', 'job', '--every', '90s')).err).toBe('');
  expect((await world.call('set', 'job', '--catch-up', 'skip')).err).toContain(
    'slots in between are skipped',
  );
});

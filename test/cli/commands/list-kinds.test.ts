import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha, whose clocks show UTC.

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

/** A world with the one task `job`, which counts from 00:50. */
async function worldWith(flags: readonly string[], config?: string): Promise<CommandWorld> {
  const world = openWorld(config);
  expect((await world.call('add', 'job', ...COMMAND, ...flags)).exitCode).toBe(0);
  await world.call('remove', 'prune_history');
  world.count('job', '2026-11-21T00:50:00.000Z');
  return world;
}

function setState({ sql }: CommandWorld, assignments: string): void {
  sql(`UPDATE periodic_task_state SET ${assignments} WHERE scope_key IN ('alpha', '*')`);
}

/** As if the node had ticked so often, the last time at 00:55. */
function setTickNumber({ sql }: CommandWorld, no: number): void {
  sql(
    "INSERT INTO periodic_node (name, last_tick_at, tick_no) VALUES ('alpha', '2026-11-21T00:55:00.000Z', ?)",
    no,
  );
}

/** The schedule and when it comes next, as `list` shows them. */
async function listed({ call }: CommandWorld): Promise<{ schedule: string; next: string }> {
  const { exitCode, out, err } = await call('list');
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  const [titles = '', row = ''] = out.split('\n');
  const cell = (from: string, to: string) => row.slice(titles.indexOf(from), titles.indexOf(to)).trim();
  return { schedule: cell('SCHEDULE', 'MODULE'), next: cell('NEXT RUN', 'OPTIONS') };
}

async function stateJson({ call }: CommandWorld) {
  const [task] = JSON.parse((await call('list', '--json')).out).tasks;
  return { ...task.states[0], taskNextAt: task.nextAt };
}

/** The line of the state on alpha, or of the shared one, and its title, as `show` prints them. */
async function stateLine({ call }: CommandWorld): Promise<Readonly<Record<string, string>>> {
  const lines = (await call('show', 'job')).out.trimEnd().split('\n');
  const titles = lines.at(-2) ?? '';
  const starts = [...titles.matchAll(/\S+(?: \S+)*/g)].map(({ 0: title, index }) => [title, index] as const);
  return Object.fromEntries(
    starts.map(([title, start], index) => [
      title,
      lines
        .at(-1)
        ?.slice(start, starts[index + 1]?.[1])
        .trim() ?? '',
    ]),
  );
}

describe('list and show, of each kind of schedule,', () => {
  test.each([
    [
      ['--cron', '30 2 * * *', '--timezone', 'Europe/Berlin'],
      'cron 30 2 * * * (Europe/Berlin)',
      '2026-11-21 01:30Z (in 34 min)',
    ],
    [['--every', '15m'], 'every 15m', '2026-11-21 01:05Z (in 9 min)'],
    [['--every', '15m', '--anchor', 'start'], 'every 15m', '2026-11-21 01:05Z (in 9 min)'],
    [['--every', '-15m'], 'every -15m', 'never'],
    [['--window', '02:00-06:00@60'], 'window 02:00-06:00@60', '2026-11-21 02:00Z (in 1 h)'],
    [['--window', '@0'], 'window @0', 'never'],
    [['--once', '2099-01-01T08:00Z'], 'at 2099-01-01T08:00Z', /^2099-01-01 08:00Z \(in \d+ d\)$/],
    [['--manual'], 'manual', 'by hand'],
    [['--cron', '@daily', '--inactive'], 'cron @daily', '-'],
  ])('say when %j comes next', async (flags, schedule, next) => {
    const world = await worldWith(flags);
    expect(await listed(world)).toEqual({
      schedule,
      next: typeof next === 'string' ? next : expect.stringMatching(next),
    });
    const shown = await stateLine(world);
    const ahead = typeof next === 'string' && next.startsWith('2') ? next : undefined;
    expect(shown['NEXT RUN']).toEqual(
      ahead ?? expect.stringMatching(typeof next === 'string' ? /^-$/ : next),
    );
  });

  test.each([
    [['--ticks', '3'], 1, 'in 3 ticks', 3],
    [['--ticks', '3'], 0, 'in 4 ticks', 4],
    [['--ticks', '3', '--repeat'], 3, 'in 1 tick', 1],
    [['--ticks', '0'], 0, 'in 1 tick', 1],
    [['--ticks', '3'], 9, 'in 1 tick', 1],
  ])('say of %j after %d ticks that it fires %s', async (flags, ticks, text, left) => {
    const world = await worldWith(flags, 'tick_every: 5m\n');
    setTickNumber(world, ticks);
    expect((await listed(world)).next).toBe(text);
    const about = `2026-11-21T${left === 1 ? '01:00' : `01:${String((left - 1) * 5).padStart(2, '0')}`}:00Z`;
    expect(await stateJson(world)).toMatchObject({
      nextAt: null,
      taskNextAt: null,
      nextInTicks: left,
      nextTickAboutAt: about,
    });
    expect((await stateLine(world))['NEXT RUN']).toBe(`${text} (about ${about.slice(11, 16)}Z)`);
  });

  test('say no time of a tick while the rhythm is not known', async () => {
    const world = await worldWith(['--ticks', '3']);
    setTickNumber(world, 1);
    expect(await stateJson(world)).toMatchObject({ nextInTicks: 3, nextTickAboutAt: null });
    expect((await stateLine(world))['NEXT RUN']).toBe('in 3 ticks');
  });

  test('count the ticks of all nodes for a state that they share', async () => {
    const world = await worldWith(['--ticks', '9', '--scope', 'one', '-n', '*']);
    setTickNumber(world, 4);
    world.sql("INSERT INTO periodic_node (name, tick_no) VALUES ('beta', 3)");
    expect((await listed(world)).next).toBe('in 3 ticks');
    expect(await stateLine(world)).toMatchObject({ NODE: 'all', 'NEXT RUN': 'in 3 ticks' });
  });

  test('show the start that a random offset gives to the slot', async () => {
    const world = await worldWith(['--every', '15m', '--random-offset', '10m']);
    const { nextAt } = await stateJson(world);
    const offset = (Date.parse(nextAt) - Date.UTC(2026, 10, 21, 1, 5)) / 1000;
    expect(offset).toBeGreaterThanOrEqual(0);
    expect(offset).toBeLessThan(600);
    expect((await listed(world)).next).toContain(nextAt.slice(11, 16));
  });

  test('show what a change of the clocks makes of an instant', async () => {
    const world = await worldWith(['--once', '2099-03-29T02:30', '--timezone', 'Europe/Berlin']);
    expect((await world.call('show', 'job')).out).toContain(
      '\nremark            2099-03-29 02:30 does not exist in Europe/Berlin, where the clocks go forward: ',
    );
  });
});

describe('list and show, of how a task stands,', () => {
  test('mark a period that back-off has made longer', async () => {
    const world = await worldWith(['--every', '5m', '--backoff', 'on_failure']);
    setState(world, "current_period_s = 1200, failures = 2, earliest_start = ''");
    expect((await listed(world)).next).toBe('backed off, 2026-11-21 01:10Z (in 14 min)');
    expect(await stateJson(world)).toMatchObject({ marks: ['backed off'], backedOffPeriodSeconds: 1200 });
    expect(await stateLine(world)).toMatchObject({
      FAILURES: '2',
      STANDING: 'period 20m, backed off from 5m',
    });
  });

  test('do not mark a period that its maximum has kept', async () => {
    const world = await worldWith(['--every', '5m', '--backoff', 'on_failure', '--max-period', '5m']);
    setState(world, "current_period_s = 1200, failures = 2, earliest_start = ''");
    expect(await stateJson(world)).toMatchObject({
      marks: [],
      backedOffPeriodSeconds: null,
      nextAt: '2026-11-21T00:55:00Z',
    });
  });

  test.each([
    [['--once', '2026-11-21T00:52Z', '--past', 'run'], 'done'],
    [['--ticks', '0'], 'done'],
    [['--ticks', '0', '--repeat'], 'terminated'],
    [['--every', '5m'], 'terminated'],
  ])('with %j mark a state that has ended as done, or else as %s', async (flags, mark) => {
    const world = await worldWith(flags);
    setState(
      world,
      "terminated_at = '2026-11-21T00:53:00.000Z', terminated_reason = 'done: its only slot has run', handled_slot = '2026-11-21T00:52:00.000Z', earliest_start = NULL, due_tick = NULL",
    );
    expect((await listed(world)).next).toBe(mark);
    expect(await stateJson(world)).toMatchObject({
      marks: [mark],
      nextAt: null,
      nextInTicks: null,
      terminatedAt: '2026-11-21T00:53:00Z',
      terminatedReason: 'done: its only slot has run',
    });
    expect((await stateLine(world))['STANDING']).toBe(
      mark === 'done' ? 'done: its only slot has run' : 'terminated: done: its only slot has run',
    );
  });

  test.each([
    ['done: its only slot has ended failed', 'done', 'done: its only slot has ended failed'],
    ['its only slot was skipped', 'terminated', 'terminated: its only slot was skipped'],
    ['1 failure', 'terminated', 'terminated: 1 failure'],
  ])('with the reason "%s" call a single slot %s', async (reason, mark, standing) => {
    const world = await worldWith(['--ticks', '0']);
    setState(
      world,
      `terminated_at = '2026-11-21T00:53:00.000Z', terminated_reason = '${reason}', earliest_start = NULL`,
    );
    expect((await listed(world)).next).toBe(mark);
    expect((await stateLine(world))['STANDING']).toBe(standing);
  });

  test('mark as overdue what has been due for more than two ticks, but not while it runs', async () => {
    const world = await worldWith(['--every', '10m', '--anchor', 'finish'], 'tick_every: 1m\n');
    world.count('job', '2026-11-21T00:30:00.000Z');
    expect((await listed(world)).next).toBe('overdue, 2026-11-21 00:40Z (15 min ago)');
    expect(await stateJson(world)).toMatchObject({ isDue: true, marks: ['overdue'] });
    insertRun(world, 'job', { status: 'running', live_node: 'alpha' });
    setState(
      world,
      "last_status = 'running', handled_slot = '2026-11-21T00:40:00.000Z', earliest_start = ''",
    );
    expect((await listed(world)).next).toBe('running');
    expect(await stateJson(world)).toMatchObject({ isDue: false, marks: ['running'], nextAt: null });
  });

  test('tell the attempt that goes before newer slots as the next start', async () => {
    const retries = ['--retry-past-next', '--retry-limit', '2', '--retry-delay', '2m'];
    const world = await worldWith(['--every', '3m', ...retries], 'tick_every: 1m\n');
    setState(
      world,
      "handled_slot = '2026-11-21T00:50:00.000Z', attempt = 2, retry_at = '2026-11-21T00:57:11.000Z', last_status = 'failed', earliest_start = '2026-11-21T00:53:00.000Z'",
    );
    expect((await listed(world)).next).toBe('2026-11-21 00:57:11Z (in 2 min)');
    expect(await stateJson(world)).toMatchObject({ marks: [], isDue: false, nextAt: '2026-11-21T00:57:11Z' });
  });

  test('tell the end of an exclusion as the next start', async () => {
    const world = await worldWith(['--window', '["00:52", "! 00:54-01:10"]']);
    const { nextAt, isDue } = await stateJson(world);
    expect({ nextAt, isDue }).toEqual({
      nextAt: expect.stringMatching(/^2026-11-21T01:1\d:00Z$/),
      isDue: true,
    });
  });

  test('show the minute from which anchors start and finish count', async () => {
    const world = await worldWith(['--every', '10m', '--anchor', 'finish']);
    setState(
      world,
      "handled_slot = '2026-11-21T00:50:00.000Z', anchored_at = '2026-11-21T00:53:00.000Z', last_status = 'succeeded', earliest_start = ''",
    );
    expect(await stateJson(world)).toMatchObject({
      anchoredAt: '2026-11-21T00:53:00Z',
      nextAt: '2026-11-21T01:03:00Z',
    });
  });

  test('show policies that are not the default', async () => {
    const world = await worldWith(
      '--every 5m --catch-up each --catch-up-max 7 --random-offset 30s --backoff every_run --max-period 1h --enabled-delay 2m --first-delay 1m'
        .split(' ')
        .concat('--deactivate-after', '5 failures and 7 days'),
    );
    const { out } = await world.call('show', 'job');
    for (const line of [
      'first_delay       1m (default: none)',
      'enabled_delay     2m (default: none)',
      'random_offset     30s (default: 0s)',
      'catch_up          each (default: latest)',
      'catch_up_max      7 (default: 100)',
      'backoff           every_run (default: none)',
      'max_period        1h (default: none)',
      'deactivate_after  5 failures and 7 days (default: none)',
    ]) {
      expect(out).toContain(`\n${line}\n`);
    }
  });
});

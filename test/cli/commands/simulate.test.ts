import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Answer, type CommandWorld, insertRun, openWorld } from './command-world.ts';

const COMMAND = ['--module', 'command', '-o', 'command=true'];
const HOUR = ['--until', '2026-11-21T01:55:10Z'];

/** A world whose one task of its own is `backup`, which counts from 00:55, the minute of now. */
async function worldWith(flags: readonly string[], config?: string): Promise<CommandWorld> {
  const world = openWorld(config);
  await add(world, 'backup', ...flags);
  await world.call('remove', 'prune_history', '--yes');
  world.sql("DELETE FROM periodic_task WHERE name = 'prune_history'");
  return world;
}

async function add(world: CommandWorld, name: string, ...flags: readonly string[]): Promise<void> {
  expect(await world.call('add', name, ...COMMAND, ...flags)).toMatchObject({ exitCode: 0 });
  world.count(name, '2026-11-21T00:55:00.000Z');
}

async function simulated({ call }: CommandWorld, ...words: readonly string[]) {
  const { exitCode, out, err } = await call('simulate', '--json', ...words);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return JSON.parse(out);
}

/** When the one task starts, as a simulation has it. */
async function startsOf(world: CommandWorld, ...words: readonly string[]): Promise<readonly string[]> {
  const { runs } = await simulated(world, ...words);
  return runs.map(({ startAt }: { readonly startAt: string }) => startAt);
}

function refused(message: string): Answer {
  return { exitCode: 2, out: '', err: `periodic-cron: simulate: ${message}\n` };
}

describe('simulate', () => {
  test('prints what would run when, what would be skipped and why, and how busy the nodes would be', async () => {
    const world = await worldWith(['--every', '20m']);
    await add(world, 'report', '--window', '01:01-01:03', '--timezone', 'UTC');
    await add(world, 'asleep', '--every', '1h');
    await world.call('disable', 'asleep');
    insertRun(world, 'backup', { duration_ms: 120_000 });
    insertRun(world, 'backup', { duration_ms: 240_000 });
    insertRun(world, 'backup', { duration_ms: 9_000_000, status: 'failed' });
    expect(await world.call('simulate', ...HOUR, '--every', '5m')).toEqual({
      exitCode: 0,
      out: [
        '2026-11-21 00:55:10Z to 2026-11-21 01:55:10Z, a tick every 5m',
        '',
        'TASK    RUNS  MISSED  SKIPPED   BUSY  THEN',
        'backup     3       0        0  6m10s  2026-11-21 02:15:00Z',
        'report     0       0        1     0s  2026-11-22 01:01:00Z',
        '',
        'NODE   TICKS  WITH WORK    BUSY  MOST AT ONCE  HELD BACK',
        'alpha     12          4  10.3 %             1          0',
        '',
        '2026-11-21 01:15:00Z  "backup" on alpha (slot 2026-11-21T01:15:00Z)',
        '2026-11-21 01:35:00Z  "backup" on alpha (slot 2026-11-21T01:35:00Z)',
        '2026-11-21 01:55:00Z  "backup" on alpha (slot 2026-11-21T01:55:00Z)',
        '',
        '2026-11-21 01:05:00Z  "report" on alpha skipped, window closed (slot 2026-11-21T01:01:00Z)',
        '',
        'not run  "asleep"  not active',
        '',
      ].join('\n'),
      err: '',
    });
  });

  test('in JSON has the same in figures and instants', async () => {
    const world = await worldWith(['--every', '20m']);
    insertRun(world, 'backup', { duration_ms: 180_000 });
    expect(await simulated(world, ...HOUR, '--every', '5m')).toEqual({
      from: '2026-11-21T00:55:10Z',
      until: '2026-11-21T01:55:10Z',
      everySeconds: 300,
      remarks: [],
      tasks: [
        {
          ...{ task: 'backup', runs: 3, missed: 0, skipped: 0 },
          ...{ busySeconds: 370, nextSlotAt: '2026-11-21T02:15:00Z' },
        },
      ],
      nodes: [
        {
          ...{ node: 'alpha', ticks: 12, busyTicks: 3, mostAtOnce: 1, heldBack: 0 },
          ...{ busySeconds: 370, busyShare: 0.1028 },
        },
      ],
      runs: ['01:15', '01:35', '01:55'].map((time) => ({
        task: 'backup',
        node: 'alpha',
        durationMs: 180_000,
        missed: 0,
        slotAt: `2026-11-21T${time}:00Z`,
        startAt: `2026-11-21T${time}:00Z`,
      })),
      skipped: [],
      notRun: [],
      isCut: false,
    });
  });

  test('names what takes no part, and why', async () => {
    const world = await worldWith(['--manual']);
    await add(world, 'asleep', '--every', '1h');
    await world.call('disable', 'asleep');
    await add(world, 'broken', '--every', '1h');
    world.sql("UPDATE periodic_task SET schedule = '1 fortnight' WHERE name = 'broken'");
    await add(world, 'done', '--every', '30m', '-n', 'alpha', '-n', 'beta');
    world.sql(
      `UPDATE periodic_task_state SET terminated_at = '2026-11-21T00:10:00.000Z', terminated_reason = 'enough'
       WHERE scope_key = 'beta' AND task_id = (SELECT id FROM periodic_task WHERE name = 'done')`,
    );
    const { notRun, runs } = await simulated(world, ...HOUR, '--every', '5m');
    expect(notRun).toEqual([
      { task: 'backup', reason: 'manual: its schedule never starts it' },
      { task: 'asleep', reason: 'not active' },
      { task: 'broken', reason: expect.stringMatching(/^invalid: schedule: expected a duration/) },
      { task: 'done', reason: 'terminated on "beta": enough' },
    ]);
    expect(runs.map(({ task, node }: { task: string; node: string }) => [task, node])).toEqual([
      ['done', 'alpha'],
      ['done', 'alpha'],
    ]);
    expect((await world.call('simulate', ...HOUR)).out).toContain('not run  "asleep"  not active\n');
  });

  test('lists twenty runs, and all of them with -v', async () => {
    const world = await worldWith(['--every', '1m']);
    const words = [...HOUR, '--every', '1m'];
    const short = (await world.call('simulate', ...words)).out;
    expect(short.match(/"backup" on alpha/g)).toHaveLength(20);
    expect(short).toContain('\n... and 40 further runs (-v shows them)\n');
    const long = (await world.call('simulate', ...words, '-v')).out;
    expect(long.match(/"backup" on alpha/g)).toHaveLength(60);
    expect(long).not.toContain('further');
  });

  test('shows what is overdue now at the next tick', async () => {
    const world = await worldWith(['--every', '1h']);
    world.count('backup', '2026-11-20T20:00:00.000Z');
    const { out } = await world.call('simulate', ...HOUR, '--every', '5m');
    expect(out).toContain(
      '2026-11-21 01:00:00Z  "backup" on alpha (slot 2026-11-21T01:00:00Z, for 4 missed)\n',
    );
  });

  test('plays from now on what is asked of later', async () => {
    const world = await worldWith(['--every', '20m', '--anchor', 'start']);
    const words = ['--from', '2026-11-21T02:00Z', '--until', '2026-11-21T03:00Z', '--every', '30m'];
    const { runs, nodes } = await simulated(world, ...words);
    expect(runs.map(({ startAt }: { startAt: string }) => startAt)).toEqual([
      '2026-11-21T02:00:00Z',
      '2026-11-21T02:30:00Z',
      '2026-11-21T03:00:00Z',
    ]);
    expect(nodes).toMatchObject([{ ticks: 3, busyTicks: 3 }]);
  });

  test('of a span in the past counts every task from its begin, and says so', async () => {
    const world = await worldWith(['--every', '1h']);
    await add(world, 'ticks', '--ticks', '2', '--repeat', '--scope', 'one');
    world.sql("INSERT INTO periodic_node (name, tick_no) VALUES ('alpha', 700)");
    const words = ['--from', '2026-11-01T00:30Z', '--until', '2026-11-01T02:00Z', '--every', '15m'];
    const { runs, remarks } = await simulated(world, ...words);
    expect(runs.map(({ task, startAt }: { task: string; startAt: string }) => [task, startAt])).toEqual([
      ['ticks', '2026-11-01T01:00:00Z'],
      ['backup', '2026-11-01T01:30:00Z'],
      ['ticks', '2026-11-01T01:45:00Z'],
    ]);
    expect(remarks).toEqual([
      'the span begins in the past: every task counts from its begin, as if it were new then',
    ]);
  });

  test('takes what runs now for ended, and says so', async () => {
    const world = await worldWith(['--every', '20m', '--anchor', 'finish']);
    world.sql(
      `UPDATE periodic_task_state SET last_status = 'running', handled_slot = '2026-11-21T00:50:00.000Z',
         anchored_at = '2026-11-21T00:50:00.000Z', earliest_start = NULL WHERE scope_key = 'alpha'`,
    );
    const { runs, remarks } = await simulated(world, ...HOUR, '--every', '5m');
    expect(remarks).toEqual(['task "backup" runs now: it is taken to have ended well by the first tick']);
    expect(runs[0]).toMatchObject({ startAt: '2026-11-21T01:15:00Z' });
  });
});

describe('the rhythm of a simulation', () => {
  test('is the one that is asked for', async () => {
    const world = await worldWith(['--every', '1m'], 'tick_every: 10m\n');
    expect(await startsOf(world, '--until', '2026-11-21T01:31:00Z', '--every', '15m')).toEqual([
      '2026-11-21T01:00:00Z',
      '2026-11-21T01:15:00Z',
      '2026-11-21T01:30:00Z',
    ]);
  });

  test('is the configured one', async () => {
    const world = await worldWith(['--every', '1m'], 'tick_every: 10m\n');
    expect(await simulated(world)).toMatchObject({ everySeconds: 600, remarks: [] });
  });

  test('is that of the ticks before', async () => {
    const world = await worldWith(['--every', '1m']);
    for (const [index, time] of ['00:30', '00:32', '00:34', '00:45'].entries()) {
      world.sql(
        "INSERT INTO periodic_tick (node, tick_no, tick_at, started_at) VALUES ('alpha', ?, ?, ?)",
        index + 1,
        `2026-11-21T${time}:00.000Z`,
        `2026-11-21T${time}:00.000Z`,
      );
    }
    expect(await simulated(world)).toMatchObject({ everySeconds: 120, remarks: [] });
  });

  test('is five minutes where nobody knows it, which is said', async () => {
    const world = await worldWith(['--every', '1m']);
    const { everySeconds, remarks } = await simulated(world);
    expect({ everySeconds, remarks }).toEqual({
      everySeconds: 300,
      remarks: ['nobody knows yet how often the nodes tick: 5 min are taken (--every)'],
    });
    expect((await world.call('simulate')).out.split('\n')[1]).toBe(remarks[0]);
  });
});

describe('the nodes of a simulation', () => {
  test('are those that tick and those that a task names', async () => {
    const world = await worldWith(['--every', '1h', '-n', 'beta']);
    world.sql("INSERT INTO periodic_node (name, tick_no) VALUES ('gamma', 3)");
    const { nodes } = await simulated(world, '--every', '5m');
    expect(nodes.map(({ node }: { node: string }) => node)).toEqual(['beta', 'gamma']);
  });

  test('are one, if one is named', async () => {
    const world = await worldWith(['--every', '1h', '-n', 'alpha', '-n', 'beta']);
    const { nodes, runs, remarks } = await simulated(world, ...HOUR, '--every', '5m', '--node', 'beta');
    expect(nodes.map(({ node }: { node: string }) => node)).toEqual(['beta']);
    expect(runs).toMatchObject([{ node: 'beta', startAt: '2026-11-21T01:55:00Z' }]);
    expect(remarks).toEqual([]);
  });

  test('are none that nobody knows', async () => {
    const world = await worldWith(['--every', '1h']);
    const answer = await world.call('simulate', '--every', '5m', '--node', 'alhpa');
    expect(answer).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: node "alhpa" has not ticked yet, and no task names it (known: alpha)\n',
    });
  });
});

describe('simulate refuses', () => {
  test.each<[readonly string[], string]>([
    [
      ['--from', 'tomorrow'],
      '--from: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got "tomorrow"',
    ],
    [
      ['--until', '2026-11-31T00:00Z'],
      '--until: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got "2026-11-31T00:00Z"',
    ],
    [
      ['--from', '2026-12-02T00:00Z', '--until', '2026-12-01T00:00Z'],
      '--until: expected an instant after --from (2026-12-02T00:00:00Z), got 2026-12-01T00:00:00Z',
    ],
    [['--every', '0'], '--every: expected a duration of at least 1s, got "0"'],
    [
      ['--every', 'often'],
      '--every: expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "often" (at character 1)',
    ],
    [
      ['--until', '2076-11-21T00:55Z', '--every', '1m'],
      'expected at most 1100000 ticks of all nodes together, got 26298720: choose a shorter span, a longer --every or one --node',
    ],
  ])('%j', async (words, message) => {
    const world = await worldWith(['--every', '1h']);
    expect(await world.call('simulate', ...words)).toEqual(refused(message));
  });

  test('a word too many, with 2, and a database that is not there, with 3', async () => {
    const world = await worldWith(['--every', '1h']);
    expect((await world.call('simulate', 'backup')).exitCode).toBe(2);
    const missing = await world.call('--database', `sqlite:${world.folder}/none.sqlite`, 'simulate');
    expect(missing).toMatchObject({ exitCode: 3, out: '' });
    expect(readdirSync(world.folder)).not.toContain('none.sqlite');
  });
});

test('a simulation writes nothing', async () => {
  const world = await worldWith(['--every', '5m']);
  world.sql('PRAGMA wal_checkpoint(TRUNCATE)');
  const facts = () => {
    const { mtimeMs, size } = statSync(world.database);
    const hash = createHash('sha256').update(readFileSync(world.database)).digest('hex');
    return { mtimeMs, size, hash, files: readdirSync(world.folder).sort() };
  };
  const before = facts();
  await simulated(world, '--until', '2026-12-21T00:55Z', '--every', '1m');
  expect(facts()).toEqual(before);
  expect(readFileSync(join(world.folder, 'tasks.sqlite')).length).toBeGreaterThan(0);
});

describe('a simulation with a tick every minute agrees with next', () => {
  test.each([
    [['--every', '7m']],
    [['--every', '90s']],
    [['--every', '2h', '--first-delay', '25m']],
    [['--every', '11m', '--anchor', 'start']],
    [['--every', '13m', '--anchor', 'finish']],
    [['--every', '5m', '--backoff', 'every_run']],
    [['--every', '1h', '--run-immediately']],
    [['--every', '30m', '--random-offset', '20m']],
    [['--cron', '*/7 8-11 * * *', '--timezone', 'Asia/Kolkata']],
    [['--cron', 'H/10 * * * *']],
    [['--window', '02:00-05:00@25', '--timezone', 'UTC']],
    [['--window', '~01:00-03:00', '--timezone', 'UTC']],
    [['--window', '["01:00-09:00@30", "!04:00-06:00"]', '--timezone', 'UTC']],
    [['--once', '2026-11-21T04:05:30Z']],
  ])('for %j', async (flags) => {
    const world = await worldWith(flags);
    const until = '2026-11-21T12:00:00Z';
    const { out } = await world.call('next', 'backup', '--until', until, '--count', '1000', '--json');
    const instants: readonly string[] = JSON.parse(out).schedules[0].next;
    const minutes = instants.map((text) => Math.ceil(Date.parse(text) / 60_000) * 60_000);
    const starts = await startsOf(world, '--until', until, '--every', '1m');
    // What is overdue when it is asked starts at once there, and at the next tick here.
    expect(starts.map((text) => Date.parse(text))).toEqual([...new Set(minutes)]);
    expect(starts.length).toBeGreaterThan(0);
  });
});

import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

/** A world with the tasks backup and mirror, which run by hand only. */
async function openTasks(): Promise<CommandWorld> {
  const world = openWorld();
  for (const name of ['backup', 'mirror']) {
    await world.call('add', name, '--module', 'command', '-o', 'command=true', '--manual');
  }
  return world;
}

/** Runs 1 to 4: two of backup, one of mirror, and one of backup on another node, ten minutes apart. */
async function openRuns(): Promise<CommandWorld> {
  const world = await openTasks();
  for (const [task, minute, changes] of [
    ['backup', '00:10', {}],
    ['backup', '00:20', { status: 'failed' }],
    ['mirror', '00:30', { status: 'timed_out' }],
    ['backup', '00:40', { node: 'beta', scope_key: 'beta' }],
  ] as const) {
    const at = `2026-11-21T${minute}:00.000Z`;
    insertRun(world, task, { created_at: at, started_at: at, ...changes });
  }
  return world;
}

/** The ids of the runs that are printed, in their order. */
async function idsOf(world: CommandWorld, ...words: readonly string[]): Promise<readonly number[]> {
  const { exitCode, out, err } = await world.call('history', '--json', ...words);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return JSON.parse(out).runs.map(({ id }: { id: number }) => id);
}

describe('history', () => {
  test('prints slots and their ranges, attempts, how long each run took, and why it ended so', async () => {
    const world = await openTasks();
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:10:00.000Z',
      slot: '2026-11-21T00:40:00.000Z',
      slot_count: 4,
      started_at: '2026-11-21T00:41:00.000Z',
      duration_ms: 1250,
    });
    insertRun(world, 'backup', {
      slot_first: '2026-11-20T23:50:00.000Z',
      slot: '2026-11-21T00:50:00.000Z',
      slot_count: 10_000,
      status: 'skipped',
      reason: 'too_late',
      message: 'too late: more than 1m late',
      started_at: null,
    });
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:50:00.000Z',
      slot: '2026-11-21T00:50:00.000Z',
      slot_count: 1,
      attempt: 2,
      status: 'failed',
      reason: 'retry',
      message: 'exited with status 3',
      duration_ms: 185_000,
    });
    insertRun(world, 'mirror', { trigger_kind: 'manual', status: 'running', live_node: 'alpha' });
    insertRun(world, 'mirror', {
      trigger_kind: 'fault',
      status: 'failed',
      reason: 'invalid',
      message: null,
      started_at: null,
    });
    const { exitCode, out, err } = await world.call('history');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'RUN  TASK    NODE   SLOT                                              TRY  STATUS     STARTED                TOOK  WHY',
      '  5  mirror  alpha  -                                                   1  failed     -                         -  invalid',
      '  4  mirror  alpha  by hand                                             1  running    2026-11-21 00:50:00Z      -',
      '  3  backup  alpha  2026-11-21 00:50:00Z                                2  failed     2026-11-21 00:50:00Z   3m5s  exited with status 3',
      '  2  backup  alpha  2026-11-20 23:50:00…2026-11-21 00:50:00Z ×10000+    1  skipped    -                         -  too late: more than 1m late',
      '  1  backup  alpha  2026-11-21 00:10:00…00:40:00Z ×4                    1  succeeded  2026-11-21 00:41:00Z  1.2 s',
      '',
    ]);
  });

  test('prints the newest run first, or the oldest of the newest with --reverse', async () => {
    const world = await openRuns();
    expect(await idsOf(world)).toEqual([4, 3, 2, 1]);
    expect(await idsOf(world, '--limit', '2')).toEqual([4, 3]);
    expect(await idsOf(world, '--limit', '2', '--reverse')).toEqual([3, 4]);
  });

  test('prints fifty runs unless another number is asked for', async () => {
    const world = await openTasks();
    world.sql(
      `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 60)
       INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, trigger_kind, status, created_at)
       SELECT 'many-' || n, 1, 'many', 'command', 'alpha', 'alpha', 'manual', 'succeeded', '2026-11-21T00:00:00.000Z'
       FROM numbers`,
    );
    expect(await idsOf(world)).toHaveLength(50);
    expect(await idsOf(world, '--limit', '55')).toHaveLength(55);
  });

  test.each([
    ['of a task', ['backup'], [4, 2, 1]],
    ['of a task with spaces around its name', ['  backup '], [4, 2, 1]],
    ['of a node', ['-n', 'beta'], [4]],
    ['with a status', ['--status', 'failed'], [2]],
    ['with one of several statuses', ['--status', 'failed', '--status', 'timed_out'], [3, 2]],
    ['with one of several statuses with a comma', ['--status', 'failed,timed_out'], [3, 2]],
    ['since an instant, itself included', ['--since', '2026-11-21T00:30Z'], [4, 3]],
    ['since so long ago', ['--since', '20m'], [4]],
    ['until an instant, itself included', ['--until', '2026-11-21T00:20Z'], [2, 1]],
    ['between two instants', ['--since', '2026-11-21T01:15+01:00', '--until', '25m'], [3, 2]],
    ['that match every wish', ['backup', '-n', 'alpha', '--status', 'succeeded'], [1]],
  ])('prints the runs %s', async (_what, words, ids) => {
    const world = await openRuns();
    expect(await idsOf(world, ...words)).toEqual(ids);
  });

  test('knows the runs of a task that was removed, and of one that was renamed under both names', async () => {
    const world = await openRuns();
    await world.call('remove', 'mirror');
    await world.call('set', 'backup', '--name', 'archive');
    expect(await idsOf(world, 'mirror')).toEqual([3]);
    expect(await idsOf(world, 'archive')).toEqual([4, 2, 1]);
    expect(await idsOf(world, 'backup')).toEqual([4, 2, 1]);
  });

  test('knows the runs of a task that was renamed and then removed under both names', async () => {
    const world = await openRuns();
    await world.call('set', 'backup', '--name', 'archive');
    await world.call('remove', 'archive');
    expect(await idsOf(world, 'archive')).toEqual([4, 2, 1]);
    expect(await idsOf(world, 'backup')).toEqual([4, 2, 1]);
    expect((await world.call('history', 'archive', '--status', 'lost')).err).toBe(
      'periodic-cron: the ledger holds nothing of task "archive" that matches\n',
    );
  });

  test('finds a task by the exact name that plain SQL gave it', async () => {
    const world = await openRuns();
    world.sql("UPDATE periodic_task SET name = ' backup ' WHERE name = 'mirror'");
    expect(await idsOf(world, ' backup ')).toEqual([4, 2, 1]);
    world.sql("UPDATE periodic_task SET name = ' mirror ' WHERE name = ' backup '");
    world.sql('DELETE FROM periodic_audit');
    world.sql("UPDATE periodic_run SET task_name = ' mirror ' WHERE id = 3");
    expect(await idsOf(world, ' mirror ')).toEqual([3]);
  });

  test.each([
    ['retry', 'failed', 'exited with status 3; another attempt follows'],
    ['superseded', 'failed', 'exited with status 3; its next attempt was superseded by a newer slot'],
    ['dropped', 'failed', 'exited with status 3; its next attempt was dropped'],
    ['offline', 'failed', 'exited with status 3; its next attempt was left out, since the task was offline'],
    ['offline', 'skipped', 'exited with status 3'],
  ])(
    'tells of a run with the reason %s that %s what became of its next attempt',
    async (reason, status, why) => {
      const world = await openTasks();
      const slot = '2026-11-21T00:50:00.000Z';
      insertRun(world, 'backup', { slot, slot_count: 1, status, reason, message: 'exited with status 3' });
      world.sql(
        "UPDATE periodic_task_state SET handled_slot = ?, attempt = 1, retry_at = '2026-11-21T00:56:00.000Z'",
        slot,
      );
      expect((await world.call('history')).out).toContain(`  ${why}\n`);
    },
  );

  test.each([
    ['was taken', "attempt = 2, retry_at = '2026-11-21T00:58:00.000Z'"],
    ['is no longer pending', 'attempt = 1, retry_at = NULL'],
    ['would be of another slot', "attempt = 1, handled_slot = '2026-11-21T00:55:00.000Z'"],
  ])('announces no next attempt when it %s', async (_case, change) => {
    const world = await openTasks();
    const slot = '2026-11-21T00:50:00.000Z';
    insertRun(world, 'backup', { slot, slot_count: 1, status: 'failed', reason: 'retry', message: 'bad' });
    world.sql("UPDATE periodic_task_state SET handled_slot = ?, retry_at = '2026-11-21T00:56:00.000Z'", slot);
    world.sql(`UPDATE periodic_task_state SET ${change}`);
    expect((await world.call('history')).out).toContain('  bad\n');
  });

  test.each([
    [
      80,
      [
        'RUN  TASK    SLOT                   STATUS     STARTED        TOOK  WHY',
        '  2  backup  11-21 00:55Z           failed     11-21 00:50Z   3m5s  exited with…',
        '  1  backup  11-21 00:10…00:50Z ×4  succeeded  11-21 00:50Z  1.2 s',
      ],
    ],
    [
      60,
      [
        'RUN  TASK    SLOT                   STATUS     WHY',
        '  2  backup  11-21 00:55Z           failed     exited with …',
        '  1  backup  11-21 00:10…00:50Z ×4  succeeded',
      ],
    ],
  ])('keeps what matters on a terminal of %i columns', async (columns, lines) => {
    const world = await openTasks();
    const slot = '2026-11-21T00:50:00.000Z';
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:10:00.000Z',
      slot,
      slot_count: 4,
      started_at: slot,
      duration_ms: 1250,
    });
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:55:00.000Z',
      slot: '2026-11-21T00:55:00.000Z',
      slot_count: 1,
      started_at: slot,
      duration_ms: 185_000,
      status: 'failed',
      message: 'exited with status 3',
    });
    const { out } = await world.callAs({ stdoutIsTerminal: true, columns, env: { TERM: 'dumb' } }, 'history');
    expect(out.trimEnd().split('\n')).toEqual(lines);
  });

  test('says its defaults in words', async () => {
    const { out } = await openWorld().call('history', '--help');
    expect(out).toContain('50 if not given');
    expect(out).not.toContain('default:');
  });

  test('prints a whole row as JSON', async () => {
    const world = await openTasks();
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:40:00.000Z',
      slot: '2026-11-21T00:50:00.000Z',
      slot_count: 2,
      status: 'failed',
      message: 'exited with status 3',
      created_at: '2026-11-21T00:50:01.250Z',
      started_at: '2026-11-21T00:50:01.250Z',
      ended_at: '2026-11-21T00:50:02.000Z',
      duration_ms: 750,
      exit_code: 3,
      result: '{"rows":7}',
      output: 'no such file\n',
      output_bytes: 13,
    });
    const { out } = await world.call('history', 'backup', '--json');
    expect(JSON.parse(out)).toEqual({
      runs: [
        {
          id: 1,
          task: 'backup',
          module: 'command',
          node: 'alpha',
          trigger: 'schedule',
          slot: '2026-11-21T00:50:00Z',
          slotFirst: '2026-11-21T00:40:00Z',
          slotCount: 2,
          attempt: 1,
          status: 'failed',
          reason: null,
          message: 'exited with status 3',
          createdAt: '2026-11-21T00:50:01.250Z',
          startedAt: '2026-11-21T00:50:01.250Z',
          endedAt: '2026-11-21T00:50:02Z',
          durationMs: 750,
          exitCode: 3,
          signal: null,
          result: { rows: 7 },
          lateResult: null,
          outputBytes: 13,
          warning: null,
          progress: null,
          cancelRequested: null,
        },
      ],
    });
  });

  test('says that a late result is kept', async () => {
    const world = await openTasks();
    insertRun(world, 'backup', {
      status: 'lost',
      message: 'the machine was booted while the task ran',
      late_result: '{"status":"succeeded"}',
    });
    expect((await world.call('history')).out).toContain(
      'the machine was booted while the task ran; a late result is kept beside it\n',
    );
  });

  test('fits a terminal, and makes what it prints harmless', async () => {
    const world = await openTasks();
    insertRun(world, 'backup', { status: 'failed', message: `red \u001b[31malert ${'!'.repeat(200)}` });
    const { out } = await world.callAs(
      { stdoutIsTerminal: true, columns: 100, env: { TERM: 'dumb' } },
      'history',
    );
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => line.length <= 100)).toEqual([true, true]);
    expect(lines[1]).toContain('red \\x1b[');
    expect(lines[1]).toMatch(/…$/);
  });

  test('ends with 5 and a word on stderr when nothing matches, and prints an empty list as JSON', async () => {
    const world = await openRuns();
    expect(await world.call('history', 'mirror', '--status', 'lost')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: the ledger holds nothing of task "mirror" that matches\n',
    });
    expect(await world.call('history', '-n', 'gamma', '--json')).toEqual({
      exitCode: 5,
      out: '{\n  "runs": []\n}\n',
      err: 'periodic-cron: the ledger holds nothing that matches\n',
    });
  });

  test('tells an empty ledger from a name that is not known, and suggests one that is', async () => {
    const world = await openTasks();
    expect((await world.call('history')).err).toBe('periodic-cron: the ledger holds nothing yet\n');
    expect((await world.call('history', 'backup')).err).toBe(
      'periodic-cron: the ledger holds nothing of task "backup" yet\n',
    );
    expect(await world.call('history', 'bakup')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: there is no task "bakup", and the ledger remembers none of that name (did you mean backup?)\n',
    });
  });

  test.each([
    [
      ['--status', 'faild'],
      '--status: expected running, succeeded, failed, timed_out, stopped, cancelled, lost, skipped, got "faild" (did you mean failed?)',
    ],
    [
      ['--since', 'yesterday'],
      '--since: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got "yesterday"',
    ],
    [['--limit', '0'], '--limit: expected a whole number from 1 to 1000000, got "0"'],
    [
      ['--since', '1h', '--until', '2h'],
      '--since and --until: expected a span that ends after it begins, got one that ends before',
    ],
  ])('refuses %j', async (words, message) => {
    const world = await openTasks();
    expect(await world.call('history', ...words)).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: ${message}\n`,
    });
  });

  test('creates no database', async () => {
    const world = openWorld();
    expect(await world.call('history')).toEqual({
      exitCode: 3,
      out: '',
      err: `periodic-cron: there is no database ${world.database} yet: "periodic-cron add" or the first run_scheduled creates it\n`,
    });
  });
});

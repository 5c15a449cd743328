import { describe, expect, test } from 'vitest';
import { brokenStream } from '../fake-io.ts';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

/** A world with one task, whose 5-minute period counts from 00:50. */
async function worldWithTask(config?: string, ...flags: readonly string[]): Promise<CommandWorld> {
  const world = openWorld(config);
  await world.call('add', 'backup', ...COMMAND, '--every', '5m', ...flags);
  await world.call('remove', 'prune_history');
  world.count('backup', '2026-11-21T00:50:00.000Z', '2026-11-21T00:55:00.000Z');
  return world;
}

async function taskIn(world: CommandWorld, ...flags: readonly string[]) {
  const { out } = await world.call('list', '--json', ...flags);
  return JSON.parse(out).tasks[0];
}

async function namesIn(world: CommandWorld, ...flags: readonly string[]): Promise<unknown[]> {
  const { out } = await world.call('list', '--json', ...flags);
  return JSON.parse(out).tasks.map(({ name }: { name: string }) => name);
}

describe('list', () => {
  test('shows a task, its last run and its next', async () => {
    const world = await worldWithTask();
    insertRun(world, 'backup', { status: 'timed_out', ended_at: '2026-11-21T00:52:10.000Z' });
    const { exitCode, out, err } = await world.call('list');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'ACTIVE  ID  NAME    SCHEDULE  MODULE   NODES  ORDER  LAST RUN             NEXT RUN                      OPTIONS',
      'yes      2  backup  every 5m  command  alpha      0  timed out 3 min ago  2026-11-21 01:00Z (in 4 min)  command=true',
      `1 task · node "alpha" has not ticked yet (see crontab.example) · database ${world.database} · now 2026-11-21T00:55Z`,
      '',
    ]);
  });

  test('tells when the node last ticked', async () => {
    const world = await worldWithTask();
    world.sql("INSERT INTO periodic_node (name, last_tick_at) VALUES ('alpha', '2026-11-21T00:53:10.000Z')");
    expect((await world.call('list')).out).toContain('node "alpha" ticked 2 min ago');
  });

  test.each([
    [
      100,
      [
        'ACTIVE  ID  NAME                  SCHEDULE               MODULE   LAST RUN             NEXT RUN',
        'yes      2  backup                every 5m               command  timed out 3 min ago  in 4 min',
        'yes      3  a name of 20 letters  cron 30 2 * * * (UTC)  command  -                    in 1 h',
        'no       4  off                   cron */5 * * * *       command  -                    inactive',
      ],
    ],
    [
      80,
      [
        'NAME                  SCHEDULE               LAST RUN             NEXT RUN',
        'backup                every 5m               timed out 3 min ago  in 4 min',
        'a name of 20 letters  cron 30 2 * * * (UTC)  -                    in 1 h',
        'off                   cron */5 * * * *       -                    inactive',
      ],
    ],
    [
      60,
      [
        'NAME             SCHEDULE         LAST RUN         NEXT RUN',
        'backup           every 5m         timed out 3 mi…  in 4 min',
        'a name of 20 l…  cron 30 2 * * …  -                in 1 h',
        'off              cron */5 * * *…  -                inactive',
      ],
    ],
  ])('keeps what matters on a terminal of %i columns', async (columns, lines) => {
    const world = await worldWithTask();
    await world.call('add', 'a name of 20 letters', ...COMMAND, '--cron', '30 2 * * *', '--timezone', 'UTC');
    await world.call('add', 'off', ...COMMAND, '--cron', '*/5 * * * *', '--inactive');
    world.count('a name of 20 letters', '2026-11-21T00:50:00.000Z');
    insertRun(world, 'backup', { status: 'timed_out', ended_at: '2026-11-21T00:52:10.000Z' });
    const { out } = await world.callAs({ stdoutIsTerminal: true, columns, env: { TERM: 'dumb' } }, 'list');
    expect(out.split('\n').slice(0, 4)).toEqual(lines);
  });

  test('shows a task whose only node has a name that cannot be, on every node', async () => {
    const world = await worldWithTask();
    world.sql("UPDATE periodic_task_node SET node = ' vm '");
    expect(await namesIn(world)).toEqual(['backup']);
    expect(await namesIn(world, '-n', 'beta')).toEqual(['backup']);
  });

  test('shows the tasks of this node, active or not, and those of no node', async () => {
    const world = await worldWithTask();
    await world.call('add', 'off', ...COMMAND, '--manual', '--inactive');
    await world.call('add', 'everywhere', ...COMMAND, '--manual', '-n', '*');
    await world.call('add', 'elsewhere', ...COMMAND, '--manual', '-n', 'beta');
    await world.call('add', 'nowhere', ...COMMAND, '--manual', '-n', 'beta');
    world.sql(
      "DELETE FROM periodic_task_node WHERE task_id = (SELECT id FROM periodic_task WHERE name = 'nowhere')",
    );
    expect(await namesIn(world)).toEqual(['backup', 'off', 'everywhere', 'nowhere']);
    expect(await namesIn(world, '-n', 'beta')).toEqual(['everywhere', 'elsewhere', 'nowhere']);
    expect(await namesIn(world, '--all')).toEqual(['backup', 'off', 'everywhere', 'elsewhere', 'nowhere']);
  });

  test('is in ascending order', async () => {
    const world = await worldWithTask();
    await world.call('add', 'early', ...COMMAND, '--manual', '--order', '-1');
    await world.call('add', 'late', ...COMMAND, '--manual', '--order', '1');
    expect(await namesIn(world)).toEqual(['early', 'backup', 'late']);
  });

  test('keeps to what is due if asked', async () => {
    const world = await worldWithTask();
    await world.call('add', 'due', ...COMMAND, '--every', '5m');
    world.count('due', '2026-11-21T00:50:00.000Z');
    expect(await namesIn(world, '--due')).toEqual(['due']);
  });

  test('of an empty database says so', async () => {
    const world = await worldWithTask();
    await world.call('remove', 'backup');
    expect((await world.call('list')).out).toMatch(/^0 tasks · /);
  });

  test('creates no database', async () => {
    const world = openWorld();
    expect(await world.call('list')).toEqual({
      exitCode: 3,
      out: '',
      err: `periodic-cron: there is no database ${world.database} yet: "periodic-cron add" or the first run_scheduled creates it\n`,
    });
  });

  test('whose reader goes away ends quietly', async () => {
    const world = await worldWithTask();
    const { exitCode, err } = await world.callAs({ stdout: brokenStream('EPIPE') }, 'list');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  });

  test('makes names harmless for the terminal', async () => {
    const world = await worldWithTask();
    world.sql("UPDATE periodic_task SET name = 'a' || char(27) || '[2Jb' WHERE name = 'backup'");
    const { out } = await world.call('list');
    expect(out).toContain('a\\x1b[2Jb');
    expect(out).not.toContain('\x1b');
  });

  test('shows a thousand tasks', async () => {
    const world = await worldWithTask();
    world.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
      INSERT INTO periodic_task (name, module, options, schedule_kind, schedule)
      SELECT 'task ' || i, 'command', '{"command":"true"}', 'cron', '*/5 * * * *' FROM n`);
    world.sql(
      `INSERT INTO periodic_task_node (task_id, node) SELECT id, 'alpha' FROM periodic_task WHERE name LIKE 'task %'`,
    );
    expect((await world.call('list')).out).toContain('1000 tasks · ');
  });
});

describe('a listed task', () => {
  test('that has no state on a node yet is looked at as its first tick will', async () => {
    const world = await worldWithTask(undefined, '-n', '*');
    expect(await taskIn(world)).toMatchObject({
      nextAt: '2026-11-21T01:00:00Z',
      states: [{ scopeKey: 'alpha', countedFrom: '2026-11-21T00:50:00Z' }],
    });
  });

  test('that is invalid names every reason below the table', async () => {
    const world = await worldWithTask();
    world.sql("UPDATE periodic_task SET schedule = '5', schedule_kind = 'cron', timeout_s = -1");
    const { out } = await world.call('list');
    expect(out).toContain('  invalid  ');
    expect(out).toContain(
      '\ntask "backup" is invalid: timeout: expected a whole number from 0 to 316224000, got -1; schedule: expected 5 cron fields, got 1: "5" (at character 1)\n',
    );
    expect(await taskIn(world)).toMatchObject({
      nextAt: null,
      faults: [{ field: 'timeout' }, { field: 'schedule' }],
    });
  });

  test('whose module is missing is invalid', async () => {
    const world = await worldWithTask();
    world.sql("UPDATE periodic_task SET module = 'comand'");
    expect((await world.call('list')).out).toContain(
      'task "backup" is invalid: module: expected a known module, got "comand" (did you mean command?); see "periodic-cron modules"',
    );
  });

  test.each([
    ['2026-11-21T00:40:00.000Z', 'tick_every: 1m\n', ['overdue']],
    ['2026-11-21T00:49:00.000Z', 'tick_every: 1m\n', []],
    ['2026-11-21T00:41:00.000Z', 'tick_every: 5m\n', []],
    ['2026-11-21T00:40:00.000Z', undefined, []],
  ])('due since five minutes after %s with %j is marked %j', async (from, config, marks) => {
    const world = await worldWithTask(config);
    world.count('backup', from);
    expect((await taskIn(world)).states[0]).toMatchObject({ isDue: true, marks });
  });

  test('is overdue by the rhythm in which its node ticked', async () => {
    const world = await worldWithTask();
    for (const [no, minute] of ['10', '20', '30', '35', '45'].entries()) {
      const at = `2026-11-21T00:${minute}:00.000Z`;
      world.sql(
        'INSERT INTO periodic_tick (node, tick_no, tick_at, started_at) VALUES (?, ?, ?, ?)',
        'alpha',
        no,
        at,
        at,
      );
    }
    world.count('backup', '2026-11-21T00:29:00.000Z');
    expect((await taskIn(world)).states[0].marks).toEqual(['overdue']);
    world.count('backup', '2026-11-21T00:31:00.000Z');
    expect((await taskIn(world)).states[0].marks).toEqual([]);
  });

  test('that runs is marked so, and is not overdue', async () => {
    const world = await worldWithTask('tick_every: 1m\n');
    world.count('backup', '2026-11-21T00:20:00.000Z');
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha' });
    const task = await taskIn(world);
    expect(task.states[0]).toMatchObject({ marks: ['running'], liveRuns: 1, isDue: true });
    expect((await world.call('list')).out).toContain('running, 2026-11-21 00:25Z (30 min ago)');
  });

  test('that was handled in the future is marked so', async () => {
    const world = await worldWithTask();
    world.count('backup', '2026-11-21T00:50:00.000Z', '2036-11-21T00:50:00.000Z');
    expect((await taskIn(world)).states[0].marks).toEqual(['handled in the future']);
  });

  test('that is terminated on some of its nodes says on how many', async () => {
    const world = await worldWithTask(undefined, '-n', 'alpha', '-n', 'beta', '-n', 'gamma');
    world.sql(
      "UPDATE periodic_task_state SET terminated_at = changed_at WHERE scope_key IN ('alpha', 'beta')",
    );
    expect((await world.call('list', '--all')).out).toContain(
      'terminated on 2 of 3 nodes, 2026-11-21 01:00Z (in 4 min)',
    );
    expect((await world.call('list')).out).toContain('  terminated  ');
  });

  test('waits for its pending attempt', async () => {
    const world = await worldWithTask();
    world.sql(
      "UPDATE periodic_task_state SET retry_at = '2026-11-21T00:57:30.000Z' WHERE scope_key = 'alpha'",
    );
    expect((await taskIn(world)).nextAt).toBe('2026-11-21T00:57:30Z');
  });

  test('that is inactive waits for nothing', async () => {
    const world = await worldWithTask();
    await world.call('disable', 'backup');
    expect(await taskIn(world)).toMatchObject({ active: false, nextAt: null });
  });

  test('shows its last run by hand as such, and no fault as a run', async () => {
    const world = await worldWithTask();
    insertRun(world, 'backup', { trigger_kind: 'manual', ended_at: '2026-11-21T00:54:10.000Z' });
    insertRun(world, 'backup', { trigger_kind: 'fault', status: 'failed' });
    expect((await taskIn(world)).lastRun).toMatchObject({ run: 1, trigger: 'manual', status: 'succeeded' });
    expect((await world.call('list')).out).toContain('succeeded by hand 1 min ago');
  });

  test('shows the last run on the node that is asked for', async () => {
    const world = await worldWithTask(undefined, '-n', 'alpha', '-n', 'beta');
    insertRun(world, 'backup', { node: 'beta', scope_key: 'beta', status: 'failed' });
    insertRun(world, 'backup');
    expect((await taskIn(world, '-n', 'beta')).lastRun).toMatchObject({ run: 1, status: 'failed' });
    expect((await taskIn(world, '--all')).lastRun).toMatchObject({ run: 2 });
  });
});

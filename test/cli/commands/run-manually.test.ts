import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

/** A world with `command` tasks, each a shell script. */
async function worldWith(
  scripts: Readonly<Record<string, string>>,
  ...flags: readonly string[]
): Promise<CommandWorld> {
  const world = openWorld();
  for (const [name, script] of Object.entries(scripts)) {
    const argv = `argv=${JSON.stringify(['sh', '-c', script])}`;
    const { err } = await world.call(
      'add',
      name,
      '--module',
      'command',
      '-o',
      argv,
      '--every',
      '1h',
      ...flags,
    );
    expect(err).toBe('');
  }
  return world;
}

function ledger({ sql }: CommandWorld) {
  return sql('SELECT task_name, trigger_kind, slot, status, node FROM periodic_run ORDER BY id');
}

describe('run_manually', () => {
  test('shows the output of a task and how it ended', async () => {
    const world = await worldWith({ hello: 'echo hello; echo oops >&2' });
    const { exitCode, out, err } = await world.call('run_manually', '-t', 'hello');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^hello\noops\nsucceeded {2}"hello", by hand in \d+ ms\n$/);
    expect(ledger(world)).toEqual([
      { task_name: 'hello', trigger_kind: 'manual', slot: null, status: 'succeeded', node: 'alpha' },
    ]);
  });

  test('moves no slot, counter or state', async () => {
    const world = await worldWith({ hello: 'exit 1' });
    world.sql("UPDATE periodic_task_state SET failures = 2, retry_at = '2026-11-21T00:57:30.000Z'");
    const before = world.sql('SELECT * FROM periodic_task_state ORDER BY task_id, scope_key');
    await world.call('run_manually', '-t', 'hello');
    const after = world.sql('SELECT * FROM periodic_task_state ORDER BY task_id, scope_key');
    const claimed = (row: { scope_key: string; epoch: number }) =>
      row.scope_key === 'alpha' ? { ...row, epoch: row.epoch + 1 } : row;
    expect(after).toEqual(before.map(claimed));
  });

  test('passes the exit status of a single command on', async () => {
    const world = await worldWith({ fail: 'exit 42' });
    expect(await world.call('run_manually', '-t', 'fail')).toEqual({
      exitCode: 42,
      out: '',
      err: 'periodic-cron: task "fail", by hand failed: exited with status 42\n',
    });
  });

  test('is 1 for a command that ended at its time limit, whatever it says', async () => {
    const world = await worldWith({ hang: "trap 'exit 0' TERM; sleep 60 & wait" }, '--timeout', '1s');
    const { exitCode, err } = await world.call('run_manually', '-t', 'hang');
    expect(exitCode).toBe(1);
    expect(err).toContain('task "hang", by hand timed_out');
  });

  test('starts what follows unfinished output on a line of its own', async () => {
    const world = await worldWith({ partial: 'printf 50%%' });
    expect((await world.call('run_manually', '-t', 'partial')).out).toMatch(/^50%\nsucceeded {2}"partial"/);
  });

  test('makes output harmless for the terminal', async () => {
    const world = await worldWith({ bad: "printf '\\033[2Jcleared\\n'" });
    const { out } = await world.call('run_manually', '-t', 'bad');
    expect(out).toContain('[2Jcleared\n');
    expect(out).not.toContain('\u001b');
  });

  test('runs several in ascending order and sums up', async () => {
    const world = await worldWith({ b: 'echo b', a: 'exit 3', c: 'echo c' });
    await world.call('set', 'c', '--order', '-1');
    const { exitCode, out, err } = await world.call(
      'run_manually',
      '-t',
      'a',
      '-t',
      'b',
      '-t',
      'c',
      '-t',
      'a',
    );
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^c\nsucceeded .*\nb\nsucceeded .*\n3 tasks: 2 done, 1 failed, 0 refused\n$/);
    expect(err).toBe('periodic-cron: task "a", by hand failed: exited with status 3\n');
    expect(ledger(world).map((run) => run.task_name)).toEqual(['c', 'b', 'a']);
  });

  test.each([
    ['x+y', ['both']],
    ['x,z', ['both', 'ex', 'zed']],
    ['x+y,z', ['both', 'zed']],
  ])('selects by the tags %s', async (tags, names) => {
    const world = await worldWith({ both: 'true', ex: 'true', zed: 'true', none: 'true', other: 'true' });
    await world.call('set', 'both', '--tag', 'x', '--tag', 'y');
    await world.call('set', 'ex', '--tag', 'x');
    await world.call('set', 'zed', '--tag', 'z');
    await world.call('set', 'other', '--tag', 'x', '--tag', 'y', '--tag', 'z', '-n', 'beta');
    await world.call('run_manually', '--tags', tags);
    expect(ledger(world).map((run) => run.task_name)).toEqual(names);
  });

  test('takes options for this run only', async () => {
    const world = await worldWith({ hello: 'echo hello' });
    const { out } = await world.call('run_manually', '-t', 'hello', '-o', 'argv=["echo","other"]');
    expect(out).toMatch(/^other\n/);
    expect((await world.call('run_manually', '-t', 'hello')).out).toMatch(/^hello\n/);
  });

  test('runs an inactive or terminated task with a note', async () => {
    const world = await worldWith({ hello: 'echo hello' });
    await world.call('disable', 'hello');
    world.sql(
      "UPDATE periodic_task_state SET terminated_at = changed_at, terminated_reason = 'all done' WHERE scope_key = 'alpha'",
    );
    const { exitCode, err } = await world.call('run_manually', '-t', 'hello');
    expect({ exitCode, err }).toEqual({
      exitCode: 0,
      err: 'periodic-cron: task "hello": the task is not active; the task is terminated (all done), it runs all the same\n',
    });
  });

  test('runs a task for every node on a node that has never ticked', async () => {
    const world = await worldWith({ hello: 'echo hello' }, '-n', '*');
    expect((await world.call('run_manually', '-t', 'hello')).exitCode).toBe(0);
    expect(world.sql('SELECT scope_key FROM periodic_run')).toEqual([{ scope_key: 'alpha' }]);
  });

  test('acts as the node that is named', async () => {
    const world = await worldWith({ hello: 'echo hello' }, '-n', 'beta');
    await world.call('run_manually', '-t', 'hello', '-n', 'beta');
    expect(ledger(world)).toMatchObject([{ node: 'beta' }]);
  });

  test('prints the runs as JSON, without their output', async () => {
    const world = await worldWith({ hello: 'echo hello', fail: 'exit 3' });
    const { exitCode, out } = await world.call('run_manually', '-t', 'hello', '-t', 'fail', '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toEqual({
      runs: [
        {
          task: 'hello',
          slotAt: null,
          missed: 0,
          attempt: 1,
          status: 'succeeded',
          durationMs: expect.any(Number),
          error: null,
          warning: null,
          exitCode: 0,
          retryAt: null,
        },
        expect.objectContaining({
          task: 'fail',
          status: 'failed',
          error: 'exited with status 3',
          exitCode: 3,
        }),
      ],
      notRun: [],
    });
  });
});

describe('run_manually refuses', () => {
  test('a task that runs', async () => {
    const world = await worldWith({ hello: 'echo hello' });
    insertRun(world, 'hello', { status: 'running', live_node: 'alpha' });
    expect(await world.call('run_manually', '-t', 'hello')).toEqual({
      exitCode: 1,
      out: '',
      err: 'periodic-cron: task "hello" is running (overlap forbid): wait for its end, or see "periodic-cron history hello"\n',
    });
  });

  test('one of several, and runs the others', async () => {
    const world = await worldWith({ busy: 'echo busy', free: 'echo free' });
    insertRun(world, 'busy', { status: 'running', live_node: 'alpha' });
    const { exitCode, out, err } = await world.call('run_manually', '-t', 'busy', '-t', 'free');
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^free\nsucceeded .*\n2 tasks: 1 done, 0 failed, 1 refused\n$/);
    expect(err).toContain('task "busy" is running');
  });

  test('an invalid task', async () => {
    const world = await worldWith({ hello: 'echo hello' });
    world.sql("UPDATE periodic_task SET schedule = '5x' WHERE name = 'hello'");
    const { exitCode, err } = await world.call('run_manually', '-t', 'hello');
    expect(exitCode).toBe(2);
    expect(err).toContain('task "hello" is invalid: schedule: expected a duration');
    expect(ledger(world)).toEqual([]);
  });

  test('options that the module does not take', async () => {
    const world = await worldWith({ hello: 'echo hello' });
    const { exitCode, err } = await world.call('run_manually', '-t', 'hello', '-o', 'cdw=/');
    expect(exitCode).toBe(2);
    expect(err).toContain(
      'task "hello" cannot run with these options: options.cdw: expected one of command, argv,',
    );
    expect(err).toContain('got "cdw" (did you mean cwd?)');
    expect(ledger(world)).toEqual([]);
  });

  test.each([
    [['-t', 'helo'], 5, 'there is no task "helo" (did you mean hello?)'],
    [['-t', 'hello', '-t', 'helo'], 5, 'there is no task "helo" (did you mean hello?)'],
    [['--tags', 'none'], 5, 'node "alpha" has no task with the tags "none"'],
    [
      ['-t', 'hello', '-n', 'beta'],
      5,
      'task "hello" is not a task of node "beta" (its nodes: alpha): name one with --node, or add this one with "periodic-cron set"',
    ],
    [[], 2, 'run_manually: expected --task or --tags, got neither'],
    [['-t', 'hello', '--tags', 'x'], 5, 'node "alpha" has no task that matches "hello" with the tags "x"'],
    [['-t', 'b*', '-t', '[x]'], 5, 'node "alpha" has no task that matches "b*", "[x]"'],
    [['--tags', 'x+'], 2, 'run_manually: --tags: expected tags such as a+b,c, got "x+"'],
    [['-t', 'hello', '-o', 'novalue'], 2, 'run_manually: --option: expected KEY=VALUE, got "novalue"'],
  ])('%j', async (flags, exitCode, message) => {
    const world = await worldWith({ hello: 'echo hello' });
    const answer = await world.call('run_manually', ...flags);
    expect(answer).toEqual({ exitCode, out: '', err: `periodic-cron: ${message}\n` });
    expect(ledger(world)).toEqual([]);
  });
});

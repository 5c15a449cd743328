import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

const COMMAND = ['--module', 'command', '-o', 'command=true'] as const;

function taskRow({ sql }: CommandWorld, name: string) {
  return sql('SELECT * FROM periodic_task WHERE name = ?', name)[0];
}

function parts({ sql }: CommandWorld, table: 'node' | 'tag', name: string): unknown[] {
  return sql(
    `SELECT ${table} FROM periodic_task_${table} JOIN periodic_task t ON t.id = task_id WHERE t.name = ? ORDER BY 1`,
    name,
  ).map((row) => row[table]);
}

describe('add', () => {
  test('stores a task of this node and says when it first runs', async () => {
    const world = openWorld();
    const { exitCode, out, err } = await world.call('add', 'backup', ...COMMAND, '--every', '1h');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    const [{ counted_from: from }] = world.sql(
      "SELECT counted_from FROM periodic_task_state WHERE scope_key = 'alpha'",
    );
    const first = new Date(Date.parse(from) + 3_600_000).toISOString().slice(0, 16).replace('T', ' ');
    expect(out).toMatch(
      new RegExp(`^added task "backup" \\(id 2\\)\nfirst run ${first}Z \\(.+\\) on node "alpha"\n$`),
    );
    expect(parts(world, 'node', 'backup')).toEqual(['alpha']);
  });

  test('stores every flag', async () => {
    const world = openWorld();
    const line =
      'add backup --module command -o command=true --cron @daily --timezone Europe/Berlin -n beta -n * --scope one --order -5 --tag b --tag a --inactive --run-immediately --start-deadline 10m --timeout 90s --kill-grace 5s --retry-limit 3 --retry-delay 1m30s --retry-max-delay 2h --retry-on failed,lost --retry-past-next --overlap allow --max-parallel 4';
    expect((await world.call(...line.split(' '))).err).toBe('');
    expect(taskRow(world, 'backup')).toMatchObject({
      active: 0,
      module: 'command',
      options: '{"command":"true"}',
      schedule_kind: 'cron',
      schedule: '@daily',
      timezone: 'Europe/Berlin',
      scope: 'one',
      ordering: -5,
      run_immediately: 1,
      start_deadline_s: 600,
      timeout_s: 90,
      kill_grace_s: 5,
      retry_limit: 3,
      retry_delay_s: 90,
      retry_max_delay_s: 7200,
      retry_on: 'failed,lost',
      retry_past_next: 1,
      overlap: 'allow',
      max_parallel: 4,
    });
    expect(parts(world, 'node', 'backup')).toEqual(['*', 'beta']);
    expect(parts(world, 'tag', 'backup')).toEqual(['a', 'b']);
  });

  test('takes words for special values of policies', async () => {
    const world = openWorld();
    const flags = [
      '--timeout',
      'none',
      '--start-deadline',
      'none',
      '--retry-delay',
      'default',
      '--overlap',
      'default',
    ];
    await world.call('add', 'backup', ...COMMAND, '--manual', ...flags);
    expect(taskRow(world, 'backup')).toMatchObject({
      timeout_s: 0,
      start_deadline_s: null,
      retry_delay_s: 60,
      overlap: 'forbid',
    });
  });

  test('signs the audit with the system user', async () => {
    const world = openWorld();
    await world.call('add', 'backup', ...COMMAND, '--manual');
    expect(
      world.sql("SELECT actor, action FROM periodic_audit WHERE task_name = 'backup' ORDER BY id"),
    ).toEqual([
      { actor: userInfo().username, action: 'created' },
      { actor: userInfo().username, action: 'node added' },
    ]);
  });

  test('tells every fault at once and stores nothing', async () => {
    const world = openWorld();
    const line =
      'add backup --module comand --cron 0_2_*_* --timezone Mars/X --scope some --order x --retry-delay soon --retry-limit 5000 --overlap maybe -o novalue';
    const answer = await world.call(...line.split(' ').map((word) => word.replaceAll('_', ' ')));
    expect(answer).toEqual({
      exitCode: 2,
      out: '',
      err: `${[
        'periodic-cron: task "backup": retry_delay: expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "soon" (at character 1)',
        'options: expected KEY=VALUE, got "novalue"',
        'timezone: expected an IANA time zone such as Europe/Berlin, got "Mars/X"',
        'scope: expected each, one, got "some"',
        'ordering: expected a whole number from -1000000000 to 1000000000, got "x"',
        'retry_limit: expected a whole number from 0 to 1000, got 5000',
        'overlap: expected forbid, skip, allow, got "maybe"',
        'schedule: expected 5 cron fields, got 4: "0 2 * *" (at character 1)',
        'module: expected a known module, got "comand" (did you mean command?); see "periodic-cron modules"',
      ].join('; ')}\n`,
    });
    expect(taskRow(world, 'backup')).toBeUndefined();
    expect(world.sql("SELECT * FROM periodic_audit WHERE task_name = 'backup'")).toEqual([]);
  });

  test.each([
    [['--module', 'command', '--manual'], 'options: expected command or argv, got neither'],
    [
      [...COMMAND, '--manual', '-o', 'cdw=/'],
      'options.cdw: expected one of command, argv, shell, cwd, environment, env, environment_file, secrets, stdin, user, group, umask, nice, limits, retcodes, before, after, on_error, got "cdw" (did you mean cwd?)',
    ],
    [
      [...COMMAND],
      'schedule: expected one of --cron, --every, --window, --ticks, --once and --manual, got none',
    ],
    [
      [...COMMAND, '--cron', '@daily', '--every', '1h'],
      'schedule: expected one of --cron, --every, --window, --ticks, --once and --manual, got --cron and --every',
    ],
    [[...COMMAND, '--cron', '0 25 * * *'], 'schedule: hour: expected 0-23, got "25" (at character 3)'],
    [['--manual'], 'module: expected --module ID ("periodic-cron modules" lists them), got none'],
    [
      [...COMMAND, '--manual', '--retry-delay', '2h'],
      'retry_max_delay: expected at least retry_delay (2h), got 1h',
    ],
    [[...COMMAND, '--manual', '-n', ''], 'nodes.0: expected 1 to 255 characters, got none'],
  ])('refuses %j', async (flags, fault) => {
    const world = openWorld();
    const answer = await world.call('add', 'backup', ...flags);
    expect(answer).toEqual({ exitCode: 2, out: '', err: `periodic-cron: task "backup": ${fault}\n` });
    expect(taskRow(world, 'backup')).toBeUndefined();
  });

  test('tells a taken name beside the other faults', async () => {
    const { err } = await openWorld().call('add', 'prune_history', ...COMMAND, '--cron', '5');
    expect(err).toContain(
      'name: expected a new name, got that of a task that exists (use "set" to change it); ',
    );
    expect(err).toContain('schedule: expected 5 cron fields, got 1: "5" (at character 1)');
  });

  test.each([
    ['  spaced  ', 'spaced'],
    ['Cafe\u0301', 'Caf\u00e9'],
    ['𝔹ackup 📦', '𝔹ackup 📦'],
    ['📦'.repeat(255), '📦'.repeat(255)],
    ["it's; DROP TABLE x", "it's; DROP TABLE x"],
  ])('takes the name %j', async (name, stored) => {
    const world = openWorld();
    expect((await world.call('add', name, ...COMMAND, '--manual')).exitCode).toBe(0);
    expect(taskRow(world, stored)).toMatchObject({ name: stored });
  });

  test.each([
    ['', 'expected 1 to 255 characters, got none'],
    [' \t ', 'expected 1 to 255 characters, got none'],
    ['x'.repeat(256), 'expected 1 to 255 characters, got 256'],
    ['a\nb', 'expected no control characters, got "a\\nb"'],
    ['a\u001b[2Jb', 'expected no control characters, got "a\\u001b[2Jb"'],
    ['a\u2028b', 'expected no control characters, got "a\\u2028b"'],
  ])('refuses the name %j', async (name, fault) => {
    const { exitCode, err } = await openWorld().call('add', name, ...COMMAND, '--manual');
    expect(exitCode).toBe(2);
    expect(err.split(': name: ')[1]).toBe(`${fault}\n`);
  });

  test('takes a name that differs in case only for another', async () => {
    const world = openWorld();
    await world.call('add', 'backup', ...COMMAND, '--manual');
    expect((await world.call('add', 'Backup', ...COMMAND, '--manual')).exitCode).toBe(0);
  });

  test('replaces a period of 0 by the configured spacing', async () => {
    const world = openWorld('default_spacing: 7m\n');
    await world.call('add', 'poll', ...COMMAND, '--every', '0');
    expect(taskRow(world, 'poll')).toMatchObject({ schedule_kind: 'every', schedule: '7m' });
  });

  test('stores the named zone of the node for a cron schedule whose state all nodes share', async () => {
    const world = openWorld();
    const env = { HOME: world.folder, TZ: 'Europe/Berlin' };
    await world.callAs({ env }, 'add', 'a', ...COMMAND, '--cron', '@daily', '--scope', 'one');
    await world.callAs({ env }, 'add', 'b', ...COMMAND, '--cron', '@daily');
    expect([taskRow(world, 'a').timezone, taskRow(world, 'b').timezone]).toEqual(['Europe/Berlin', '']);
  });

  test.each([
    [['--manual'], 'the schedule is manual ("periodic-cron run_manually" runs it)'],
    [['--every', '-1h'], 'a negative period is never'],
    [['--cron', '@reboot'], 'it comes with the next boot of a node'],
    [['--cron', '@daily', '--inactive'], 'the task is not active'],
  ])('says why a task with %j has no first run', async (flags, reason) => {
    const { out } = await openWorld().call('add', 'backup', ...COMMAND, ...flags);
    expect(out).toBe(`added task "backup" (id 2)\nno first run: ${reason}\n`);
  });

  test('says that a task to be run immediately comes with the next tick', async () => {
    const { out } = await openWorld().callAs(
      { now: () => Date.UTC(2100, 0, 1) },
      'add',
      'backup',
      ...COMMAND,
      '--every',
      '1h',
      '--run-immediately',
    );
    expect(out).toMatch(/\nfirst run at the next tick \(due since \S+ \S+Z\) on node "alpha"\n$/);
  });

  test('prints the task as JSON', async () => {
    const { out } = await openWorld().call('add', 'backup', ...COMMAND, '--manual', '--json');
    expect(JSON.parse(out)).toMatchObject({
      id: 2,
      name: 'backup',
      options: { command: 'true' },
      scheduleKind: 'manual',
      timeoutSeconds: null,
      nodes: ['alpha'],
      faults: [],
      nextAt: null,
      lastRun: null,
      states: [{ scopeKey: 'alpha', handledSlot: null, isDue: false, marks: expect.any(Array) }],
    });
  });

  test('warns of slots closer together than the ticks', async () => {
    const world = openWorld('tick_every: 5m\n');
    const { exitCode, err } = await world.call('add', 'poll', ...COMMAND, '--every', '90s');
    expect({ exitCode, err }).toEqual({
      exitCode: 0,
      err: 'periodic-cron: task "poll" has slots 1m30s apart, but a tick of node "alpha" comes every 5m: slots in between share one run\n',
    });
    expect((await world.call('add', 'slow', ...COMMAND, '--cron', '*/5 * * * *')).err).toBe('');
  });
});

describe('an option', () => {
  test.each([
    [['--module', 'command', '-o', 'argv=["a","b"]'], { argv: ['a', 'b'] }],
    [['--module', 'command', '-o', 'command=5'], { command: '5' }],
    [['--module', 'command', '-o', 'command=echo a=b'], { command: 'echo a=b' }],
    [['--module', 'command', '-o', 'command=x', '-o', 'env={"A":"1"}'], { command: 'x', env: { A: '1' } }],
    [['--module', 'prune_history', '-o', 'max_runs=10'], { max_runs: 10 }],
    [['--module', 'prune_history', '-o', 'max_runs=null'], { max_runs: null }],
  ])('%j is read as its module asks for it', async (flags, options) => {
    const world = openWorld();
    expect((await world.call('add', 'task', ...flags, '--manual')).err).toBe('');
    expect(JSON.parse(taskRow(world, 'task').options)).toEqual(options);
  });

  test('that is not what its module asks for is a fault of the module', async () => {
    const { err } = await openWorld().call(
      'add',
      'tidy',
      '--module',
      'prune_history',
      '-o',
      'max_runs=many',
      '--manual',
    );
    expect(err).toBe('periodic-cron: task "tidy": options.max_runs: expected number, got "many"\n');
  });
});

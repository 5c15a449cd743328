import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type CommandWorld, openWorld } from './command-world.ts';

async function worldWithTask(...flags: readonly string[]): Promise<CommandWorld> {
  const world = openWorld();
  const given = flags.length === 0 ? ['--manual'] : flags;
  const added = await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', ...given);
  expect(added.err).toBe('');
  return world;
}

function fieldsOf({ sql }: CommandWorld) {
  return sql("SELECT * FROM periodic_task WHERE module <> 'prune_history'")[0];
}

describe('set', () => {
  test('prints what changed, before and after', async () => {
    const world = await worldWithTask('--manual', '--tag', 'a', '--timeout', '90s');
    const line =
      'set backup --name archive --timeout default --retry-past-next -n beta -n alpha --no-tag -o cwd=/tmp';
    expect(await world.call(...line.split(' '))).toEqual({
      exitCode: 0,
      err: '',
      out: `${[
        'name: backup → archive',
        'options: {"command":"true"} → {"command":"true","cwd":"/tmp"}',
        'timeout: 1m30s → as configured',
        'retry_past_next: no → yes',
        'nodes: alpha → beta, alpha',
        'tags: a → none',
        'changed task "archive"',
        'no next run: the schedule is manual ("periodic-cron run_manually" runs it)',
      ].join('\n')}\n`,
    });
    expect(fieldsOf(world)).toMatchObject({ name: 'archive', timeout_s: null, retry_past_next: 1 });
    expect(world.sql('SELECT tag FROM periodic_task_tag')).toEqual([]);
  });

  test('says when the task runs next', async () => {
    const world = await worldWithTask();
    const { out } = await world.call('set', 'backup', '--every', '1h');
    const [{ counted_from: from }] = world.sql(
      "SELECT counted_from FROM periodic_task_state WHERE scope_key = 'alpha'",
    );
    const next = new Date(Date.parse(from) + 3_600_000).toISOString().slice(0, 16).replace('T', ' ');
    expect(out).toContain(
      `schedule_kind: manual → every\nschedule: none → 1h\nchanged task "backup"\nnext run ${next}Z`,
    );
  });

  test('of a policy does not let the period start anew', async () => {
    const world = await worldWithTask('--every', '1w');
    world.count('backup', '2026-11-18T00:55:00.000Z');
    const { out } = await world.call('set', 'backup', '--tag', 'weekly', '--retry-limit', '1');
    expect(out).toContain('next run 2026-11-25 00:55Z (in 3 d) on node "alpha"\n');
  });

  test('takes switches and options back', async () => {
    const world = await worldWithTask('--manual', '--run-immediately', '-o', 'cwd=/tmp');
    const { exitCode } = await world.call('set', 'backup', '--no-run-immediately', '--option-remove', 'cwd');
    expect(exitCode).toBe(0);
    expect(fieldsOf(world)).toMatchObject({ run_immediately: 0, options: '{"command":"true"}' });
  });

  test('to what is stored already changes nothing', async () => {
    const world = await worldWithTask();
    const { exitCode, out } = await world.call(
      'set',
      'backup',
      '--manual',
      '-n',
      'alpha',
      '--retry-limit',
      '0',
    );
    expect(exitCode).toBe(0);
    expect(out.split('\n')[0]).toBe('task "backup" is so already: nothing changed');
    expect(world.sql("SELECT * FROM periodic_audit WHERE action = 'changed'")).toEqual([]);
  });

  test('tells every fault of the result and changes nothing', async () => {
    const world = await worldWithTask();
    const before = fieldsOf(world);
    const line =
      'set backup --every 5x --kill-grace 2h --order 1 -o pace=5 --option-remove umask --name prune_history';
    expect(await world.call(...line.split(' '))).toEqual({
      exitCode: 2,
      out: '',
      err: `${[
        'periodic-cron: task "prune_history": kill_grace: expected a duration from 0s to 1h, got "2h"',
        'options.umask: expected an option to remove (command), got "umask"',
        'name: expected a new name, got that of a task that exists (use "set" to change it)',
        'schedule: expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "5x" (at character 1)',
        'options.pace: expected one of command, argv, shell, cwd, environment, env, environment_file, secrets, stdin, user, group, umask, nice, limits, retcodes, before, after, on_error, got "pace"',
      ].join('; ')}\n`,
    });
    expect(fieldsOf(world)).toEqual(before);
  });

  test('mends a definition that plain SQL has broken', async () => {
    const world = await worldWithTask();
    world.sql(`UPDATE periodic_task SET schedule_kind = 'weekly', options = '{' WHERE name = 'backup'`);
    const still = await world.call('set', 'backup', '--manual');
    expect(still.err).toBe('periodic-cron: task "backup": options: expected a JSON object, got "{"\n');
    const mended = await world.call('set', 'backup', '--manual', '-o', 'command=true');
    expect(mended.exitCode).toBe(0);
    expect(fieldsOf(world)).toMatchObject({ schedule_kind: 'manual', options: '{"command":"true"}' });
  });

  test('is signed in the audit', async () => {
    const world = await worldWithTask();
    await world.call('set', 'backup', '--order', '3');
    const [row] = world.sql("SELECT * FROM periodic_audit WHERE action = 'changed'");
    expect(row).toMatchObject({ actor: userInfo().username, task_name: 'backup' });
    expect([JSON.parse(row.before).ordering, JSON.parse(row.after).ordering]).toEqual([0, 3]);
  });

  test('without anything to change is a wrong command line', async () => {
    const world = await worldWithTask();
    expect(await world.call('set', 'backup')).toEqual({
      exitCode: 2,
      out: '',
      err: 'periodic-cron: set: expected at least one flag that says what to change, got none\n',
    });
  });

  test('of a task that does not exist suggests the one that was meant', async () => {
    const world = await worldWithTask();
    expect(await world.call('set', 'bakup', '--manual')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: there is no task "bakup" (did you mean backup?)\n',
    });
  });

  test('prints changes and task as JSON', async () => {
    const world = await worldWithTask();
    const { out } = await world.call('set', 'backup', '--retry-delay', '2m', '--json');
    expect(JSON.parse(out)).toMatchObject({
      changes: [{ field: 'retryDelaySeconds', before: 60, after: 120 }],
      task: { name: 'backup', retryDelaySeconds: 120 },
    });
  });
});

describe('enable and disable', () => {
  test('switch a task', async () => {
    const world = await worldWithTask();
    expect((await world.call('disable', 'backup')).out).toBe(
      'disabled task "backup"\nno next run: the task is not active\n',
    );
    expect(fieldsOf(world)).toMatchObject({ active: 0 });
    expect((await world.call('enable', 'backup')).out).toContain('enabled task "backup"\n');
    expect(fieldsOf(world)).toMatchObject({ active: 1 });
    const actions = world.sql('SELECT action, actor FROM periodic_audit ORDER BY id DESC LIMIT 2');
    expect(actions).toEqual([
      { action: 'enabled', actor: userInfo().username },
      { action: 'disabled', actor: userInfo().username },
    ]);
  });

  test.each([
    ['enable', 'task "backup" is enabled already: nothing changed'],
    ['disable', 'task "backup" is disabled already: nothing changed'],
  ])('%s says when it is so already', async (command, line) => {
    const world = await worldWithTask(...(command === 'enable' ? ['--manual'] : ['--manual', '--inactive']));
    const { exitCode, out } = await world.call(command, 'backup');
    expect([exitCode, out.split('\n')[0]]).toEqual([0, line]);
  });

  test('refuse to switch an invalid task on, not off', async () => {
    const world = await worldWithTask();
    world.sql("UPDATE periodic_task SET module = 'gone' WHERE name = 'backup'");
    expect((await world.call('disable', 'backup')).exitCode).toBe(0);
    const { exitCode, err } = await world.call('enable', 'backup');
    expect(exitCode).toBe(2);
    expect(err).toContain(
      'task "backup": module: expected a known module, got "gone"; see "periodic-cron modules"',
    );
    expect(fieldsOf(world)).toMatchObject({ active: 0 });
  });

  test.each(['enable', 'disable', 'remove', 'reset', 'show'])(
    '%s of an unknown task is 5',
    async (command) => {
      const world = await worldWithTask();
      expect(await world.call(command, 'backpu')).toEqual({
        exitCode: 5,
        out: '',
        err: 'periodic-cron: there is no task "backpu" (did you mean backup?)\n',
      });
    },
  );
});

import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

const SLOT = '2026-11-21T00:50:00.000Z';

/** A world with a task and a failed run of its slot at 00:50. */
async function worldWithRun(
  script = 'echo "$PERIODIC_CRON_SLOT $PERIODIC_CRON_ATTEMPT"',
): Promise<CommandWorld> {
  const world = openWorld();
  const argv = `argv=${JSON.stringify(['sh', '-c', script])}`;
  const { err } = await world.call('add', 'backup', '--module', 'command', '-o', argv, '--every', '10m');
  expect(err).toBe('');
  world.count('backup', '2026-11-21T00:40:00.000Z', SLOT);
  world.sql("UPDATE periodic_task_state SET attempt = 1 WHERE scope_key = 'alpha'");
  insertRun(world, 'backup', {
    status: 'failed',
    slot: SLOT,
    slot_first: SLOT,
    slot_count: 1,
    message: 'no',
  });
  return world;
}

describe('rerun', () => {
  test('runs the slot of a run once more, as a new attempt that the task sees', async () => {
    const world = await worldWithRun();
    const { exitCode, out, err } = await world.call('rerun', '1');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(
      /^2026-11-21T00:50:00\.000Z 2\nsucceeded {2}"backup", slot 2026-11-21T00:50:00Z, attempt 2 in \d+ ms\n$/,
    );
    const { out: history } = await world.call('history', 'backup');
    expect(history).toMatch(
      / 2 {2}backup +alpha +2026-11-21 00:50:00Z by hand +2 +succeeded .*rerun of run 1\n/,
    );
    // A rerun of the rerun is one more.
    expect((await world.call('rerun', '2', '--json')).out).toContain('"attempt": 3');
  });

  test('passes the exit status of a command on', async () => {
    const world = await worldWithRun('exit 7');
    const { exitCode, err } = await world.call('rerun', '1');
    expect(exitCode).toBe(7);
    expect(err).toBe(
      'periodic-cron: task "backup", slot 2026-11-21T00:50:00Z, attempt 2 failed: exited with status 7\n',
    );
  });

  test('says that the pending attempt of that very slot gave way', async () => {
    const world = await worldWithRun();
    world.sql(
      "UPDATE periodic_task_state SET retry_at = '2026-11-21T00:58:00.000Z' WHERE scope_key = 'alpha'",
    );
    const { exitCode, err } = await world.call('rerun', '1');
    expect({ exitCode, err }).toEqual({
      exitCode: 0,
      err: 'periodic-cron: task "backup": attempt 2, which was pending, has given way to this run\n',
    });
  });

  test('takes options for this run, and refuses those that the module does not', async () => {
    const world = await worldWithRun();
    expect((await world.call('rerun', '1', '-o', 'argv=["echo","other"]')).out).toMatch(/^other\n/);
    const { exitCode, err } = await world.call('rerun', '1', '-o', 'cdw=/');
    expect(exitCode).toBe(2);
    expect(err).toContain('task "backup" cannot run with these options: options.cdw: expected one of');
  });

  test.each([
    [['12'], 5, 'there is no run 12: "periodic-cron history" lists those that there are'],
    [['x'], 2, 'rerun: expected a whole number from 1 to 9007199254740991, got "x"'],
    [
      ['1', '-n', 'beta'],
      5,
      'run 1 is one of node "alpha", and this is node "beta": call rerun there, or name that node with --node',
    ],
    [
      ['2'],
      2,
      'rerun: expected a run of a slot, got 2, which was started by hand: "periodic-cron run_manually -t backup" runs its task once more',
    ],
    [
      ['3'],
      1,
      'slot 2026-11-21T00:40:00Z of task "backup" is running, as run 3: wait for its end, or see "periodic-cron cancel 3"',
    ],
    [
      ['1'],
      1,
      'task "backup" is running (overlap forbid): wait for its end, or see "periodic-cron history backup"',
    ],
  ])('%j is refused with %i', async (words, exitCode, message) => {
    const world = await worldWithRun();
    insertRun(world, 'backup', { trigger_kind: 'manual' });
    insertRun(world, 'backup', { status: 'running', live_node: 'alpha', slot: '2026-11-21T00:40:00.000Z' });
    const answer = await world.call('rerun', ...words);
    expect(answer).toEqual({ exitCode, out: '', err: `periodic-cron: ${message}\n` });
    expect(world.sql('SELECT id FROM periodic_run')).toHaveLength(3);
  });

  test('of a removed task is refused', async () => {
    const world = await worldWithRun();
    await world.call('remove', 'backup');
    const { exitCode, err } = await world.call('rerun', '1');
    expect(exitCode).toBe(5);
    expect(err).toContain('task "backup" of run 1 was removed');
  });
});

import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

/** A world with a run that is over, 1, and one that is alive, 2, whose runner nobody hears of. */
async function worldWithRuns(): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--every', '10m');
  insertRun(world, 'backup', { ended_at: '2026-11-21T00:51:00.000Z', message: 'all well' });
  insertRun(world, 'backup', {
    status: 'running',
    live_node: 'beta',
    node: 'beta',
    slot: '2026-11-21T00:50:00.000Z',
  });
  return world;
}

const requests = ({ sql }: CommandWorld) => sql('SELECT id, cancel_requested FROM periodic_run');

describe('cancel', () => {
  test('asks without waiting', async () => {
    const world = await worldWithRuns();
    expect(await world.call('cancel', '2', '--no-wait', '--reason', ' disk is full ')).toEqual({
      exitCode: 0,
      out: 'run 2 of task "backup" (2026-11-21 00:50:00Z) on node "beta" is asked to end\n',
      err: '',
    });
    expect(requests(world)).toEqual([
      { id: 1, cancel_requested: null },
      { id: 2, cancel_requested: 'operator' },
    ]);
    const [audit] = world.sql("SELECT * FROM periodic_audit WHERE action = 'cancel requested'");
    expect(audit).toMatchObject({ task_name: 'backup', after: '{"reason":"disk is full"}' });
    expect(audit.actor).not.toBe('outside');
    expect((await world.call('history')).out).toContain('asked to end');
  });

  test('says what to look at when a run does not end in time', async () => {
    const world = await worldWithRuns();
    const { exitCode, out, err } = await world.call('cancel', '2', '--wait', '1s', '-v');
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(err).toBe(
      `periodic-cron: run 2 of task "backup" is asked to end; waiting up to 1s
periodic-cron: run 2 of task "backup" (2026-11-21 00:50:00Z) has not ended within 1s. It may end yet: the request stays. If its runner on node "beta" is gone, the next tick of that node records the run as lost; "periodic-cron status" tells when it last ticked
`,
    );
    expect(requests(world)[1]).toMatchObject({ cancel_requested: 'operator' });
  });

  test('of a run that has ended says how and when; of one that is not there, that', async () => {
    const world = await worldWithRuns();
    expect(await world.call('cancel', '1', '9')).toEqual({
      exitCode: 5,
      out: '',
      err: `periodic-cron: run 1 of task "backup" (-) had ended before: succeeded at 2026-11-21 00:51:00Z, all well
periodic-cron: there is no run 9: "periodic-cron history" lists those that there are
`,
    });
    expect(world.sql("SELECT id FROM periodic_audit WHERE action = 'cancel requested'")).toEqual([]);
  });

  test('asks all of several, and prints one document with --json', async () => {
    const world = await worldWithRuns();
    const { exitCode, out } = await world.call('cancel', '1', '2', '2', '9', '--no-wait', '--json');
    expect(exitCode).toBe(5);
    expect(JSON.parse(out)).toMatchObject({
      runs: [
        { id: 1, outcome: 'over', status: 'succeeded' },
        { id: 2, outcome: 'asked', status: 'running' },
        { id: 9, outcome: 'unknown' },
      ],
    });
  });

  test.each([
    [['x'], 'cancel: expected a whole number from 1 to 9007199254740991, got "x"'],
    [['2', '--wait', '0s'], '--wait: expected a duration of at least 1s, got "0s"'],
    [['2', '--reason', 'x'.repeat(1_001)], '--reason: expected at most 1000 characters, got 1001'],
  ])('%j is refused', async (words, message) => {
    const world = await worldWithRuns();
    const answer = await world.call('cancel', ...words);
    expect(answer).toEqual({ exitCode: 2, out: '', err: `periodic-cron: ${message}\n` });
    expect(requests(world)[1]).toMatchObject({ cancel_requested: null });
  });
});

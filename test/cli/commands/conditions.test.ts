import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Io } from '../../../src/cli/io.ts';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

// A tick takes place in the minute in which its process began: these tests have one process for many.
beforeEach(() => {
  vi.spyOn(process, 'uptime').mockReturnValue(0);
});

const TASK = ['--module', 'command', '-o', 'command=true'] as const;

/** An instant of the day, such as `00:05`. */
function at(minute: string): Partial<Io> {
  return { now: () => Date.parse(`2026-11-21T${minute}:10Z`) };
}

const DOWN = 'requires gate up or stdby up, which is down since 2026-11-21T00:00:10Z (set by ann: new disks)';

type GatedWorld = CommandWorld & {
  /** What is printed by a call at a minute. */
  readonly printed: (minute: string, ...words: readonly string[]) => Promise<string>;
};

/** A world whose task `job` counts from 00:00, beside the resource `gate`, which is down since then. */
async function worldWithGate(...flags: readonly string[]): Promise<GatedWorld> {
  const world = openWorld('tick_every: 5m\n');
  const printed: GatedWorld['printed'] = async (minute, ...words) => {
    const { out, err } = await world.callAs(at(minute), ...words);
    return `${out}${err}`;
  };
  await printed('00:00', 'resource', 'add', 'gate', '--probe', 'none');
  await printed('00:00', 'resource', 'set', 'gate', 'down', '--why', 'new disks');
  world.sql("UPDATE periodic_resource_state SET why = 'set by ann: new disks'");
  expect((await world.call('add', 'job', ...TASK, ...flags)).err).toBe('');
  await world.call('remove', 'prune_history');
  world.sql("UPDATE periodic_task SET created_at = '2026-11-20T23:00:03.000Z'");
  world.sql("UPDATE periodic_audit SET changed_at = '2026-11-20T23:00:03.000Z'");
  world.count('job', '2026-11-21T00:00:00.000Z');
  return { ...world, printed };
}

const BLOCKED = ['--every', '5m', '--requires', 'gate'] as const;
const RESTING = ['--every', '5m', '--offline-resource', 'gate', '--offline', 'disable'] as const;

const RESTS =
  'is down since 2026-11-21T00:00:10Z (set by ann: new disks); it wakes when that is known not to be down';

/** The same after the ticks of 00:05 and 00:10. */
async function worldAfterTicks(...flags: readonly string[]): Promise<GatedWorld> {
  const world = await worldWithGate(...flags);
  await world.printed('00:05', 'run_scheduled', '-c');
  await world.printed('00:10', 'run_scheduled', '-c');
  return world;
}

describe('a task that is blocked', () => {
  test('is explained by that in the past, too, for as long as a tick had looked', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED);
    const past = await printed('00:14', 'explain', 'job', '--at', '2026-11-21T00:08Z');
    expect(past).toContain(
      `The slot 2026-11-21 00:05:00Z stayed due, and is due still: it is blocked, ${DOWN}.`,
    );
    expect(past).not.toContain('ledger does not say');
    const before = await printed('00:14', 'explain', 'job', '--at', '2026-11-21T00:04Z');
    expect(before).toContain('No slot had come yet');
  });

  test('was not blocked before that which it requires went away', async () => {
    const { printed, sql } = await worldAfterTicks(...BLOCKED);
    sql("UPDATE periodic_resource_state SET since = '2026-11-21T00:09:00.000Z'");
    const past = await printed('00:14', 'explain', 'job', '--at', '2026-11-21T00:08Z');
    expect(past).not.toContain('it is blocked');
  });

  test('is so although a newer slot came since the last tick, and ticks are missed only where they are missing', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED);
    const soon = await printed('00:15', 'explain', 'job');
    expect(soon).toContain(`The slot 2026-11-21 00:15:00Z stays due: it is blocked, ${DOWN}.`);
    expect(soon).not.toContain('tick came');
    expect(soon).not.toContain('has not ticked');
    const late = await printed('00:55', 'explain', 'job');
    expect(late).toContain('it is blocked');
    expect(late).toContain('Node "alpha" has not ticked since 2026-11-21 00:10:00Z.');
  });

  test('by ticks is explained by that, before its first slot and after', async () => {
    const { printed, sql } = await worldAfterTicks('--ticks', '1', '--repeat', '--requires', 'gate');
    const sentence = `Its tick has come, and it stays due: it is blocked, ${DOWN}.`;
    const first = await printed('00:11', 'explain', 'job');
    expect(first).toContain(sentence);
    expect(first).not.toContain('fires at');
    await printed('00:12', 'run_scheduled', '-c');
    await printed('00:13', 'resource', 'set', 'gate', 'up');
    await printed('00:15', 'run_scheduled', '-c');
    expect(await printed('00:15', 'history')).toMatch(/alpha {2}2026-11-21 00:15:00Z ×\d {2}/);
    expect(await printed('00:16', 'explain', 'job')).toMatch(
      /One run stands for \d slots of 2026-11-21 00:15:00Z:/,
    );
    await printed('00:16', 'resource', 'set', 'gate', 'down');
    sql(
      "UPDATE periodic_resource_state SET since = '2026-11-21T00:00:10.000Z', why = 'set by ann: new disks'",
    );
    await printed('00:20', 'run_scheduled', '-c');
    await printed('00:21', 'run_scheduled', '-c');
    const again = await printed('00:22', 'explain', 'job');
    expect(again).toContain(sentence);
    expect(again).toContain('The slot handled before that is 2026-11-21 00:15:00Z.');
    const { slots } = JSON.parse(await printed('00:23', 'run_scheduled', '-d', '--json'));
    expect(slots).toMatchObject([{ wouldRun: 0, left: 1, blocked: true }]);
  });

  test('with an attempt pending says what that waits for', async () => {
    const { printed, sql } = await worldWithGate(...BLOCKED, '--retry-limit', '3');
    const world = { sql } as CommandWorld;
    insertRun(world, 'job', {
      slot: '2026-11-21T00:05:00.000Z',
      slot_first: '2026-11-21T00:05:00.000Z',
      slot_count: 1,
      status: 'failed',
      reason: 'retry',
      created_at: '2026-11-21T00:05:02.000Z',
      started_at: '2026-11-21T00:05:02.000Z',
      ended_at: '2026-11-21T00:05:03.000Z',
    });
    sql(
      `UPDATE periodic_task_state SET handled_slot = '2026-11-21T00:05:00.000Z', attempt = 1, last_status = 'failed',
       retry_at = '2026-11-21T00:06:00.000Z' WHERE scope_key = 'alpha'`,
    );
    await printed('00:07', 'run_scheduled', '-c');
    expect(await printed('00:08', 'explain', 'job')).toContain(
      `  Attempt 2 may start from 2026-11-21 00:06:00Z on.\n  It waits: it is blocked, ${DOWN}.\n`,
    );
  });

  test('would not run by a dry run, which says since when its slot is due', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED);
    expect(await printed('00:12', 'run_scheduled', '-d')).toBe(
      [
        `not run  "job"  blocked: ${DOWN}; the slot stays due, since 2026-11-21T00:05:00Z`,
        'due        "job"  2 slots: 2 would be left as they are (blocked)',
        'what stays due on node "alpha" waits for its next tick',
        '',
      ].join('\n'),
    );
    const { slots } = JSON.parse(await printed('00:12', 'run_scheduled', '-d', '--json'));
    expect(slots).toEqual([
      { task: 'job', due: 2, wouldRun: 0, folded: 0, wouldBeSkipped: 0, left: 2, blocked: true },
    ]);
  });

  test('is due only, where what is recorded now says so no more', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED);
    expect(await printed('00:11', 'list')).toContain(`blocked: ${DOWN}, 2026-11-21 00:05Z`);
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    const list = await printed('00:14', 'list');
    expect(list).toContain('2026-11-21 00:05Z (9 min ago)');
    expect(list).not.toMatch(/blocked|overdue/);
    expect(await printed('00:14', 'show', 'job')).not.toContain('blocked');
    const explained = await printed('00:14', 'explain', 'job');
    expect(explained).toContain('the last tick found it blocked, requires gate');
    expect(explained).toContain('What is recorded now says so no more.');
    await printed('00:14', 'resource', 'set', 'gate', 'down');
    expect(await printed('00:14', 'list')).toContain('blocked: ');
    await printed('00:14', 'set', 'job', '--requires', ' ');
    expect(await printed('00:14', 'list')).not.toContain('blocked');
    expect(await printed('00:14', 'show', 'job')).toContain('requires          none');
  });

  test('is overdue for list and doctor once no tick comes after what it requires is there again', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED);
    expect(await printed('08:00', 'list')).not.toContain('overdue');
    await printed('08:00', 'resource', 'set', 'gate', 'up');
    expect(await printed('08:09', 'list')).not.toContain('overdue');
    expect(await printed('08:09', 'doctor')).toContain('none overdue');
    expect(await printed('08:11', 'list')).toContain('overdue, 2026-11-21 00:05Z (8 h ago)');
    expect(await printed('08:11', 'doctor')).toContain(
      'task "job" on node "alpha" has been due since 2026-11-21T00:05:00Z',
    );
    await printed('08:11', 'resource', 'set', 'gate', 'down');
    expect(await printed('08:30', 'list')).not.toContain('overdue');
    expect(await printed('08:30', 'list')).toContain('blocked: ');
  });

  test('is overdue from its slot where that came after what it requires', async () => {
    const { printed, sql } = await worldAfterTicks(...BLOCKED);
    await printed('00:06', 'resource', 'set', 'gate', 'up');
    sql("UPDATE periodic_task_state SET counted_from = '2026-11-21T00:20:00.000Z', earliest_start = ''");
    const list = await printed('00:34', 'list');
    expect(list).toContain('2026-11-21 00:25Z (9 min ago)');
    expect(list).not.toContain('overdue');
    expect(await printed('00:36', 'list')).toContain('overdue');
  });

  test('with one state for all nodes is overdue from when the first of them could take its slot', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED, '--scope', 'one', '-n', 'alpha', '-n', 'beta');
    await printed('00:20', 'resource', 'set', 'gate', 'up', '-n', 'beta');
    await printed('00:29', 'resource', 'set', 'gate', 'up', '-n', 'alpha');
    expect(await printed('00:29', 'list')).not.toContain('overdue');
    expect(await printed('00:31', 'list')).toContain('overdue');
  });

  test('is told as JSON as it stands now, beside the note of the tick', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED);
    const states = async (minute: string, ...words: readonly string[]) => {
      const document = JSON.parse(await printed(minute, ...words, '--json'));
      return (document.tasks?.[0] ?? document).states;
    };
    const note = expect.stringMatching(/^requires gate up or stdby up, which is down since/);
    const blocked = [{ blockedReason: note, blockage: DOWN, resting: null, skipReason: null }];
    expect(await states('00:11', 'list')).toMatchObject(blocked);
    expect(await states('00:11', 'show', 'job')).toMatchObject(blocked);
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    expect(await states('00:12', 'list')).toMatchObject([{ blockedReason: note, blockage: null }]);
    await printed('00:12', 'set', 'job', '--start-deadline', '1m');
    expect(await states('00:18', 'list')).toMatchObject([
      { blockage: null, skipReason: expect.stringMatching(/^too late: .*; was blocked: requires gate/) },
    ]);
  });

  test('with one state for all nodes is so on all of them, or is due', async () => {
    const { printed, sql } = await worldAfterTicks(...BLOCKED, '--scope', 'one', '-n', 'alpha', '-n', 'beta');
    expect(sql('SELECT scope_key, blocked_reason FROM periodic_task_state')).toEqual([
      { scope_key: '*', blocked_reason: expect.stringMatching(/^on node "alpha": requires gate/) },
    ]);
    expect(await printed('00:12', 'list')).toContain(`blocked: on node "alpha": ${DOWN}`);
    await printed('00:12', 'resource', 'set', 'gate', 'up', '-n', 'beta');
    expect(await printed('00:12', 'list')).not.toContain('blocked');
    expect(await printed('00:12', 'explain', 'job')).toContain('What is recorded now says so no more.');
  });

  test('and skips what was missed says for what that had waited', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED, '--catch-up', 'skip');
    const skipped =
      'skipped, missed: it did not start in time, and catch_up leaves it out; was blocked: requires gate';
    expect(await printed('00:16', 'run_scheduled', '-d')).toContain(`would be ${skipped}`);
  });

  test('by what a probe has found much of says so in one line, cut', async () => {
    const { printed, sql } = await worldAfterTicks(...BLOCKED);
    sql('UPDATE periodic_resource_state SET why = ?', `exit status 1: one\ntwo ${'x'.repeat(400)}`);
    const explained = await printed('00:12', 'explain', 'job');
    expect(explained).toMatch(/\(exit status 1: one two x{130,140}…\)/);
  });
});

describe('a task that rests', () => {
  test('is named by a dry run, with the one that would wake', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    expect(await printed('00:12', 'run_scheduled', '-d')).toContain(
      `not run  "job"  rests since 2026-11-21T00:05:10Z: its resource gate ${RESTS}\n`,
    );
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    const { notRun, slots } = JSON.parse(await printed('00:13', 'run_scheduled', '-d', '--json'));
    expect(notRun[0]).toEqual({
      task: 'job',
      reason: expect.stringMatching(
        /^would count from now: its resource gate is up since 2026-11-21T00:12:10Z/,
      ),
      nextSlotAt: '2026-11-21T00:18:00Z',
    });
    expect(slots).toEqual([]);
  });

  test('is waked by no node on which nothing starts', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    await printed('00:12', 'node', 'drain', 'alpha');
    expect(await printed('00:13', 'run_scheduled', '-d')).not.toContain('would count');
  });

  test.each([
    ['node', 'drain', 'alpha', 'the node is drained since 2026-11-21T00:13:10Z by'],
    ['maintenance', 'on', '--reason', 'new disks', 'maintenance is on since'],
  ])('is waked by no tick while there is %s %s, and explain says so', async (...words) => {
    const { printed } = await worldAfterTicks(...RESTING);
    const why = words.at(-1) ?? '';
    await printed('00:13', ...words.slice(0, -1));
    const isDown = await printed('00:14', 'explain', 'job');
    expect(isDown).toContain('; the task wakes when that is known not to be down.');
    expect(isDown).not.toContain('No tick wakes it');
    await printed('00:14', 'resource', 'set', 'gate', 'up');
    const held = await printed('00:15', 'explain', 'job');
    expect(held).toContain('  It is up since 2026-11-21T00:14:10Z');
    expect(held).toContain(`  No tick wakes it yet, since nothing new starts on node "alpha": ${why}`);
    expect(held).not.toContain('The next tick wakes it');
    await printed('00:15', 'set', 'job', '--offline', 'execute');
    expect(await printed('00:16', 'explain', 'job')).toContain('any more.\n  No tick wakes it yet, since');
  });

  test('with one state for all nodes wakes on one that is not drained, and names the one that is down', async () => {
    const { printed, sql } = await worldAfterTicks(...RESTING, '--scope', 'one', '-n', 'alpha', '-n', 'beta');
    const seed = "SELECT 'beta', timezone, tick_no, last_tick_at FROM periodic_node";
    sql(`INSERT INTO periodic_node (name, timezone, tick_no, last_tick_at) ${seed}`);
    expect(await printed('00:12', 'set', 'job', '--order', '3')).toContain(
      `no next run: the task rests: its resource gate on node "alpha" ${RESTS}`,
    );
    expect(await printed('00:12', 'explain', 'job')).toContain(
      'On node "alpha" it is down since 2026-11-21T00:00:10Z (set by ann: new disks); the task wakes when',
    );
    await printed('00:12', 'node', 'drain', 'beta');
    await printed('00:12', 'resource', 'set', 'gate', 'up', '-n', 'beta');
    expect(await printed('00:13', 'explain', 'job')).toContain(
      'No tick wakes it yet, since nothing new starts on node "beta": the node is drained',
    );
    await printed('00:13', 'resource', 'set', 'gate', 'up', '-n', 'alpha');
    expect(await printed('00:14', 'explain', 'job')).toContain('The next tick wakes it');
  });

  test('is known to have rested when it counts again', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    await printed('00:14', 'run_scheduled', '-c');
    expect(await printed('00:16', 'explain', 'job', '--at', '2026-11-21T00:13Z')).toContain(
      `  It rested from 2026-11-21 00:05:10Z on: its resource "gate" was down then, and its policy offline is "disable".
  It counts from 2026-11-21 00:14:00Z since.
`,
    );
    expect(await printed('00:16', 'explain', 'job', '--at', '2026-11-21T00:15Z')).not.toContain('rested');
  });

  test('is told to wait out its delay when it is back', async () => {
    const { printed } = await worldAfterTicks(...RESTING, '--enabled-delay', '10m');
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    await printed('00:14', 'run_scheduled', '-c');
    const now = await printed('00:16', 'explain', 'job');
    expect(now).not.toContain('was due');
    expect(now).toContain('The next slot is 2026-11-21 00:24:00Z');
  });

  test('is not said to wake at the tick after an instant in the past', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    const past = await printed('00:14', 'explain', 'job', '--at', '2026-11-21T00:08Z');
    expect(past).toContain('It rests since 2026-11-21 00:05:10Z');
    expect(past).not.toContain('tick wakes it');
    expect(await printed('00:14', 'explain', 'job')).toContain('The next tick wakes it');
  });

  test('says as JSON how its resource is, until the next tick wakes it', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    const state = async () => JSON.parse(await printed('00:12', 'list', '--json')).tasks[0].states[0];
    expect(await state()).toMatchObject({ resting: `its resource gate ${RESTS}`, blockage: null });
    await printed('00:12', 'resource', 'set', 'gate', 'up');
    expect(await state()).toMatchObject({ resting: null });
  });

  test('with its only slot is overdue only from when its resource is up', async () => {
    const once = ['--once', '2026-11-21T00:05Z', '--past', 'run'] as const;
    const { printed } = await worldAfterTicks(...once, ...RESTING.slice(2));
    expect(await printed('08:00', 'list')).toContain('  offline  ');
    await printed('08:00', 'resource', 'set', 'gate', 'up');
    expect(await printed('08:01', 'list')).toContain('  2026-11-21 00:05Z (7 h ago)  ');
    expect(await printed('08:11', 'list')).toContain('overdue');
  });

  test('counts from the next tick where that wakes it, for list and set, too', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    expect(await printed('00:12', 'set', 'job', '--order', '3')).toContain(
      `no next run: the task rests: its resource gate ${RESTS}`,
    );
    expect(await printed('00:12', 'set', 'job', '--offline', 'execute')).toContain(
      'next run 2026-11-21 00:17Z (in 4 min) on node "alpha"',
    );
    const list = await printed('00:12', 'list');
    expect(list).toContain('2026-11-21 00:17Z (in 4 min)');
    expect(list).not.toContain('offline');
    expect(await printed('00:12', 'explain', 'job')).toContain(
      'it was offline then. Its policy does not let it rest any more.\n  The next tick wakes it',
    );
  });

  test('is played by a simulation as if it came back with the first tick', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    const words = ['--until', '2026-11-21T00:30Z', '--every', '5m', '--json'] as const;
    const { runs, remarks } = JSON.parse(await printed('00:12', 'simulate', ...words));
    expect(runs.map(({ startAt }: { readonly startAt: string }) => startAt)).toEqual([
      '2026-11-21T00:20:00Z',
      '2026-11-21T00:25:00Z',
      '2026-11-21T00:30:00Z',
    ]);
    expect(remarks).toContain(
      'task "job" rests now, since it is offline: it is taken to count from the first tick',
    );
  });

  test('wakes when its resource is gone: explain says so, and the remedy of doctor helps', async () => {
    const { printed } = await worldAfterTicks(...RESTING);
    expect(await printed('00:12', 'resource', 'remove', 'gate')).toContain(
      'these do: job (--force removes it all the same: what is offline without it (job) is never offline then, and rests no more)',
    );
    expect(await printed('00:12', 'explain', 'job')).toContain(
      'the task wakes when that is known not to be down',
    );
    await printed('00:12', 'resource', 'remove', 'gate', '--force');
    expect(await printed('00:12', 'explain', 'job')).toContain(
      'There is no such resource any more, so it is not known to be down.\n  The next tick wakes it, and it counts from then.',
    );
    const doctor = await printed('00:12', 'doctor');
    expect(doctor).toContain(
      'task "job" is to be offline without the resource "gate", which is not defined: it is never offline',
    );
    expect(doctor).toContain(
      'periodic-cron resource add gate --probe …, or periodic-cron set "job" --offline-resource none',
    );
    const set = await printed('00:12', 'set', 'job', '--offline-resource', 'none');
    expect(set).toContain('offline_resource: gate → none\noffline: disable → execute\n');
    expect(await printed('00:12', 'doctor')).not.toContain('gate');
  });

  test('keeps a policy that is named beside the resource that is taken away: that is refused', async () => {
    const { printed } = await worldWithGate(...RESTING);
    expect(await printed('00:01', 'set', 'job', '--offline-resource', 'none', '--offline', 'skip')).toContain(
      'offline: expected it with an offline_resource',
    );
  });
});

test('the legend of list says until when a task rests', async () => {
  const { out } = await openWorld().call('list', '--help');
  expect(out).toContain('offline (it rests until its resource is known not to be down)');
});

describe('doctor', () => {
  test('names the requirements that are left without a resource that is gone, and that helps', async () => {
    const { printed } = await worldWithGate(...BLOCKED);
    await printed('00:01', 'resource', 'add', 'fs#1', '--probe', 'none');
    await printed('00:01', 'set', 'job', '--requires', 'gate fs#1(up, stdby up)');
    await printed('00:01', 'resource', 'remove', 'gate', '--force');
    expect(await printed('00:01', 'doctor')).toContain(
      `periodic-cron resource add gate --probe …, or periodic-cron set "job" --requires 'fs#1(up,stdby up)'`,
    );
    expect(await printed('00:01', 'set', 'job', '--requires', 'fs#1(up,stdby up)')).toContain('changed task');
  });

  test('warns of a resource that no task can name', async () => {
    const { printed, sql } = await worldWithGate(...BLOCKED);
    sql('DELETE FROM periodic_resource_state');
    sql("UPDATE periodic_resource SET name = 'default' WHERE name = 'gate'");
    expect(await printed('00:01', 'doctor')).toContain(
      'warn  resources: resource "default": expected another name',
    );
  });
});

describe('resource', () => {
  test('logs in which state a resource was before somebody set it', async () => {
    const world = openWorld('log: { file: log.jsonl }');
    await world.call('resource', 'add', 'gate', '--probe', 'none');
    await world.call('resource', 'set', 'gate', 'down');
    await world.call('resource', 'set', 'gate', 'up');
    const lines = readFileSync(join(world.folder, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'resource')).toMatchObject([
      { before: null, state: 'down' },
      { before: 'down', state: 'up' },
    ]);
  });

  test('notes that no node of the name has ticked', async () => {
    const { printed } = await worldAfterTicks(...BLOCKED);
    const note = 'no node named "alhpa" has ticked yet (did you mean alpha?)';
    expect(await printed('00:11', 'resource', 'set', 'gate', 'up', '-n', 'alhpa')).toContain(note);
    expect(await printed('00:11', 'resource', 'list', '-n', 'alhpa')).toContain(note);
    expect(await printed('00:11', 'resource', 'list', '-n', 'alpha')).not.toContain('ticked');
  });

  test('without a probe has no limits, and an edit that changes nothing forgets nothing', async () => {
    const { printed, sql } = await worldWithGate(...BLOCKED);
    expect(await printed('00:01', 'resource', 'show', 'gate')).toContain(
      'no look: it is as "periodic-cron resource set" has said last',
    );
    expect(await printed('00:01', 'resource', 'edit', 'gate', '--ttl', '5m')).toContain(
      '--ttl: expected it with another probe, got it with none',
    );
    expect(await printed('00:01', 'resource', 'edit', 'gate', '--probe', 'none')).toContain(
      'nothing changed',
    );
    expect(sql('SELECT state FROM periodic_resource_state')).toEqual([{ state: 'down' }]);
    const path = join(openWorld().folder, 'file');
    writeFileSync(path, '');
    await printed('00:01', 'resource', 'edit', 'gate', '--probe', 'file', '--path', path, '--ttl', '5m');
    expect(sql('SELECT state FROM periodic_resource_state')).toEqual([]);
  });

  test('says that there is nothing to look at', async () => {
    const { printed } = await worldWithGate(...BLOCKED);
    expect(await printed('00:01', 'resource', 'probe', '--all')).toContain('no resource has a probe');
  });
});

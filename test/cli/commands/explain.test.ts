import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, openWorld } from './command-world.ts';

// Every call takes place at 2026-11-21 00:55:10Z on node alpha, whose clocks show UTC.

/** A world with the task `backup`, every ten minutes unless it says otherwise, added by ann at 23:00 the day before. */
async function openBackup(...words: readonly string[]): Promise<CommandWorld> {
  const world = openWorld();
  const schedule = words.some((word) => /^--(every|manual|cron)/.test(word))
    ? []
    : ['--cron', '*/10 * * * *'];
  await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', ...schedule, ...words);
  world.count('backup', '2026-11-20T23:00:00.000Z');
  world.sql("UPDATE periodic_task SET created_at = '2026-11-20T23:00:03.000Z' WHERE name = 'backup'");
  world.sql(
    "UPDATE periodic_audit SET changed_at = '2026-11-20T23:00:03.000Z', actor = 'ann' WHERE task_name = 'backup'",
  );
  return world;
}

function setState({ sql }: CommandWorld, changes: Readonly<Record<string, string | number | null>>): void {
  const columns = Object.keys(changes).map((column) => `${column} = ?`);
  sql(
    `UPDATE periodic_task_state SET ${columns.join(', ')}
     WHERE task_id = (SELECT id FROM periodic_task WHERE name = 'backup')`,
    ...Object.values(changes),
  );
}

/** A tick that took two seconds, unless it says otherwise. */
function insertTick(
  { sql }: CommandWorld,
  minute: string,
  { node = 'alpha', ended = true }: { readonly node?: string; readonly ended?: boolean } = {},
): void {
  sql(
    `INSERT INTO periodic_tick (node, tick_no, tick_at, started_at, ended_at)
     VALUES (?, (SELECT count(*) + 1 FROM periodic_tick), ?, ?, ?)`,
    node,
    `2026-11-21T${minute}:00.000Z`,
    `2026-11-21T${minute}:01.000Z`,
    ended ? `2026-11-21T${minute}:03.000Z` : null,
  );
}

/** Changes the task by the command line, at the time of the instant given. */
async function changeAt(world: CommandWorld, instant: string, ...words: readonly string[]): Promise<void> {
  const [{ last }] = world.sql('SELECT coalesce(max(id), 0) AS last FROM periodic_audit');
  const { exitCode, err } = await world.call(...words);
  expect({ exitCode, err: exitCode === 0 ? '' : err }).toEqual({ exitCode: 0, err: '' });
  world.sql("UPDATE periodic_audit SET changed_at = ?, actor = 'ann' WHERE id > ?", instant, last);
}

async function explained(world: CommandWorld, ...words: readonly string[]): Promise<readonly string[]> {
  const { exitCode, out, err } = await world.call('explain', 'backup', ...words);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return out.trimEnd().split('\n');
}

const HEAD = ['task "backup" now, at 2026-11-21 00:55:10Z', '', 'On node "alpha":'];
const NEXT = '  The next slot is 2026-11-21 01:00:00Z.';

describe('explain, of a slot that the ledger holds,', () => {
  test('tells when it ran, how long after the slot, and how it ended', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:50:00.000Z',
      slot_first: '2026-11-21T00:50:00.000Z',
      slot_count: 1,
      status: 'failed',
      message: 'exited with status 3',
      started_at: '2026-11-21T00:50:02.000Z',
      ended_at: '2026-11-21T00:50:03.200Z',
      duration_ms: 1200,
    });
    expect(await explained(world)).toEqual([
      ...HEAD,
      '  The slot was 2026-11-21 00:50:00Z.',
      '  Run 1 started at 2026-11-21 00:50:02Z, 2s after the slot, on node "alpha" and failed after 1.2 s: exited with status 3.',
      NEXT,
    ]);
  });

  test('names the gap between ticks by which a run came late and folded missed slots', async () => {
    const world = await openBackup();
    insertTick(world, '00:10');
    insertTick(world, '00:53');
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:20:00.000Z',
      slot: '2026-11-21T00:50:00.000Z',
      slot_count: 4,
      started_at: '2026-11-21T00:53:01.000Z',
      ended_at: '2026-11-21T00:53:02.000Z',
      duration_ms: 1000,
    });
    const lines = [
      '  One run stands for 4 slots from 2026-11-21 00:20:00Z to 2026-11-21 00:50:00Z: the earlier ones had been missed.',
      '  Run 1 started at 2026-11-21 00:53:01Z, 3m1s after the slot, on node "alpha" and succeeded after 1.0 s.',
      '  Node "alpha" did not tick between 2026-11-21 00:10:00Z and 2026-11-21 00:53:00Z: cron did not call run_scheduled, or the machine was off or asleep.',
    ];
    expect(await explained(world)).toEqual([...HEAD, ...lines, NEXT]);
    expect(await explained(world, '--at', '2026-11-21T00:35Z')).toEqual([
      'task "backup" at 2026-11-21 00:35:00Z',
      '',
      'On node "alpha":',
      ...lines,
      '  The next slot is 2026-11-21 00:40:00Z.',
    ]);
  });

  test('names the run that was alive where a run came late by it', async () => {
    const world = await openBackup();
    for (const minute of ['00:30', '00:40', '00:50']) {
      insertTick(world, minute);
    }
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:30:00.000Z',
      slot_first: '2026-11-21T00:30:00.000Z',
      slot_count: 1,
      started_at: '2026-11-21T00:30:01.000Z',
      ended_at: '2026-11-21T00:44:00.000Z',
      duration_ms: 839_000,
    });
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:40:00.000Z',
      slot_first: '2026-11-21T00:40:00.000Z',
      slot_count: 1,
      started_at: '2026-11-21T00:45:00.000Z',
      ended_at: '2026-11-21T00:45:30.000Z',
      duration_ms: 30_000,
    });
    expect((await explained(world, '--at', '2026-11-21T00:46Z')).slice(3, -1)).toEqual([
      '  The slot was 2026-11-21 00:40:00Z.',
      '  Run 2 started at 2026-11-21 00:45:00Z, 5m after the slot, on node "alpha" and succeeded after 30.0 s.',
      '  At that slot run 1, started at 2026-11-21 00:30:01Z, was still alive.',
    ]);
  });

  test('tells every attempt of it, and when the next one may start', async () => {
    const world = await openBackup('--retry-limit', '3');
    const slot = { slot: '2026-11-21T00:50:00.000Z', slot_first: '2026-11-21T00:50:00.000Z', slot_count: 1 };
    insertRun(world, 'backup', {
      ...slot,
      status: 'lost',
      reason: 'retry',
      message: 'the machine was booted while the task ran',
      started_at: '2026-11-21T00:50:01.000Z',
      ended_at: '2026-11-21T00:51:00.000Z',
    });
    insertRun(world, 'backup', {
      ...slot,
      attempt: 2,
      status: 'timed_out',
      reason: 'retry',
      message: 'took longer than 30s',
      started_at: '2026-11-21T00:52:01.000Z',
      ended_at: '2026-11-21T00:52:31.000Z',
      duration_ms: 30_000,
    });
    setState(world, {
      handled_slot: '2026-11-21T00:50:00.000Z',
      attempt: 2,
      retry_at: '2026-11-21T00:56:31.000Z',
    });
    const attempts = [
      '  The slot was 2026-11-21 00:50:00Z.',
      '  Attempt 1, run 1, started at 2026-11-21 00:50:01Z, 1s after the slot, on node "alpha" and was found lost at 2026-11-21 00:51:00Z: the machine was booted while the task ran.',
      '  Attempt 2, run 2, started at 2026-11-21 00:52:01Z on node "alpha" and was ended by its time limit after 30.0 s: took longer than 30s.',
    ];
    expect(await explained(world)).toEqual([
      ...HEAD,
      ...attempts,
      '  Attempt 3 may start from 2026-11-21 00:56:31Z on.',
      NEXT,
    ]);
    setState(world, { retry_at: null });
    expect(await explained(world)).toContain(
      '  Another attempt was to follow, but a newer slot, a change of the task or a reset came first.',
    );
  });

  test('says why it was skipped', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:30:00.000Z',
      slot: '2026-11-21T00:50:00.000Z',
      slot_count: 3,
      status: 'skipped',
      reason: 'too_late',
      message: 'too late: more than 1m late',
      created_at: '2026-11-21T00:35:02.000Z',
      started_at: null,
      ended_at: '2026-11-21T00:55:02.000Z',
    });
    expect((await explained(world)).slice(3)).toEqual([
      '  One row of the ledger stands for 3 slots from 2026-11-21 00:30:00Z to 2026-11-21 00:50:00Z.',
      '  It was skipped at 2026-11-21 00:55:02Z: too late: more than 1m late.',
      NEXT,
    ]);
  });

  test('tells of a run that still runs', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:50:00.000Z',
      slot_first: '2026-11-21T00:50:00.000Z',
      slot_count: 1,
      status: 'running',
      live_node: 'alpha',
      started_at: '2026-11-21T00:50:01.000Z',
    });
    expect((await explained(world)).slice(4, 5)).toEqual([
      '  Run 1 started at 2026-11-21 00:50:01Z, 1s after the slot, on node "alpha" and is still running.',
    ]);
  });

  test('tells of the slot of the creation that run_immediately gives', async () => {
    const world = await openBackup('--run-immediately', '--every', '4h');
    setState(world, { first_slot: '2026-11-20T23:00:00.000Z' });
    insertRun(world, 'backup', {
      slot: '2026-11-20T23:00:00.000Z',
      slot_first: '2026-11-20T23:00:00.000Z',
      slot_count: 1,
      started_at: '2026-11-20T23:00:05.000Z',
      ended_at: '2026-11-20T23:00:06.000Z',
      duration_ms: 1000,
    });
    setState(world, { handled_slot: '2026-11-20T23:00:00.000Z' });
    expect((await explained(world)).slice(3)).toEqual([
      '  The slot was 2026-11-20 23:00:00Z.',
      '  Run 1 started at 2026-11-20 23:00:05Z, 5s after the slot, on node "alpha" and succeeded after 1.0 s.',
      '  The next slot is 2026-11-21 03:00:00Z.',
    ]);
  });
});

describe('explain, of a slot that no run took,', () => {
  test('says that no tick has come since it, and when the last one was', async () => {
    const world = await openBackup();
    insertTick(world, '00:49');
    expect(await explained(world)).toEqual([
      ...HEAD,
      '  The slot 2026-11-21 00:50:00Z was due, and no tick came to take it.',
      '  Node "alpha" has not ticked since 2026-11-21 00:49:00Z.',
      '  "periodic-cron doctor" tells whether cron calls run_scheduled as it should.',
      '  The slot is still due: the next tick looks at it again.',
      NEXT,
    ]);
  });

  test('says that the node never ticked', async () => {
    const world = await openBackup();
    expect((await explained(world)).slice(4, 5)).toEqual(['  Node "alpha" has not ticked so far.']);
  });

  test('says between which ticks of the node it came, ticks of other nodes aside', async () => {
    const world = await openBackup();
    insertTick(world, '00:09');
    insertTick(world, '00:21', { node: 'beta' });
    insertTick(world, '00:42');
    expect(await explained(world, '--at', '2026-11-21T00:25Z')).toEqual([
      'task "backup" at 2026-11-21 00:25:00Z',
      '',
      'On node "alpha":',
      '  The slot 2026-11-21 00:20:00Z was due, and no tick came to take it.',
      '  Node "alpha" did not tick between 2026-11-21 00:09:00Z and 2026-11-21 00:42:00Z: cron did not call run_scheduled, or the machine was off or asleep.',
      '  The next slot is 2026-11-21 00:30:00Z.',
    ]);
  });

  test('counts the ticks of every listed node for a state that they share', async () => {
    const world = await openBackup('--scope', 'one', '--timezone', 'UTC', '-n', 'alpha', '-n', 'beta');
    insertTick(world, '00:19', { node: 'beta' });
    insertTick(world, '00:21', { node: 'gamma' });
    insertTick(world, '00:30', { node: 'alpha' });
    expect(await explained(world, '--at', '2026-11-21T00:25Z')).toEqual([
      'task "backup" at 2026-11-21 00:25:00Z',
      '',
      'For all its nodes together:',
      '  The slot 2026-11-21 00:20:00Z was due, and no tick came to take it.',
      '  No node of the task ticked between 2026-11-21 00:19:00Z and 2026-11-21 00:30:00Z: cron did not call run_scheduled, or the machine was off or asleep.',
      '  The next slot is 2026-11-21 00:30:00Z.',
    ]);
  });

  test('names the run that kept it due', async () => {
    const world = await openBackup();
    insertTick(world, '00:50');
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:40:00.000Z',
      slot_first: '2026-11-21T00:40:00.000Z',
      slot_count: 1,
      status: 'running',
      live_node: 'alpha',
      started_at: '2026-11-21T00:40:01.000Z',
    });
    setState(world, { handled_slot: '2026-11-21T00:40:00.000Z' });
    expect((await explained(world)).slice(3)).toEqual([
      '  The slot 2026-11-21 00:50:00Z stayed due, since run 1, started at 2026-11-21 00:40:01Z, was alive.',
      '  The slot handled before that is 2026-11-21 00:40:00Z. Run 1 started at 2026-11-21 00:40:01Z, 1s after the slot, on node "alpha" and is still running.',
      '  It is taken when that has ended.',
      NEXT,
    ]);
  });

  test('names the runs that filled the node', async () => {
    const world = await openBackup();
    await world.call('add', 'mirror', '--module', 'command', '-o', 'command=true', '--manual');
    insertTick(world, '00:50');
    for (const token of ['one', 'two', 'three', 'four']) {
      insertRun(world, 'mirror', {
        token,
        status: 'running',
        live_node: 'alpha',
        started_at: '2026-11-21T00:45:01.000Z',
      });
    }
    insertRun(world, 'mirror', {
      trigger_kind: 'manual',
      status: 'running',
      live_node: 'alpha',
      started_at: '2026-11-21T00:45:01.000Z',
    });
    expect((await explained(world)).slice(3)).toEqual([
      '  The slot 2026-11-21 00:50:00Z stayed due: the tick at 2026-11-21 00:50:00Z found as many runs alive on node "alpha" as there may be (max_running 4).',
      '  They were run 1 of "mirror", run 2 of "mirror", run 3 of "mirror", run 4 of "mirror".',
      '  The slot is still due: the next tick looks at it again.',
      NEXT,
    ]);
    world.sql("DELETE FROM periodic_run WHERE token = 'one'");
    expect((await explained(world)).slice(3, 4)).toEqual([
      '  The slot 2026-11-21 00:50:00Z was due, and the ledger does not say why no tick took it: a tick leaves what is due when it is told to end, and with --limit or --fail-fast.',
    ]);
  });

  test('says that the tick had not come to it', async () => {
    const world = await openBackup();
    insertTick(world, '00:50', { ended: false });
    expect((await explained(world)).slice(3, 4)).toEqual([
      '  The slot 2026-11-21 00:50:00Z was due: the tick at 2026-11-21 00:50:00Z on node "alpha" had not come to it. It was busy with the tasks before it, or was killed.',
    ]);
  });

  test('says that there was maintenance, or that the node was drained, then and now', async () => {
    const world = await openBackup();
    const change = (at: string, action: string, after: object) =>
      world.sql(
        'INSERT INTO periodic_audit (changed_at, actor, action, after) VALUES (?, ?, ?, ?)',
        `2026-11-21T${at}:00.000Z`,
        'bob',
        action,
        JSON.stringify(after),
      );
    const until = '2026-11-21T00:25:00.000Z';
    change('00:05', 'maintenance on', { since: '2026-11-21T00:05:00.000Z', until, reason: 'upgrade' });
    change('00:35', 'node drained', { node: 'alpha', since: '2026-11-21T00:35:00.000Z', reason: 'disk' });
    change('00:36', 'node drained', { node: 'beta', since: '2026-11-21T00:36:00.000Z', reason: '' });
    change('00:37', 'node resumed', { node: 'beta' });
    insertTick(world, '00:50');
    expect((await explained(world, '--at', '2026-11-21T00:12Z')).slice(3, 4)).toEqual([
      '  The slot 2026-11-21 00:10:00Z stayed due, since nothing new started here: maintenance is on since 2026-11-21T00:05:00Z until 2026-11-21T00:25:00Z by bob (upgrade).',
    ]);
    expect((await explained(world, '--at', '2026-11-21T00:32Z')).slice(3, 4)).toEqual([
      '  The slot 2026-11-21 00:30:00Z was due, and no tick came to take it.',
    ]);
    expect((await explained(world)).slice(3, 4)).toEqual([
      '  The slot 2026-11-21 00:50:00Z stayed due, since nothing new started here: the node is drained since 2026-11-21T00:35:00Z by bob (disk).',
    ]);
  });

  test('says that a pending attempt of the slot before goes first', async () => {
    const world = await openBackup('--retry-limit', '3', '--retry-past-next');
    insertTick(world, '00:50');
    setState(world, { handled_slot: '2026-11-21T00:40:00.000Z', retry_at: '2026-11-21T00:56:00.000Z' });
    expect((await explained(world)).slice(3, 4)).toEqual([
      '  The slot 2026-11-21 00:50:00Z was due, but another attempt of the slot before goes first (retry_past_next): it may start from 2026-11-21 00:56:00Z on.',
    ]);
  });

  test('says that the history of a handled slot was deleted', async () => {
    const world = await openBackup();
    setState(world, { handled_slot: '2026-11-21T00:50:00.000Z' });
    expect((await explained(world)).slice(3)).toEqual([
      '  The slot 2026-11-21 00:50:00Z was handled, but the ledger does not hold it any more: old history is deleted.',
      NEXT,
    ]);
  });
});

describe('explain, of a state that had no due slot,', () => {
  test('says since when the slots count, and by whose change', async () => {
    const world = await openBackup('--cron', '0 * * * *');
    expect((await explained(world, '--at', '2026-11-20T23:30Z')).slice(3)).toEqual([
      '  The slot 2026-11-20 23:00:00Z does not count: the slots count from 2026-11-20 23:00:00Z on, since it was created at 2026-11-20 23:00:03Z by ann.',
      '  The next slot is 2026-11-21 00:00:00Z.',
    ]);
  });

  test('counts from a changed schedule after the change, and by the old one before it', async () => {
    const world = await openBackup('--cron', '0 * * * *');
    await changeAt(world, '2026-11-21T00:40:20.000Z', 'set', 'backup', '--cron', '*/5 * * * *');
    world.count('backup', '2026-11-21T00:40:00.000Z');
    expect((await explained(world, '--at', '2026-11-21T00:42Z')).slice(3, 4)).toEqual([
      '  The slot 2026-11-21 00:40:00Z does not count: the slots count from 2026-11-21 00:40:00Z on, since it was changed at 2026-11-21 00:40:20Z by ann.',
    ]);
    expect((await explained(world, '--at', '2026-11-21T00:30Z')).slice(3)).toEqual([
      '  The slot 2026-11-21 00:00:00Z was due, and no tick came to take it.',
      '  Node "alpha" has not ticked so far.',
      '  The next slot is 2026-11-21 01:00:00Z.',
    ]);
  });

  test('keeps the phase that a period had at the instant', async () => {
    const world = await openBackup('--every', '7m');
    await changeAt(world, '2026-11-21T00:40:20.000Z', 'set', 'backup', '--every', '30m');
    world.count('backup', '2026-11-21T00:40:00.000Z');
    expect((await explained(world, '--at', '2026-11-20T23:15Z')).at(-1)).toBe(
      '  The next slot is 2026-11-20 23:21:00Z.',
    );
    expect((await explained(world)).slice(3)).toEqual([
      '  No slot had come yet: the slots count from 2026-11-21 00:40:00Z on, since it was changed at 2026-11-21 00:40:20Z by ann.',
      '  The next slot is 2026-11-21 01:10:00Z.',
    ]);
  });

  test('says who switched the task off, and that it was on before', async () => {
    const world = await openBackup();
    await changeAt(world, '2026-11-21T00:47:00.000Z', 'disable', 'backup');
    expect((await explained(world)).slice(3)).toEqual([
      '  The task was not active, since it was disabled at 2026-11-21 00:47:00Z by ann.',
    ]);
    const before = await explained(world, '--at', '2026-11-21T00:46Z');
    expect(before[3]).toBe('  The slot 2026-11-21 00:40:00Z was due, and no tick came to take it.');
  });

  test('says that the task is off beside the slot that it last ran for', async () => {
    const world = await openBackup('--retry-limit', '3');
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:50:00.000Z',
      slot_first: '2026-11-21T00:50:00.000Z',
      slot_count: 1,
      status: 'failed',
      reason: 'retry',
      started_at: '2026-11-21T00:50:01.000Z',
      duration_ms: 100,
    });
    setState(world, { handled_slot: '2026-11-21T00:50:00.000Z', retry_at: '2026-11-21T00:56:01.000Z' });
    await changeAt(world, '2026-11-21T00:52:00.000Z', 'disable', 'backup');
    expect((await explained(world)).slice(4)).toEqual([
      '  Run 1 started at 2026-11-21 00:50:01Z, 1s after the slot, on node "alpha" and failed after 100 ms.',
      '  Another attempt was to follow, but a newer slot, a change of the task or a reset came first.',
      '  The task was not active, since it was disabled at 2026-11-21 00:52:00Z by ann.',
    ]);
  });

  test('calls plain SQL by its name', async () => {
    const world = await openBackup();
    world.sql("UPDATE periodic_task SET active = 0 WHERE name = 'backup'");
    world.sql("UPDATE periodic_audit SET changed_at = '2026-11-21T00:47:00.000Z' WHERE action = 'disabled'");
    expect((await explained(world))[3]).toBe(
      '  The task was not active, since it was disabled at 2026-11-21 00:47:00Z by plain SQL.',
    );
  });

  test('says that it is terminated, and why', async () => {
    const world = await openBackup();
    setState(world, { terminated_at: '2026-11-21T00:45:00.000Z', terminated_reason: 'nothing left' });
    expect((await explained(world)).slice(3)).toEqual([
      '  It was terminated at 2026-11-21 00:45:00Z: nothing left.',
      '  "periodic-cron reset" takes that back.',
    ]);
    expect((await explained(world, '--at', '2026-11-21T00:44Z'))[3]).toContain('no tick came');
  });

  test('remembers a termination that a reset took back', async () => {
    const world = await openBackup();
    setState(world, { terminated_at: '2026-11-21T00:45:00.000Z', terminated_reason: 'nothing left' });
    await changeAt(world, '2026-11-21T00:52:00.000Z', 'reset', 'backup');
    setState(world, { counted_from: '2026-11-21T00:52:00.000Z' });
    expect((await explained(world, '--at', '2026-11-21T00:51Z')).slice(3)).toEqual([
      '  It was terminated at 2026-11-21 00:45:00Z: nothing left.',
    ]);
    expect((await explained(world))[3]).toBe(
      '  The slot 2026-11-21 00:50:00Z does not count: the slots count from 2026-11-21 00:52:00Z on, since it was reset at 2026-11-21 00:52:00Z by ann.',
    );
  });

  test('names the faults of an invalid definition, and since when the ledger knows', async () => {
    const world = await openBackup();
    world.sql("UPDATE periodic_task SET schedule = '5 x * * *' WHERE name = 'backup'");
    world.count('backup', '2026-11-21T00:47:00.000Z');
    world.sql("UPDATE periodic_audit SET changed_at = '2026-11-21T00:47:00.000Z' WHERE action = 'changed'");
    insertRun(world, 'backup', {
      trigger_kind: 'fault',
      status: 'failed',
      message: 'schedule: hour: expected 0-23, got "x" (at character 3)',
      created_at: '2026-11-21T00:48:02.000Z',
      started_at: null,
    });
    expect((await explained(world)).slice(3)).toEqual([
      '  The definition was invalid: schedule: hour: expected 0-23, got "x" (at character 3).',
      '  The ledger names its fault since 2026-11-21 00:48:02Z.',
    ]);
    world.sql("UPDATE periodic_run SET message = 'another fault' WHERE trigger_kind = 'fault'");
    expect((await explained(world)).slice(4)).toEqual([]);
  });

  test('names a module that is not there', async () => {
    const world = await openBackup();
    world.sql("UPDATE periodic_task SET module = 'comand' WHERE name = 'backup'");
    expect((await explained(world))[3]).toMatch(/^ {2}The definition was invalid: module: .*comand/);
  });

  test('says that the slots were handled ahead by a wrong clock, before and after a reset', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      slot_first: '2026-11-21T00:10:00.000Z',
      slot: '2036-11-21T00:10:00.000Z',
      slot_count: 10_000,
      created_at: '2036-11-21T00:10:02.000Z',
      started_at: '2036-11-21T00:10:02.000Z',
    });
    setState(world, { handled_slot: '2036-11-21T00:10:00.000Z' });
    expect((await explained(world)).slice(3)).toEqual([
      '  Its slots were handled ahead, up to 2036-11-21 00:10:00Z: the clock was wrong then.',
      '  It waits until then, unless "periodic-cron reset" lets it count from now.',
    ]);
    await changeAt(world, '2026-11-21T00:52:00.000Z', 'reset', 'backup');
    setState(world, {
      counted_from: '2026-11-21T00:52:00.000Z',
      handled_slot: '2026-11-21T00:52:00.000Z',
    });
    expect((await explained(world, '--at', '2026-11-21T00:30Z')).slice(3)).toEqual([
      '  Its slots were handled ahead, up to 2036-11-21 00:10:00Z: the clock was wrong then.',
      '  That ended when it was reset at 2026-11-21 00:52:00Z by ann.',
    ]);
  });

  test.each([
    ['--manual', [], 'The schedule is manual: the task runs by hand only.'],
    ['--every', ['-1m'], 'The schedule is a negative period, which is never.'],
    ['--cron', ['@reboot'], 'The schedule is @reboot: it comes with the next boot of the node.'],
  ])('says why a schedule with %s has no slot', async (flag, values, sentence) => {
    const world = await openBackup(...(values[0] === '-1m' ? ['--every=-1m'] : [flag, ...values]));
    expect((await explained(world)).slice(3)).toEqual([`  ${sentence}`]);
  });

  test('adds the last run by hand', async () => {
    const world = await openBackup('--manual');
    insertRun(world, 'backup', {
      trigger_kind: 'manual',
      started_at: '2026-11-21T00:30:00.000Z',
      ended_at: '2026-11-21T00:30:02.000Z',
      duration_ms: 2000,
    });
    expect((await explained(world))[4]).toBe(
      '  Run 1 started at 2026-11-21 00:30:00Z by hand on node "alpha" and succeeded after 2.0 s.',
    );
  });
});

describe('explain', () => {
  test('tells of every node of the task, and that this node is none of them', async () => {
    const world = await openBackup('-n', 'beta', '-n', 'gamma');
    const lines = await explained(world);
    expect(lines.filter((line) => line.startsWith('On '))).toEqual([
      'On node "alpha":',
      'On node "beta":',
      'On node "gamma":',
    ]);
    expect(lines[3]).toBe('  The task does not belong to this node.');
    const only = await explained(world, '-n', 'gamma');
    expect(only.filter((line) => line.startsWith('On '))).toEqual(['On node "gamma":']);
  });

  test('tells of every node that has ticked where the task runs on all', async () => {
    const world = await openBackup('-n', '*');
    world.sql("INSERT INTO periodic_node (name, timezone) VALUES ('beta', 'Asia/Kolkata')");
    setState(world, { counted_from: '2026-11-20T23:00:00.000Z' });
    await changeAt(world, '2026-11-21T00:30:20.000Z', 'set', 'backup', '--cron', '0 6 * * *');
    setState(world, { counted_from: '2026-11-21T00:30:00.000Z' });
    const lines = await explained(world);
    expect(lines.filter((line) => line.startsWith('On '))).toEqual(['On node "alpha":', 'On node "beta":']);
    expect(lines.filter((line) => line.startsWith('  The next slot'))).toEqual([
      '  The next slot is 2026-11-21 06:00:00Z.',
      '  The next slot is 2026-11-22 00:30:00Z.',
    ]);
  });

  test('says since when a node is no longer one of the task', async () => {
    const world = await openBackup('-n', 'alpha', '-n', 'beta');
    world.sql("DELETE FROM periodic_task_node WHERE node = 'alpha'");
    world.sql(
      "UPDATE periodic_audit SET changed_at = '2026-11-21T00:45:00.000Z' WHERE action = 'node removed'",
    );
    expect((await explained(world, '-n', 'alpha')).slice(3)).toEqual([
      '  The task does not belong to this node, since the node was removed from it at 2026-11-21 00:45:00Z by plain SQL.',
    ]);
    expect((await explained(world, '-n', 'alpha', '--at', '2026-11-21T00:44Z'))[3]).toContain('was due');
  });

  test('knows when a task was not there yet, and when not any more', async () => {
    const world = await openBackup();
    expect(await explained(world, '--at', '2026-11-20T22:59Z')).toEqual([
      'task "backup" at 2026-11-20 22:59:00Z',
      '  The task was not there yet: it was created at 2026-11-20 23:00:03Z by ann.',
    ]);
    await changeAt(world, '2026-11-21T00:45:00.000Z', 'remove', 'backup');
    expect(await explained(world)).toEqual([
      'task "backup" now, at 2026-11-21 00:55:10Z',
      '  The task was not there any more: it was removed at 2026-11-21 00:45:00Z by ann.',
    ]);
  });

  test('tells of a removed task what the ledger has of it last', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:40:00.000Z',
      started_at: '2026-11-21T00:40:01.000Z',
      ended_at: '2026-11-21T00:40:02.000Z',
      duration_ms: 1000,
    });
    await changeAt(world, '2026-11-21T00:45:00.000Z', 'remove', 'backup');
    expect((await explained(world))[1]).toMatch(
      /removed at 2026-11-21 00:45:00Z by ann\. The last that the ledger has of it: Run 1 started at 2026-11-21 00:40:01Z.* and succeeded after 1\.0 s\.$/,
    );
  });

  test('tells of the task that had a name then, where another one has it now', async () => {
    const world = await openBackup();
    await changeAt(world, '2026-11-21T00:45:00.000Z', 'remove', 'backup');
    await changeAt(
      world,
      '2026-11-21T00:50:00.000Z',
      'add',
      'backup',
      '--module',
      'command',
      '-o',
      'command=true',
      '--manual',
    );
    expect((await explained(world, '--at', '2026-11-21T00:44Z'))[0]).toBe(
      'task "backup" at 2026-11-21 00:44:00Z',
    );
    expect((await explained(world, '--at', '2026-11-21T00:44Z')).join('\n')).toContain('was due');
    expect((await explained(world, '--at', '2026-11-21T00:47Z'))[1]).toContain(
      'removed at 2026-11-21 00:45:00Z',
    );
    expect((await explained(world, '--at', '2026-11-20T22:00Z'))[1]).toContain('not there yet');
  });

  test('explains a removed task as it was before', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:40:00.000Z',
      slot_first: '2026-11-21T00:40:00.000Z',
      slot_count: 1,
      started_at: '2026-11-21T00:40:01.000Z',
      ended_at: '2026-11-21T00:40:02.000Z',
      duration_ms: 1000,
    });
    await changeAt(world, '2026-11-21T00:52:00.000Z', 'remove', 'backup');
    expect(await explained(world, '--at', '2026-11-21T00:45Z')).toEqual([
      'task "backup" at 2026-11-21 00:45:00Z',
      '',
      'On node "alpha":',
      '  The slot was 2026-11-21 00:40:00Z.',
      '  Run 1 started at 2026-11-21 00:40:01Z, 1s after the slot, on node "alpha" and succeeded after 1.0 s.',
      '  The next slot is 2026-11-21 00:50:00Z.',
    ]);
  });

  test('prints the facts beside the sentences as JSON', async () => {
    const world = await openBackup();
    insertTick(world, '00:49');
    insertTick(world, '00:50');
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:50:00.000Z',
      slot_first: '2026-11-21T00:50:00.000Z',
      slot_count: 1,
      started_at: '2026-11-21T00:50:01.000Z',
    });
    const answer = JSON.parse((await world.call('explain', 'backup', '--json')).out);
    expect(answer).toMatchObject({
      task: 'backup',
      at: '2026-11-21T00:55:10Z',
      remark: null,
      states: [
        {
          scopeKey: 'alpha',
          verdict: 'recorded',
          slot: '2026-11-21T00:50:00Z',
          nextSlot: '2026-11-21T01:00:00Z',
          countedFrom: '2026-11-20T23:00:00Z',
          runs: [{ id: 1, slot: '2026-11-21T00:50:00Z', status: 'succeeded' }],
          tickBefore: '2026-11-21T00:49:00Z',
          tickAfter: '2026-11-21T00:50:00Z',
        },
      ],
    });
    expect(answer.states[0].sentences[0]).toBe('The slot was 2026-11-21 00:50:00Z.');
  });

  test('refuses a name that nothing is known of, and suggests the one that is meant', async () => {
    const world = await openBackup();
    expect(await world.call('explain', 'bakup')).toEqual({
      exitCode: 5,
      out: '',
      err: 'periodic-cron: there is no task "bakup", and the ledger remembers none of that name (did you mean backup?)\n',
    });
  });

  test('refuses an instant that is still to come', async () => {
    const world = await openBackup();
    expect(await world.call('explain', 'backup', '--at', '2026-11-21T00:56Z')).toEqual({
      exitCode: 2,
      out: '',
      err: 'periodic-cron: --at: expected an instant that has passed, got "2026-11-21T00:56Z" ("periodic-cron next" tells what comes)\n',
    });
  });

  test('takes an instant as so long ago', async () => {
    const world = await openBackup();
    expect((await explained(world, '--at', '20m'))[0]).toBe('task "backup" at 2026-11-21 00:35:10Z');
  });

  test('shows what a message holds without harm', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      slot: '2026-11-21T00:50:00.000Z',
      slot_first: '2026-11-21T00:50:00.000Z',
      slot_count: 1,
      status: 'failed',
      message: 'red \u001b[31malert',
    });
    expect((await explained(world))[4]).toContain('failed: red \\x1b[31malert.');
  });
});

describe('explain, of what keeps a slot from coming,', () => {
  test('takes a first delay for no wrong clock', async () => {
    const world = await openBackup();
    setState(world, {
      counted_from: '2026-11-21T01:30:00.000Z',
      first_slot: '2026-11-21T01:30:00.000Z',
      earliest_start: '2026-11-21T01:30:00.000Z',
    });
    const lines = (await explained(world)).join('\n');
    expect(lines).not.toContain('the clock was wrong');
    expect(lines).toContain('The next slot is 2026-11-21 01:30:00Z.');
  });

  test('names the slots that a task left behind when it began to count anew', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', { slot_first: '2026-11-21T00:10:00.000Z', slot: '2026-11-21T00:10:00.000Z' });
    insertRun(world, 'backup', { slot_first: '2026-11-21T00:50:00.000Z', slot: '2026-11-21T00:50:00.000Z' });
    setState(world, { handled_slot: '2026-11-21T00:50:00.000Z', counted_from: '2026-11-21T00:45:00.000Z' });
    expect((await explained(world, '--at', '2026-11-21T00:35Z')).slice(3)).toMatchObject([
      '  The slot 2026-11-21 00:30:00Z was due, and no tick had taken it when the task began to count anew: since then its slots count from 2026-11-21 00:45:00Z on.',
      expect.stringContaining('The slot handled before that is 2026-11-21 00:10:00Z.'),
      expect.any(String),
    ]);
  });

  test('invents no other attempt of slots that were skipped by postponing', async () => {
    const world = await openBackup();
    insertRun(world, 'backup', {
      ...{ slot_first: '2026-11-21T00:50:00.000Z', slot: '2026-11-21T00:50:00.000Z' },
      ...{ status: 'skipped', reason: 'postponed', message: 'postponed: the period counts anew' },
    });
    setState(world, { handled_slot: '2026-11-21T00:50:00.000Z' });
    expect((await explained(world)).join('\n')).not.toContain('Another attempt');
  });
});

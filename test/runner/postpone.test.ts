import { describe, expect, test, vi } from 'vitest';
import { type Postponed, type Postponer, postponeTask } from '../../src/runner/postpone.ts';
import { findTask } from '../../src/store/definitions.ts';
import { at } from '../support/builders.ts';
import type { Columns } from '../support/virtual-database.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';
import { claimSlot } from '../support/virtual-runs.ts';

/** A world with the task `backup`, created at 12:00 on node alpha, in which a tick came at each of these times. */
async function worldWith(columns: Columns, ticks: readonly string[] = []): Promise<VirtualWorld> {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup', columns });
  for (const time of ticks) {
    await world.tick(time);
  }
  return world;
}

/** Postpones the task at that time, as the command does. */
async function postpone(
  world: VirtualWorld,
  time: string,
  { keys = ['alpha'], ...changes }: Partial<Postponer> & { readonly keys?: readonly string[] } = {},
): Promise<readonly Postponed[]> {
  world.clock.now = at(time);
  const { record } = await findTask(world.location, 'backup');
  const postponer = { ...world.runner, actor: 'ann', timezoneOf: () => 'UTC', ...changes };
  return postponeTask(postponer, record, keys);
}

function minuteOf(text: unknown): string | null {
  return text === null ? null : String(text).slice(11, 16);
}

describe('a task that is postponed at 12:17:30', () => {
  test.each<[string, Columns, readonly string[], { next: string; period: number | null }]>([
    ['every 10 minutes', { schedule: '10m' }, ['12:10'], { next: '12:27', period: null }],
    [
      'every 10 minutes from the start',
      { schedule: '10m', anchor: 'start' },
      ['12:10'],
      { next: '12:27', period: null },
    ],
    [
      'every 10 minutes from the end',
      { schedule: '10m', anchor: 'finish' },
      ['12:10'],
      { next: '12:27', period: null },
    ],
    [
      'that never ran, from the end',
      { schedule: '1h', anchor: 'finish' },
      [],
      { next: '13:17', period: null },
    ],
    [
      'whose first slot is put off',
      { schedule: '1h', first_delay_s: 1_800 },
      [],
      { next: '13:17', period: null },
    ],
    [
      'of every full hour',
      { schedule_kind: 'cron', schedule: '0 * * * *' },
      [],
      { next: '13:00', period: null },
    ],
    [
      'of a window',
      { schedule_kind: 'window', schedule: '09:00-17:00@60' },
      ['12:00'],
      { next: '13:17', period: null },
    ],
    [
      'with back-off by runs',
      { schedule: '10m', backoff: 'every_run' },
      ['12:10'],
      { next: '12:37', period: 1_200 },
    ],
    [
      'with back-off by runs, from the start',
      { schedule: '10m', backoff: 'every_run', anchor: 'start' },
      ['12:10'],
      { next: '12:37', period: 1_200 },
    ],
    [
      'with back-off by runs, from the end',
      { schedule: '10m', backoff: 'every_run', anchor: 'finish' },
      ['12:10'],
      { next: '12:37', period: 1_200 },
    ],
    [
      'with back-off by runs up to a limit',
      { schedule: '10m', backoff: 'every_run', max_period_s: 900 },
      ['12:10'],
      { next: '12:32', period: 900 },
    ],
    [
      'with back-off by failures, after one',
      { schedule: '10m', backoff: 'on_failure', module: 'fail' },
      ['12:10'],
      { next: '12:27', period: null },
    ],
  ])('%s waits a whole period from that minute', async (_title, columns, ticks, { next, period }) => {
    const world = await worldWith(columns, ticks);
    const before = world.ledger();
    const [done] = await postpone(world, '12:17:30');
    expect(done).toEqual({ scopeKey: 'alpha', nextSlotAt: at(next), cancelled: [], skipped: 0 });
    const row = world.stateRow('backup');
    expect(row).toMatchObject({ first_slot: null, current_period_s: period });
    expect([row['counted_from'], row['next_slot'], row['earliest_start']].map(minuteOf)).toEqual([
      '12:17',
      next,
      next,
    ]);
    expect(world.ledger()).toEqual(before);
    await world.tick(`${next}:20`);
    expect(world.ledger().slice(before.length)).toEqual([
      `backup ${next} ${columns['module'] === 'fail' ? 'failed' : 'succeeded'}`,
    ]);
  });

  test('that counts ticks waits for as many of them as after its registration', async () => {
    const columns = { schedule_kind: 'ticks', schedule: '2 repeat' };
    const world = await worldWith(columns, ['12:05', '12:10']);
    const [done] = await postpone(world, '12:12');
    expect(done).toMatchObject({ nextSlotAt: null, skipped: 0 });
    expect(world.stateRow('backup')).toMatchObject({ counted_tick: 2, due_tick: 5 });
    for (const time of ['12:15', '12:20']) {
      await world.tick(time);
      expect(world.ledger()).toEqual([]);
    }
    await world.tick('12:25');
    expect(world.ledger()).toEqual(['backup 12:25 succeeded']);
  });

  test('that counts the ticks of all nodes does so from the last one of them all', async () => {
    const world = await openVirtualWorld();
    const columns = { schedule_kind: 'ticks', schedule: '3', scope: 'one' };
    world.addTask({ name: 'backup', nodes: ['alpha', 'beta'], columns });
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    await world.tick('12:01');
    await tickOf(beta, world, '12:01');
    await world.tick('12:02');
    await postpone(world, '12:02:30', { keys: ['*'] });
    expect(world.stateRow('backup')).toMatchObject({ counted_tick: 3, due_tick: 7 });
  });
});

describe('due slots of a task that is postponed', () => {
  test.each(['latest', 'each', 'skip'])('are skipped in one row with catch-up %s', async (catchUp) => {
    const world = await worldWith({ catch_up: catchUp });
    const [done] = await postpone(world, '12:17');
    expect(done).toMatchObject({ nextSlotAt: at('12:22'), skipped: 3 });
    expect(world.ledger()).toEqual(['backup 12:05-12:15 x3 skipped (postponed)']);
    expect(world.runRows()[0]).toMatchObject({
      message: 'postponed: the period counts anew',
      ended_at: '2026-03-10T12:17:00.000Z',
    });
    await world.tick('12:21');
    await world.tick('12:22');
    expect(world.ledger().slice(1)).toEqual(['backup 12:22 succeeded']);
  });

  test('include the slot of its creation', async () => {
    const world = await worldWith({ schedule: '1h', run_immediately: 1 });
    await postpone(world, '12:02');
    expect(world.ledger()).toEqual(['backup 12:00 skipped (postponed)']);
    expect(minuteOf(world.stateRow('backup')['next_slot'])).toBe('13:02');
  });

  test('make back-off by runs begin anew, so that the next gap is two periods', async () => {
    const world = await worldWith({ schedule: '10m', backoff: 'every_run' });
    const [done] = await postpone(world, '12:17');
    expect(done).toMatchObject({ nextSlotAt: at('12:37'), skipped: 1 });
    expect(world.stateRow('backup')).toMatchObject({ current_period_s: 1_200 });
  });
});

describe('a pending attempt of a task that is postponed', () => {
  const RETRYING: Columns = {
    module: 'fail',
    schedule: '1h',
    run_immediately: 1,
    retry_limit: 3,
    retry_delay_s: 600,
  };

  test('is given up, and counts as no failure', async () => {
    const world = await worldWith(RETRYING, ['12:00']);
    expect(world.ledger()).toEqual(['backup 12:00 failed (retry)']);
    await postpone(world, '12:05');
    expect(world.ledger()).toEqual(['backup 12:00 failed (postponed)']);
    expect(world.stateRow('backup')).toMatchObject({ retry_at: null, failures: 0 });
    await world.tick('12:10');
    expect(world.ledger()).toHaveLength(1);
    await world.tick('13:05');
    expect(world.ledger()[1]).toBe('backup 13:05 failed (retry)');
  });

  test('is superseded by a slot that is due already, which is one failure more', async () => {
    const world = await worldWith({ ...RETRYING, retry_delay_s: 3_600 }, ['12:00']);
    await postpone(world, '13:00:30');
    expect(world.ledger()).toEqual(['backup 12:00 failed (superseded)', 'backup 13:00 skipped (postponed)']);
    expect(world.stateRow('backup')).toMatchObject({ retry_at: null, failures: 1 });
  });

  test('that goes past newer slots is left out by that itself', async () => {
    const world = await worldWith({ ...RETRYING, retry_past_next: 1, retry_delay_s: 3_600 }, ['12:00']);
    await postpone(world, '13:00:30');
    expect(world.ledger()).toEqual(['backup 12:00 failed (postponed)', 'backup 13:00 skipped (postponed)']);
    expect(world.stateRow('backup')).toMatchObject({ retry_at: null, failures: 1 });
  });

  test('that would have been the last failure allowed terminates the task, which then waits for nothing', async () => {
    const columns = { ...RETRYING, retry_delay_s: 3_600, deactivate_after: '1 failures' };
    const world = await worldWith(columns, ['12:00']);
    const [done] = await postpone(world, '13:00:30');
    expect(done).toMatchObject({ nextSlotAt: null, skipped: 1 });
    expect(world.stateRow('backup')).toMatchObject({
      terminated_reason: 'deactivated after 1 failure in a row since 2026-03-10T12:00:00Z',
      next_slot: null,
      earliest_start: null,
    });
  });
});

describe('a live run of a task that is postponed', () => {
  /** Starts the task in a tick at 12:00, and returns when it runs. Watches look when `look` is called. */
  async function runningWorld(columns: Columns) {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const world = await openVirtualWorld();
    const reached = createGate();
    world.addTask({ name: 'backup', columns: { module: 'hang', run_immediately: 1, ...columns } });
    const onEvent = (event: Parameters<typeof world.runner.onEvent>[0]) => {
      world.runner.onEvent(event);
      if (event.kind === 'started') {
        void reached.wait();
      }
    };
    const tick = tickOf(world.otherRunner({ onEvent }), world, '12:00');
    await reached.reached;
    return { world, tick, look: () => vi.advanceTimersByTimeAsync(2_000) };
  }

  test.each(['slot', 'start', 'finish'])(
    'ends cancelled, is not tried again, and with anchor %s a whole period follows',
    async (anchor) => {
      try {
        const { world, tick, look } = await runningWorld({ schedule: '1h', retry_limit: 3, anchor });
        const [done] = await postpone(world, '12:17:30');
        expect(done?.cancelled).toMatchObject([{ taskName: 'backup', slot: at('12:00') }]);
        // With anchor finish the next slot is known when the run has ended.
        expect(done?.nextSlotAt).toBe(anchor === 'finish' ? null : at('13:17'));
        world.clock.now = at('12:18:10');
        await look();
        const { runs } = await tick;
        expect(runs).toMatchObject([{ status: 'cancelled', retryAt: null }]);
        expect(world.ledger()).toEqual(['backup 12:00 cancelled (postponed)']);
        const next = anchor === 'slot' ? '13:17' : '13:18';
        expect(world.stateRow('backup')).toMatchObject({ retry_at: null, failures: 0 });
        expect(minuteOf(world.stateRow('backup')['earliest_start'])).toBe(next);
      } finally {
        vi.useRealTimers();
      }
    },
  );

  test('that fails by itself before it hears of it is not tried again either', async () => {
    const world = await openVirtualWorld();
    const gate = createGate();
    world.script.call = async () => {
      await gate.wait();
      throw new Error('boom');
    };
    const columns = { module: 'call', schedule: '1h', run_immediately: 1, retry_limit: 3 };
    world.addTask({ name: 'backup', columns });
    const tick = world.tick('12:00');
    await gate.reached;
    await postpone(world, '12:17:30');
    gate.open();
    await tick;
    expect(world.ledger()).toEqual(['backup 12:00 failed']);
    expect(world.stateRow('backup')).toMatchObject({ retry_at: null, failures: 1 });
    expect(minuteOf(world.stateRow('backup')['earliest_start'])).toBe('13:17');
  });

  test('is left alone when it was started by hand, or counts for another node', async () => {
    const world = await worldWith({ schedule: '1h' });
    const insert = world.sql.prepare(
      `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, live_node, trigger_kind, status, created_at)
       SELECT ?, id, name, module, ?, ?, ?, ?, 'running', '2026-03-10T12:00:00.000Z' FROM periodic_task`,
    );
    insert.run('by hand', 'alpha', 'alpha', 'alpha', 'manual');
    insert.run('elsewhere', 'beta', 'beta', 'beta', 'schedule');
    const [done] = await postpone(world, '12:17');
    expect(done?.cancelled).toEqual([]);
    expect(world.runRows().map((row) => row['cancel_requested'])).toEqual([null, null]);
  });
});

test('an inactive task is only cleaned up', async () => {
  const columns = { schedule: '10m', backoff: 'every_run' };
  const world = await worldWith(columns, ['12:10']);
  world.changeTask('backup', { active: 0 });
  world.sql.exec("UPDATE periodic_task_state SET current_period_s = 2400, earliest_start = ''");
  const [done] = await postpone(world, '14:00');
  expect(done).toMatchObject({ nextSlotAt: null, skipped: 0 });
  expect(world.stateRow('backup')).toMatchObject({
    current_period_s: null,
    next_slot: null,
    earliest_start: null,
  });
  expect(world.ledger()).toEqual(['backup 12:10 succeeded']);
});

describe('postponing', () => {
  test('is one line of the log and one of the audit', async () => {
    const world = await worldWith({ schedule: '1h' }, ['12:00']);
    const told: unknown[] = [];
    await postpone(world, '12:17:30', { onEvent: ({ life }) => told.push(life) });
    expect(told).toEqual([
      {
        event: 'postponed',
        task: 'backup',
        scope: 'alpha',
        node: 'alpha',
        slotAt: null,
        nextSlotAt: at('13:17'),
      },
    ]);
    const [audit] = world.sql.prepare("SELECT * FROM periodic_audit WHERE action = 'postponed'").all();
    expect(audit).toMatchObject({
      actor: 'ann',
      task_name: 'backup',
      changed_at: '2026-03-10T12:17:30.000Z',
    });
    expect(JSON.parse((audit as { after: string }).after)).toEqual({
      scopeKey: 'alpha',
      countedFrom: '2026-03-10T12:17:00.000Z',
      nextSlot: '2026-03-10T13:17:00.000Z',
    });
  });

  test.each<[string, Columns, string]>([
    [
      'for a task with one instant',
      { schedule_kind: 'at', schedule: '2026-03-11T00:00Z' },
      'expected a task with a period, got "backup" of kind at',
    ],
    [
      'for a task that is run by hand',
      { schedule_kind: 'manual', schedule: '' },
      'expected a task with a period, got "backup" of kind manual',
    ],
    ['for an invalid task', { schedule: '1 fortnight' }, 'task "backup" is invalid'],
    ['for an unknown module', { module: 'missing' }, 'task "backup" is invalid'],
  ])('is refused %s', async (_title, columns, message) => {
    const world = await worldWith(columns);
    const before = world.stateRow('backup');
    await expect(postpone(world, '12:17')).rejects.toThrow(message);
    expect(world.stateRow('backup')).toEqual(before);
  });

  test('is refused for a terminated state, and then leaves the other nodes alone too', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', nodes: ['alpha', 'beta'], columns: { module: 'stop', schedule: '5m' } });
    await tickOf(world.otherRunner({ node: { ...world.runner.node, name: 'beta' } }), world, '12:05');
    const before = world.stateRow('backup', 'alpha');
    await expect(postpone(world, '12:17', { keys: ['alpha', 'beta'] })).rejects.toThrow(
      'got "backup", which is terminated on "beta" (nothing left to do); "periodic-cron reset" takes that back',
    );
    expect(world.stateRow('backup', 'alpha')).toEqual(before);
    expect(world.ledger()).toEqual(['backup 12:05 stopped']);
  });

  test('of a node that the task has no state on is refused', async () => {
    const world = await worldWith({});
    await expect(postpone(world, '12:17', { keys: ['gamma'] })).rejects.toThrow(
      'task "backup" has no state on node "gamma"',
    );
  });

  test('looks again when another moved the state meanwhile', async () => {
    const world = await worldWith({ schedule: '1h' });
    let looks = 0;
    const registry = () => {
      looks += 1;
      // After the check of all states; the tick that claims the slot comes first.
      return looks === 2 ? world.tick('13:00').then(() => world.runner.registry()) : world.runner.registry();
    };
    const [done] = await postpone(world, '13:00', { registry });
    expect(done).toMatchObject({ nextSlotAt: at('14:00'), skipped: 0 });
    expect(world.ledger()).toEqual(['backup 13:00 succeeded']);
  });

  test('ends a run as well that a tick has claimed since it began', async () => {
    const world = await worldWith({ module: 'call', schedule: '1h' });
    const gate = createGate();
    world.script.call = gate.wait;
    const ticks: Promise<unknown>[] = [];
    let looks = 0;
    const registry = async () => {
      looks += 1;
      if (looks === 2) {
        ticks.push(world.tick('13:00'));
        await gate.reached;
      }
      return world.runner.registry();
    };
    const [done] = await postpone(world, '13:00', { registry });
    expect(done?.cancelled).toMatchObject([{ taskName: 'backup', slot: at('13:00') }]);
    expect(world.runRows()).toMatchObject([{ status: 'running', cancel_requested: 'postponed' }]);
    gate.open();
    await Promise.all(ticks);
  });

  test('gives up when others keep moving it, and has asked nobody to end then', async () => {
    const world = await worldWith({ schedule: '1h' });
    const registry = () => {
      world.sql.exec('UPDATE periodic_task_state SET epoch = epoch + 1');
      return world.runner.registry();
    };
    const token = await claimSlot(world.runner.driver, Number(world.stateRow('backup')['task_id']), '12:00');
    await expect(postpone(world, '12:17', { registry })).rejects.toThrow('task "backup" cannot be postponed');
    expect(world.runRows()).toMatchObject([{ token, cancel_requested: null }]);
    expect(
      world.sql.prepare("SELECT count(*) FROM periodic_audit WHERE action = 'postponed'").pluck().get(),
    ).toBe(0);
  });
});

import { describe, expect, test } from 'vitest';
import { CLOCK_TOLERANCE_MS } from '../../src/runner/clock.ts';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { openVirtualWorld, tickOf } from '../support/virtual-runner.ts';

/** By how much cron's clock may be behind the one of a shared database. */
const TOLERANCE_MS = testedEngine === 'sqlite' ? 0 : CLOCK_TOLERANCE_MS;

describe('a tick', () => {
  test('runs what is due in ascending order of ordering, then id', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'late', columns: { ordering: 10 } });
    world.addTask({ name: 'middle two', columns: { ordering: 5 } });
    world.addTask({ name: 'first', columns: { ordering: -1 } });
    world.addTask({ name: 'middle three', columns: { ordering: 5 } });
    await world.tick('12:05');
    expect(world.script.started).toEqual(['first', 'middle two', 'middle three', 'late']);
  });

  test('runs a slot once, and the next slot when it comes', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    for (const instant of ['12:04', '12:05', '12:05:30', '12:06', '12:09', '12:10']) {
      await world.tick(instant);
    }
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:10 succeeded']);
  });

  test('folds missed slots into one run, with their exact number', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    await world.tick('12:05');
    const report = await world.tick('12:31');
    expect(report.runs).toMatchObject([
      { task: 'backup', slotAt: at('12:30'), missed: 4, status: 'succeeded' },
    ]);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:10-12:30 x5 succeeded']);
    expect(world.runRows().at(-1)).toMatchObject({
      slot_first: '2026-03-10T12:10:00.000Z',
      slot: '2026-03-10T12:30:00.000Z',
      slot_count: 5,
    });
  });

  test('runs a task with run_immediately in the minute of its creation, and then by its schedule', async () => {
    const world = await openVirtualWorld({ start: '12:00:20' });
    world.addTask({ name: 'backup', columns: { run_immediately: 1 } });
    for (const instant of ['12:00:40', '12:01', '12:05', '12:06']) {
      await world.tick(instant);
    }
    expect(world.ledger()).toEqual(['backup 12:00 succeeded', 'backup 12:05 succeeded']);
  });

  test('does not run a task at once that was not asked to run immediately', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { schedule: '1m' } });
    await world.tick('12:00:57');
    expect(world.ledger()).toEqual([]);
  });

  test.each([[0], [200], [9_000], [31_000], [50_000]])(
    'that comes every minute runs a task of every minute each time, with %i ms of start-up latency now and then',
    async (latencyMs) => {
      const world = await openVirtualWorld();
      world.addTask({ name: 'pulse', columns: { schedule_kind: 'cron', schedule: '* * * * *' } });
      for (let minute = 1; minute <= 6; minute += 1) {
        const lateMs = minute % 2 === 0 ? latencyMs : 0;
        const now = new Date(at('12:00') + minute * 60_000 + lateMs).toISOString();
        await world.tick(now, { processAgeMs: lateMs });
      }
      expect(world.ledger()).toEqual([1, 2, 3, 4, 5, 6].map((minute) => `pulse 12:0${minute} succeeded`));
    },
  );

  test('is that of the minute in which its process started', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    const early = await world.tick('12:05:03', { processAgeMs: 4_000 + TOLERANCE_MS });
    expect(early.tickAt).toBe(at('12:04'));
    expect(early.runs).toEqual([]);
    const punctual = await world.tick('12:05:03', { processAgeMs: 2_999 + TOLERANCE_MS });
    expect(punctual.tickAt).toBe(at('12:05'));
    expect(punctual.runs).toHaveLength(1);
  });

  test('does not move slots that are not full minutes: every 90 s runs at 2, 3, 5 and 6 min', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { schedule: '90s' } });
    const ran: string[] = [];
    for (const minute of ['12:01', '12:02', '12:03', '12:04', '12:05', '12:06']) {
      const { runs } = await world.tick(minute);
      ran.push(...runs.map(() => minute));
    }
    expect(ran).toEqual(['12:02', '12:03', '12:05', '12:06']);
  });

  test('records itself: its minute, what it started, how it ended', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'good' });
    world.addTask({ name: 'bad', columns: { module: 'fail' } });
    await world.tick('12:04:10');
    await world.tick('12:05:10');
    expect(
      world.sql
        .prepare('SELECT node, tick_no, tick_at, started_at, started, failed, exit_code FROM periodic_tick')
        .all(),
    ).toEqual([
      {
        node: 'alpha',
        tick_no: 1,
        tick_at: '2026-03-10T12:04:00.000Z',
        started_at: '2026-03-10T12:04:10.000Z',
        started: 0,
        failed: 0,
        exit_code: 0,
      },
      {
        node: 'alpha',
        tick_no: 2,
        tick_at: '2026-03-10T12:05:00.000Z',
        started_at: '2026-03-10T12:05:10.000Z',
        started: 2,
        failed: 1,
        exit_code: 1,
      },
    ]);
  });

  test('says how long nothing will be due', async () => {
    const world = await openVirtualWorld();
    expect((await world.tick('12:00:10')).idleForSeconds).toBeNull();
    world.addTask({ name: 'hourly', columns: { schedule: '1h' } });
    world.addTask({ name: 'backup' });
    expect((await world.tick('12:00:20')).idleForSeconds).toBe(280);
    expect((await world.tick('12:05:30.500')).idleForSeconds).toBe(270);
  });
});

describe('what happens to a task', () => {
  test('inactive, it does not run, and owes nothing when it is switched on again', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { active: 0, run_immediately: 1 } });
    await world.tick('12:20');
    world.clock.now = at('12:21:40');
    world.changeTask('backup', { active: 1 });
    await world.tick('12:22');
    await world.tick('12:26');
    expect(world.ledger()).toEqual(['backup 12:26 succeeded']);
  });

  test('a changed schedule counts from the minute of the change, a changed module does not', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'new schedule' });
    world.addTask({ name: 'new module' });
    await world.tick('12:00');
    world.clock.now = at('12:03:20');
    world.changeTask('new schedule', { schedule: '7m' });
    world.changeTask('new module', { module: 'count' });
    await world.tick('12:05');
    await world.tick('12:10');
    expect(world.ledger()).toEqual([
      'new module 12:05 succeeded',
      'new schedule 12:10 succeeded',
      'new module 12:10 succeeded',
    ]);
  });

  test('stopped by its module, it is terminated, and stays so until it is reset', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { module: 'stop' } });
    await world.tick('12:05');
    await world.tick('12:10');
    expect(world.ledger()).toEqual(['backup 12:05 stopped']);
    expect(world.runRows()[0]).toMatchObject({ message: 'nothing left to do', result: '{"handled":3}' });
    expect(world.stateRow('backup')).toMatchObject({
      terminated_at: '2026-03-10T12:05:00.000Z',
      terminated_reason: 'nothing left to do',
      earliest_start: null,
    });
  });

  test('whatever it throws, it has failed, and the others run', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'one', columns: { module: 'fail' } });
    world.addTask({ name: 'two', columns: { module: 'throw_undefined' } });
    world.addTask({ name: 'three' });
    const { runs } = await world.tick('12:05');
    expect(runs.map(({ task, status, error }) => [task, status, error])).toEqual([
      ['one', 'failed', 'boom'],
      ['two', 'failed', 'threw undefined'],
      ['three', 'succeeded', null],
    ]);
    expect(exitCodeOf({ runs, notRun: [] })).toBe(1);
  });

  test('past its time limit, it is ended and recorded as timed out', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'endless', columns: { module: 'hang', timeout_s: 1, kill_grace_s: 0 } });
    const { runs } = await world.tick('12:05');
    expect(runs).toMatchObject([{ status: 'timed_out', error: 'did not end within its time limit of 1s' }]);
  });

  test('what it keeps from run to run is written only when it succeeds', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'counter', columns: { module: 'count' } });
    await world.tick('12:05');
    await world.tick('12:10');
    expect(world.stateRow('counter')).toMatchObject({ module_state: '2' });
    world.changeTask('counter', { module: 'fail' });
    await world.tick('12:15');
    expect(world.stateRow('counter')).toMatchObject({ module_state: '2', failures: 1 });
  });

  test('older than its start deadline, a slot is skipped by the real time, and says so', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { start_deadline_s: 60 } });
    await world.tick('12:06:01');
    expect(world.ledger()).toEqual(['backup 12:05 skipped (too_late)']);
    expect(world.runRows()[0]).toMatchObject({ message: 'too late: more than 1m late' });
  });

  test('a deadline counts to the claim, so a slow task before it can make a slot too late', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'slow', columns: { module: 'take', options: '{"ms":90000}', ordering: 1 } });
    world.addTask({ name: 'urgent', columns: { start_deadline_s: 60, ordering: 2 } });
    await world.tick('12:05');
    expect(world.ledger()).toEqual(['slow 12:05 succeeded', 'urgent 12:05 skipped (too_late)']);
  });

  test('neighbouring skipped slots share one row with their exact number', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns: { start_deadline_s: 60 } });
    await world.tick('12:12');
    await world.tick('12:17');
    await world.tick('12:23');
    await world.tick('12:25');
    expect(world.ledger()).toEqual(['backup 12:05-12:20 x4 skipped (too_late)', 'backup 12:25 succeeded']);
  });
});

describe('nodes', () => {
  test('each node keeps its own state of a task of all nodes', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'everywhere', nodes: ['alpha', 'beta'] });
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    await world.tick('12:05');
    await tickOf(beta, world, '12:05:10');
    expect(world.runRows().map(({ node, scope_key }) => [node, scope_key])).toEqual([
      ['alpha', 'alpha'],
      ['beta', 'beta'],
    ]);
  });

  test('a task of another node is none of its business', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'elsewhere', nodes: ['beta'] });
    const { runs, notRun } = await world.tick('12:05');
    expect([runs, notRun]).toEqual([[], []]);
    expect(world.ledger()).toEqual([]);
  });

  test('a slot of a task that keeps one state for all its nodes runs on one of them', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'once', nodes: ['alpha', 'beta'], columns: { scope: 'one' } });
    const beta = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    await tickOf(beta, world, '12:05');
    await world.tick('12:05:10');
    await world.tick('12:10');
    expect(world.runRows().map(({ node, slot }) => [node, slot])).toEqual([
      ['beta', '2026-03-10T12:05:00.000Z'],
      ['alpha', '2026-03-10T12:10:00.000Z'],
    ]);
  });

  test('a node that was taken away from a task does not run it', async () => {
    const world = await openVirtualWorld();
    const id = world.addTask({ name: 'backup', nodes: ['alpha', 'beta'] });
    await world.tick('12:05');
    world.sql.prepare("DELETE FROM periodic_task_node WHERE task_id = ? AND node = 'alpha'").run(id);
    await world.tick('12:10');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
  });
});

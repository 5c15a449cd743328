import { describe, expect, test } from 'vitest';
import { giveUpUnseenRuns } from '../../src/runner/recovery.ts';
import { exitCodeOf } from '../../src/runner/tick.ts';
import type { RunnerIdentity } from '../../src/store/claim.ts';
import { listLiveRuns } from '../../src/store/tick-statements.ts';
import { at } from '../support/builders.ts';
import type { Columns } from '../support/virtual-database.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf } from '../support/virtual-runner.ts';

// No process has this number: Linux gives at most 4,194,304.
const NO_PROCESS = 2_000_000_000;

/** A world in which the run of slot 12:05 is alive, of a runner with another identity; `end` lets that runner end. */
async function worldWithRunOf(identity: Partial<RunnerIdentity>, columns: Columns = {}) {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'backup', columns: { module: 'call', ...columns } });
  const other = world.otherRunner({ identity: { ...world.runner.identity, ...identity } });
  const busy = tickOf(other, world, '12:05');
  await gate.reached;
  world.script.call = () => undefined;
  const end = (): Promise<unknown> => {
    gate.open();
    return busy;
  };
  return { world, end };
}

describe('a run whose runner', () => {
  test.each<readonly [string, Partial<RunnerIdentity>, string, string]>([
    [
      'is gone',
      { pid: NO_PROCESS },
      'runner_died',
      'its runner, process 2000000000, ended without recording a result (killed, crashed or out of memory)',
    ],
    [
      'has given its number to another process',
      { pidStarted: 'before' },
      'runner_died',
      `its runner, process ${process.pid}, ended without recording a result (killed, crashed or out of memory)`,
    ],
    [
      'belongs to an earlier boot, although its number is in use',
      { bootId: 'first boot' },
      'rebooted',
      'the machine was booted while the task ran',
    ],
  ])('%s is lost, with the reason, and the next slot runs', async (_title, identity, reason, message) => {
    const { world, end } = await worldWithRunOf(identity);
    const report = await world.tick('12:06:30');
    expect(report.runs).toMatchObject([{ task: 'backup', status: 'lost', error: message }]);
    expect(exitCodeOf(report)).toBe(1);
    expect(world.ledger()).toEqual([`backup 12:05 lost (${reason})`]);
    expect(world.runRows()[0]).toMatchObject({ message, live_node: null, duration_ms: 90_000 });
    await world.tick('12:10');
    expect(world.ledger()[1]).toBe('backup 12:10 succeeded');
    await end();
  });

  test('is gone names that before the attempt that it supersedes', async () => {
    const world = await openVirtualWorld();
    const gate = createGate();
    world.script.call = () => {
      throw new Error('boom');
    };
    const retries = { retry_limit: 3, retry_delay_s: 600 };
    world.addTask({ name: 'backup', columns: { module: 'call', ...retries } });
    await world.tick('12:05');
    world.script.call = gate.wait;
    const identity = { ...world.runner.identity, pid: NO_PROCESS };
    const busy = tickOf(world.otherRunner({ identity }), world, '12:10');
    await gate.reached;
    await world.tick('12:11');
    expect(world.runRows()[1]?.['message']).toMatch(
      /^its runner, process 2000000000, ended .*; supersedes attempt 2 of slot 2026-03-10T12:05:00Z$/,
    );
    gate.open();
    await busy;
  });

  test('is alive stays as it is', async () => {
    const { world, end } = await worldWithRunOf({});
    const { runs } = await world.tick('12:06');
    expect(runs).toEqual([]);
    expect(world.ledger()).toEqual(['backup 12:05 running']);
    await end();
  });

  test.each<readonly [string, Partial<RunnerIdentity>]>([
    ['another machine', { machineId: 'another', pid: NO_PROCESS }],
    ['another namespace of process ids', { pidNamespace: 'pid:[1]', pid: NO_PROCESS }],
  ])(
    'is on %s, where nothing can be seen, is alive until its time limit has passed',
    async (_title, identity) => {
      const { world, end } = await worldWithRunOf(identity, { timeout_s: 60, kill_grace_s: 10 });
      // The limit, the grace, and a minute for what the runner still has to do.
      await world.tick('12:07:10');
      expect(world.ledger()).toEqual(['backup 12:05 running']);
      await world.tick('12:07:10.001');
      expect(world.ledger()).toEqual(['backup 12:05 lost (runner_unseen)']);
      await end();
    },
  );

  test('cannot be seen, and has no time limit, stays alive, which is told once', async () => {
    const { world, end } = await worldWithRunOf({ machineId: 'another' }, { timeout_s: 0 });
    await world.tick('2027-03-10T12:00:00Z');
    await world.tick('2027-03-10T12:05:00Z');
    expect(world.ledger()).toEqual(['backup 12:05 running (runner_unseen)']);
    expect(world.warnings().filter((warning) => warning.includes('cannot be seen'))).toEqual([
      'run 1 of task "backup": its runner cannot be seen from here and it has no time limit, so it counts as alive; if it is dead, "periodic-cron reset" of its task gives it up',
    ]);
    await end();
  });
});

describe('a lost run', () => {
  test('is not retried unless the policy says so', async () => {
    const { world, end } = await worldWithRunOf({ pid: NO_PROCESS }, { retry_limit: 3 });
    await world.tick('12:06');
    await world.tick('12:08');
    expect(world.ledger()).toEqual(['backup 12:05 lost (runner_died)']);
    await end();
  });

  test('is retried when the policy names lost', async () => {
    const { world, end } = await worldWithRunOf({ pid: NO_PROCESS }, { retry_limit: 1, retry_on: 'lost' });
    const report = await world.tick('12:06');
    expect(exitCodeOf(report)).toBe(0);
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['backup 12:05 lost (retry)', 'backup 12:05 #2 succeeded']);
    await end();
  });

  test('whose runner lives and reports after all, with nothing since, ends as it really did', async () => {
    const { world, end } = await worldWithRunOf({ machineId: 'another' }, { timeout_s: 60 });
    await world.tick('12:08');
    expect(world.ledger()).toEqual(['backup 12:05 lost (runner_unseen)']);
    await end();
    expect(world.runRows()[0]).toMatchObject({ status: 'succeeded', message: 'reported late' });
    expect(world.stateRow('backup')).toMatchObject({ failures: 0, last_status: 'succeeded' });
  });
});

describe('a node that was renamed', () => {
  test('recovers the runs of its former name, and goes on with what all nodes share', async () => {
    const world = await openVirtualWorld();
    const gate = createGate();
    world.script.call = gate.wait;
    world.addTask({
      name: 'backup',
      nodes: ['*'],
      columns: { module: 'call', scope: 'one', timezone: 'UTC' },
    });
    const dead = world.otherRunner({ identity: { ...world.runner.identity, pid: NO_PROCESS } });
    const busy = tickOf(dead, world, '12:05');
    await gate.reached;
    world.script.call = () => undefined;
    const renamed = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    const { runs } = await tickOf(renamed, world, '12:10');
    expect(runs.map(({ slotAt, status }) => [slotAt, status])).toEqual([
      [at('12:05'), 'lost'],
      [at('12:10'), 'succeeded'],
    ]);
    expect(world.ledger()).toEqual(['backup 12:05 lost (runner_died)', 'backup 12:10 succeeded']);
    gate.open();
    await busy;
  });

  test('leaves alone what a node of another machine runs', async () => {
    const { world, end } = await worldWithRunOf({ machineId: 'another', pid: NO_PROCESS }, { timeout_s: 60 });
    const renamed = world.otherRunner({ node: { ...world.runner.node, name: 'beta' } });
    const { runs } = await tickOf(renamed, world, '12:30');
    expect(runs).toEqual([]);
    expect(world.ledger()).toEqual(['backup 12:05 running']);
    await end();
  });
});

describe('giving up runs', () => {
  test('ends those whose runners cannot be seen from here, as reset, and no others', async () => {
    const { world, end } = await worldWithRunOf(
      { machineId: 'another' },
      { timeout_s: 0, retry_limit: 3, retry_on: 'lost' },
    );
    const gate = createGate();
    world.script.call = gate.wait;
    world.addTask({ name: 'visible', columns: { module: 'call' } });
    const visible = world.tick('12:10');
    await gate.reached;
    const { driver, identity } = world.runner;
    const liveRuns = await listLiveRuns(driver, { node: 'alpha', machineId: identity.machineId });
    expect(liveRuns.map(({ taskName }) => taskName)).toEqual(['backup', 'visible']);
    expect(await giveUpUnseenRuns(world.runner, liveRuns, 'alpha')).toBe(1);
    expect(world.ledger()).toEqual(['backup 12:05 lost (reset)', 'visible 12:10 running']);
    expect(world.runRows()[0]).toMatchObject({
      message: 'its runner could not be seen, and an operator reset the task',
      live_node: null,
      ended_at: '2026-03-10T12:10:00.000Z',
    });
    expect(world.stateRow('backup')).toMatchObject({ retry_at: null });
    gate.open();
    await visible;
    await end();
  });
});

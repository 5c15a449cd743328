import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { giveUpUnseenRuns } from '../../src/runner/recovery.ts';
import type { Runner } from '../../src/runner/runner.ts';
import { holdsRun, renewLease } from '../../src/store/lease.ts';
import { listAliveRuns } from '../../src/store/task-runs.ts';
import { testedEngine } from '../support/engines.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

// The clock of these worlds jumps: the runner of a live run is one that renews and notices nothing meanwhile.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const ELSEWHERE = { machineId: 'another machine', bootId: 'another boot', pidNamespace: 'another' };
const LONG_AGO = '2000-01-01T00:00:00.000Z';
const FAR_AHEAD = '2999-01-01T00:00:00.000Z';

function nodeOf(world: VirtualWorld, name: string, identity: Partial<Runner['identity']> = {}): Runner {
  const { node, identity: own } = world.runner;
  const changed = { ...own, ...identity };
  return world.otherRunner({
    node: { ...node, name, machineId: changed.machineId, bootId: changed.bootId },
    identity: changed,
  });
}

/** A task of scope `one` whose run of 12:05 is alive on the node `beta` of another machine, with a lease as given. */
async function worldWithSharedRun(leaseUntil: string, identity: Partial<Runner['identity']> = ELSEWHERE) {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'backup', nodes: ['*'], columns: { module: 'call', scope: 'one' } });
  const beta = nodeOf(world, 'beta', identity);
  const busy = tickOf(beta, world, '12:05');
  await gate.reached;
  world.script.call = () => undefined;
  const token = String(world.runRows()[0]?.['token']);
  world.sql.prepare('UPDATE periodic_run SET lease_until = ? WHERE token = ?').run(leaseUntil, token);
  return { world, beta, token, busy, gate };
}

describe('a run of scope one on another machine', () => {
  test('is left alone while its lease lasts, and its next slot stays due', async () => {
    const { world, busy, gate } = await worldWithSharedRun(FAR_AHEAD);
    const report = await world.tick('12:10');
    expect(report.runs).toEqual([]);
    expect(world.ledger()).toEqual(['backup 12:05 running']);
    gate.open();
    await busy;
    await world.tick('12:11');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:10 succeeded']);
  });

  test('is lost when its lease is over, and another node takes the next slot in the same tick', async () => {
    const { world, busy, gate } = await worldWithSharedRun(LONG_AGO);
    const report = await world.tick('12:10');
    expect(report.runs).toMatchObject([
      { task: 'backup', status: 'lost' },
      { task: 'backup', status: 'succeeded' },
    ]);
    expect(world.ledger()).toEqual(['backup 12:05 lost (lease_expired)', 'backup 12:10 succeeded']);
    expect(world.runRows().map((row) => row['node'])).toEqual(['beta', 'alpha']);
    expect(world.runRows()[0]?.['message']).toBe(
      `its runner on node "beta" did not renew its lease, which ended at ${LONG_AGO.replace('.000', '')}`,
    );
    gate.open();
    await busy;
    expect(world.ledger()).toEqual(['backup 12:05 lost (lease_expired)', 'backup 12:10 succeeded']);
    expect(JSON.parse(String(world.runRows()[0]?.['late_result']))).toMatchObject({ status: 'succeeded' });
  });

  test('whose result comes before anything else happened has that result after all', async () => {
    const { world, busy, gate } = await worldWithSharedRun(LONG_AGO);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['backup 12:05 lost (lease_expired)']);
    gate.open();
    await busy;
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
    expect(world.runRows()[0]).toMatchObject({ message: 'reported late' });
  });

  test.skipIf(testedEngine === 'sqlite')(
    'is left alone by a copy of that machine, whose boot is another one',
    async () => {
      const copied = { bootId: 'boot of the copy', pidNamespace: 'another' };
      const { world, busy, gate } = await worldWithSharedRun(FAR_AHEAD, copied);
      await world.tick('12:06');
      expect(world.ledger()).toEqual(['backup 12:05 running']);
      gate.open();
      await busy;
    },
  );

  test('is not given up by who resets the task elsewhere while its lease lasts, and is when that is over', async () => {
    const { world, busy, gate } = await worldWithSharedRun(FAR_AHEAD);
    const giveUp = async () => {
      const taskId = Number(world.runRows()[0]?.['task_id']);
      return giveUpUnseenRuns(world.runner, await listAliveRuns(world.runner.driver, taskId), 'beta');
    };
    expect(await giveUp()).toBe(0);
    expect(world.ledger()).toEqual(['backup 12:05 running']);
    world.sql.prepare('UPDATE periodic_run SET lease_until = ?').run(LONG_AGO);
    expect(await giveUp()).toBe(1);
    expect(world.ledger()).toEqual(['backup 12:05 lost (reset)']);
    gate.open();
    await busy;
  });

  test.skipIf(testedEngine === 'sqlite')(
    'that another node has declared lost is ended by its own node, which finds what it left',
    async () => {
      const { world, beta, token, busy, gate } = await worldWithSharedRun(LONG_AGO);
      await world.tick('12:06');
      expect(world.runRows()[0]).toMatchObject({ status: 'lost', leftover_on: 'another machine' });
      const left = spawn('sleep', ['300'], { env: { ...process.env, PERIODIC_CRON_RUN_ID: token } });
      const ended = new Promise((resolve) => left.once('exit', (_, signal) => resolve(signal)));
      await tickOf(beta, world, '12:07');
      expect(await ended).toBe('SIGTERM');
      expect(world.warnings().at(-1)).toMatch(
        /^another node declared a run of this one lost .*; ended what it left/,
      );
      expect(world.runRows()[0]).toMatchObject({ leftover_on: null });
      gate.open();
      await busy;
    },
  );

  test('is retried elsewhere after its lease if the policy says so', async () => {
    const { world, busy, gate } = await worldWithSharedRun(LONG_AGO);
    world.changeTask('backup', { retry_limit: 1, retry_delay_s: 60, retry_on: 'lost' });
    await world.tick('12:06');
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['backup 12:05 lost (retry)', 'backup 12:05 #2 succeeded']);
    gate.open();
    await busy;
    expect(world.ledger()).toEqual(['backup 12:05 lost (retry)', 'backup 12:05 #2 succeeded']);
  });

  test('is its runner’s own while the lease lasts, and nobody’s when it is over or the run has ended', async () => {
    const { world, beta, token, busy, gate } = await worldWithSharedRun(FAR_AHEAD);
    expect(await holdsRun(beta.driver, token)).toBe(true);
    world.sql.prepare('UPDATE periodic_run SET lease_until = ?').run(LONG_AGO);
    expect(await holdsRun(beta.driver, token)).toBe(false);
    expect(await renewLease(beta.driver, token)).toBe(true);
    expect(await holdsRun(beta.driver, token)).toBe(true);
    gate.open();
    await busy;
    expect(await holdsRun(beta.driver, token)).toBe(false);
    expect(await renewLease(beta.driver, token)).toBe(false);
  });
});

describe('a task of scope one', () => {
  test('is run by any of its nodes, once a slot, whoever comes first', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', nodes: ['alpha', 'beta'], columns: { scope: 'one' } });
    const beta = nodeOf(world, 'beta', ELSEWHERE);
    const gamma = nodeOf(world, 'gamma', ELSEWHERE);
    await tickOf(gamma, world, '12:05');
    await tickOf(beta, world, '12:05');
    await world.tick('12:05');
    await world.tick('12:10');
    await tickOf(beta, world, '12:10');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:10 succeeded']);
    expect(world.runRows().map((row) => row['node'])).toEqual(['beta', 'alpha']);
  });

  test('moves when its node is drained, and the slots of the node itself wait', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'shared', nodes: ['*'], columns: { scope: 'one' } });
    world.addTask({ name: 'own', nodes: ['alpha'] });
    await world.tick('12:01');
    world.sql
      .prepare("UPDATE periodic_node SET drained_at = ?, drained_by = 'ann', drained_reason = 'disk'")
      .run('2026-03-10T12:02:00.000Z');
    const report = await world.tick('12:05');
    expect(report.runs).toEqual([]);
    expect(report.notRun.map(({ task, reason }) => `${task}: ${reason}`)).toEqual([
      'shared: the node is drained since 2026-03-10T12:02:00Z by ann (disk); what is due stays due',
      'own: the node is drained since 2026-03-10T12:02:00Z by ann (disk); what is due stays due',
    ]);
    await tickOf(nodeOf(world, 'beta', ELSEWHERE), world, '12:05');
    expect(world.ledger()).toEqual(['shared 12:05 succeeded']);
    world.sql.prepare('UPDATE periodic_node SET drained_at = NULL').run();
    await world.tick('12:12');
    expect(world.ledger()).toEqual([
      'shared 12:05 succeeded',
      'shared 12:10 succeeded',
      'own 12:05-12:10 x2 succeeded',
    ]);
  });

  test('waits, like every other, while maintenance is on, until that ends by itself', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    world.sql
      .prepare(
        "INSERT INTO periodic_maintenance (id, since, until, actor, reason) VALUES (1, ?, ?, 'ann', 'upgrade')",
      )
      .run('2026-03-10T12:02:00.000Z', '2026-03-10T12:20:00.000Z');
    await world.tick('12:10');
    await world.tick('12:19');
    expect(world.ledger()).toEqual([]);
    await world.tick('12:20');
    expect(world.ledger()).toEqual(['backup 12:05-12:20 x4 succeeded']);
  });
});

describe('a node that is drained while a tick is busy', () => {
  test('starts nothing more in that tick', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'first', columns: { module: 'call' } });
    world.addTask({ name: 'second' });
    world.script.call = () => {
      world.sql
        .prepare("UPDATE periodic_node SET drained_at = ?, drained_by = 'ann', drained_reason = ''")
        .run('2026-03-10T12:05:00.000Z');
    };
    const report = await world.tick('12:05');
    expect(world.ledger()).toEqual(['first 12:05 succeeded']);
    expect(report.notRun).toMatchObject([{ task: 'second' }]);
  });
});

import { expect, test } from 'vitest';
import { awaitEnd, endingSeconds } from '../../src/runner/await-end.ts';
import { askToCancel } from '../../src/store/cancel-request.ts';
import { runOf } from '../../src/store/run-row.ts';
import { at } from '../support/builders.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

const BY_ANN = { at: at('12:06'), actor: 'ann', reason: 'disk is full' };

/** A world in which a run of task `slow` is alive, and goes on until the gate opens. */
async function worldWithLiveRun() {
  const world = await openVirtualWorld();
  world.addTask({ name: 'slow', columns: { module: 'call', kill_grace_s: 30 } });
  const gate = createGate();
  world.script.call = gate.wait;
  const ticking = world.tick('12:05');
  await gate.reached;
  const run = () => {
    const [row] = world.runRows();
    if (row === undefined) {
      throw new Error('expected a run');
    }
    return runOf(row);
  };
  return { world, gate, ticking, run };
}

test('a request is written beside the run, and who asked into the audit', async () => {
  const { world, gate, ticking, run } = await worldWithLiveRun();
  expect(await askToCancel(world.runner.driver, run(), BY_ANN)).toBe(true);
  expect(run()).toMatchObject({ status: 'running', cancelRequested: 'operator' });
  const audit = world.sql
    .prepare(`SELECT actor, action, task_name, "before", "after" FROM periodic_audit WHERE actor = 'ann'`)
    .all() as readonly Record<string, string>[];
  expect(audit).toMatchObject([{ action: 'cancel requested', task_name: 'slow' }]);
  expect(JSON.parse(audit[0]?.['before'] ?? '')).toMatchObject({ run: run().id, node: 'alpha', attempt: 1 });
  expect(JSON.parse(audit[0]?.['after'] ?? '')).toEqual({ reason: 'disk is full' });
  gate.open();
  await ticking;
});

test('a run that has ended is not asked, and nothing is recorded', async () => {
  const { world, gate, ticking, run } = await worldWithLiveRun();
  gate.open();
  await ticking;
  expect(await askToCancel(world.runner.driver, run(), BY_ANN)).toBe(false);
  expect(world.sql.prepare(`SELECT id FROM periodic_audit WHERE actor = 'ann'`).all()).toEqual([]);
});

test('whoever waits looks until the run has ended', async () => {
  const { world, gate, ticking, run } = await worldWithLiveRun();
  const pauses: number[] = [];
  const pause = async (ms: number) => {
    pauses.push(ms);
    world.clock.now += ms;
    if (pauses.length === 3) {
      gate.open();
      await ticking;
    }
  };
  const wait = { driver: world.runner.driver, clock: world.runner.clock, pause, onLook: () => undefined };
  expect(await awaitEnd(wait, run().token, at('12:30'))).toMatchObject({ status: 'succeeded' });
  expect(pauses).toEqual([500, 500, 500]);
});

test('whoever waits gives up when the time is over', async () => {
  const { world, gate, ticking, run } = await worldWithLiveRun();
  const pause = (ms: number) => {
    world.clock.now += ms;
    return Promise.resolve();
  };
  const wait = { driver: world.runner.driver, clock: world.runner.clock, pause, onLook: () => undefined };
  expect(await endingSeconds(world.runner.driver, run())).toBe(40);
  expect(await awaitEnd(wait, run().token, at('12:05:40'))).toMatchObject({ status: 'running' });
  expect(world.clock.now).toBe(at('12:05:40'));
  gate.open();
  await ticking;
});

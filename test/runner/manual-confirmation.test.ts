import { describe, expect, test } from 'vitest';
import {
  type AboutToRun,
  type Confirm,
  type Confirmation,
  ConfirmationError,
} from '../../src/runner/confirmation.ts';
import { runByHand } from '../../src/runner/manual.ts';
import { rerunSlot } from '../../src/runner/rerun.ts';
import { runOf } from '../../src/store/run-row.ts';
import { at } from '../support/builders.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

const BY_ANN: Confirmation = { kind: 'confirmed', by: 'ann' };

/** Answers as it is told, and keeps what it was asked. */
function asking(answer: (about: AboutToRun) => Confirmation) {
  const asked: AboutToRun[] = [];
  const confirm: Confirm = (about) => {
    asked.push(about);
    return Promise.resolve(answer(about));
  };
  return { asked, confirm };
}

function run(world: VirtualWorld, taskId: number, confirm?: Confirm) {
  return runByHand(world.runner, { taskId, overrides: {}, isOwnNode: true, confirm });
}

describe('a task that asks for a confirmation', () => {
  test('runs when it is confirmed, and the ledger says by whom', async () => {
    const world = await openVirtualWorld();
    const taskId = world.addTask({ name: 'danger', columns: { confirmation: 1 } });
    const { asked, confirm } = asking(() => BY_ANN);
    await run(world, taskId, confirm);
    expect(asked).toMatchObject([{ task: { name: 'danger' }, node: 'alpha', rerunOf: null }]);
    expect(world.ledger()).toEqual(['danger manual succeeded']);
    expect(world.runRows()[0]).toMatchObject({ message: 'confirmed by ann' });
  });

  test('does not run when it is refused, which is recorded and moves nothing', async () => {
    const world = await openVirtualWorld();
    const taskId = world.addTask({ name: 'danger', columns: { confirmation: 1 } });
    const before = world.stateRow('danger');
    const { confirm } = asking(() => ({ kind: 'refused', why: 'answered "no"' }));
    await expect(run(world, taskId, confirm)).rejects.toThrow(ConfirmationError);
    expect(world.ledger()).toEqual(['danger manual cancelled (not confirmed)']);
    expect(world.runRows()[0]).toMatchObject({
      message: 'not confirmed: answered "no"',
      node: 'alpha',
      scope_key: 'alpha',
      live_node: null,
      started_at: null,
    });
    expect(world.stateRow('danger')).toEqual(before);
    expect(world.script.started).toEqual([]);
  });

  test('is refused where nobody can be asked', async () => {
    const world = await openVirtualWorld();
    const taskId = world.addTask({ name: 'danger', columns: { confirmation: 1 } });
    await expect(run(world, taskId)).rejects.toThrow('task "danger": not confirmed: there is nobody to ask');
  });

  test('is not asked about while it runs', async () => {
    const world = await openVirtualWorld();
    const taskId = world.addTask({ name: 'danger', columns: { confirmation: 1, module: 'call' } });
    const { asked, confirm } = asking(() => BY_ANN);
    world.script.call = () => expect(run(world, taskId, confirm)).rejects.toThrow('is running');
    await run(world, taskId, confirm);
    expect(asked).toHaveLength(1);
  });

  test('is asked about again when it was changed meanwhile, and not when only its state moved', async () => {
    const world = await openVirtualWorld();
    const taskId = world.addTask({ name: 'danger', columns: { confirmation: 1 } });
    const { asked, confirm } = asking(() => {
      if (asked.length === 1) {
        world.changeTask('danger', { module: 'fail' });
      } else {
        world.sql.exec('UPDATE periodic_task_state SET epoch = epoch + 1');
      }
      return BY_ANN;
    });
    await run(world, taskId, confirm);
    expect(asked.map(({ task }) => task.module)).toEqual(['succeed', 'fail']);
    expect(world.ledger()).toEqual(['danger manual failed']);
  });

  test('says of which run a rerun is, and a refused one takes no attempt and no pending one away', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'bad', columns: { module: 'fail', schedule: '1h', retry_limit: 1 } });
    await world.tick('13:00');
    const [row] = world.runRows();
    if (row === undefined) {
      throw new Error('expected a run');
    }
    world.sql.exec('UPDATE periodic_task SET confirmation = TRUE');
    const first = runOf(row);
    const { asked, confirm } = asking(() => ({ kind: 'refused', why: 'answered "n"' }));
    const refused = rerunSlot(world.runner, { run: first, overrides: {}, confirm });
    await expect(refused).rejects.toThrow(`the rerun of run ${first.id}: not confirmed: answered "n"`);
    expect(asked).toMatchObject([{ rerunOf: { id: first.id } }]);
    await rerunSlot(world.runner, { run: first, overrides: {}, confirm: asking(() => BY_ANN).confirm });
    expect(world.ledger().slice(1)).toEqual(['bad manual cancelled (not confirmed)', 'bad 13:00 #2 failed']);
  });
});

describe('no tick starts a task that asks for a confirmation', () => {
  test.each([
    ['of a period', { schedule: '5m' }],
    ['of ticks', { schedule_kind: 'ticks', schedule: '0 repeat' }],
    ['of a cron schedule', { schedule_kind: 'cron', schedule: '* * * * *' }],
    ['of @reboot', { schedule_kind: 'cron', schedule: '@reboot' }],
    ['of an instant', { schedule_kind: 'at', schedule: '2026-03-10T12:10:00Z' }],
  ])('%s', async (_title, columns) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'danger', columns: { ...columns, confirmation: 1 } });
    for (const instant of ['12:05', '12:10', '12:15']) {
      expect((await world.tick(instant)).runs).toEqual([]);
    }
    const rebooted = world.otherRunner({ node: { ...world.runner.node, bootId: 'another boot' } });
    expect((await tickOf(rebooted, world, '12:20')).runs).toEqual([]);
    expect(world.ledger()).toEqual([]);
    expect(world.stateRow('danger')).toMatchObject({ earliest_start: null, first_slot: null });
  });

  test('not even an attempt that was pending when the confirmation came', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'bad', columns: { module: 'fail', schedule: '1h', retry_limit: 1 } });
    await world.tick('13:00');
    world.sql.exec('UPDATE periodic_task SET confirmation = TRUE');
    expect((await world.tick('13:05')).runs).toEqual([]);
    world.clock.now = at('13:06');
    world.sql.exec('UPDATE periodic_task SET confirmation = FALSE');
    expect((await world.tick('13:10')).runs).toEqual([]);
    expect((await world.tick('14:06')).runs).toHaveLength(1);
  });
});

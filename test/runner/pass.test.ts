import { describe, expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/config/config.ts';
import { DatabaseError } from '../../src/core/errors.ts';
import { at } from '../support/builders.ts';
import { type FaultOf, withWriteFaults } from '../support/virtual-faults.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, tickOf } from '../support/virtual-runner.ts';

describe('fail-fast', () => {
  test('starts nothing after a final failure, and the rest stays due', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'one' });
    world.addTask({ name: 'two', columns: { module: 'fail' } });
    world.addTask({ name: 'three' });
    await world.tick('12:05', { failFast: true });
    expect(world.script.started).toEqual(['one', 'two']);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['one 12:05 succeeded', 'two 12:05 failed', 'three 12:05 succeeded']);
  });

  test('goes on after a failure that is going to be retried', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'one', columns: { module: 'fail', retry_limit: 1 } });
    world.addTask({ name: 'two' });
    await world.tick('12:05', { failFast: true });
    expect(world.script.started).toEqual(['one', 'two']);
  });
});

describe('the limit of a tick', () => {
  test('starts nothing from that instant on, and the rest stays due', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'one', columns: { module: 'take', options: '{"ms":60000}' } });
    world.addTask({ name: 'two' });
    await world.tick('12:05', { noStartAfter: at('12:06') });
    expect(world.ledger()).toEqual(['one 12:05 succeeded']);
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['one 12:05 succeeded', 'two 12:05 succeeded']);
  });
});

describe('parallel', () => {
  test('runs equal orderings together, and a higher one when the lower ones have ended', async () => {
    const world = await openVirtualWorld();
    const gate = createGate();
    world.script.call = gate.wait;
    world.addTask({ name: 'slow', columns: { module: 'call', ordering: 1 } });
    world.addTask({ name: 'beside', columns: { ordering: 1 } });
    world.addTask({ name: 'third', columns: { ordering: 1 } });
    world.addTask({ name: 'after', columns: { ordering: 2 } });
    const tick = world.tick('12:05', { parallel: 2 });
    await gate.reached;
    await expect.poll(() => world.ledger()).toContain('third 12:05 succeeded');
    expect(world.script.started).toEqual(['slow', 'beside', 'third']);
    gate.open();
    await tick;
    expect(world.script.started).toEqual(['slow', 'beside', 'third', 'after']);
  });

  test('of more tasks than the node may run keeps it full, and runs all of them', async () => {
    const world = await openVirtualWorld();
    const gate = createGate();
    let running = 0;
    let mostAtOnce = 0;
    world.script.call = async () => {
      running += 1;
      mostAtOnce = Math.max(mostAtOnce, running);
      if (running === 4) {
        // When a fifth, if there were one, would have been refused.
        setImmediate(gate.open);
      }
      await gate.wait();
      running -= 1;
    };
    for (let number = 1; number <= 20; number += 1) {
      world.addTask({ name: `task ${number}`, columns: { module: 'call' } });
    }
    await world.tick('12:01');
    const { runs, notRun, idleForSeconds } = await world.tick('12:05', { parallel: 8 });
    expect(notRun).toEqual([]);
    expect(runs.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'succeeded'));
    expect(mostAtOnce).toBe(4);
    expect(idleForSeconds).toBe(300);
  });

  test('one at a time waits for each', async () => {
    const world = await openVirtualWorld();
    world.script.call = () => {
      expect(world.script.started).toEqual(['slow']);
    };
    world.addTask({ name: 'slow', columns: { module: 'call' } });
    world.addTask({ name: 'next' });
    const { runs } = await world.tick('12:05');
    expect(runs.map(({ task, status }) => `${task} ${status}`)).toEqual(['slow succeeded', 'next succeeded']);
  });
});

describe('max_running', () => {
  test('is the limit of the node: a later tick starts nothing, and names the runs that fill it', async () => {
    const world = await openVirtualWorld();
    const small = world.otherRunner({ settings: { ...DEFAULT_SETTINGS, maxRunning: 1 } });
    const gate = createGate();
    world.script.call = gate.wait;
    world.addTask({ name: 'slow', columns: { module: 'call', schedule: '1h', run_immediately: 1 } });
    world.addTask({ name: 'two' });
    world.addTask({ name: 'three' });
    const first = tickOf(small, world, '12:00');
    await gate.reached;
    const { runs, notRun } = await tickOf(small, world, '12:05');
    expect(runs).toEqual([]);
    expect(notRun).toEqual([
      {
        task: 'two',
        reason: 'max_running reached: 1 tasks run on this node: slow (run 1)',
        nextSlotAt: null,
        newFault: false,
      },
    ]);
    gate.open();
    await first;
    expect(world.ledger()).toEqual(['slow 12:00 succeeded']);
    await tickOf(small, world, '12:06');
    expect(world.ledger()).toEqual(['slow 12:00 succeeded', 'two 12:05 succeeded', 'three 12:05 succeeded']);
  });

  test('lets a later tick take over what a busy one has not started', async () => {
    const world = await openVirtualWorld();
    const gate = createGate();
    world.script.call = gate.wait;
    world.addTask({ name: 'slow', columns: { module: 'call' } });
    world.addTask({ name: 'waiting' });
    const busy = world.tick('12:05');
    await gate.reached;
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['slow 12:05 running', 'waiting 12:05 succeeded']);
    gate.open();
    await busy;
    expect(world.ledger()).toEqual(['slow 12:05 succeeded', 'waiting 12:05 succeeded']);
  });
});

describe('a change while a tick is busy', () => {
  test.each([
    ['disabled', "UPDATE periodic_task SET active = FALSE WHERE name = 'two'"],
    ['removed', "DELETE FROM periodic_task WHERE name = 'two'"],
    ['moved to another node', "UPDATE periodic_task_node SET node = 'beta' WHERE task_id = 3"],
    ['given another schedule', "UPDATE periodic_task SET schedule = '1h' WHERE name = 'two'"],
  ])('counts: a task that is %s before its turn is not started', async (_title, change) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'one', columns: { module: 'call' } });
    const id = world.addTask({ name: 'two' });
    expect(id).toBe(3);
    world.script.call = () => {
      world.sql.exec(change);
    };
    await world.tick('12:05');
    expect(world.ledger()).toEqual(['one 12:05 succeeded']);
  });

  test('a task that removes itself is recorded all the same', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'once', columns: { module: 'call' } });
    world.script.call = () => {
      world.sql.exec('DELETE FROM periodic_task');
    };
    await world.tick('12:05');
    await world.tick('12:10');
    expect(world.ledger()).toEqual(['once 12:05 succeeded']);
  });
});

describe('the end of the runner', () => {
  test('cancels what runs, and starts nothing new', async () => {
    const world = await openVirtualWorld();
    const end = new AbortController();
    const ending = world.otherRunner({ cancel: end.signal });
    world.addTask({ name: 'endless', columns: { module: 'hang', kill_grace_s: 5 } });
    world.addTask({ name: 'next' });
    const tick = tickOf(ending, world, '12:05');
    await expect.poll(() => world.script.started).toEqual(['endless']);
    end.abort('shutdown');
    const { runs } = await tick;
    expect(runs).toMatchObject([{ task: 'endless', status: 'cancelled' }]);
    expect(world.ledger()).toEqual(['endless 12:05 cancelled (shutdown)']);
  });
});

describe('a database that takes no claim', () => {
  test('ends the tick with a database error, and nothing starts', async () => {
    const world = await openVirtualWorld();
    const broken = world.otherRunner({
      driver: withWriteFaults(world.runner.driver, NO_RUN_CAN_BE_RECORDED),
    });
    world.addTask({ name: 'one' });
    world.addTask({ name: 'two' });
    await expect(tickOf(broken, world, '12:05')).rejects.toThrow('the disk is full');
    expect(world.script.started).toEqual([]);
    expect(world.ledger()).toEqual([]);
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['one 12:05 succeeded', 'two 12:05 succeeded']);
  });
});

test('after the database failed one of the tasks that run together, no other starts', async () => {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'running', columns: { module: 'call' } });
  world.addTask({ name: 'failing' });
  world.addTask({ name: 'third' });
  world.addTask({ name: 'fourth' });
  const driver = withWriteFaults(world.runner.driver, (sql, params) => {
    if (!sql.startsWith('INSERT INTO periodic_run') || !params.includes('failing')) {
      return undefined;
    }
    // When the failure has been seen by whoever awaits it.
    setImmediate(gate.open);
    return new DatabaseError('the disk is full');
  });
  const tick = tickOf(world.otherRunner({ driver }), world, '12:05', { parallel: 2 });
  await expect(tick).rejects.toThrow('the disk is full');
  expect(world.ledger()).toEqual(['running 12:05 succeeded']);
  expect(world.script.started).toEqual(['running']);
});

const NO_RUN_CAN_BE_RECORDED: FaultOf = (sql) =>
  sql.startsWith('INSERT INTO periodic_run') ? new DatabaseError('the disk is full') : undefined;

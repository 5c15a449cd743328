import { expect, test } from 'vitest';
import { at } from '../support/builders.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

test('a task that asks for a confirmation is run by no tick, and waits for none', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'careful', columns: { confirmation: 1 } });
  const { runs, notRun } = await world.tick('12:10');
  expect({ runs, notRun }).toEqual({
    runs: [],
    notRun: [
      {
        task: 'careful',
        reason: 'runs by hand only, after a confirmation',
        nextSlotAt: null,
        newFault: false,
      },
    ],
  });
  expect(await world.tick('12:15')).toMatchObject({ runs: [], notRun: [], idleForSeconds: null });
});

test('once that is taken back it counts from then: nothing of before is run', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'careful', columns: { confirmation: 1 } });
  await world.tick('12:10');
  world.clock.now = at('12:31');
  world.changeTask('careful', { confirmation: 0 });
  await world.tick('12:31');
  await world.tick('12:36');
  expect(world.ledger()).toEqual(['careful 12:36 succeeded']);
});

test('a pending attempt of a task that comes to ask for one is dropped', async () => {
  const world = await openVirtualWorld();
  world.script.call = () => {
    throw new Error('no');
  };
  world.addTask({ name: 'careful', columns: { module: 'call', retry_limit: 3, schedule: '1h' } });
  await world.tick('13:00');
  world.clock.now = at('13:00:30');
  world.changeTask('careful', { confirmation: 1 });
  await world.tick('13:02');
  expect(world.ledger()).toEqual(['careful 13:00 failed (retry)']);
});

import { describe, expect, test } from 'vitest';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

type Columns = Readonly<Record<string, string | number>>;

/** The run of slot 12:05 is alive; at 12:06 the task is changed, a tick at 12:07 takes note of it, and at 12:08 the run ends. */
async function changedWhileRunning(before: Columns, after: Columns, result: 'succeed' | 'fail' = 'succeed') {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = async () => {
    await gate.wait();
    if (result === 'fail') {
      throw new Error('boom');
    }
  };
  world.addTask({ name: 'slow', columns: { module: 'call', ...before } });
  const busy = world.tick('12:05');
  await gate.reached;
  await world.tick('12:06');
  world.changeTask('slow', after);
  await world.tick('12:07');
  world.clock.now += 60_000;
  gate.open();
  await busy;
  return world;
}

describe('a task whose schedule is changed while it runs', () => {
  test.each<readonly [string, Columns, Columns, readonly string[]]>([
    [
      'from a long period to a short one',
      { schedule: '1d', run_immediately: 1 },
      { schedule: '2m' },
      ['slow 12:08', 'slow 12:10'],
    ],
    [
      'from a period to cron',
      { schedule: '1d', run_immediately: 1 },
      { schedule_kind: 'cron', schedule: '*/2 * * * *' },
      ['slow 12:08', 'slow 12:10'],
    ],
    [
      'from cron to a period that counts from the end',
      { schedule_kind: 'cron', schedule: '5 12 * * *' },
      { schedule_kind: 'every', schedule: '2m', anchor: 'finish' },
      ['slow 12:10'],
    ],
    [
      'from a period that counts from the end to one of slots',
      { schedule: '5m', anchor: 'finish' },
      { schedule: '2m', anchor: 'slot' },
      ['slow 12:08', 'slow 12:10'],
    ],
  ])('goes on by the new one when the run has ended: %s', async (_title, before, after, coming) => {
    const world = await changedWhileRunning(before, after);
    for (const minute of ['12:08', '12:09', '12:10', '12:11']) {
      await world.tick(minute);
    }
    expect(
      world
        .ledger()
        .slice(1)
        .map((row) => row.replace(' succeeded', '')),
    ).toEqual(coming);
  });

  test('to be run by hand only has no slot to come', async () => {
    const world = await changedWhileRunning({}, { schedule_kind: 'manual', schedule: '' });
    await world.tick('12:20');
    expect(world.ledger()).toEqual(['slow 12:05 succeeded']);
    expect(world.stateRow('slow')).toMatchObject({ next_slot: null, earliest_start: null });
  });

  test('has no other attempt of the old slot, whose failure counts', async () => {
    const retries = { retry_limit: 2, retry_delay_s: 0 };
    const world = await changedWhileRunning(retries, { schedule: '1h' }, 'fail');
    await world.tick('12:20');
    expect(world.ledger()).toEqual(['slow 12:05 failed']);
    expect(world.stateRow('slow')).toMatchObject({ retry_at: null, failures: 1 });
  });
});

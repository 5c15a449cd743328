import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { goneAt, refuseForeignName, refuseNameOfOther } from '../../src/runner/node-identity.ts';
import type { Runner } from '../../src/runner/runner.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

/** A runner of another machine that has the same configuration. */
function copyOf({ runner, otherRunner }: VirtualWorld, hostName = 'copy.example'): Runner {
  const identity = { ...runner.identity, machineId: 'copy', bootId: 'copied boot' };
  return otherRunner({
    identity,
    node: { ...runner.node, hostName, machineId: 'copy', bootId: 'copied boot' },
  });
}

describe('a node that ticks no more', () => {
  const none = { all: () => Promise.resolve([]) };
  const LAST = { name: 'alpha', lastTickAt: at('12:00') };

  test('is gone after three of the rhythms that it promised', async () => {
    expect(await goneAt(none, { ...LAST, rhythmSeconds: 60 })).toBe(at('12:03'));
  });

  test('is gone after three of the rhythms that were measured', async () => {
    const ticks = ['12:00', '11:58', '11:56', '11:54'];
    const all = () => Promise.resolve(ticks.map((time) => ({ tick_at: `2026-03-10T${time}:00.000Z` })));
    expect(await goneAt({ all }, { ...LAST, rhythmSeconds: null })).toBe(at('12:06'));
  });

  test('is gone after a quarter of an hour where nobody knows its rhythm', async () => {
    expect(await goneAt(none, { ...LAST, rhythmSeconds: null })).toBe(at('12:15'));
  });

  test('was never there if it never ticked', async () => {
    expect(await goneAt(none, { name: 'alpha', lastTickAt: null, rhythmSeconds: 60 })).toBe(null);
  });
});

describe('the name of another machine', () => {
  const none = { all: () => Promise.resolve([]) };
  const node = { name: 'alpha', hostName: 'copy.example' };
  const holder = {
    name: 'alpha',
    hostName: 'alpha.example',
    machineId: 'machine',
    lastTickAt: at('12:00'),
    rhythmSeconds: 300,
  };

  test('is refused with both hosts, when it becomes free, and what to do', async () => {
    await expect(refuseNameOfOther(none, { holder, node, now: at('12:14:59') })).rejects.toThrow(
      new ConfigError(
        'the name "alpha" is taken: host "alpha.example" ticked under it at 2026-03-10T12:00:00Z, and this is host "copy.example", another machine. Give this one a name of its own ("node:" in the configuration, or PERIODIC_CRON_NODE); or if the other is gone, use --takeover once, or wait until the name is free at 2026-03-10T12:15:00Z',
      ),
    );
  });

  test('is told apart from this one where both have the same host name', async () => {
    const copy = { name: 'alpha', hostName: 'alpha.example' };
    await expect(refuseNameOfOther(none, { holder, node: copy, now: at('12:01') })).rejects.toThrow(
      'another machine of that name ticked under it',
    );
  });

  test('is free after three rhythms', async () => {
    await refuseNameOfOther(none, { holder, node, now: at('12:15') });
  });
});

describe.runIf(testedEngine !== 'sqlite')('on a shared database', () => {
  test('a tick under the name of another machine is refused, and changes nothing', async () => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    await world.tick('12:00:01');
    await expect(tickOf(copyOf(world), world, '12:10:01')).rejects.toThrow(ConfigError);
    expect(world.ledger()).toEqual([]);
    expect(world.sql.prepare('SELECT tick_no, host_name FROM periodic_node').all()).toEqual([
      { tick_no: 1, host_name: 'alpha.example' },
    ]);
  });

  test('it may be taken over once, and then the other machine is refused', async () => {
    const world = await openVirtualWorld();
    await world.tick('12:00:01');
    const copy = copyOf(world);
    await tickOf(copy, world, '12:01:01', { takeover: true });
    await tickOf(copy, world, '12:02:01');
    await expect(world.tick('12:03:01')).rejects.toThrow('host "copy.example" ticked under it');
  });

  test('it is free when the other machine has not ticked for three rhythms', async () => {
    const world = await openVirtualWorld();
    for (const minute of ['12:00:01', '12:01:01', '12:02:01']) {
      await world.tick(minute);
    }
    await expect(tickOf(copyOf(world), world, '12:05:00')).rejects.toThrow(ConfigError);
    await tickOf(copyOf(world), world, '12:05:02');
  });

  test('a run by hand under it is refused as well', async () => {
    const world = await openVirtualWorld();
    await world.tick('12:00:01');
    await refuseForeignName(world.runner);
    await expect(refuseForeignName(copyOf(world))).rejects.toThrow(ConfigError);
  });

  test('a tick that cron started up to 2 s early belongs to the minute that the machine had', async () => {
    const world = await openVirtualWorld();
    expect((await world.tick('12:00:57.999')).tickAt).toBe(at('12:00'));
    expect((await world.tick('12:01:58')).tickAt).toBe(at('12:02'));
    expect((await world.tick('12:03:01', { processAgeMs: 4_000 })).tickAt).toBe(at('12:02'));
  });
});

test.runIf(testedEngine === 'sqlite')('in a file, which has one machine, no name is refused', async () => {
  const world = await openVirtualWorld();
  await world.tick('12:00:01');
  expect((await tickOf(copyOf(world), world, '12:01:58')).tickAt).toBe(at('12:01'));
  await refuseForeignName(world.runner);
});

describe('a clock that is not the database’s', () => {
  async function offsets(...offsetsMs: readonly (number | undefined)[]) {
    const world = await openVirtualWorld();
    for (const [index, clockOffsetMs] of offsetsMs.entries()) {
      await tickOf(world.otherRunner({ clockOffsetMs }), world, `12:0${index}:01`);
    }
    return world.warnings();
  }

  const AHEAD =
    'the clock of node "alpha" is 1h ahead of the database\'s, by which tasks run: let a time daemon keep the clocks of both';

  test.each([
    ['is not told of within 2 s of it', [0, 2_000, -2_000], []],
    ['is told of when it is ahead by more, once', [10, 3_600_000, 3_601_500, 3_600_000], [AHEAD]],
    ['is told of at the first tick', [3_600_000], [AHEAD]],
    ['is told of again when it was right in between', [3_600_000, 5, 3_600_000], [AHEAD, AHEAD]],
    [
      'is told of again when it changes by more',
      [-5_000, -8_000],
      [AHEAD.replace('1h ahead of', '5s behind'), AHEAD.replace('1h ahead of', '8s behind')],
    ],
    ['is none where both are one', [undefined], []],
  ])('%s', async (_title, offsetsMs, warnings) => {
    expect(await offsets(...offsetsMs)).toEqual(warnings);
  });
});

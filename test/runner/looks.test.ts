import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { ProbeResult } from '../../src/execute/probe.ts';
import { ConditionError } from '../../src/runner/hand-start.ts';
import { openLooks } from '../../src/runner/looks.ts';
import { runByHand } from '../../src/runner/manual.ts';
import type { Resource } from '../../src/store/resources.ts';
import { at } from '../support/builders.ts';
import { addResourceRow, resourceStates } from '../support/resources.ts';
import { withWriteFaults } from '../support/virtual-faults.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';

type Probing = {
  /** What a probe does; a test says it. */
  probe: (resource: Resource, cancel: AbortSignal) => ProbeResult | Promise<ProbeResult>;
  /** The resources that were looked at, in that order. */
  looked: string[];
  running: number;
  most: number;
};

const probing = vi.hoisted((): Probing => ({ probe: () => UP, looked: [], running: 0, most: 0 }));
const UP: ProbeResult = { state: 'up', why: '' };
const DOWN: ProbeResult = { state: 'down', why: '' };

vi.mock('../../src/execute/probe.ts', () => ({
  probeResource: async (resource: Resource, { cancel }: { readonly cancel: AbortSignal }) => {
    probing.looked.push(resource.name);
    probing.running += 1;
    probing.most = Math.max(probing.most, probing.running);
    try {
      return await probing.probe(resource, cancel);
    } finally {
      probing.running -= 1;
    }
  },
}));

beforeEach(() => {
  Object.assign(probing, { probe: () => UP, looked: [], running: 0, most: 0 });
});

/** A probe that goes on until it is told to end. */
function untilEnded(_resource: Resource, cancel: AbortSignal): Promise<ProbeResult> {
  const ended: ProbeResult = { state: 'undef', why: 'ended' };
  return new Promise((resolve) => {
    if (cancel.aborted) {
      resolve(ended);
    }
    cancel.addEventListener('abort', () => resolve(ended));
  });
}

/** A probe that waits until so many go beside each other. */
function onceBeside(count: number): Probing['probe'] {
  const waiting: Array<() => void> = [];
  return () =>
    new Promise((resolve) => {
      waiting.push(() => resolve(UP));
      if (waiting.length >= count) {
        for (const end of waiting) {
          end();
        }
      }
    });
}

async function worldWith(names: readonly string[], ttlSeconds = 0): Promise<VirtualWorld> {
  const world = await openVirtualWorld();
  for (const name of names) {
    addResourceRow(world, { name, probe: 'command', ttlSeconds });
  }
  return world;
}

function namesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `r${index}`);
}

describe('probes of one tick', () => {
  test('go beside each other, but 16 at most', async () => {
    const names = namesOf(40);
    const world = await worldWith(names);
    probing.probe = async () => {
      await new Promise(setImmediate);
      return UP;
    };
    await openLooks(world.runner).at(names);
    expect(probing.looked).toHaveLength(40);
    expect(probing.most).toBe(16);
  });

  test('go beside each other for new tasks too, which need not be due', async () => {
    const world = await worldWith([...namesOf(6), 'later']);
    probing.probe = onceBeside(6);
    for (const name of namesOf(6)) {
      world.addTask({ name: `needs ${name}`, columns: { requires: name } });
    }
    world.addTask({ name: 'not due', columns: { requires: 'later', schedule: '1h' } });
    await world.tick('12:05');
    expect(world.ledger()).toHaveLength(6);
    expect(probing.looked).not.toContain('later');
  });

  test('of tasks that rest and of those that are due are one round', async () => {
    const world = await worldWith(['a', 'b']);
    world.addTask({ name: 'rest', columns: { offline: 'disable', offline_resource: 'a' } });
    world.addTask({ name: 'due', columns: { requires: 'b', ordering: 1 } });
    probing.probe = () => DOWN;
    await world.tick('12:05');
    probing.probe = onceBeside(2);
    await world.tick('12:06');
    expect(world.ledger()).toContain('due 12:05 succeeded');
    expect(world.stateRow('rest')).toMatchObject({ offline_disabled_at: null });
  });

  test('have a signal each: one for all would have more listeners than Node takes for granted', async () => {
    const world = await worldWith(namesOf(20));
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const end = new AbortController();
    probing.probe = (resource, cancel) => {
      if (probing.running === 16) {
        end.abort('shutdown');
      }
      return untilEnded(resource, cancel);
    };
    await openLooks({ ...world.runner, cancel: end.signal }).at(namesOf(20));
    await new Promise(setImmediate);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  test('are ended when one of them cannot be recorded, and that is told only then', async () => {
    const world = await worldWith(['fast', 'slow']);
    const driver = withWriteFaults(world.runner.driver, (_sql, params) =>
      params.includes('fast') ? new Error('the disk is full') : undefined,
    );
    let slowHasEnded = false;
    probing.probe = async (resource, cancel) => {
      if (resource.name === 'fast') {
        return UP;
      }
      const ended = await untilEnded(resource, cancel);
      await new Promise(setImmediate);
      slowHasEnded = true;
      return ended;
    };
    await expect(openLooks({ ...world.runner, driver }).at(['fast', 'slow'])).rejects.toThrow(
      'the disk is full',
    );
    expect(slowHasEnded).toBe(true);
    expect(resourceStates(world)).toEqual([]);
  });

  test('of a policy that runs the task all the same are none', async () => {
    const world = await worldWith(['a', 'unneeded']);
    const columns = { offline: 'execute', offline_resource: 'unneeded' };
    world.addTask({ name: 'alone', columns });
    world.addTask({ name: 'other', columns: { ...columns, requires: 'a' } });
    await world.tick('12:05');
    await world.tick('12:10');
    expect(world.ledger()).toHaveLength(4);
    expect(new Set(probing.looked)).toEqual(new Set(['a']));
  });
});

describe('a look within its tick', () => {
  test.each([
    [0, 4, 1],
    [0, 5, 2],
    [60, 59, 1],
    [60, 60, 2],
  ])('with a ttl of %i s is %i s later one of %i', async (ttlSeconds, laterSeconds, looks) => {
    const world = await worldWith(['a'], ttlSeconds);
    const { at: look } = openLooks(world.runner);
    await look(['a']);
    world.clock.now += laterSeconds * 1_000;
    probing.probe = () => DOWN;
    expect((await look(['a']))('a')).toMatchObject({ state: looks === 1 ? 'up' : 'down' });
    expect(probing.looked).toHaveLength(looks);
  });

  test('is shared by those that ask at once, however long it takes', async () => {
    const world = await worldWith(['a', 'b']);
    probing.probe = ({ name }) => {
      world.clock.now += name === 'b' ? 60_000 : 0;
      return UP;
    };
    const { at: look } = openLooks(world.runner);
    await Promise.all([look(['a', 'b']), look(['a']), look(['b'])]);
    expect(probing.looked).toEqual(['a', 'b']);
  });

  test('holds as long where the look before it was an old one', async () => {
    const world = await worldWith(['a']);
    await openLooks(world.runner).at(['a']);
    world.clock.now += 60_000;
    const { at: look } = openLooks(world.runner);
    await look(['a']);
    await look(['a']);
    expect(probing.looked).toHaveLength(2);
  });

  test('goes by what was recorded before only for the rest of its ttl', async () => {
    const world = await worldWith(['a'], 60);
    await openLooks(world.runner).at(['a']);
    world.clock.now += 50_000;
    const { at: look } = openLooks(world.runner);
    await look(['a']);
    world.clock.now += 10_000;
    await look(['a']);
    expect(probing.looked).toHaveLength(2);
  });

  test('of what somebody has set is taken anew each time', async () => {
    const world = await openVirtualWorld();
    addResourceRow(world, { name: 'gate', probe: 'none' });
    const { at: look } = openLooks(world.runner);
    expect((await look(['gate']))('gate')).toMatchObject({ state: 'undef' });
    setGate(world, 'up');
    expect((await look(['gate']))('gate')).toMatchObject({ state: 'up' });
  });

  test('finds what was defined only after it had begun, and what is gone', async () => {
    const world = await worldWith(['a']);
    const { at: look } = openLooks(world.runner);
    expect((await look(['a', 'b']))('b')).toBeUndefined();
    addResourceRow(world, { name: 'b', probe: 'command' });
    world.sql.exec("DELETE FROM periodic_resource WHERE name = 'a'");
    world.clock.now += 5_000;
    const lookup = await look(['a', 'b']);
    expect([lookup('a'), lookup('b')?.state]).toEqual([undefined, 'up']);
  });

  test('that lasts an hour goes by the world as it is then', async () => {
    const world = await worldWith(['ip']);
    addResourceRow(world, { name: 'gate', probe: 'none' });
    setGate(world, 'up');
    world.addTask({ name: 'long', columns: { module: 'call', requires: 'ip', ordering: 1 } });
    world.addTask({ name: 'late', columns: { requires: 'gate', ordering: 2 } });
    world.addTask({ name: 'later', columns: { requires: 'ip', ordering: 3 } });
    world.script.call = () => {
      probing.probe = () => DOWN;
      setGate(world, 'down');
      world.clock.now += 3_600_000;
    };
    await world.tick('12:05');
    expect(world.ledger()).toEqual(['long 12:05 succeeded']);
  });
});

function setGate({ sql }: VirtualWorld, state: string): void {
  sql.exec("DELETE FROM periodic_resource_state WHERE resource = 'gate'");
  sql
    .prepare(
      'INSERT INTO periodic_resource_state (resource, node, state, since, checked_at, why) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run('gate', 'alpha', state, '2026-03-10T12:00:30.000Z', '2026-03-10T12:00:30.000Z', '');
}

describe('a runner that is told to end while it looks', () => {
  test.each([
    ['skip', { offline: 'skip', offline_resource: 'a' }],
    ['disable', { offline: 'disable', offline_resource: 'a' }],
    ['requires', { requires: 'a' }],
    ['requires undef', { requires: 'a(undef)' }],
  ])('takes no slot, notes nothing and records nothing: %s', async (_policy, columns) => {
    const world = await worldWith(['a']);
    world.addTask({ name: 'sync', columns });
    await world.tick('12:01');
    const before = world.stateRow('sync');
    const { runner } = endingWorld(world);
    const report = await tickOf(runner, world, '12:05');
    expect([report.runs, report.notRun, world.ledger()]).toEqual([[], [], []]);
    expect(world.stateRow('sync')).toEqual(before);
    expect(resourceStates(world)).toEqual([]);
  });

  test('wakes nothing', async () => {
    const world = await worldWith(['a']);
    world.addTask({ name: 'sync', columns: { offline: 'disable', offline_resource: 'a' } });
    probing.probe = () => DOWN;
    await world.tick('12:05');
    const { runner, end } = endingWorld(world);
    probing.probe = () => {
      end.abort('shutdown');
      return UP;
    };
    world.sql.exec("UPDATE periodic_task SET offline = 'execute'");
    await tickOf(runner, world, '12:06');
    expect(world.stateRow('sync')['offline_disabled_at']).not.toBeNull();
  });

  test.each([
    ['x', { requires: 'a' }],
    ['y', { offline: 'skip', offline_resource: 'a' }],
  ])('by hand starts nothing, and says so: %s', async (name, columns) => {
    const world = await worldWith(['a']);
    const taskId = world.addTask({ name, columns });
    const { runner } = endingWorld(world);
    world.clock.now = at('12:03');
    const run = runByHand(runner, { taskId, overrides: {}, isOwnNode: true });
    await expect(run).rejects.toThrow(ConditionError);
    await expect(run).rejects.toThrow(
      `task "${name}" was not started: the runner was told to end while it looked at what that needs`,
    );
    expect(world.ledger()).toEqual([]);
  });
});

/** A runner that is told to end by the first probe. */
function endingWorld(world: VirtualWorld) {
  const end = new AbortController();
  probing.probe = (resource, cancel) => {
    end.abort('shutdown');
    return untilEnded(resource, cancel);
  };
  return { end, runner: world.otherRunner({ cancel: end.signal }) };
}

test('no task starts after the limit of its tick, however late a look is done', async () => {
  const world = await worldWith(['a']);
  world.addTask({ name: 'sync', columns: { requires: 'a' } });
  probing.probe = () => {
    world.clock.now = at('12:30');
    return UP;
  };
  const report = await world.tick('12:05', { noStartAfter: at('12:06') });
  expect(world.ledger()).toEqual([]);
  expect(report.idleForSeconds).toBe(0);
  await world.tick('12:31');
  expect(world.ledger()).toEqual(['sync 12:05-12:30 x6 succeeded']);
});

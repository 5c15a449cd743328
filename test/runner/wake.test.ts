import { describe, expect, test } from 'vitest';
import type { KnownResource } from '../../src/core/conditions.ts';
import type { LookingTick } from '../../src/runner/looks.ts';
import { wakeStates } from '../../src/runner/wake.ts';
import { listOfflineKeys } from '../../src/store/offline-states.ts';
import { at } from '../support/builders.ts';
import { addSwitch } from '../support/resources.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

const UP: KnownResource = { state: 'up', since: null, why: '' };

/** A tick that finds every resource up. */
function tickAt(instant: string): LookingTick {
  const looks = { at: () => Promise.resolve(() => UP), expect: () => undefined };
  return { tickAt: at(instant), ticks: { own: 9, all: 9 }, looks };
}

/** A task that rests since 12:05, and how the list names it. */
async function restingWorld() {
  const world = await openVirtualWorld();
  addSwitch(world, 'db');
  addSwitch(world, 'other');
  world.addTask({ name: 'sync', columns: { offline: 'disable', offline_resource: 'db' } });
  await world.tick('12:05');
  return { world, keys: await listOfflineKeys(world.runner.driver, 'alpha') };
}

describe('a state that rests', () => {
  test('is woken', async () => {
    const { world, keys } = await restingWorld();
    expect(await wakeStates(world.runner, keys, tickAt('12:06'))).toEqual([]);
    expect(world.stateRow('sync')).toMatchObject({ offline_disabled_at: null });
  });

  test('is left alone by a runner that was told to end', async () => {
    const { world, keys } = await restingWorld();
    const end = new AbortController();
    end.abort('shutdown');
    await wakeStates(world.otherRunner({ cancel: end.signal }), keys, tickAt('12:06'));
    expect(world.stateRow('sync')['offline_disabled_at']).not.toBeNull();
  });

  test('is left alone when it waits for another resource than the one that was looked at', async () => {
    const { world, keys } = await restingWorld();
    world.changeTask('sync', { offline_resource: 'other' });
    await wakeStates(world.runner, keys, tickAt('12:06'));
    expect(world.stateRow('sync')['offline_disabled_at']).not.toBeNull();
  });
});

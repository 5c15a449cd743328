import { expect } from 'vitest';
import { parseEvery } from '../../../src/core/schedule/every.ts';
import { parseTicks } from '../../../src/core/schedule/ticks.ts';
import { checkDefinition } from '../../../src/core/task-schema.ts';
import { taskWith } from '../../support/builders.ts';
import { type ApiCase, expectedOf, type Taken, type World, worldOf } from './world.ts';

function afterTicks(loops: number, id = 7): World {
  return worldOf({ task: { id, scheduleKind: 'ticks', schedule: String(loops) } });
}

function callsOf(worlds: readonly World[]): number {
  return worlds.reduce((calls, world) => calls + world.starts().length, 0);
}

/** How often the tasks have been called after each of so many passes. */
function cumulativeCalls(worlds: readonly World[], passes: number): readonly number[] {
  return Array.from({ length: passes }, (_, pass) => {
    for (const world of worlds) {
      world.tick(pass + 1);
    }
    return callsOf(worlds);
  });
}

function faultsOf(fields: Readonly<Record<string, unknown>>): readonly string[] {
  const { id: _, ...definition } = taskWith();
  const checked = checkDefinition({ ...definition, ...fields });
  return checked.kind === 'valid' ? [] : checked.faults.map(({ field }) => field);
}

function areCumulative(worlds: readonly World[], one: ApiCase): void {
  const { cumulative_calls } = expectedOf<{ cumulative_calls: readonly number[] }>(one);
  expect(cumulativeCalls(worlds, cumulative_calls.length)).toEqual(cumulative_calls);
}

/** The cases of ProFTPD: its loops are ticks. */
export const PROFTPD: Readonly<Record<string, Taken>> = {
  negative_nloops_ignored: {
    why: 'a number of ticks below 0 is refused where it is written, and not dropped in silence',
    check() {
      expect(() => parseTicks('-1')).toThrow('expected a number of ticks');
    },
  },
  nloops_zero_next_pass_once: { check: (one) => areCumulative([afterTicks(0)], one) },
  same_callback_twice: { check: (one) => areCumulative([afterTicks(0, 1), afterTicks(0, 2)], one) },
  nloops_two_third_pass: { check: (one) => areCumulative([afterTicks(2)], one) },
  lifo_order: {
    why: 'within a tick tasks start by their ordering and then by their id, oldest first; all of them start in it',
    check(one) {
      const { fired } = expectedOf<{ fired: readonly number[] }>(one);
      expect(
        cumulativeCalls(
          [1, 2, 3].map((id) => afterTicks(0, id)),
          1,
        ),
      ).toEqual([fired.length]);
    },
  },
  mixed_loops: {
    check(one) {
      const worlds = [afterTicks(1, 1), afterTicks(0, 2), afterTicks(2, 3)];
      const fired_by_pass = [1, 2, 3, 4].map((pass) =>
        worlds.filter((world) => world.tick(pass).kind === 'run').map((world) => world.task.id),
      );
      expect({ fired_by_pass }).toEqual(expectedOf(one));
    },
  },
  empty_queue: {
    why: 'there are no signals that a pass would process; one with nothing to do does nothing, as in the case',
    check() {
      const world = afterTicks(0);
      world.tickFrom(1, 9);
      expect(world.starts()).toEqual([1]);
      expect(world.state()).toMatchObject({ dueTick: null, nextSlot: null, earliestStart: null });
      expect(world.tick(10).kind).toBe('terminated');
    },
  },
  add_negative_seconds: {
    why: 'a negative period means never',
    check() {
      expect(parseEvery('-1s')).toBe(-1);
      const world = worldOf({ task: { schedule: '-1s' } });
      world.tickFrom(0, 100);
      expect(world.starts()).toEqual([]);
    },
  },
  add_no_description: {
    why: 'a task is told by its name, which it must have',
    check() {
      expect(faultsOf({ name: null })).toEqual(['name']);
      expect(faultsOf({ name: '' })).toEqual(['name']);
    },
  },
  add_no_callback: {
    why: 'what is called is the module, which a task must have',
    check() {
      expect(faultsOf({ module: null })).toEqual(['module']);
    },
  },
  add_duplicate_id: {
    why: 'ids are given, not chosen: one in a definition is a field that nobody knows',
    check() {
      expect(faultsOf({ id: 0 })).toHaveLength(1);
    },
  },
  auto_id: {
    why: 'ids are given by the database, from 1 on, and a definition cannot ask for one',
    check() {
      expect(faultsOf({ id: -1 })).toHaveLength(1);
    },
  },
  return_zero_removes: {
    why: 'a module that wants no more calls says stop, which terminates its task',
    check(one) {
      const world = worldOf({ task: { schedule: '1m' }, ending: 'stopped' });
      world.tickFrom(1, 3);
      expect({ calls: world.starts().length }).toEqual(expectedOf(one));
      expect(world.state().terminatedAt).not.toBeNull();
    },
  },
  return_nonzero_repeats: {
    check(one) {
      const world = worldOf({ task: { schedule: '1m' } });
      world.tickFrom(1, 2);
      expect(expectedOf(one)).toEqual({ calls: 'about one per second' });
      expect(world.starts()).toEqual([1, 2]);
    },
  },
  remove: {
    why: 'what names no task is told by the command that was given it; a task that is taken away in time is not called, as in the case',
    check(one) {
      const world = worldOf({ task: { schedule: '1m' } });
      world.switchOff();
      world.tickFrom(1, 3);
      expect(expectedOf(one)).toMatchObject({ calls: world.starts().length });
    },
  },
  remove_all_of_module: {
    why: 'tasks are taken away one by one; all of them are not called',
    check(one) {
      const worlds = [1, 2, 3].map((id) => worldOf({ task: { id, schedule: '3m' } }));
      for (const world of worlds) {
        world.switchOff();
        world.tickFrom(1, 9);
      }
      expect(expectedOf(one)).toEqual({ removed: worlds.filter((world) => world.next() === null).length });
      expect(callsOf(worlds)).toBe(0);
    },
  },
  reset: {
    why: 'what names no task is told by the command that was given it; a timer that is reset waits its whole time again, as in the case',
    check(one) {
      const world = worldOf({ task: { schedule: '2m' } });
      world.tick(1);
      expect(expectedOf(one)).toMatchObject({ calls_after_first_wait: world.starts().length });
      world.postpone(1);
      world.tick(2);
      expect(expectedOf(one)).toMatchObject({ calls_after_second_wait: world.starts().length });
      world.tickFrom(3, 4);
      expect(world.starts()).toEqual([3]);
    },
  },
};

import { expect } from 'vitest';
import type { TaskContext } from '../../../src/modules/module.ts';
import type { ApiCase } from '../../core/cases/world.ts';
import { expectedOf } from '../../core/cases/world.ts';
import { openVirtualWorld, type VirtualWorld } from '../../support/virtual-runner.ts';
import type { PlayedCases } from './read-case.ts';
import { textAt } from './stored-world.ts';

type Entry = { readonly name: string; readonly loops: number };

/** The one-shots that a case registers: `schedule` names a callback, an id, or several ids with the same loops. */
function entriesOf({ action }: ApiCase): readonly Entry[] {
  const steps = action as ReadonlyArray<{ readonly schedule?: unknown; readonly nloops?: number }>;
  return steps.flatMap(({ schedule, nloops = 0 }, index): readonly Entry[] => {
    if (schedule === undefined) {
      return [];
    }
    if (Array.isArray(schedule)) {
      return schedule.map((id) => ({ name: `c${id}`, loops: nloops }));
    }
    const { id = index, nloops: loops } = schedule as { readonly id?: number; readonly nloops: number };
    return [{ name: `c${id}`, loops }];
  });
}

/** A world in which one-shots are registered, and that tells what each pass fired. */
type OneShotWorld = {
  readonly world: VirtualWorld;
  /** Registers by plain SQL, as an operator does. */
  readonly registerRows: (entries: readonly Entry[]) => void;
  /** Registers from inside a run, which takes a pass of its own; returns what was refused. */
  readonly registerInside: (entries: readonly Entry[]) => Promise<readonly string[]>;
  /** From now on each one-shot registers itself again when it fires for the first time. */
  readonly letRegisterAgain: (entries: readonly Entry[]) => void;
  readonly pass: () => Promise<readonly string[]>;
  readonly passes: (count: number) => Promise<ReadonlyArray<readonly string[]>>;
};

async function openOneShotWorld(): Promise<OneShotWorld> {
  const world = await openVirtualWorld();
  const fired: string[] = [];
  const again = new Map<string, number>();
  let inside: (context: TaskContext) => Promise<void> = () => Promise.resolve();
  world.script.call = async (task, context) => {
    if (task === 'registrar') {
      return inside(context);
    }
    fired.push(task);
    const after = again.get(task);
    again.delete(task);
    if (after !== undefined) {
      await context.schedule({ name: task, after });
    }
  };
  let time = 0;
  const pass = async (): Promise<readonly string[]> => {
    time += 1;
    await world.tick(textAt(time));
    return fired.splice(0);
  };
  const registrar = { module: 'call', schedule_kind: 'ticks', schedule: '0', remove_when_done: 1 };
  return {
    world,
    pass,
    registerRows: (entries) => {
      for (const { name, loops } of entries) {
        world.addTask({ name, columns: { ...registrar, schedule: String(loops) } });
      }
    },
    registerInside: async (entries) => {
      const refused: string[] = [];
      inside = async (context) => {
        for (const { name, loops } of entries) {
          await context.schedule({ name, after: loops }).catch((error) => refused.push(error.message));
        }
      };
      world.addTask({ name: 'registrar', columns: registrar });
      expect(await pass()).toEqual([]);
      return refused;
    },
    letRegisterAgain: (entries) => {
      for (const { name, loops } of entries) {
        again.set(name, loops);
      }
    },
    passes: async (count) => {
      const each: Array<readonly string[]> = [];
      while (each.length < count) {
        each.push(await pass());
      }
      return each;
    },
  };
}

function cumulated(fired: ReadonlyArray<readonly string[]>): readonly number[] {
  return fired.map((_, pass) => fired.slice(0, pass + 1).flat().length);
}

/**
 * The calls of the case, three times: for rows of an operator, for what a run registers under the same names, and for
 * what each of these registers again itself when it fires. What has fired is gone each time.
 */
async function areCumulative(one: ApiCase): Promise<void> {
  const { cumulative_calls } = expectedOf<{ cumulative_calls: readonly number[] }>(one);
  const entries = entriesOf(one);
  const { world, registerRows, registerInside, letRegisterAgain, passes } = await openOneShotWorld();
  registerRows(entries);
  expect(cumulated(await passes(cumulative_calls.length))).toEqual(cumulative_calls);
  expect(await registerInside(entries)).toEqual([]);
  letRegisterAgain(entries);
  const untilFired = cumulative_calls.findIndex((calls) => calls > 0) + 1;
  const first = cumulated(await passes(untilFired));
  expect(first).toEqual(cumulative_calls.slice(0, untilFired));
  expect(cumulated(await passes(cumulative_calls.length))).toEqual(cumulative_calls);
  expect(world.sql.prepare('SELECT name FROM periodic_task').all()).toEqual([]);
}

/** The cases of ProFTPD's schedules: a pass is a tick, and a callback a task that is gone when it has run. */
export const ONE_SHOTS: PlayedCases = {
  negative_nloops_ignored: {
    why: 'a number of ticks below 0 is refused where it is written, and not dropped in silence; nothing is called, as in the case',
    async check(one) {
      const entries = entriesOf(one);
      const { world, registerInside, registerRows, pass } = await openOneShotWorld();
      expect(await registerInside(entries)).toEqual([expect.stringContaining('from 0 to 1000000, got -1')]);
      expect({ calls: (await pass()).length }).toEqual(expectedOf(one));
      registerRows(entries);
      expect({ calls: (await pass()).length }).toEqual(expectedOf(one));
      expect(world.ledger().at(-1)).toBe(`${entries[0]?.name} fault failed (invalid)`);
    },
  },
  nloops_zero_next_pass_once: { check: areCumulative },
  same_callback_twice: { check: areCumulative },
  nloops_two_third_pass: { check: areCumulative },
  lifo_order: {
    why: 'within a tick tasks start by their ordering and then by their id, oldest first; all of them start in it',
    async check(one) {
      const { fired } = expectedOf<{ fired: readonly number[] }>(one);
      const oldestFirst = fired.map((id) => `c${id}`).toReversed();
      const { registerRows, registerInside, pass } = await openOneShotWorld();
      registerRows(entriesOf(one));
      expect(await pass()).toEqual(oldestFirst);
      await registerInside(entriesOf(one));
      expect(await pass()).toEqual(oldestFirst);
    },
  },
  mixed_loops: {
    async check(one) {
      const { fired_by_pass } = expectedOf<{ fired_by_pass: ReadonlyArray<readonly number[]> }>(one);
      const names = fired_by_pass.map((ids) => ids.map((id) => `c${id}`));
      const { registerRows, registerInside, passes } = await openOneShotWorld();
      registerRows(entriesOf(one));
      expect(await passes(names.length)).toEqual(names);
      await registerInside(entriesOf(one));
      expect(await passes(names.length)).toEqual(names);
    },
  },
  empty_queue: {
    why: 'there are no signals that a pass would process; one with nothing to do does nothing, as in the case',
    async check() {
      const world = await openVirtualWorld();
      expect(await world.tick('12:01')).toMatchObject({ runs: [], notRun: [], idleForSeconds: null });
      expect(world.runRows()).toEqual([]);
      expect(world.events).toEqual([]);
    },
  },
};

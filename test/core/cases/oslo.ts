import { expect } from 'vitest';
import { patchOf } from '../../../src/core/advance.ts';
import { decide } from '../../../src/core/due.ts';
import { parseEvery } from '../../../src/core/schedule/every.ts';
import { newState } from '../../../src/core/state.ts';
import { runsOn } from '../../../src/core/task.ts';
import { checkDefinition } from '../../../src/core/task-schema.ts';
import { stateWith, taskWith, timetableWith } from '../../support/builders.ts';
import { type ApiCase, expectedOf, instantAt, setupOf, type Taken, timeOf, worldOf } from './world.ts';

type Spaced = { readonly tasks: readonly { readonly spacing: number }[] };

function spacingOf(one: ApiCase): number {
  return setupOf<Spaced>(one).tasks[0]?.spacing ?? Number.NaN;
}

function idleAfter(world: ReturnType<typeof worldOf>, time: number): number | null {
  const next = world.next();
  return next === null ? null : next - time;
}

/** Oslo's last run is the slot that is handled, or the minute from which the task counts. */
function lastRun(world: ReturnType<typeof worldOf>): number {
  const { handledSlot, countedFrom } = world.state();
  return timeOf(handledSlot ?? countedFrom);
}

/** What the boundary of the case is here: the newest slot of the spacing, with what was run last handled. */
function boundaryOf(one: ApiCase): number {
  const { now, last_run, spacing } = setupOf<{ now: number; last_run: number | null; spacing: number }>(one);
  const isFirst = last_run === null;
  const world = worldOf({
    task: { schedule: `${spacing}m`, runImmediately: isFirst },
    createdAt: isFirst ? now : last_run,
  });
  world.tick(now);
  return lastRun(world);
}

function faultsOf(fields: Readonly<Record<string, unknown>>): readonly string[] {
  const { id: _, ...definition } = taskWith();
  const checked = checkDefinition({ ...definition, ...fields });
  return checked.kind === 'valid' ? [] : checked.faults.map(({ field, message }) => `${field}: ${message}`);
}

/** The cases of oslo.service: its boundary is the anchor `slot`. */
export const OSLO: Readonly<Record<string, Taken>> = {
  called_correct: {
    check(one) {
      const { t0, tasks } = setupOf<Spaced & { t0: number }>(one);
      const spacing = tasks[0]?.spacing ?? Number.NaN;
      const world = worldOf({ task: { schedule: `${spacing}m` }, createdAt: t0 });
      expect(expectedOf(one)).toEqual({ calls_after_pass_i: 'floor(i/9)' });
      for (let pass = 0; pass <= 199; pass += 1) {
        world.tick(t0 + pass);
        expect(world.starts()).toHaveLength(Math.floor(pass / 9));
      }
    },
  },
  meta: {
    why: 'a task that is switched off stays a task, and the default spacing is that of the configuration, put in when the task is written',
    check() {
      expect(faultsOf({ active: false })).toEqual([]);
      expect(worldOf({ task: { active: false } }).tick(60).kind).toBe('inactive');
      expect(() => parseEvery('0')).toThrow('0 is replaced by the default spacing when a task is written');
      expect(worldOf({ task: { schedule: '4m' } }).period()).toBe(4);
    },
  },
  periodic_tasks_with_idle: {
    why: 'the time to idle is that to the next slot, which no minute caps',
    check(one) {
      const world = worldOf({ task: { schedule: `${spacingOf(one)}m` } });
      expect(world.tick(0).kind).toBe('waiting');
      expect(idleAfter(world, 0)).toBe(spacingOf(one));
    },
  },
  periodic_tasks_constant: {
    why: 'a spacing of 0 is replaced by the configured default when the task is written; with that of the case the rest holds',
    check(one) {
      expect(spacingOf(one)).toBe(0);
      expect(faultsOf({ schedule: '0' })).toHaveLength(1);
      const world = worldOf({ task: { schedule: '60m' } });
      world.tick(0);
      expect(idleAfter(world, 0)).toBe(expectedOf<{ idle_for: number }>(one).idle_for);
    },
  },
  periodic_tasks_disabled: {
    why: 'a task with a negative spacing stays a task, which never comes',
    check(one) {
      const schedule = `${spacingOf(one)}m`;
      expect(faultsOf({ schedule })).toEqual([]);
      const world = worldOf({ task: { schedule } });
      world.tickFrom(0, 100);
      expect({ starts: world.starts(), next: world.next() }).toEqual({ starts: [], next: null });
    },
  },
  idle_calculation: {
    why: 'which process may run a task is said by its nodes; all the rest holds as it stands',
    check(one) {
      const t0 = 32_503_680;
      const world = worldOf({ task: { schedule: `${spacingOf(one)}m` }, createdAt: t0 });
      const passes = [5, 10].map((time) => {
        const ran = world.tick(t0 + time).kind === 'run';
        return { idle_for: idleAfter(world, t0 + time), last_run: textOfRun(lastRun(world) - t0), ran };
      });
      expect(passes).toEqual(expectedOf<{ passes: unknown }>(one).passes);
      const { active, runImmediately } = world.task;
      expect(expectedOf<{ initial: unknown }>(one).initial).toMatchObject({
        enabled: active,
        run_immediately: runImmediately,
      });
    },
  },
  immediate_runs_now: {
    check(one) {
      const t0 = 32_503_680;
      const task = { schedule: `${spacingOf(one)}m`, runImmediately: true };
      const world = worldOf({ task, createdAt: t0 });
      expect({ last_run: world.state().handledSlot }).toEqual(expectedOf<{ initial: unknown }>(one).initial);
      const passes = [0, 5].map((time) => {
        const ran = world.tick(t0 + time).kind === 'run';
        return { idle_for: idleAfter(world, t0 + time), last_run: textOfRun(lastRun(world) - t0), ran };
      });
      expect(passes).toMatchObject(expectedOf<{ passes: object[] }>(one).passes);
    },
  },
  external_running_here: {
    why: 'which process may run a task is said by its nodes, which every task has',
    check() {
      expect(runsOn(['alpha'], 'alpha')).toBe(true);
    },
  },
  nearest_boundary_28_13_7_0: { check: isBoundary },
  nearest_boundary_1835_None_88_0: { check: isBoundary },
  'nearest_boundary_1300_1000_200_1.0': {
    why: 'a random offset delays the start of a slot, and never moves the slots',
    check(one) {
      expect(boundaryOf(one)).toBe(1_200);
    },
  },
  parallel_no_due_returns_idle: {
    check(one) {
      const world = worldOf({ task: { schedule: `${spacingOf(one)}m` }, createdAt: 1_000 });
      const pool_created = world.tick(1_000).kind === 'run';
      expect({ pool_created, idle_for: idleAfter(world, 1_000) }).toEqual(expectedOf(one));
    },
  },
  parallel_collects_in_completion_order: {
    why: 'nobody polls: every run writes its end when that comes, so the order is the same',
    check(one) {
      const worlds = { r0: worldOf({ duration: 4 }), r1: worldOf({ duration: 2 }) };
      const collected: string[] = [];
      for (let time = 5; time <= 9; time += 1) {
        for (const [name, world] of Object.entries(worlds)) {
          world.tick(time);
          if (world.state().lastStatus === 'succeeded' && !collected.includes(name)) {
            collected.push(name);
          }
        }
      }
      expect(expectedOf(one)).toMatchObject({ collected });
    },
  },
  parallel_no_deadlock_with_held_lock: {
    why: 'a decision needs no lock and no other task, so all are due at once',
    check() {
      const worlds = Array.from({ length: 10 }, () =>
        worldOf({ task: { schedule: '1m', runImmediately: true } }),
      );
      expect(worlds.map((world) => world.tick(0).kind)).toEqual(worlds.map(() => 'run'));
    },
  },
  parallel_context_not_serialisable: {
    why: 'options that are no JSON are a fault of the definition, found before anything starts; the state stays as it is, as in the case',
    check(one) {
      expect(faultsOf({ options: () => 1 })).toEqual([
        expect.stringMatching(/^options: expected a JSON object/),
      ]);
      const state = stateWith();
      const faults = [{ field: 'options', message: 'expected a JSON object' }];
      const moment = { tickAt: instantAt(9), now: instantAt(9), ticks: { own: 1, all: 1 } };
      const decision = decide({ definition: { kind: 'invalid', faults }, state, liveRuns: 0, ...moment });
      expect(decision).toEqual({ kind: 'invalid', faults });
      const patch = patchOf(decision, { task: taskWith(), timetable: timetableWith(), state }, moment);
      const last_run_unchanged = { ...state, ...patch }.handledSlot === state.handledSlot;
      expect(expectedOf(one)).toMatchObject({ last_run_unchanged });
    },
  },
  parallel_wrong_backend: {
    why: 'there is no backend to choose: naming one is a field that nobody knows',
    check() {
      expect(faultsOf({ backend: 'eventlet' })).toEqual([expect.stringContaining('backend')]);
    },
  },
  ticks_called_twice: {
    check(one) {
      const ticks = { scheduleKind: 'ticks' } as const;
      const every = worldOf({ task: { ...ticks, schedule: '0 repeat' } });
      const odd = worldOf({ task: { ...ticks, schedule: '1 repeat' } });
      for (const world of [every, odd]) {
        world.tickFrom(1, 2);
      }
      const calls = { every: every.starts().length, odd: odd.starts().length };
      expect({ calls, odd_ran_in_pass: odd.starts()[0] }).toEqual(expectedOf(one));
    },
  },
  due_on_exact_equality: {
    check(one) {
      const { last_run, spacing } = setupOf<{ last_run: number; spacing: number }>(one);
      const world = worldOf({ task: { schedule: `${spacing}m` }, createdAt: last_run });
      expect({ ran: world.tick(10).kind === 'run' }).toEqual(expectedOf(one));
      expect(worldOf({ task: { schedule: `${spacing}m` }, createdAt: last_run }).tick(9).kind).toBe(
        'waiting',
      );
    },
  },
  external_not_here: {
    why: 'a task that another node runs does not belong to this one, which neither runs it nor waits for it',
    check() {
      expect(runsOn(['beta'], 'alpha')).toBe(false);
      expect(runsOn(['beta', '*'], 'alpha')).toBe(true);
    },
  },
  add_task_breaks_other_instances: {
    why: 'a task that is added later has a state of its own on every node, and is decided like any other',
    check() {
      const state = newState(instantAt(0), { taskId: 8, scopeKey: 'beta' });
      const definition = { kind: 'valid', task: taskWith({ id: 8 }), timetable: timetableWith() } as const;
      const moment = { tickAt: instantAt(5), now: instantAt(5), ticks: { own: 1, all: 1 } };
      expect(decide({ definition, state, liveRuns: 0, ...moment }).kind).toBe('run');
    },
  },
  ticks_between_runs_rejected: {
    why: 'a field that nobody knows is a fault of the definition that names it, not a broken program',
    check() {
      expect(faultsOf({ ticksBetweenRuns: 1 })).toEqual([expect.stringContaining('ticksBetweenRuns')]);
    },
  },
  empty_parentheses: {
    why: 'what a definition lacks is told, all of it at once',
    check() {
      const checked = checkDefinition({});
      const faults = checked.kind === 'invalid' ? checked.faults.map(({ field }) => field) : [];
      expect(faults).toEqual(['name', 'module', 'schedule_kind', 'nodes']);
    },
  },
  decorator_object_reuse_loses_options: {
    why: 'a definition that is used twice means the same twice',
    check(one) {
      const { id: _, ...definition } = taskWith({ schedule: '5m', runImmediately: true });
      const [first, second] = ['a', 'b'].map((name) => checkDefinition({ ...definition, name }));
      expect(first).toMatchObject({ kind: 'valid', definition: { schedule: '5m', runImmediately: true } });
      expect(second).toMatchObject({ kind: 'valid', definition: { schedule: '5m', runImmediately: true } });
      expect(expectedOf(one)).not.toMatchObject({ b: { spacing: 5 } });
    },
  },
  spacing_none: {
    why: 'a schedule that is nothing is a fault of its definition alone',
    check() {
      expect(faultsOf({ schedule: null })).toEqual(['schedule: expected text, got null']);
    },
  },
  parallel_raise_waits_for_others: {
    why: 'a failure is told by the state of its own task, and no end of another is dropped',
    check() {
      const worlds = (['failed', 'succeeded', 'failed'] as const).map((ending) =>
        worldOf({ task: { schedule: '5m' }, ending, duration: 2 }),
      );
      for (const world of worlds) {
        world.tickFrom(5, 7);
      }
      expect(worlds.map((world) => world.state().lastStatus)).toEqual(['failed', 'succeeded', 'failed']);
      expect(worlds.map((world) => world.state().failures)).toEqual([1, 0, 1]);
    },
  },
  parallel_worker_exit_hangs: {
    why: 'a run whose process has gone ends as failed or lost, and its task goes on',
    check() {
      const world = worldOf({ task: { schedule: '5m' }, ending: 'lost', duration: 1 });
      world.tickFrom(5, 10);
      expect({ starts: world.starts(), failures: world.state().failures }).toEqual({
        starts: [5, 10],
        failures: 1,
      });
    },
  },
};

function isBoundary(one: ApiCase): void {
  expect({ new_last_run: boundaryOf(one) }).toEqual(expectedOf(one));
}

function textOfRun(sinceStart: number): string {
  return sinceStart === 0 ? 't0' : `t0+${sinceStart}`;
}

import { expect } from 'vitest';
import { afterRun, NO_FOLLOW_UP } from '../../../src/core/run-end.ts';
import { parseEvery } from '../../../src/core/schedule/every.ts';
import type { Task } from '../../../src/core/task.ts';
import { checkDefinition } from '../../../src/core/task-schema.ts';
import { stateWith, taskWith } from '../../support/builders.ts';
import { definitionOf, type SssdSetup } from './sssd-definition.ts';
import {
  type ApiCase,
  type Ending,
  expectedOf,
  instantAt,
  setupOf,
  type Taken,
  type World,
  type WorldPlan,
  worldOf,
} from './world.ts';

function worldFor(one: ApiCase, plan: Omit<WorldPlan, 'task'> = {}): World {
  const setup = setupOf<SssdSetup>(one);
  return worldOf({ task: definitionOf(setup), duration: setup.duration ?? 0, ...plan });
}

function faultsOf(fields: Readonly<Record<string, unknown>>): readonly string[] {
  const { id: _, ...definition } = taskWith();
  const checked = checkDefinition({ ...definition, ...fields });
  return checked.kind === 'valid' ? [] : checked.faults.map(({ field }) => field);
}

/** Runs the task once, and says how far the slot after that lies from the slot and from the time of its end. */
function nextAfterFirst(
  one: ApiCase,
  ending: Ending,
): { readonly fromSlot: number; readonly isWaiting: boolean } {
  const world = worldFor(one, { ending });
  const first = world.next() ?? Number.NaN;
  world.tick(first);
  const next = world.next() ?? Number.NaN;
  return { fromSlot: next - first, isWaiting: world.state().earliestStart !== null };
}

function goesOnAfter(one: ApiCase, ending: Ending): void {
  const { period } = setupOf<SssdSetup>(one);
  expect(nextAfterFirst(one, ending)).toEqual({ fromSlot: period, isWaiting: true });
}

function startsAndNext(world: World) {
  return { starts: world.starts(), next: world.next() };
}

/** The cases of SSSD: SCHEDULE_FROM_LAST is the anchor `start`, SCHEDULE_FROM_NOW `finish`. */
export const SSSD: Readonly<Record<string, Taken>> = {
  create_einval_be: {
    why: 'a task belongs to nodes, which it must have',
    check() {
      expect(faultsOf({ nodes: null })).toEqual(['nodes']);
      expect(faultsOf({ nodes: [] })).toEqual(['nodes']);
    },
  },
  create_einval_period: {
    why: '0 stands for the configured default until the task is written; by itself it is refused, as in the case',
    check() {
      expect(() => parseEvery('0')).toThrow('expected a period other than 0');
      expect(faultsOf({ schedule: '0' })).toEqual(['schedule']);
    },
  },
  create_einval_recv: {
    why: 'what runs and tells its result is one module, which a task must have',
    check() {
      expect(faultsOf({ module: null })).toEqual(['module']);
    },
  },
  create_einval_name: {
    check(one) {
      expect(expectedOf(one)).toMatchObject({ error: 'EINVAL' });
      expect(faultsOf({ name: null })).toEqual(['name']);
    },
  },
  mixed_from_flags_einval: {
    why: 'an anchor is one word, so that there is nothing to mix',
    check() {
      expect(faultsOf({ anchor: ['start', 'finish'] })).toEqual(['anchor']);
      expect(faultsOf({ anchor: 'start,finish' })).toEqual(['anchor']);
    },
  },
  no_offline_flags_einval: {
    why: 'a policy that is left out has its default: none must be given',
    check() {
      const least = { name: 'a', module: 'command', scheduleKind: 'every', schedule: '1s', nodes: ['alpha'] };
      expect(checkDefinition(least).kind).toBe('valid');
    },
  },
  create_no_delay: {
    check(one) {
      const world = worldFor(one);
      expect(world.state().earliestStart).toBe(instantAt(0));
      expect(expectedOf(one)).toMatchObject({ timer_after_create: true, last_execution: '>= t0' });
      world.tick(0);
      expect(world.starts()).toEqual([0]);
    },
  },
  disable: {
    check(one) {
      const world = worldFor(one);
      world.switchOff();
      expect({ timer: world.state().earliestStart, enabled: world.tick(1).kind !== 'inactive' }).toEqual(
        expectedOf(one),
      );
    },
  },
  enable: {
    check(one) {
      const world = worldFor(one);
      world.switchOff();
      world.switchOn(7);
      expect(expectedOf(one)).toEqual({ timer_after_enable: true, last_execution: '>= t1' });
      world.tickFrom(5, 7);
      expect(world.starts()).toEqual([7]);
    },
  },
  enable_delay: {
    check(one) {
      const world = worldFor(one);
      world.tick(0);
      world.switchOff();
      world.switchOn(5);
      expect(expectedOf(one)).toEqual({ last_execution: '>= t1+2' });
      world.tickFrom(5, 7);
      expect(world.starts()).toEqual([0, 7]);
    },
  },
  postpone: {
    check(one) {
      const world = worldFor(one);
      expect(expectedOf(one)).toEqual({
        next_after_create: '>= t0+10 and < t0+30',
        next_after_postpone: '>= t0+30',
      });
      expect(world.next()).toBe(10);
      world.postpone(0);
      expect(world.next()).toBe(30);
    },
  },
  offline_skip: {
    check(one) {
      const world = worldFor(one);
      const before = world.next() ?? Number.NaN;
      world.setOffline(true);
      const { kind } = world.tick(before);
      const { period } = setupOf<SssdSetup>(one);
      expect(world.next()).toBeGreaterThanOrEqual(before + period);
      expect({
        executed: world.starts().length > 0,
        next_execution: '>= previous next + 1',
        enabled: kind === 'skip',
        timer: world.state().earliestStart !== null,
      }).toEqual(expectedOf(one));
    },
  },
  offline_disable: {
    why: 'there are no callbacks: each tick looks whether the resource is up again; the rest holds as in the case',
    check(one) {
      const world = worldFor(one);
      expect(world.state().earliestStart).not.toBeNull();
      world.setOffline(true);
      world.tickFrom(0, 3);
      expect(expectedOf(one)).toMatchObject({
        executed: world.starts().length > 0,
        enabled: world.state().offlineDisabledAt === null,
        timer: world.state().earliestStart,
      });
      world.setOffline(false);
      world.tickFrom(4, 6);
      expect(world.starts()).toEqual([4, 5, 6]);
    },
  },
  offline_execute: {
    check(one) {
      const world = worldFor(one);
      world.setOffline(true);
      world.tick(0);
      const timer = world.state().earliestStart !== null;
      expect({
        executed: world.starts().length > 0,
        enabled: world.tick(1).kind !== 'inactive',
        timer,
      }).toEqual(expectedOf(one));
    },
  },
  reschedule_timeout: {
    check(one) {
      const { timeout } = setupOf<SssdSetup>(one);
      const world = worldFor(one, { duration: timeout, ending: 'timed_out' });
      world.tickFrom(0, 1);
      expect(expectedOf(one)).toEqual({ recv_called: false, next_execution: '>= t1+1', timer: true });
      expect(world.state().moduleState).toBeNull();
      expect({ ...startsAndNext(world), last: world.state().lastStatus }).toEqual({
        starts: [0],
        next: 2,
        last: 'timed_out',
      });
    },
  },
  get_period: {
    check(one) {
      expect({ period: worldFor(one).period() }).toEqual(expectedOf(one));
    },
  },
  get_timeout: {
    check(one) {
      const { timeoutSeconds } = worldFor(one).task;
      expect({ timeout: (timeoutSeconds ?? 0) / 60 }).toEqual(expectedOf(one));
    },
  },
  no_periodic: {
    why: 'a task without a period has another kind, manual or at, and not a period of 0; it can be created, as in the case',
    check() {
      expect(faultsOf({ scheduleKind: 'manual', schedule: '' })).toEqual([]);
      expect(faultsOf({ scheduleKind: 'at', schedule: '2026-03-10T12:00' })).toEqual([]);
    },
  },
  create_sync: {
    check(one) {
      const world = worldFor(one);
      expect(expectedOf(one)).toEqual({ create: 'OK', last_execution: '>= t0' });
      world.tick(0);
      expect(world.starts()).toEqual([0]);
    },
  },
  sync_reschedule_ok: {
    check(one) {
      expect(expectedOf(one)).toEqual({ next_execution: '>= first next + 1', timer: true });
      goesOnAfter(one, 'succeeded');
    },
  },
  sync_reschedule_error: {
    check(one) {
      expect(expectedOf(one)).toEqual({ next_execution: '>= t1+1', timer: true });
      goesOnAfter(one, 'failed');
    },
  },
  sync_reschedule_backoff: {
    check(one) {
      const world = worldFor(one, { ending: 'failed' });
      const { after_1, after_2 } = expectedOf<Record<'after_1' | 'after_2', { period: number }>>(one);
      world.tick(0);
      expect(world.period()).toBe(after_1.period);
      expect(world.next()).toBe(2);
      world.tick(2);
      expect(world.period()).toBe(after_2.period);
      expect(world.next()).toBe(4);
    },
  },
  backoff_max_below_period_lowers_it: {
    why: 'a greatest period below the period is refused',
    check(one) {
      expect(faultsOf(definitionOf(setupOf<SssdSetup>(one)))).toEqual(['max_period']);
    },
  },
  backoff_not_power_of_two: {
    check(one) {
      const world = worldFor(one);
      const delays = Array.from({ length: 4 }, () => {
        const slot = world.next() ?? Number.NaN;
        world.tick(slot);
        return (world.next() ?? Number.NaN) - slot;
      });
      expect({ delays }).toEqual(expectedOf(one));
    },
  },
  backoff_success_does_not_reset: {
    check(one) {
      const world = worldFor(one, { ending: 'failed' });
      world.tickFrom(0, 139);
      const period_after_errors = world.period();
      world.setEnding('succeeded');
      world.tickFrom(140, 299);
      expect({
        ...startsAndNext(world),
        ...{ period_after_errors, period_after_success: world.period() },
      }).toEqual(expectedOf(one));
    },
  },
  disable_resets_backoff_enable_uses_enabled_delay: {
    check(one) {
      const world = worldFor(one);
      world.tickFrom(0, 20);
      const period_before = world.period();
      world.switchOff();
      const period_after_disable = world.period();
      world.switchOn(20);
      const next_after_enable = world.next();
      world.tickFrom(21, 27);
      expect({
        ...{ period_before, period_after_disable, next_after_enable },
        ...{ period_after_next_run: world.period(), next: world.next() },
      }).toEqual(expectedOf(one));
    },
  },
  postpone_with_backoff: {
    check(one) {
      const world = worldFor(one);
      const after = [{ next: world.next(), period: world.period() }];
      for (let times = 0; times < 2; times += 1) {
        world.postpone(0);
        after.push({ next: world.next(), period: world.period() });
      }
      const [next, period] = [after.map((each) => each.next), after.map((each) => each.period)];
      expect({ next, period }).toEqual(expectedOf(one));
    },
  },
  postpone_cancels_running: {
    check(one) {
      const world = worldFor(one, { duration: Number.POSITIVE_INFINITY });
      world.tick(0);
      expect(world.isRunning()).toBe(true);
      world.postpone(0);
      expect({
        request_freed: world.state().lastStatus === 'cancelled',
        recv_called: world.state().moduleState !== null,
        running: world.isRunning(),
        next: world.next(),
      }).toEqual(expectedOf(one));
    },
  },
  from_now_overrun: {
    check(one) {
      const world = worldFor(one);
      world.tickFrom(0, 80);
      expect({ starts: world.starts() }).toEqual(expectedOf(one));
    },
  },
  disable_lets_running_finish: {
    check(one) {
      const world = worldFor(one);
      world.tick(0);
      world.switchOff();
      world.tick(1);
      const running_after_disable = world.isRunning();
      world.tick(6);
      expect({
        running_after_disable,
        finished: world.state().lastStatus === 'succeeded',
        timer: world.state().earliestStart,
        enabled: world.tick(7).kind !== 'inactive',
      }).toEqual(expectedOf(one));
    },
  },
  no_periodic_skip_offline_loses_run: {
    why: 'a task whose only slot was skipped is terminated and says so, and does not stay enabled without ever running',
    check(one) {
      const world = onceAt(3, { offline: 'skip', offlineResource: 'back_end' });
      world.setOffline(true);
      world.tickFrom(0, 100);
      world.setOffline(false);
      world.tickFrom(101, 105);
      expect(expectedOf(one)).toMatchObject({ starts: world.starts(), timer: world.state().earliestStart });
      expect(world.state().terminatedReason).toBe('its only slot was skipped');
    },
  },
  no_periodic_online_transition: {
    why: 'a task that comes once is terminated after that, and no return of its resource lets it come again',
    check() {
      const world = onceAt(3, { offline: 'disable', offlineResource: 'back_end' });
      world.tickFrom(0, 9);
      world.setOffline(true);
      world.tick(10);
      world.setOffline(false);
      world.tickFrom(11, 100);
      expect(world.starts()).toEqual([3]);
      expect(world.state().terminatedReason).toBe('done: its only slot has run');
    },
  },
  no_periodic_postpone_drops_timer: {
    why: 'what has no period cannot be postponed: it is refused before the core is asked, and the one run is not lost',
    check() {
      const world = onceAt(3);
      world.tickFrom(0, 100);
      expect(world.starts()).toEqual([3]);
    },
  },
  sync_timeout_ineffective: {
    why: 'a timeout ends every run, in whatever way its module works, and is a failure, which counts from its end',
    check(one) {
      const { timeout, period } = setupOf<SssdSetup>(one);
      const world = worldFor(one, { duration: timeout, ending: 'timed_out' });
      world.tickFrom(0, 9);
      expect(world.state()).toMatchObject({ lastStatus: 'timed_out', failures: 1 });
      expect(world.next()).toBe(timeout + period);
    },
  },
  sync_error_from_finish: {
    check(one) {
      const world = worldFor(one, { ending: 'failed' });
      world.tickFrom(0, 5);
      expect({ next: world.next() }).toEqual(expectedOf(one));
    },
  },
  null_handles: {
    why: 'what names no task is told by the command that was given it; the end of a run whose task has gone has no effect, as in the case',
    check() {
      const state = stateWith({ nextSlot: instantAt(5), earliestStart: instantAt(5) });
      const run = { slot: instantAt(0), attempt: 1, status: 'failed', byShutdown: false } as const;
      const ended = { ...run, message: null, endedAt: instantAt(1), moduleState: undefined };
      const { patch, retryAt } = afterRun(state, { ...NO_FOLLOW_UP, active: false }, ended);
      expect(retryAt).toBeNull();
      expect({ ...state, ...patch }).toMatchObject({
        ...{ nextSlot: instantAt(5), earliestStart: instantAt(5), terminatedAt: null },
      });
    },
  },
  postpone_all: {
    check(one) {
      const periods = setupOf<{ tasks: readonly { period: number }[] }>(one).tasks;
      const worlds = periods.map(({ period }) =>
        worldOf({ task: { schedule: `${period}m`, firstDelaySeconds: 0 } }),
      );
      for (const world of worlds) {
        world.postpone(0);
      }
      expect({ next: worlds.map((world) => world.next()) }).toEqual(expectedOf(one));
    },
  },
  stop_return_code: {
    check(one) {
      const world = worldFor(one, { ending: 'stopped' });
      world.tick(0);
      expect({ task: world.tick(1).kind }).toEqual(expectedOf(one));
    },
  },
  full_done_postpones_smart: {
    check(one) {
      const smart = worldOf({ task: { schedule: '15m', anchor: 'start', firstDelaySeconds: 600 } });
      smart.postpone(4);
      expect(expectedOf(one)).toEqual({ smart_next: 't1 + smart period' });
      expect(smart.next()).toBe(4 + 15);
    },
  },
};

function onceAt(time: number, task: Partial<Task> = {}): World {
  const schedule = new Date(instantAt(time)).toISOString();
  return worldOf({ task: { ...task, scheduleKind: 'at', schedule } });
}

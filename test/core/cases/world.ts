import { patchOf } from '../../../src/core/advance.ts';
import { type Decision, decide } from '../../../src/core/due.ts';
import { type Instant, MINUTE_MS, SECOND_MS } from '../../../src/core/instants.ts';
import { currentPeriod } from '../../../src/core/period.ts';
import { afterRun, type EndedRun, endPolicyOf } from '../../../src/core/run-end.ts';
import { newState, type TaskState } from '../../../src/core/state.ts';
import type { Task } from '../../../src/core/task.ts';
import { postponed, RESTING, type StatePatch, settle } from '../../../src/core/transitions.ts';
import { at, taskWith, timetableWith } from '../../support/builders.ts';

/**
 * The unit of time of a world is a minute. The cases count seconds, but here only full minutes decide what is due, so a
 * second of a case stands for a minute.
 */
const ORIGIN = at('12:00');

export type Ending = EndedRun['status'];

export type WorldPlan = {
  readonly task?: Partial<Task>;
  /** In units, like every time of a world. */
  readonly createdAt?: number;
  /** How long a run takes; it never ends by itself when this is infinite. */
  readonly duration?: number;
  readonly ending?: Ending;
};

/** One task whose node ticks when it is told to: what the core by itself makes of it. */
export type World = {
  readonly task: Task;
  /** Ticks once at the time; runs that have ended by then end first. */
  readonly tick: (time: number) => Decision;
  /** Ticks at every unit from the first time to the last. */
  readonly tickFrom: (first: number, last: number) => void;
  readonly setEnding: (ending: Ending) => void;
  /** Says whether the resource of the task is down. */
  readonly setOffline: (offline: boolean) => void;
  readonly switchOff: () => void;
  readonly switchOn: (time: number) => void;
  /** Asks a live run to end, which it does at once, and counts anew. */
  readonly postpone: (time: number) => void;
  readonly state: () => TaskState;
  readonly starts: () => readonly number[];
  /** The next slot, or null. */
  readonly next: () => number | null;
  /** The period as back-off has left it. */
  readonly period: () => number;
  readonly isRunning: () => boolean;
};

type Live = { readonly slot: Instant; readonly endsAt: Instant };

export function instantAt(time: number): Instant {
  return ORIGIN + time * MINUTE_MS;
}

/** The time of an instant in units. */
export function timeOf(instant: Instant): number {
  return (instant - ORIGIN) / MINUTE_MS;
}

export function worldOf({
  task: changes = {},
  createdAt = 0,
  duration = 0,
  ending = 'succeeded',
}: WorldPlan): World {
  let task = taskWith(changes);
  const timetable = timetableWith(changes);
  let state = createdState(task, instantAt(createdAt));
  let live: Live | undefined;
  let ended: Ending = ending;
  let ticks = 0;
  let isOffline = false;
  const starts: number[] = [];

  function move(patch: StatePatch): void {
    state = { ...state, ...patch };
  }

  function endRun(status: Ending, endedAt: Instant): void {
    if (live !== undefined) {
      const run = { slot: live.slot, attempt: state.attempt, status, byShutdown: false, endedAt };
      const policy = { ...endPolicyOf(task, timetable), active: task.active };
      live = undefined;
      move(afterRun(state, policy, { ...run, message: null, moduleState: 'kept' }).patch);
    }
  }

  function tick(time: number): Decision {
    const now = instantAt(time);
    ticks += 1;
    if (live !== undefined && live.endsAt <= now) {
      endRun(ended, live.endsAt);
    }
    const moment = { tickAt: now, now, ticks: { own: ticks, all: ticks } };
    const liveRuns = live === undefined ? 0 : 1;
    const conditions = { offline: isOffline, unmet: undefined };
    const look = () =>
      decide({ definition: { kind: 'valid', task, timetable }, state, liveRuns, conditions, ...moment });
    let decision = look();
    if (decision.kind === 'online') {
      // A tick lets its tasks rest no more before it looks at what is due.
      move(patchOf(decision, { task, timetable, state }, moment));
      decision = look();
    }
    move(patchOf(decision, { task, timetable, state }, moment));
    if (decision.kind === 'run') {
      starts.push(time);
      live = { slot: decision.slots.slot, endsAt: now + duration * MINUTE_MS };
      if (duration === 0) {
        endRun(ended, now);
      }
    }
    return decision;
  }

  move(settle(state, timetable));
  return {
    task,
    tick,
    tickFrom(first, last) {
      for (let time = first; time <= last; time += 1) {
        tick(time);
      }
    },
    setEnding(next) {
      ended = next;
    },
    setOffline(offline) {
      isOffline = offline;
    },
    switchOff() {
      task = { ...task, active: false };
      move({ ...RESTING, currentPeriodSeconds: null });
    },
    switchOn(time) {
      task = { ...task, active: true };
      const { countedFrom, firstSlot } = countedAnew(instantAt(time), task.enabledDelaySeconds);
      move({ countedFrom, firstSlot, anchoredAt: null, currentPeriodSeconds: null });
      move(settle(state, timetable));
    },
    postpone(time) {
      const now = instantAt(time);
      move(postponed(state, timetable, { now, ticks: { own: ticks, all: ticks }, active: task.active }));
      endRun('cancelled', now);
    },
    state: () => state,
    starts: () => starts,
    next: () => (state.nextSlot === null ? null : timeOf(state.nextSlot)),
    period: () => (timetable.period === null ? Number.NaN : currentPeriod(timetable.period, state) / 60),
    isRunning: () => live !== undefined,
  };
}

/** The state that a new task gets. */
function createdState({ id, runImmediately, firstDelaySeconds }: Task, minute: Instant): TaskState {
  const { countedFrom, firstSlot } = countedAnew(minute, runImmediately ? 0 : firstDelaySeconds);
  return newState(countedFrom, { taskId: id, scopeKey: 'alpha', firstSlot });
}

/** A delay makes its end the first slot; without one the first slot is that of the schedule. */
function countedAnew(minute: Instant, delaySeconds: number | null) {
  return delaySeconds === null
    ? { countedFrom: minute, firstSlot: null }
    : { countedFrom: minute + delaySeconds * SECOND_MS, firstSlot: minute + delaySeconds * SECOND_MS };
}

/** A case as the file has it: what it holds differs from case to case. */
export type ApiCase = {
  readonly source: string;
  readonly name: string;
  readonly setup: unknown;
  readonly action: unknown;
  readonly expect: unknown;
};

/**
 * What the tests make of a case. Without `why` it is taken over: the check expects what the case says, read from it.
 * With `why` it is not, or not as it stands, and the check says what holds instead.
 */
export type Taken = { readonly why?: string; readonly check: (one: ApiCase) => void };

/** What the case expects, in the form that its check knows it to have. */
export function expectedOf<Expected>(one: ApiCase): Expected {
  return one.expect as Expected;
}

/** What the case sets up, in the form that its check knows it to have. */
export function setupOf<Setup>(one: ApiCase): Setup {
  return one.setup as Setup;
}

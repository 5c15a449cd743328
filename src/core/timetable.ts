import { stableHash } from './hash.ts';
import { DAY_MS, type Instant, SECOND_MS, toText } from './instants.ts';
import { type PeriodPolicy, slotsOfPeriod } from './period.ts';
import { NEVER, parseEvery } from './schedule/every.ts';
import { parseSchedule } from './schedule/next-slot.ts';
import type { Schedule } from './schedule/schedule.ts';
import { parseTicks, type TickCount } from './schedule/ticks.ts';
import type { TaskState } from './state.ts';
import { ALL_NODES, type Task } from './task.ts';

/** A task's schedule with the policies that say when a slot starts, ready to be asked for any state of the task. */
export type Timetable = {
  /** The slots as they stand in the state: those of a period depend on what has become of earlier ones. */
  readonly slotsIn: (state: TaskState) => Schedule;
  /** The period, of kind `every` only. */
  readonly period: PeriodPolicy | null;
  /** What is counted instead of time, of kind `ticks` only: then there are no slots before they are due. */
  readonly ticks: TickCount | null;
  /** It has one slot, and its task is done with it. */
  readonly once: boolean;
  readonly randomOffsetSeconds: number;
};

/** How late a spread lets a slot start at most: no range of a day is longer, clock changes included. */
const MAX_SPREAD_MS = 2 * DAY_MS;

/**
 * The timetable of a valid task for one of its scopes.
 *
 * @throws ScheduleError when another version of the program, or of its time zones, took the schedule for valid
 */
export function timetableOf(
  task: Task,
  { scopeKey, nodeTimezone }: { readonly scopeKey: string; readonly nodeTimezone: string },
): Timetable {
  const { scheduleKind: kind, schedule: text, randomOffsetSeconds } = task;
  if (task.confirmation) {
    // Whatever its schedule says, nobody would be there to confirm it.
    return fixedTimetable(NEVER);
  }
  if (kind === 'every') {
    const { anchor, backoff, maxPeriodSeconds } = task;
    return periodTimetable(
      { periodSeconds: parseEvery(text), anchor, backoff, maxPeriodSeconds },
      randomOffsetSeconds,
    );
  }
  if (kind === 'ticks') {
    const ticks = parseTicks(text);
    return { slotsIn: () => NEVER, period: null, ticks, once: !ticks.repeats, randomOffsetSeconds: 0 };
  }
  const schedule = parseSchedule(kind, text, {
    timezone: task.timezone === '' ? nodeTimezone : task.timezone,
    hashSeed: hashSeedOf(task, scopeKey),
  });
  return fixedTimetable(schedule, { once: kind === 'at', randomOffsetSeconds });
}

/** The timetable of a period. */
export function periodTimetable(period: PeriodPolicy, randomOffsetSeconds = 0): Timetable {
  return {
    slotsIn: (state) => slotsOfPeriod(period, state),
    period,
    ticks: null,
    once: false,
    randomOffsetSeconds,
  };
}

/** The timetable of a schedule whose slots do not depend on the state. */
export function fixedTimetable(
  schedule: Schedule,
  { once = false, randomOffsetSeconds = 0 }: Partial<Pick<Timetable, 'once' | 'randomOffsetSeconds'>> = {},
): Timetable {
  return { slotsIn: () => schedule, period: null, ticks: null, once, randomOffsetSeconds };
}

/** What decides `H` and `~` for one state of a task: its id, and the node for scope `each`. */
export function hashSeedOf({ id }: Pick<Task, 'id'>, scopeKey: string): string {
  return scopeKey === ALL_NODES ? String(id) : `${id}/${scopeKey}`;
}

/**
 * When a slot starts at the earliest: the slot itself, or later by its spread and by a stable part of the random offset,
 * which stays inside the slot's window.
 */
export function earliestStartOf(timetable: Timetable, state: TaskState, slot: Instant): Instant {
  const schedule = timetable.slotsIn(state);
  const spreadMs = schedule.spreadMs?.(slot) ?? 0;
  const { randomOffsetSeconds } = timetable;
  if (randomOffsetSeconds === 0) {
    return slot + spreadMs;
  }
  const closesAt = schedule.closesAt?.(slot) ?? Number.POSITIVE_INFINITY;
  const room = Math.max(0, Math.floor((closesAt - slot - spreadMs) / SECOND_MS));
  const within = Math.min(randomOffsetSeconds, room);
  const drawn = stableHash(`${state.taskId}/${state.scopeKey}/${toText(slot)}`);
  return slot + spreadMs + (within === 0 ? 0 : drawn % within) * SECOND_MS;
}

/** No slot starts later than this after its instant. */
export function maxDelayMs(timetable: Timetable, schedule: Schedule): number {
  const spread = schedule.spreadMs === undefined ? 0 : MAX_SPREAD_MS;
  return spread + timetable.randomOffsetSeconds * SECOND_MS;
}

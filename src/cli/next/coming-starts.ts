import { stateAfter } from '../../core/advance.ts';
import { decide } from '../../core/due.ts';
import { floorToMinute, type Instant, MINUTE_MS } from '../../core/instants.ts';
import type { TickNumbers } from '../../core/slots.ts';
import type { TaskState } from '../../core/state.ts';
import type { Task } from '../../core/task.ts';
import type { Timetable } from '../../core/timetable.ts';
import { retryAhead } from '../../runner/retry-ahead.ts';

/** Which of the coming instants are asked for: at most `count`, none after `until`. */
export type Asked = {
  readonly from: Instant;
  readonly until: Instant | undefined;
  readonly count: number;
};

/** What starts: an active task, and its state as it is now. */
export type Starting = {
  readonly task: Task;
  readonly timetable: Timetable;
  readonly state: TaskState;
  readonly rhythmSeconds?: number | undefined;
};

/** Slots that are skipped, or wait for the end of an exclusion, lie between starts; so many steps end any search. */
const MAX_IDLE_STEPS = 10_000;

// Ticks are not counted here: a schedule that counts them has no instants.
const NO_TICKS: TickNumbers = { own: 0, all: 0 };

/**
 * The instants at which a task starts, if a tick comes at each of them and every run ends well at once: strictly after
 * `from`, except that what is overdue then starts at `from` itself, however many slots are due. What a pending attempt has
 * kept waiting starts in the minute after that, with the next tick at the earliest.
 */
export function comingStarts(starting: Starting, { from, until, count }: Asked): readonly Instant[] {
  const starts: Instant[] = [];
  let state = starting.state;
  let at: Instant | null = from;
  let idle = 0;
  while (at !== null && starts.length < count && idle < MAX_IDLE_STEPS && at <= (until ?? at)) {
    const after = afterTick({ ...starting, state }, at);
    if (after.hasStarted) {
      starts.push(at);
    }
    idle = after.hasStarted ? 0 : idle + 1;
    state = after.state;
    at = lookedAtNext(at, after);
  }
  return starts;
}

/** What is still due after a start is left for the next tick. */
function lookedAtNext(at: Instant, { nextAt, hasStarted }: AfterTick): Instant | null {
  if (nextAt === null || nextAt > at) {
    return nextAt;
  }
  return hasStarted ? floorToMinute(at) + MINUTE_MS : null;
}

type AfterTick = {
  readonly state: TaskState;
  readonly hasStarted: boolean;
  /** When the state is to be looked at again; null when nothing is coming. */
  readonly nextAt: Instant | null;
};

/** What a tick at the instant makes of the state while no run of it is alive. */
function afterTick({ task, timetable, state: found, rhythmSeconds }: Starting, at: Instant): AfterTick {
  const tick = { tickAt: at, now: at, ticks: NO_TICKS };
  let state = found;
  let hasStarted = false;
  let again = true;
  let waitsUntil: Instant | undefined;
  while (again) {
    const definition = { kind: 'valid' as const, task, timetable };
    const decision = decide({ ...tick, definition, state, liveRuns: 0, rhythmSeconds });
    state = stateAfter(decision, { task, timetable, state }, tick);
    hasStarted ||= decision.kind === 'run' || decision.kind === 'retry';
    waitsUntil = decision.kind === 'excluded' ? decision.until : retryAhead(decision, state);
    again = 'again' in decision && decision.again;
  }
  return { state, hasStarted, nextAt: waitsUntil ?? startOf(state) };
}

function startOf({ earliestStart }: TaskState): Instant | null {
  return typeof earliestStart === 'number' ? earliestStart : null;
}

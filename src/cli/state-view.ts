import { stateAfter } from '../core/advance.ts';
import { type Decision, decide } from '../core/due.ts';
import { floorToMinute, type Instant, MINUTE_MS, SECOND_MS } from '../core/instants.ts';
import { joinMessages } from '../core/outcome.ts';
import { earliestOf, nextStartOf } from '../core/slots.ts';
import { saysDone, type TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import { type Timetable, timetableOf } from '../core/timetable.ts';
import { blockageText, skipText } from '../runner/reasons.ts';
import { retryAhead } from '../runner/retry-ahead.ts';
import { type BackedOff, backedOff } from './backed-off.ts';
import { blockageNow, heldSince, type RecordedWorld, wakeConditions, whyRests } from './recorded-world.ts';
import type { TickCounts, TickWait } from './tick-wait.ts';

/** What is worth seeing of a state at once. */
export type Mark =
  | 'running'
  | 'overdue'
  | 'blocked'
  | 'offline'
  | 'backed off'
  | 'done'
  | 'terminated'
  | 'handled in the future'
  | 'counts from the future';

/** A state of a task as it stands now. */
export type StateView = {
  readonly state: TaskState;
  readonly liveRuns: number;
  readonly marks: readonly Mark[];
  /** When the next attempt may start; in the past when it is due; null when none is coming, or no instant is known. */
  readonly nextAt: Instant | null;
  readonly isDue: boolean;
  /** Why the next tick skips all that is due; null where it does not. */
  readonly skipReason: string | null;
  /** Why it is blocked, by what is recorded of its resources now; null where it is not. */
  readonly blockage: string | null;
  /** How the resource is for which it rests, by what is recorded; null where it does not rest, or is to wake. */
  readonly resting: string | null;
  /** The tick at which it fires, where ticks are counted instead of time. */
  readonly tickWait: TickWait | null;
  readonly backedOff: BackedOff | null;
  /** The zone in which the schedule is meant. */
  readonly timezone: string;
  /** Undefined for an invalid task. */
  readonly timetable: Timetable | undefined;
};

/** What is needed to look at any state. */
export type StateViewpoint = {
  readonly now: Instant;
  readonly timezoneOf: (scopeKey: string) => string;
  readonly ticks: TickCounts;
  /** Undefined when nobody knows how often the node ticks. */
  readonly rhythmMs: (scopeKey: string) => number | undefined;
  readonly world: RecordedWorld;
  readonly liveRunsOf: (state: TaskState) => number;
};

const LEAST_OVERDUE_MS = 2 * MINUTE_MS;

/** Looks at a state as a tick would now; that of an invalid task, given as undefined, waits for nothing. */
export function viewState(task: Task | undefined, state: TaskState, view: StateViewpoint): StateView {
  const nodeTimezone = view.timezoneOf(state.scopeKey);
  const timezone = task === undefined || task.timezone === '' ? nodeTimezone : task.timezone;
  const timetable =
    task === undefined ? undefined : timetableOf(task, { scopeKey: state.scopeKey, nodeTimezone });
  const idle = idleState(state, { liveRuns: view.liveRunsOf(state), timezone, timetable });
  return task === undefined || timetable === undefined ? idle : viewValid({ task, timetable }, idle, view);
}

type Valid = { readonly task: Task; readonly timetable: Timetable };

function viewValid({ task, timetable }: Valid, idle: StateView, view: StateViewpoint): StateView {
  const { liveRuns } = idle;
  const rhythmMs = view.rhythmMs(idle.state.scopeKey);
  const { decision, state } = decided({ task, timetable }, idle, { view, rhythmMs });
  if (decision.kind === 'offline-disabled') {
    return { ...idle, resting: whyRests(task, state, view.world) };
  }
  if (IDLE.has(decision.kind)) {
    return idle;
  }
  const nextAt =
    decision.kind === 'excluded'
      ? decision.until
      : (retryAhead(decision, state) ?? startAhead(timetable, state));
  const backed = backedOff(timetable, state);
  const due = isDue(decision);
  const blockage = due ? blockageNow(task, state, view.world) : null;
  return {
    ...idle,
    nextAt,
    isDue: due,
    skipReason: skipReasonOf(decision, state),
    blockage,
    tickWait: view.ticks.waitOf(timetable, state, view.now),
    backedOff: backed,
    marks: [
      ...runningMark(liveRuns),
      ...(blockage === null ? [] : ['blocked' as const]),
      ...(due && blockage === null ? overdueMark({ task, idle, nextAt }, view, rhythmMs) : []),
      ...(backed === null ? [] : ['backed off' as const]),
      ...futureMark(decision, state, view.now),
    ],
  };
}

/** What the next tick decides: of a state that it wakes, what that comes to, since it counts from then. */
function decided(
  { task, timetable }: Valid,
  { state, liveRuns }: StateView,
  { view, rhythmMs }: { readonly view: StateViewpoint; readonly rhythmMs: number | undefined },
): { readonly decision: Decision; readonly state: TaskState } {
  const tick = {
    tickAt: floorToMinute(view.now),
    ticks: view.ticks.nextOf(state.scopeKey),
    now: view.now,
    rhythmSeconds: rhythmMs === undefined ? undefined : rhythmMs / SECOND_MS,
  };
  const input = { ...tick, definition: { kind: 'valid', task, timetable } as const, liveRuns };
  const decision = decide({ ...input, state, conditions: wakeConditions(task, state, view.world) });
  if (decision.kind !== 'online') {
    return { decision, state };
  }
  const woken = stateAfter(decision, { task, timetable, state }, tick);
  return { decision: decide({ ...input, state: woken }), state: woken };
}

/** Why the next tick skips all that is due, and for what that had waited. */
function skipReasonOf(decision: Decision, state: TaskState): string | null {
  return decision.kind === 'skip' && !decision.again
    ? joinMessages(skipText(decision), blockageText(state))
    : null;
}

/** What had to wait for a resource is late only from when that was there. */
function overdueMark(
  { task, idle, nextAt }: { readonly task: Task; readonly idle: StateView; readonly nextAt: Instant | null },
  { now, world }: StateViewpoint,
  rhythmMs: number | undefined,
): readonly Mark[] {
  if (idle.liveRuns > 0 || nextAt === null) {
    return [];
  }
  const dueFrom = Math.max(nextAt, heldSince(task, idle.state, world) ?? nextAt);
  return isLate(now - dueFrom, rhythmMs) ? ['overdue'] : [];
}

/** Decisions after which nothing is waited for. */
const IDLE: ReadonlySet<Decision['kind']> = new Set(['inactive', 'terminated', 'offline-disabled']);

function isLate(sinceMs: number, rhythmMs: number | undefined): boolean {
  return rhythmMs !== undefined && sinceMs > Math.max(2 * rhythmMs, LEAST_OVERDUE_MS);
}

/** A delay of the first slot lies ahead by intention. */
function futureMark(
  decision: Decision,
  { countedFrom, firstSlot }: TaskState,
  now: Instant,
): readonly Mark[] {
  if (decision.kind === 'handled-in-future') {
    return ['handled in the future'];
  }
  return countedFrom > now && countedFrom !== firstSlot ? ['counts from the future'] : [];
}

/** A state that waits for nothing: of a task that is inactive or invalid, or terminated itself. */
function idleState(
  state: TaskState,
  known: Pick<StateView, 'liveRuns' | 'timezone' | 'timetable'>,
): StateView {
  const ended = isDone(state, known.timetable) ? ('done' as const) : ('terminated' as const);
  return {
    ...known,
    state,
    nextAt: null,
    isDue: false,
    skipReason: null,
    blockage: null,
    resting: null,
    tickWait: null,
    backedOff: null,
    marks: [
      ...runningMark(known.liveRuns),
      ...(state.offlineDisabledAt === null ? [] : ['offline' as const]),
      ...(state.terminatedAt === null ? [] : [ended]),
    ],
  };
}

/** Its only slot has run, however that ended; one that was skipped has not. */
export function isDone({ terminatedReason }: TaskState, timetable: Timetable | undefined): boolean {
  return timetable?.once === true && saysDone(terminatedReason);
}

function runningMark(liveRuns: number): readonly Mark[] {
  return liveRuns > 0 ? ['running'] : [];
}

/** What the due list says, or for a row that the next tick decides anew, what that is going to say. */
function startAhead(timetable: Timetable, state: TaskState): Instant | null {
  return state.earliestStart === 'decide-anew'
    ? earliestOf(state.retryAt, nextStartOf(timetable, state))
    : state.earliestStart;
}

function isDue(decision: Decision): boolean {
  switch (decision.kind) {
    case 'run':
    case 'retry':
    case 'skip':
    case 'give-up':
    case 'excluded':
      return true;
    case 'still-running':
      return decision.slots !== undefined;
    default:
      return false;
  }
}

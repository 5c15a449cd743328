import { catchUp } from './catch-up.ts';
import type { Fault } from './errors.ts';
import { type Conditions, gated, restsOffline } from './gate.ts';
import { floorToMinute, type Instant } from './instants.ts';
import { countingBase } from './period.ts';
import { dueSlots, dueTickOf, earliestOf, nextSlotOf, type SlotRange, type TickTime } from './slots.ts';
import { DONE, type TaskState } from './state.ts';
import type { Task } from './task.ts';
import { tickNumber } from './tick-time.ts';
import type { Timetable } from './timetable.ts';
import { whyGivenUpWith } from './transitions.ts';

/** A definition as the decision sees it: one that cannot run at all, or a task with its timetable. */
export type DecidedDefinition =
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] }
  | { readonly kind: 'valid'; readonly task: Task; readonly timetable: Timetable };

export type DueInput = TickTime & {
  readonly definition: DecidedDefinition;
  readonly state: TaskState;
  /** Runs of this state that are alive, those by hand included. */
  readonly liveRuns: number;
  /** The real now: what is too late is decided by it. `tickAt`, the minute of the tick, decides what is due. */
  readonly now: Instant;
  /** How often the node ticks, in seconds; undefined where that is not known. */
  readonly rhythmSeconds?: number | undefined;
  /** How the conditions of the task stand here; absent where nobody has looked: then they are taken to hold. */
  readonly conditions?: Conditions | undefined;
};

/** Why due slots are taken without being run: the reason code of their row in the ledger. */
export type SkipReason = 'overlap' | 'too_late' | 'missed' | 'window_closed' | 'postponed' | 'offline';

export type Decision =
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] }
  | { readonly kind: 'inactive' }
  | { readonly kind: 'terminated'; readonly reason: string | null }
  /** The task is offline, and rests until it is online again. */
  | { readonly kind: 'offline-disabled'; readonly since: Instant }
  /** It rested because it was offline, and does not any more: it counts from now. */
  | { readonly kind: 'online' }
  /** The node was drained, or there is maintenance: what is due stays so. */
  | { readonly kind: 'held'; readonly reason: string }
  | { readonly kind: 'handled-in-future'; readonly until: Instant }
  | { readonly kind: 'still-running'; readonly slots: SlotRange | undefined }
  /** `ticksLeft`: how many ticks from this one its tick is away, where ticks are counted instead of time. */
  | { readonly kind: 'waiting'; readonly nextAt: Instant | null; readonly ticksLeft?: number }
  /** The slot stays due until the stretch ends that excludes this instant. */
  | { readonly kind: 'excluded'; readonly until: Instant; readonly slots: SlotRange }
  /** `again`: what remains is decided anew in the same tick. */
  | {
      readonly kind: 'skip';
      readonly reason: SkipReason;
      readonly slots: SlotRange;
      readonly again: boolean;
      /** For `too_late`: how late a slot may start, in seconds. */
      readonly deadlineSeconds?: number;
      /** For `offline`: the resource that is down. */
      readonly resource?: string;
      /** For `offline`: the number of the pending attempt that is left out, of a slot that is handled. */
      readonly attempt?: number;
    }
  /** What it requires does not hold here: the slot, or the pending attempt, stays due for this or another node. */
  /** `note` is the reason as a state keeps it: it changes with what is so, not with the words in which it was found. */
  | { readonly kind: 'blocked'; readonly reason: string; readonly note: string }
  /** The resource is down: the task rests from now on, and the slots are skipped. */
  | {
      readonly kind: 'go-offline';
      readonly resource: string;
      readonly slots: SlotRange | undefined;
      /** The number of the pending attempt that is left out, though no newer slot supersedes it. */
      readonly attempt: number | undefined;
    }
  | {
      readonly kind: 'retry';
      readonly slot: Instant;
      readonly attempt: number;
      readonly again: boolean;
    }
  /** Nothing is to come any more of a task that is to go when it is done. */
  | { readonly kind: 'over'; readonly reason: string }
  /** A newer slot ends the hope of the pending attempt, and with that failure the task is given up. */
  | { readonly kind: 'give-up'; readonly reason: string; readonly slots: SlotRange }
  | {
      readonly kind: 'run';
      readonly slots: SlotRange;
      /** The pending attempt that this newer slot replaces, if any. */
      readonly supersededAttempt: number | undefined;
      /** More slots are due, and run one after the other in this tick. */
      readonly again: boolean;
    };

/**
 * Decides what a tick does with one state: the first rule that matches, in the order of the decision table. Pure: the
 * same input gives the same decision, in a tick, a dry run and a simulation alike.
 */
export function decide(input: DueInput): Decision {
  const { definition, state, tickAt, now } = input;
  if (definition.kind === 'invalid') {
    return { kind: 'invalid', faults: definition.faults };
  }
  if (!definition.task.active) {
    return { kind: 'inactive' };
  }
  if (state.terminatedAt !== null) {
    return { kind: 'terminated', reason: state.terminatedReason };
  }
  if (state.offlineDisabledAt !== null) {
    return restsOffline(definition.task) && !isBack(input.conditions)
      ? { kind: 'offline-disabled', since: state.offlineDisabledAt }
      : { kind: 'online' };
  }
  if (input.hold !== undefined) {
    return { kind: 'held', reason: input.hold };
  }
  const { handledSlot } = state;
  // The second of several ticks in one minute has its slot some milliseconds into that minute.
  if (handledSlot !== null && handledSlot > now && floorToMinute(handledSlot) > tickAt) {
    return { kind: 'handled-in-future', until: handledSlot };
  }
  if (definition.timetable.ticks === null && countingBase(state) > tickAt) {
    return { kind: 'waiting', nextAt: nextSlotOf(definition.timetable, state) };
  }
  return decideRunnable(definition, input);
}

/** Where nobody has looked, a task goes on to rest. */
function isBack(conditions: Conditions | undefined): boolean {
  return conditions !== undefined && (conditions.isBack ?? !conditions.offline);
}

/** A reset, or switching it off and on again, has taken back an attempt that was pending: its slot counts no more. */
const SLOT_HAS_PASSED = `${DONE} passed`;

type Valid = DecidedDefinition & { readonly kind: 'valid' };

function decideRunnable({ task, timetable }: Valid, input: DueInput): Decision {
  const { state, tickAt, liveRuns } = input;
  const slots = dueSlots(timetable, state, input);
  if (liveRuns > 0) {
    const decision = decideOverlap(task, liveRuns, slots);
    if (decision !== undefined) {
      return decision;
    }
  }
  const retryDue =
    state.retryAt !== null && state.handledSlot !== null && (slots === undefined || task.retryPastNext);
  if (retryDue && state.retryAt <= tickAt && state.handledSlot !== null) {
    const again = slots !== undefined && task.catchUp === 'each';
    const retry = { kind: 'retry', slot: state.handledSlot, attempt: state.attempt + 1, again } as const;
    return gated(retry, { task, timetable, due: slots, conditions: input.conditions });
  }
  if (slots === undefined) {
    return decideIdle({ task, timetable }, input);
  }
  if (retryDue) {
    return { kind: 'waiting', nextAt: state.retryAt };
  }
  return decideDue({ task, timetable }, input, slots);
}

/** Nothing is due, and no attempt is. */
function decideIdle({ task, timetable }: Omit<Valid, 'kind'>, input: DueInput): Decision {
  const { state, liveRuns } = input;
  const nextAt = earliestOf(state.retryAt, nextSlotOf(timetable, state));
  const dueTick = dueTickOf(timetable, state);
  if (dueTick !== null) {
    return { kind: 'waiting', nextAt, ticksLeft: dueTick - tickNumber(state, input) };
  }
  return task.removeWhenDone && timetable.once && nextAt === null && liveRuns === 0
    ? { kind: 'over', reason: SLOT_HAS_PASSED }
    : { kind: 'waiting', nextAt };
}

/** Undefined lets the slot go on to the next rules. */
function decideOverlap(task: Task, liveRuns: number, slots: SlotRange | undefined): Decision | undefined {
  if (task.overlap === 'allow' && liveRuns < task.maxParallel) {
    return undefined;
  }
  return task.overlap === 'skip' && slots !== undefined
    ? { kind: 'skip', reason: 'overlap', slots, again: false }
    : { kind: 'still-running', slots };
}

function decideDue(
  { task, timetable }: Omit<Valid, 'kind'>,
  { state, tickAt, now, rhythmSeconds, conditions }: DueInput,
  due: SlotRange,
): Decision {
  const step = catchUp({ task, timetable, state }, { due, tickAt, now, rhythmSeconds });
  if (step.kind === 'skip') {
    return step;
  }
  const { slots, again } = step;
  const schedule = timetable.slotsIn(state);
  // A tick is there for its whole minute: the last minute of a window still counts.
  const minute = Math.max(tickAt, floorToMinute(now));
  const closesAt = schedule.closesAt?.(slots.slot);
  if (closesAt !== undefined && minute > closesAt) {
    return { kind: 'skip', reason: 'window_closed', slots, again: slots.slot < due.slot };
  }
  const excludedUntil = schedule.excludedUntil?.(minute);
  if (excludedUntil !== undefined && slots.slot !== state.firstSlot) {
    return { kind: 'excluded', until: excludedUntil, slots };
  }
  const supersededAttempt = state.retryAt === null ? undefined : state.attempt + 1;
  const reason = supersededAttempt === undefined ? undefined : whyGivenUpWith(state, task, now);
  return reason === undefined
    ? gated({ kind: 'run', slots, supersededAttempt, again }, { task, timetable, due, conditions })
    : { kind: 'give-up', reason, slots };
}

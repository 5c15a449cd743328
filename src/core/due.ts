import type { Fault } from './errors.ts';
import type { Instant } from './instants.ts';
import { countSlots, newestSlotIn } from './schedule/next-slot.ts';
import type { Schedule } from './schedule/schedule.ts';
import type { TaskState } from './state.ts';
import type { Task } from './task.ts';

/** Due slots that one decision handles together: the oldest, the newest, and how many (exact up to 10,000). */
export type SlotRange = { readonly first: Instant; readonly slot: Instant; readonly count: number };

/** A definition as the decision sees it: one that cannot run at all, or a task with its parsed schedule. */
export type DecidedDefinition =
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] }
  | { readonly kind: 'valid'; readonly task: Task; readonly schedule: Schedule };

export type DueInput = {
  readonly definition: DecidedDefinition;
  readonly state: TaskState;
  /** Runs of this state that are alive, those by hand included. */
  readonly liveRuns: number;
  /** The minute of the tick: what is due is decided by it. */
  readonly tickAt: Instant;
  /** The real now: what is too late is decided by it. */
  readonly now: Instant;
};

export type Decision =
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] }
  | { readonly kind: 'inactive' }
  | { readonly kind: 'terminated'; readonly reason: string | null }
  | { readonly kind: 'handled-in-future'; readonly until: Instant }
  | { readonly kind: 'still-running'; readonly slots: SlotRange | undefined }
  | { readonly kind: 'waiting'; readonly nextAt: Instant | null }
  | { readonly kind: 'skip'; readonly reason: 'overlap' | 'too_late'; readonly slots: SlotRange }
  | { readonly kind: 'retry'; readonly slot: Instant; readonly attempt: number }
  | {
      readonly kind: 'run';
      readonly slots: SlotRange;
      /** The pending attempt that this newer slot replaces, if any. */
      readonly supersededAttempt: number | undefined;
    };

/**
 * Decides what a tick does with one state: the first rule that matches, in the order of the decision table. Pure: the
 * same input gives the same decision, in a tick, a dry run and a preview alike.
 */
export function decide(input: DueInput): Decision {
  const { definition, state, tickAt } = input;
  if (definition.kind === 'invalid') {
    return { kind: 'invalid', faults: definition.faults };
  }
  if (!definition.task.active) {
    return { kind: 'inactive' };
  }
  if (state.terminatedAt !== null) {
    return { kind: 'terminated', reason: state.terminatedReason };
  }
  if (state.handledSlot !== null && state.handledSlot > tickAt && state.handledSlot > input.now) {
    return { kind: 'handled-in-future', until: state.handledSlot };
  }
  if (countingBase(state) > tickAt) {
    return { kind: 'waiting', nextAt: nextSlotOf(definition.schedule, state) };
  }
  return decideRunnable(definition.task, definition.schedule, input);
}

function decideRunnable(task: Task, schedule: Schedule, input: DueInput): Decision {
  const { state, tickAt, liveRuns } = input;
  const slots = dueSlots(schedule, state, tickAt);
  if (liveRuns > 0) {
    const decision = decideOverlap(task, liveRuns, slots);
    if (decision !== undefined) {
      return decision;
    }
  }
  const retryDue =
    state.retryAt !== null && state.handledSlot !== null && (slots === undefined || task.retryPastNext);
  if (retryDue && state.retryAt <= tickAt && state.handledSlot !== null) {
    return { kind: 'retry', slot: state.handledSlot, attempt: state.attempt + 1 };
  }
  if (slots === undefined) {
    return { kind: 'waiting', nextAt: earliestOf(state.retryAt, nextSlotOf(schedule, state)) };
  }
  if (retryDue) {
    return { kind: 'waiting', nextAt: state.retryAt };
  }
  if (task.startDeadlineSeconds !== null && input.now - slots.slot > task.startDeadlineSeconds * 1_000) {
    return { kind: 'skip', reason: 'too_late', slots };
  }
  return { kind: 'run', slots, supersededAttempt: state.retryAt === null ? undefined : state.attempt + 1 };
}

/** Undefined lets the slot go on to the next rules. */
function decideOverlap(task: Task, liveRuns: number, slots: SlotRange | undefined): Decision | undefined {
  if (task.overlap === 'allow' && liveRuns < task.maxParallel) {
    return undefined;
  }
  return task.overlap === 'skip' && slots !== undefined
    ? { kind: 'skip', reason: 'overlap', slots }
    : { kind: 'still-running', slots };
}

/** The slots of a state that are due at the instant, newest included, or undefined if none is. */
export function dueSlots(schedule: Schedule, state: TaskState, upTo: Instant): SlotRange | undefined {
  const base = countingBase(state);
  const newest = newestSlotIn(schedule, base, upTo);
  const first = newest === undefined ? undefined : schedule.nextAfter(base);
  const extra = pendingFirstSlot(state);
  const extraDue = extra !== null && extra <= upTo;
  if (newest === undefined || first === undefined) {
    return extraDue ? { first: extra, slot: extra, count: 1 } : undefined;
  }
  const count = countSlots(schedule, base, upTo);
  return extraDue
    ? { first: Math.min(extra, first), slot: Math.max(extra, newest), count: count + 1 }
    : { first, slot: newest, count };
}

/** The first slot that is not handled yet, due or not; null when the schedule has none. */
export function nextSlotOf(schedule: Schedule, state: TaskState): Instant | null {
  return earliestOf(pendingFirstSlot(state), schedule.nextAfter(countingBase(state)) ?? null);
}

/** Slots count from the handled one, and never from before the definition began to count. */
function countingBase(state: TaskState): Instant {
  return Math.max(state.handledSlot ?? Number.NEGATIVE_INFINITY, state.countedFrom);
}

function pendingFirstSlot({ firstSlot, handledSlot }: TaskState): Instant | null {
  return firstSlot !== null && (handledSlot === null || firstSlot > handledSlot) ? firstSlot : null;
}

/** The earlier of two instants, where null is never. */
export function earliestOf(one: Instant | null, other: Instant | null): Instant | null {
  if (one === null || other === null) {
    return one ?? other;
  }
  return Math.min(one, other);
}

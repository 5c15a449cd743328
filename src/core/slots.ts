import type { Instant } from './instants.ts';
import { countingBase } from './period.ts';
import { countSlots, newestSlotIn } from './schedule/next-slot.ts';
import type { Schedule } from './schedule/schedule.ts';
import type { TaskState } from './state.ts';
import { tickNumber } from './tick-time.ts';
import { earliestStartOf, maxDelayMs, type Timetable } from './timetable.ts';

/** Slots that one decision handles together: the oldest, the newest, and how many (exact up to 10,000). */
export type SlotRange = { readonly first: Instant; readonly slot: Instant; readonly count: number };

/** A tick among those of its node, and among those of all nodes together. */
export type TickNumbers = { readonly own: number; readonly all: number };

/** A tick, as far as decisions go. */
export type TickTime = {
  readonly tickAt: Instant;
  readonly ticks: TickNumbers;
  /** Why the node starts nothing new, in words; absent when it does. */
  readonly hold?: string | undefined;
};

/** Slots of a state that are due in the tick, newest included, or undefined if none is. */
export function dueSlots(timetable: Timetable, state: TaskState, tick: TickTime): SlotRange | undefined {
  if (timetable.ticks !== null) {
    return dueByTicks(timetable, state, tick);
  }
  const newest = newestDueSlot(timetable, state, tick.tickAt);
  return newest === undefined ? undefined : slotsUpTo(timetable, state, newest);
}

/** All slots that are not handled yet, up to and including the newest one given. */
export function slotsUpTo(timetable: Timetable, state: TaskState, newest: Instant): SlotRange {
  const schedule = timetable.slotsIn(state);
  const base = countingBase(state);
  const extra = pendingFirstSlot(state);
  const isExtraIncluded = extra !== null && extra <= newest;
  const regular = schedule.nextAfter(base);
  const count = countSlots(schedule, base, newest) + (isExtraIncluded ? 1 : 0);
  const first = Math.min(isExtraIncluded ? extra : newest, regular ?? newest);
  return { first: Math.min(first, newest), slot: newest, count: Math.max(1, count) };
}

/** The newest slot before the given one that is not handled yet, or undefined if there is none. */
export function slotBefore(timetable: Timetable, state: TaskState, slot: Instant): Instant | undefined {
  const regular = newestSlotIn(timetable.slotsIn(state), countingBase(state), slot - 1);
  const extra = pendingFirstSlot(state);
  return extra !== null && extra < slot && extra > (regular ?? Number.NEGATIVE_INFINITY) ? extra : regular;
}

/** The first slot that is not handled yet, due or not; null when the schedule has none that is known. */
export function nextSlotOf(timetable: Timetable, state: TaskState): Instant | null {
  const regular = timetable.slotsIn(state).nextAfter(countingBase(state)) ?? null;
  return earliestOf(pendingFirstSlot(state), regular);
}

/**
 * When a slot that is not handled yet starts first. With a spread that need not be the next slot: a later one may be
 * drawn to an earlier start, and then stands for it.
 */
export function nextStartOf(timetable: Timetable, state: TaskState): Instant | null {
  const next = nextSlotOf(timetable, state);
  const schedule = timetable.slotsIn(state);
  if (next === null || maxDelayMs(timetable, schedule) === 0) {
    return next;
  }
  let start = startOf(timetable, state, next);
  let slot = schedule.nextAfter(next);
  while (slot !== undefined && slot < start) {
    start = Math.min(start, startOf(timetable, state, slot));
    slot = schedule.nextAfter(slot);
  }
  return start;
}

/** When the slot starts at the earliest; the one slot of a creation or a switching-on is not spread. */
export function startOf(timetable: Timetable, state: TaskState, slot: Instant): Instant {
  return slot === state.firstSlot ? slot : earliestStartOf(timetable, state, slot);
}

function newestDueSlot(timetable: Timetable, state: TaskState, upTo: Instant): Instant | undefined {
  const schedule = timetable.slotsIn(state);
  const base = countingBase(state);
  const delay = maxDelayMs(timetable, schedule);
  const regular =
    delay === 0 ? newestSlotIn(schedule, base, upTo) : newestStarted(timetable, state, { base, upTo, delay });
  const extra = pendingFirstSlot(state);
  return extra !== null && extra <= upTo ? Math.max(extra, regular ?? extra) : regular;
}

/** What is older than the longest delay has started for sure; only younger slots need to be looked at one by one. */
function newestStarted(
  timetable: Timetable,
  state: TaskState,
  { base, upTo, delay }: { readonly base: Instant; readonly upTo: Instant; readonly delay: number },
): Instant | undefined {
  const schedule: Schedule = timetable.slotsIn(state);
  let newest = newestSlotIn(schedule, base, upTo - delay);
  let slot = schedule.nextAfter(newest ?? base);
  while (slot !== undefined && slot <= upTo) {
    newest = earliestStartOf(timetable, state, slot) <= upTo ? slot : newest;
    slot = schedule.nextAfter(slot);
  }
  return newest;
}

// Ticks

/** The counted tick of a one-shot that was taken: no tick comes after it. */
export const NO_TICK = Number.MAX_SAFE_INTEGER;

/** The number of the tick at which a state that counts ticks is due; null for any other, and for one that has fired. */
export function dueTickOf({ ticks }: Timetable, { countedTick }: TaskState): number | null {
  return ticks === null || countedTick === NO_TICK ? null : countedTick + ticks.gap;
}

/** Several ticks may fall into one minute, and slots strictly grow: then the next one is a millisecond later. */
function dueByTicks(timetable: Timetable, state: TaskState, tick: TickTime): SlotRange | undefined {
  const dueTick = dueTickOf(timetable, state);
  const number = tickNumber(state, tick);
  if (dueTick === null || timetable.ticks === null || number < dueTick) {
    return undefined;
  }
  const { gap, repeats } = timetable.ticks;
  const slot = Math.max(tick.tickAt, (state.handledSlot ?? Number.NEGATIVE_INFINITY) + 1);
  return { first: slot, slot, count: repeats ? Math.floor((number - dueTick) / gap) + 1 : 1 };
}

/** From which tick a state counts after slots were taken: the phase stays whatever was missed, and one slot is all. */
export function tickCountedAfter(
  { ticks, once }: Timetable,
  { countedTick }: TaskState,
  { count }: SlotRange,
): number {
  if (once) {
    return NO_TICK;
  }
  return ticks === null ? countedTick : countedTick + count * ticks.gap;
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

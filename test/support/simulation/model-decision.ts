import type { SlotBook } from './model-slots.ts';
import type { ModelRow, ModelState } from './model-state.ts';
import { type Slots, ticksOf } from './model-transitions.ts';
import { floorToMinute, type Instant, SECOND } from './world.ts';

/** A tick as the decision sees it. */
export type TickView = {
  readonly tickAt: Instant;
  /** The number of the tick on its node, and among the ticks of all nodes. */
  readonly ownNumber: number;
  readonly allNumber: number;
  /** How often its node ticks. */
  readonly rhythmSeconds: number;
};

export type Step =
  | { readonly kind: 'nothing' }
  /** `again`: others follow in this tick. */
  | { readonly kind: 'skip'; readonly reason: string; readonly slots: Slots; readonly again: boolean }
  | { readonly kind: 'retry'; readonly failed: ModelRow; readonly again: boolean }
  | { readonly kind: 'run'; readonly slots: Slots; readonly again: boolean };

const NOTHING: Step = { kind: 'nothing' };

/** What a tick has to do with a state next: the rows of the decision table from the top. */
export function nextStep(book: SlotBook, state: ModelState, tick: TickView, now: Instant): Step {
  const { task, handled, live } = state;
  const isAhead = handled !== null && handled > tick.tickAt && handled > now;
  if (!state.active || state.terminated || isAhead) {
    return NOTHING;
  }
  const due = task.kind === 'ticks' ? dueByTicks(state, tick) : asSlots(dueSlots(book, state, tick.tickAt));
  if (live.length > 0 && !(task.overlap === 'allow' && live.length < task.maxParallel)) {
    return task.overlap === 'skip' && due !== undefined
      ? { kind: 'skip', reason: 'overlap', slots: due, again: false }
      : NOTHING;
  }
  return retryOf(state, tick, due) ?? stepWithDue(book, state, { due, tick, now });
}

/** Row 6: a pending attempt goes before newer slots only where its task says so. */
function retryOf(
  { task, pending }: ModelState,
  { tickAt }: TickView,
  due: Slots | undefined,
): Step | undefined {
  if (pending === null || (due !== undefined && !task.retryPastNext)) {
    return undefined;
  }
  const again = due !== undefined && task.catchUp === 'each';
  return pending.at <= tickAt ? { kind: 'retry', failed: pending.row, again } : NOTHING;
}

type Found = { readonly due: Slots | undefined; readonly tick: TickView; readonly now: Instant };

function stepWithDue(book: SlotBook, state: ModelState, { due, tick, now }: Found): Step {
  if (due === undefined) {
    return NOTHING;
  }
  return state.task.kind === 'ticks'
    ? { kind: 'run', slots: due, again: false }
    : stepWithSlots(book, state, {
        due: dueSlots(book, state, tick.tickAt),
        now,
        tick,
      });
}

/** True when a tick has to look at the state at all. */
export function isToBeLookedAt(book: SlotBook, state: ModelState, tick: TickView): boolean {
  if (!state.active || state.terminated) {
    return false;
  }
  const retryDue = state.pending !== null && state.pending.at <= tick.tickAt;
  return (
    retryDue ||
    (state.task.kind === 'ticks'
      ? dueByTicks(state, tick) !== undefined
      : dueSlots(book, state, tick.tickAt).length > 0)
  );
}

/** What an operator who postpones the task now takes from it. */
export function slotsToPostpone(book: SlotBook, state: ModelState, now: Instant): Slots | undefined {
  return state.active && state.task.kind !== 'ticks' ? asSlots(dueSlots(book, state, now)) : undefined;
}

/** The due slots of a state, oldest first: up to the newest one whose earliest start has come. */
function dueSlots(book: SlotBook, state: ModelState, tickAt: Instant): readonly Instant[] {
  const slots = book.unhandledUpTo(state, tickAt);
  const newest = slots.findLastIndex((slot) => book.earliestStart(state, slot) <= tickAt);
  return slots.slice(0, newest + 1);
}

function dueByTicks(state: ModelState, tick: TickView): Slots | undefined {
  const { gap, repeats } = ticksOf(state.task.schedule);
  const number = state.scope === '*' ? tick.allNumber : tick.ownNumber;
  const firings = state.spent ? 0 : Math.floor((number - state.countedTick) / gap);
  if (firings < 1) {
    return undefined;
  }
  // Slots grow, also where two ticks fall into one minute.
  const slot = Math.max(tick.tickAt, (state.handled ?? 0) + 1);
  return { first: slot, last: slot, count: repeats ? firings : 1 };
}

type Due = { readonly due: readonly Instant[]; readonly now: Instant; readonly tick: TickView };

/** Rows 8 and 9 of the table: catch-up, lateness and windows. */
function stepWithSlots(book: SlotBook, state: ModelState, { due, now, tick }: Due): Step {
  const { tickAt, rhythmSeconds } = tick;
  const { catchUpMax, startDeadlineSeconds } = state.task;
  const catchUp = isCatchingUp(state) ? state.task.catchUp : 'latest';
  const isLate = (slot: Instant): boolean =>
    startDeadlineSeconds === null
      ? // The deadline that nobody chose does not count what the slot is spread by.
        catchUp === 'skip' &&
        now - book.earliestStart(state, slot) > Math.max(120, 2 * rhythmSeconds) * SECOND
      : now - slot > startDeadlineSeconds * SECOND;
  if (catchUp === 'each') {
    const late = due.filter(isLate);
    if (late.length > 0) {
      return skip('too_late', late, late.length < due.length);
    }
    // One that is spread to a later start goes with the first one after it whose start has come.
    const started = due.findIndex((slot) => book.earliestStart(state, slot) <= tickAt) + 1;
    return due.length > catchUpMax
      ? skip('missed', due.slice(0, -catchUpMax), true)
      : intoWindow(book, state, due.slice(0, started), { now, again: due.length > started });
  }
  if (catchUp === 'skip' && due.length > 1) {
    return skip('missed', due.slice(0, -1), true);
  }
  return due.slice(-1).some(isLate)
    ? skip('too_late', due, false)
    : intoWindow(book, state, due, { now, again: false });
}

/** A window that is closed lets nothing start; an exclusion lets it wait. */
function intoWindow(
  book: SlotBook,
  state: ModelState,
  slots: readonly Instant[],
  { now, again }: { readonly now: Instant; readonly again: boolean },
): Step {
  const minute = floorToMinute(now);
  const newest = slots.at(-1) ?? minute;
  const closesAt = book.closesAt(state, newest);
  if (closesAt !== undefined && minute > closesAt) {
    return skip('window_closed', slots, again);
  }
  if (book.isExcluded(state, minute) && newest !== state.firstSlot) {
    return NOTHING;
  }
  const run = asSlots(slots);
  return run === undefined ? NOTHING : { kind: 'run', slots: run, again };
}

/** Catch-up is for what repeats at fixed slots. */
function isCatchingUp({ task }: ModelState): boolean {
  return task.kind === 'cron' || task.kind === 'window' || (task.kind === 'every' && task.anchor === 'slot');
}

function skip(reason: string, slots: readonly Instant[], again: boolean): Step {
  const range = asSlots(slots);
  return range === undefined ? NOTHING : { kind: 'skip', reason, slots: range, again };
}

function asSlots(slots: readonly Instant[]): Slots | undefined {
  const [first] = slots;
  const last = slots.at(-1);
  return first === undefined || last === undefined ? undefined : { first, last, count: slots.length };
}

import { type Instant, toText } from '../../core/instants.ts';
import { countingBase } from '../../core/period.ts';
import type { ClockChangeNote } from '../../core/schedule/clock-changes.ts';
import { newestSlotIn } from '../../core/schedule/next-slot.ts';
import type { TaskState } from '../../core/state.ts';
import type { Timetable } from '../../core/timetable.ts';
import { nextTransitions, type Transition, zoneOf } from '../../core/zone.ts';
import { wallTimeText } from '../wall-time.ts';

type Asking = {
  readonly timetable: Timetable;
  readonly state: TaskState;
  readonly timezone: string;
  readonly from: Instant;
};

const CHANGES = 2;
/** One slot a minute in the longest stretch that any clock repeats; more are not told apart. */
const MOST_SLOTS = 3_000;
const LISTED_SLOTS = 4;

/**
 * The next two changes of the clock in the zone of a window schedule, with its slots that lie in the repeated stretch, or
 * at the end of the skipped one, to which a bound in that moves.
 */
export function windowChangeNotes(asking: Asking): readonly ClockChangeNote[] {
  const { timezone, from } = asking;
  return nextTransitions(zoneOf(timezone), from, CHANGES).map((transition) => ({
    at: transition.at,
    text: `${headOf(transition, timezone)}: ${effectOf(transition, asking)}`,
  }));
}

function headOf({ at, offsetBeforeMs, offsetAfterMs }: Transition, timezone: string): string {
  const direction = offsetAfterMs > offsetBeforeMs ? 'forward' : 'back';
  const before = readingText(at + offsetBeforeMs);
  const after = readingText(at + offsetAfterMs);
  const shown = after.slice(0, 10) === before.slice(0, 10) ? after.slice(11) : after;
  return `${before} clocks go ${direction} to ${shown} in ${timezone}`;
}

function readingText(wall: number): string {
  return toText(wall).slice(0, 16).replace('T', ' ');
}

function effectOf({ at, offsetBeforeMs, offsetAfterMs }: Transition, asking: Asking): string {
  const shift = offsetBeforeMs - offsetAfterMs;
  if (shift < 0) {
    return slotsWithin(asking, at, at).length === 0
      ? `no slot then${nextText(asking, at)}`
      : `a slot at ${slotText(at, asking)}, the first instant after the skipped stretch`;
  }
  const slots = slotsWithin(asking, at - shift, at + shift - 1);
  const [first = at] = slots;
  const last = slots.at(-1) ?? first;
  if (slots.length === 0) {
    return `no slot in the repeated stretch${nextText(asking, at + shift - 1)}`;
  }
  const listed =
    slots.length > LISTED_SLOTS
      ? `from ${slotText(first, asking)} to ${slotText(last, asking)}`
      : `at ${slots.map((slot) => slotText(slot, asking)).join(', ')}`;
  return `${slots.length} ${slots.length === 1 ? 'slot' : 'slots'} in the repeated stretch, ${listed}`;
}

/** The day of the change may be one that has no slot at all: an interval is elapsed time. */
function nextText({ timetable, state, timezone }: Asking, after: Instant): string {
  const schedule = timetable.slotsIn(state);
  const base = countingBase(state);
  const next = schedule.nextAfter(newestSlotIn(schedule, base, after) ?? base);
  return next === undefined
    ? ''
    : `; the next one is ${wallTimeText(next, timezone).replace(/:00 (?=[+-])/, ' ')}`;
}

/** The time with its offset, which tells the two passes apart: `02:30 +02:00`. */
function slotText(slot: Instant, { timezone }: Asking): string {
  return wallTimeText(slot, timezone).slice(11).replace(/:00 /, ' ');
}

/** The slots of the chain in a span, both ends included. */
function slotsWithin({ timetable, state }: Asking, first: Instant, last: Instant): readonly Instant[] {
  const schedule = timetable.slotsIn(state);
  const base = countingBase(state);
  const slots: Instant[] = [];
  let slot = schedule.nextAfter(newestSlotIn(schedule, base, first - 1) ?? base);
  while (slot !== undefined && slot <= last && slots.length < MOST_SLOTS) {
    slots.push(slot);
    slot = schedule.nextAfter(slot);
  }
  return slots;
}

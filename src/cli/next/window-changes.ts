import { type Instant, toText } from '../../core/instants.ts';
import { countingBase } from '../../core/period.ts';
import type { ClockChangeNote } from '../../core/schedule/clock-changes.ts';
import { countSlots, newestSlotIn, slotsAfter } from '../../core/schedule/next-slot.ts';
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
const LISTED_SLOTS = 4;

/**
 * The next two changes of the clock in the zone of a window schedule, with its slots that lie in the repeated stretch, or
 * at the end of the skipped one, to which a bound in that moves.
 */
export function windowChangeNotes(asking: Asking): readonly ClockChangeNote[] {
  const { timezone, from } = asking;
  return nextTransitions(zoneOf(timezone), from, CHANGES).map((transition) => {
    const { text, isAffected } = effectOf(transition, asking);
    return { at: transition.at, text: `${headOf(transition, timezone)}: ${text}`, isAffected };
  });
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

function effectOf(
  { at, offsetBeforeMs, offsetAfterMs }: Transition,
  asking: Asking,
): Omit<ClockChangeNote, 'at'> {
  const shift = offsetBeforeMs - offsetAfterMs;
  const slots = shift < 0 ? slotsWithin(asking, at, at) : slotsWithin(asking, at - shift, at + shift - 1);
  const isAffected = slots !== undefined;
  if (shift < 0) {
    const text = isAffected
      ? `a slot at ${slotText(at, asking)}, the first instant after the skipped stretch`
      : `no slot then${nextText(asking, at)}`;
    return { text, isAffected };
  }
  return { text: isAffected ? repeatedText(slots, asking) : noneText(at + shift - 1, asking), isAffected };
}

function noneText(after: Instant, asking: Asking): string {
  return `no slot in the repeated stretch${nextText(asking, after)}`;
}

function repeatedText({ count, first, newest }: SlotsWithin, asking: Asking): string {
  const listed =
    count > LISTED_SLOTS
      ? `from ${slotText(first[0] ?? newest, asking)} to ${slotText(newest, asking)}`
      : `at ${first.map((slot) => slotText(slot, asking)).join(', ')}`;
  return `${count} ${count === 1 ? 'slot' : 'slots'} in the repeated stretch, ${listed}`;
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

type SlotsWithin = {
  readonly count: number;
  /** As many as are listed one by one. */
  readonly first: readonly Instant[];
  readonly newest: Instant;
};

/** The slots of the chain in a span, both ends included; undefined if it has none. */
function slotsWithin({ timetable, state }: Asking, begin: Instant, end: Instant): SlotsWithin | undefined {
  const schedule = timetable.slotsIn(state);
  const base = countingBase(state);
  const before = newestSlotIn(schedule, base, begin - 1) ?? base;
  const newest = newestSlotIn(schedule, before, end);
  return newest === undefined
    ? undefined
    : {
        count: countSlots(schedule, before, end, Number.POSITIVE_INFINITY),
        first: slotsAfter(schedule, before, LISTED_SLOTS).filter((slot) => slot <= end),
        newest,
      };
}

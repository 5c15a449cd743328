import { type Instant, MINUTE_MS } from '../instants.ts';
import { parseAt, resolveAt } from './at.ts';
import { parseCron } from './cron.ts';
import { checkCronFields, isReboot } from './cron-fields.ts';
import { parseEvery, singleSlot } from './every.ts';
import { manualSchedule } from './manual.ts';
import type { Schedule, ScheduleContext, ScheduleKind } from './schedule.ts';
import { parseTicks } from './ticks.ts';
import { checkWindow, parseWindow } from './window.ts';

/** How many slots {@link countSlots} counts unless told otherwise. */
export const COUNT_LIMIT = 10_000;

/** The kinds whose slots the text alone decides: those of `every` depend on the state, and `ticks` has no instants. */
export type FixedKind = Exclude<ScheduleKind, 'every' | 'ticks'>;

/**
 * The slots that the text of this kind stands for.
 *
 * @throws ScheduleError when the text or the zone is not valid
 */
export function parseSchedule(kind: FixedKind, text: string, context: ScheduleContext): Schedule {
  switch (kind) {
    case 'cron':
      return parseCron(text, context);
    case 'window':
      return parseWindow(text, context);
    case 'at':
      return singleSlot(resolveAt(parseAt(text), context.timezone).instant);
    case 'manual':
      return manualSchedule(text);
  }
}

/**
 * Checks a text that is about to be written. It is stricter than {@link parseSchedule} in one point: a cron schedule must
 * be valid for every choice of `H`, since the task's id is not known yet.
 *
 * @throws ScheduleError with the position of the fault
 */
export function checkSchedule(kind: ScheduleKind, text: string): void {
  switch (kind) {
    case 'cron':
      if (!isReboot(text)) {
        checkCronFields(text);
      }
      break;
    case 'every':
      parseEvery(text);
      break;
    case 'window':
      checkWindow(text);
      break;
    case 'ticks':
      parseTicks(text);
      break;
    case 'at':
      parseAt(text);
      break;
    case 'manual':
      manualSchedule(text);
      break;
  }
}

/** The first `count` slots after the instant; fewer when the schedule has no more. */
export function slotsAfter(schedule: Schedule, from: Instant, count: number): readonly Instant[] {
  const slots: Instant[] = [];
  let slot = schedule.nextAfter(from);
  while (slot !== undefined && slots.length < count) {
    slots.push(slot);
    slot = schedule.nextAfter(slot);
  }
  return slots;
}

/**
 * How many slots lie after `after` and up to and including `upTo`: exact below `limit`, otherwise `limit`. Costs one step
 * a slot.
 */
export function countSlots(
  schedule: Schedule,
  after: Instant,
  upTo: Instant,
  limit: number = COUNT_LIMIT,
): number {
  if (schedule.countIn !== undefined) {
    return schedule.countIn(after, upTo, limit);
  }
  let count = 0;
  let slot = schedule.nextAfter(after);
  while (slot !== undefined && slot <= upTo && count < limit) {
    count += 1;
    slot = schedule.nextAfter(slot);
  }
  return count;
}

/**
 * The newest slot after `after` and up to and including `upTo`. Where slots are fixed instants this costs some
 * dozens of steps however many lie between: a task may have missed years of minutes. Where they are a chain, the
 * schedule walks it: at most one step a slot.
 */
export function newestSlotIn(schedule: Schedule, after: Instant, upTo: Instant): Instant | undefined {
  if (schedule.newestIn !== undefined) {
    return schedule.newestIn(after, upTo);
  }
  let newest: Instant | undefined;
  let emptyAfter = upTo;
  for (let reach = MINUTE_MS; newest === undefined; reach *= 2) {
    if (emptyAfter <= after) {
      return undefined;
    }
    const from = Math.max(after, upTo - reach);
    newest = slotIn(schedule, from, emptyAfter);
    if (newest === undefined) {
      emptyAfter = from;
    }
  }
  return lastSlotFrom(schedule, newest, emptyAfter);
}

/** The last slot up to `upTo`, given that `slot` is one of them. Halves the span that may hold a later one. */
function lastSlotFrom(schedule: Schedule, slot: Instant, upTo: Instant): Instant {
  let last = slot;
  let emptyAfter = upTo;
  while (last < emptyAfter) {
    const middle = Math.floor((last + emptyAfter) / 2);
    const later = slotIn(schedule, middle, emptyAfter);
    if (later === undefined) {
      emptyAfter = middle;
    } else {
      last = later;
    }
  }
  return last;
}

function slotIn(schedule: Schedule, after: Instant, upTo: Instant): Instant | undefined {
  const slot = schedule.nextAfter(after);
  return slot !== undefined && slot <= upTo ? slot : undefined;
}

import { type Instant, MINUTE_MS, toText } from '../instants.ts';
import { nextTransitions, type Transition, zoneOf } from '../zone.ts';
import type { WallTime } from './calendar.ts';
import type { CronContext } from './cron.ts';
import { type CronFields, isReboot, parseCronFields } from './cron-fields.ts';
import { firstMatch } from './cron-match.ts';

/** What a schedule does at one change of its zone's clock, in one sentence for people. */
export type ClockChangeNote = {
  readonly at: Instant;
  readonly text: string;
  /** False where no slot lies in what the clock skips or repeats. */
  readonly isAffected: boolean;
};

const LISTED_TIMES = 3;

/**
 * The next `count` changes of the clock in the schedule's zone, with what the cron schedule does at each. Empty for a
 * zone without a change in the next ten years, and for `@reboot`.
 *
 * @throws ScheduleError when the text or the zone is not valid
 */
export function clockChangeNotes(
  text: string,
  context: CronContext,
  from: Instant,
  count: number = 2,
): readonly ClockChangeNote[] {
  const zone = zoneOf(context.timezone);
  if (isReboot(text)) {
    return [];
  }
  const fields = parseCronFields(text, context.hashSeed);
  return nextTransitions(zone, from, count).map((transition) => ({
    at: transition.at,
    ...describe(changeAt(transition), fields, zone.name),
  }));
}

/** What the clock would have shown at the change, and what it shows instead. */
type Change = { readonly before: WallTime; readonly after: WallTime };

function changeAt({ at, offsetBeforeMs, offsetAfterMs }: Transition): Change {
  return { before: at + offsetBeforeMs, after: at + offsetAfterMs };
}

function describe(change: Change, fields: CronFields, zoneName: string): Omit<ClockChangeNote, 'at'> {
  const { before, after } = change;
  const forward = after > before;
  const day = dateOf(before);
  const direction = forward ? 'forward' : 'back';
  const head = `${day} ${timeOf(before)} clocks go ${direction} to ${readingOn(day, after)} in ${zoneName}`;
  const affected = matchesIn(fields, Math.min(before, after), Math.max(before, after));
  if (affected.length === 0) {
    return { text: `${head}: not affected`, isAffected: false };
  }
  const times = listTimes(affected.map((match) => readingOn(day, match)));
  const effect = forward ? effectOfSkip(change, fields, affected) : effectOfRepeat(fields, affected);
  return { text: `${head}: ${times} ${effect}`, isAffected: true };
}

function effectOfSkip({ before, after }: Change, fields: CronFields, affected: readonly WallTime[]): string {
  const missing = affected.length === 1 ? 'does not exist' : 'do not exist';
  if (fields.followsClock) {
    return `${missing}, skipped`;
  }
  const firstMinute = Math.ceil(after / MINUTE_MS) * MINUTE_MS;
  return `${missing}, runs once at ${readingOn(dateOf(before), firstMinute)}`;
}

function effectOfRepeat(fields: CronFields, affected: readonly WallTime[]): string {
  const twice = affected.length === 1 ? 'comes twice' : 'come twice';
  return fields.followsClock ? `${twice}, runs both times` : `${twice}, runs in the first pass only`;
}

function matchesIn(fields: CronFields, from: WallTime, to: WallTime): readonly WallTime[] {
  const matches: WallTime[] = [];
  let match = firstMatch(fields, from);
  while (match !== undefined && match < to) {
    matches.push(match);
    match = firstMatch(fields, match + MINUTE_MS);
  }
  return matches;
}

function listTimes(times: readonly string[]): string {
  const first = times[0] ?? '';
  const last = times.at(-1) ?? '';
  if (times.length > LISTED_TIMES) {
    return `${times.length} times from ${first} to ${last}`;
  }
  return times.length === 1 ? first : `${times.slice(0, -1).join(', ')} and ${last}`;
}

/** The time alone where its date is the one that the sentence has named, otherwise date and time. */
function readingOn(day: string, wall: WallTime): string {
  return dateOf(wall) === day ? timeOf(wall) : `${dateOf(wall)} ${timeOf(wall)}`;
}

function dateOf(wall: WallTime): string {
  return toText(wall).slice(0, 10);
}

function timeOf(wall: WallTime): string {
  return toText(wall).slice(11, 16);
}

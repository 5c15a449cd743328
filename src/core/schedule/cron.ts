import { DAY_MS, type Instant, MINUTE_MS } from '../instants.ts';
import { MAX_OFFSET_MS, type Zone, type ZoneSegment, zoneOf } from '../zone.ts';
import type { WallTime } from './calendar.ts';
import { type CronFields, isReboot, parseCronFields } from './cron-fields.ts';
import { firstMatch } from './cron-match.ts';
import type { Schedule, ScheduleContext } from './schedule.ts';

/** What a cron schedule needs besides its text. */
export type CronContext = Pick<ScheduleContext, 'timezone' | 'hashSeed'>;

// The tables store years of four digits; before 1000 nobody ran cron.
const EARLIEST = Date.UTC(1000, 0, 1);
const LATEST = Date.UTC(9999, 11, 31, 23, 59);
// A schedule that follows the clock may match in a skipped stretch only, year after year.
const SEARCH_MS = 100 * 366 * DAY_MS;

/**
 * A schedule in crontab notation, by the rules of Debian's cron for changes of the clock, for jumps of any length:
 *
 * - It follows the clock if its minute or hour field begins with `*`: a slot at every matching minute that the clock
 *   shows, so both times in a repeated stretch and never in a skipped one.
 * - Otherwise it is a fixed time. A matching minute has its slot at the first minute at which the clock shows it or a
 *   later one. So a skipped stretch makes one slot, at its end, however many matches it holds, and a repeated stretch is
 *   used in its first pass only.
 *
 * `@reboot` has no slots. The search ends after 100 years, and with the year 9999.
 *
 * @throws ScheduleError when the text or the zone is not valid
 */
export function parseCron(text: string, context: CronContext): Schedule {
  const zone = zoneOf(context.timezone);
  if (isReboot(text)) {
    return { nextAfter: () => undefined };
  }
  const fields = parseCronFields(text, context.hashSeed);
  const slotAfter = fields.followsClock ? nextByClock : nextFixedTime;
  return {
    nextAfter(instant) {
      const slot = instant < LATEST ? slotAfter(fields, zone, Math.max(instant, EARLIEST)) : undefined;
      return slot === undefined || slot > LATEST ? undefined : slot;
    },
  };
}

function nextByClock(fields: CronFields, zone: Zone, after: Instant): Instant | undefined {
  let from = after + 1;
  while (from <= after + SEARCH_MS) {
    const segment = zone.segmentAt(from);
    const match = firstMatch(fields, from + segment.offsetMs);
    if (match !== undefined && match - segment.offsetMs < segment.endsAt) {
      return match - segment.offsetMs;
    }
    // The clock may have been set back at the segment's end, so what it shows after it is asked anew.
    const later = firstMatch(fields, segment.endsAt - MAX_OFFSET_MS);
    if (later === undefined) {
      return undefined;
    }
    from = Math.max(segment.endsAt, later - MAX_OFFSET_MS);
  }
  return undefined;
}

function nextFixedTime(fields: CronFields, zone: Zone, after: Instant): Instant | undefined {
  const match = firstMatch(fields, latestReading(zone, after) + MINUTE_MS);
  return match === undefined ? undefined : firstInstantShowing(zone, match);
}

/** The latest minute on the wall that the clock has begun to show up to the instant, whatever it shows there. */
function latestReading(zone: Zone, instant: Instant): WallTime {
  let latest = Number.NEGATIVE_INFINITY;
  let segment = zone.segmentAt(instant - 2 * MAX_OFFSET_MS);
  for (;;) {
    const begun = floorToWallMinute(Math.min(instant, segment.endsAt - 1) + segment.offsetMs);
    if (begun >= segment.startsAt + segment.offsetMs) {
      latest = Math.max(latest, begun);
    }
    if (instant < segment.endsAt) {
      return latest;
    }
    segment = zone.segmentAt(segment.endsAt);
  }
}

/** The first instant at which the clock begins to show this minute or a later one. */
function firstInstantShowing(zone: Zone, reading: WallTime): Instant {
  let segment = zone.segmentAt(reading - MAX_OFFSET_MS);
  for (;;) {
    const begun = Math.max(reading, firstReading(segment)) - segment.offsetMs;
    if (begun < segment.endsAt) {
      return begun;
    }
    segment = zone.segmentAt(segment.endsAt);
  }
}

/** The first minute on the wall that begins in the segment: offsets of the past had seconds. */
function firstReading(segment: ZoneSegment): WallTime {
  return Math.ceil((segment.startsAt + segment.offsetMs) / MINUTE_MS) * MINUTE_MS;
}

function floorToWallMinute(wall: WallTime): WallTime {
  return Math.floor(wall / MINUTE_MS) * MINUTE_MS;
}

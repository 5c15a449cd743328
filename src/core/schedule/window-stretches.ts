import { DAY_MS, type Instant } from '../instants.ts';
import { MAX_OFFSET_MS } from '../zone.ts';
import type { WallClock } from './window-clock.ts';
import type { AllowedDays, DayNumber } from './window-days.ts';
import type { TimeRange } from './window-times.ts';

/** A time range on one of its days; its end included. It belongs to the day on which it begins. */
export type Stretch = { readonly day: DayNumber; readonly begin: Instant; readonly end: Instant };

/** The stretches of one time range on its allowed days. */
export type Stretches = {
  /** The newest stretch that has begun, among those of the days around the instant; it may have ended. */
  readonly begunBy: (instant: Instant) => Stretch | undefined;
  /** The newest stretch that holds the instant. */
  readonly holding: (instant: Instant) => Stretch | undefined;
  /** The first stretch that begins from one instant up to and including another. */
  readonly firstFrom: (from: Instant, upTo: Instant) => Stretch | undefined;
};

/**
 * Where a time range lies on the zone's clock. A bound that the clock skips is the first instant after it; of
 * one that it repeats, a begin is the first pass and an end the second. A whole day ends where the next one
 * begins.
 */
export function stretchesOf(times: TimeRange, days: AllowedDays, clock: WallClock): Stretches {
  const stretchOn = stretchReader(times, clock);
  const begunBy = readBegunBy(stretchOn, days, clock);
  return {
    begunBy,
    // Ends ascend as begins do, so only the newest stretch that has begun can be one that has not ended.
    holding(instant) {
      const newest = begunBy(instant);
      return newest !== undefined && instant <= newest.end ? newest : undefined;
    },
    firstFrom: readFirstFrom(stretchOn, days, clock),
  };
}

/** Where a time range lies on a day, allowed or not. */
export type StretchReader = (day: DayNumber) => Stretch;

/** As {@link stretchesOf} says; on a day that the clock skips, a whole day ends before it begins. */
export function stretchReader({ kind, beginMs, endMs }: TimeRange, clock: WallClock): StretchReader {
  return (day) => {
    const midnight = day * DAY_MS;
    const begin = clock.firstShowing(midnight + beginMs);
    switch (kind) {
      case 'day':
        return { day, begin, end: clock.firstShowing(midnight + endMs) - 1 };
      case 'range':
        return { day, begin, end: clock.lastShowing(midnight + endMs) };
      case 'point':
        return { day, begin, end: begin };
    }
  };
}

function readBegunBy(stretchOn: StretchReader, days: AllowedDays, clock: WallClock): Stretches['begunBy'] {
  let known: { readonly newest: Stretch; readonly until: Instant } | undefined;
  return (instant) => {
    if (known === undefined || instant < known.newest.begin || instant >= known.until) {
      const today = dayOf(clock.readingAt(instant));
      const newest = newestBegun(stretchOn, days, today, instant);
      known = newest && { newest, until: stretchOn(newest.day + 1).begin };
    }
    return known?.newest;
  };
}

function newestBegun(
  stretchOn: StretchReader,
  days: AllowedDays,
  today: DayNumber,
  instant: Instant,
): Stretch | undefined {
  // The clock may have been set back over midnight, and have skipped the day on which a stretch over midnight
  // ended.
  for (let day = today + 1; day >= today - 2; day -= 1) {
    const stretch = days.has(day) ? stretchOn(day) : undefined;
    if (stretch !== undefined && stretch.begin <= instant) {
      return stretch;
    }
  }
  return undefined;
}

function readFirstFrom(
  stretchOn: StretchReader,
  days: AllowedDays,
  clock: WallClock,
): Stretches['firstFrom'] {
  let known: { readonly from: Instant; readonly first: Stretch } | undefined;
  return (from, upTo) => {
    if (known === undefined || from < known.from || from > known.first.begin) {
      const first = searchFirst(stretchOn, days, { from, firstDay: dayOf(clock.readingAt(from)) - 1, upTo });
      known = first && { from, first };
    }
    return known !== undefined && known.first.begin <= upTo ? known.first : undefined;
  };
}

type Search = { readonly from: Instant; readonly firstDay: DayNumber; readonly upTo: Instant };

function searchFirst(
  stretchOn: StretchReader,
  days: AllowedDays,
  { from, firstDay, upTo }: Search,
): Stretch | undefined {
  const lastDay = dayOf(upTo + MAX_OFFSET_MS);
  let day = days.next(firstDay, lastDay);
  while (day !== undefined) {
    const stretch = stretchOn(day);
    // A day that the clock skips has no instant.
    if (stretch.begin >= from && stretch.end >= stretch.begin) {
      return stretch;
    }
    day = days.next(day + 1, lastDay);
  }
  return undefined;
}

function dayOf(reading: number): DayNumber {
  return Math.floor(reading / DAY_MS);
}

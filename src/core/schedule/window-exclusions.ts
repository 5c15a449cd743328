import { DAY_MS, type Instant } from '../instants.ts';
import type { WallClock } from './window-clock.ts';
import { allowedDaysOf, type Calendar, type DayNumber } from './window-days.ts';
import type { WindowEntry } from './window-entry.ts';
import { type ExcludedDay, excludedDaysOf } from './window-excluded-days.ts';
import { stretchReader } from './window-stretches.ts';
import type { TimeRange } from './window-times.ts';

/** The times that entries with `!` take away. */
export type Exclusions = {
  /** There are none. */
  readonly isEmpty: boolean;
  /** The end of the excluded stretch that holds the instant, with those that follow on from it. */
  readonly endAt: (instant: Instant) => Instant | undefined;
  /** The first instant from one up to and including another at which an excluded stretch begins or goes on. */
  readonly nextBegin: (from: Instant, upTo: Instant) => Instant | undefined;
  /** Tells on which days a time range is excluded from its begin to its end. */
  readonly coverOf: (times: TimeRange) => (day: DayNumber) => boolean;
};

type ExcludedDays = {
  readonly on: (day: DayNumber) => ExcludedDay;
  readonly dayAt: (instant: Instant) => DayNumber;
};

/**
 * What the entries exclude. A whole day is excluded to its end; of a range, the exact end is allowed again; a
 * time alone excludes its second. An exclusion that goes on for longer than `horizonMs` is cut there.
 */
export function exclusionsOf(
  entries: readonly WindowEntry[],
  { clock, calendar }: { readonly clock: WallClock; readonly calendar: Calendar },
  horizonMs: number,
): Exclusions {
  const rules = entries
    .filter(({ excludes }) => excludes)
    .map(({ times, dayRule }) => ({ times, days: allowedDaysOf(dayRule, calendar) }));
  const on = excludedDaysOf(rules, clock);
  const days = { on, dayAt: dayReader(on, clock) };
  const isTotal = rules.some(
    (rule) => rule.days.isUnlimited && rule.times.some(({ kind }) => kind === 'day'),
  );
  return {
    isEmpty: rules.length === 0,
    endAt: rules.length === 0 ? () => undefined : endReader(days, isTotal, horizonMs),
    nextBegin: rules.length === 0 ? () => undefined : (from, upTo) => nextBegin(days, from, upTo),
    coverOf: (times) => coverReader(times, days, clock),
  };
}

/** The day to which an instant belongs, which is not always the date on the clock: it may have been set back. */
function dayReader(on: ExcludedDays['on'], clock: WallClock): ExcludedDays['dayAt'] {
  return (instant) => {
    let day = Math.floor(clock.readingAt(instant) / DAY_MS);
    while (on(day).endsAt <= instant) {
      day += 1;
    }
    return day;
  };
}

function endReader(days: ExcludedDays, isTotal: boolean, horizonMs: number): Exclusions['endAt'] {
  let known: { readonly from: Instant; readonly end: Instant } = { from: 0, end: 0 };
  return (instant) => {
    const limit = instant + horizonMs;
    if (isTotal) {
      return limit;
    }
    const isKnown = instant >= known.from && instant < known.end;
    // It may have been cut for an earlier instant, so it goes on from where it ended.
    const [from, reached] = isKnown ? [known.from, known.end] : [instant, instant];
    const end = freeFrom(days, { day: days.dayAt(reached), instant: reached, limit });
    known = { from, end };
    return end > instant ? end : undefined;
  };
}

type Search = { readonly day: DayNumber; readonly instant: Instant; readonly limit: Instant };

/** The first instant from this one of the day on that nothing excludes; the limit, if that comes first. */
function freeFrom({ on }: ExcludedDays, search: Search): Instant {
  const { limit } = search;
  let { day, instant } = search;
  while (instant < limit) {
    const { startsAt, endsAt, spans } = on(day);
    // A day that the clock skips has no instants.
    if (instant < endsAt) {
      const span = lastBegunBy(spans, instant - startsAt);
      if (span === undefined || startsAt + span.end <= instant) {
        return instant;
      }
      instant = startsAt + span.end;
      if (instant < endsAt) {
        return Math.min(instant, limit);
      }
    }
    day += 1;
  }
  return limit;
}

function lastBegunBy(spans: ExcludedDay['spans'], time: number): ExcludedDay['spans'][number] | undefined {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.begin ?? 0) <= time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return spans[low - 1];
}

function nextBegin({ on, dayAt }: ExcludedDays, from: Instant, upTo: Instant): Instant | undefined {
  let day = dayAt(from);
  let { startsAt, spans } = on(day);
  while (startsAt <= upTo) {
    for (const { begin, end } of spans) {
      if (startsAt + end > from) {
        const first = Math.max(startsAt + begin, from);
        return first <= upTo ? first : undefined;
      }
    }
    day += 1;
    ({ startsAt, spans } = on(day));
  }
  return undefined;
}

/** The answer for a plain day: it holds for the next one too if the same is excluded there and the day after. */
type PlainAnswer = {
  readonly spans: ExcludedDay['spans'];
  readonly next: ExcludedDay['spans'];
  readonly isCovered: boolean;
};

function coverReader(times: TimeRange, days: ExcludedDays, clock: WallClock): (day: DayNumber) => boolean {
  const stretchOn = stretchReader(times, clock);
  const lastMs = times.kind === 'day' ? times.endMs - 1 : times.endMs;
  let last: PlainAnswer | undefined;
  return (day) => {
    const { isPlain, startsAt, spans } = days.on(day);
    if (isPlain) {
      const next = days.on(day + 1).spans;
      if (last === undefined || last.spans !== spans || last.next !== next) {
        const limit = startsAt + lastMs + 1;
        const free = freeFrom(days, { day, instant: startsAt + times.beginMs, limit });
        last = { spans, next, isCovered: free === limit };
      }
      return last.isCovered;
    }
    const { begin, end } = stretchOn(day);
    const limit = end + 1;
    return freeFrom(days, { day: days.dayAt(begin), instant: begin, limit }) === limit;
  };
}

import { DAY_MS, type Instant, SECOND_MS } from '../instants.ts';
import type { WallClock } from './window-clock.ts';
import { type AllowedDays, type DayNumber, rememberDays } from './window-days.ts';
import { type Stretch, stretchReader } from './window-stretches.ts';
import type { TimeRange } from './window-times.ts';

/** The time ranges of an entry with `!`, and the days on which they begin. */
export type ExclusionRule = { readonly times: readonly TimeRange[]; readonly days: AllowedDays };

/** Excluded times, in milliseconds from the begin of their day; the end is allowed again. */
type Span = { readonly begin: number; readonly end: number };

/** A day, from the first instant at which the clock shows its midnight to that of the next one. */
export type ExcludedDay = {
  readonly startsAt: Instant;
  readonly endsAt: Instant;
  /**
   * The clock does not change on this day nor near it, so that a time of day, also one of the next day, lies as
   * far behind `startsAt` as it is from midnight.
   */
  readonly isPlain: boolean;
  /**
   * What is excluded of the day: ascending, with a gap between any two. Plain days on which the same rules hold
   * have the same list.
   */
  readonly spans: readonly Span[];
};

// A range lasts less than two days from the midnight of its day, and its end may be shown once more a day later.
const DAYS_BACK = 3;
const PLAIN_MS = 4 * DAY_MS;

/**
 * What the rules exclude of a day. Spans are merged day by day, so that a question costs the same however many
 * exclusions there are and however they follow on each other.
 */
export function excludedDaysOf(
  rules: readonly ExclusionRule[],
  clock: WallClock,
): (day: DayNumber) => ExcludedDay {
  const plainSpansOn = plainSpansReader(rules);
  const begunOn = rememberDays(begunReader(rules, clock));
  return rememberDays((day) => {
    const midnight = day * DAY_MS;
    const startsAt = clock.firstShowing(midnight);
    const isPlain = clock.shiftWithin(midnight - PLAIN_MS, midnight + PLAIN_MS) === 0;
    if (isPlain) {
      return { startsAt, endsAt: startsAt + DAY_MS, isPlain, spans: plainSpansOn(day) };
    }
    const endsAt = clock.firstShowing(midnight + DAY_MS);
    const before = Array.from({ length: DAYS_BACK + 1 }, (_, back) => begunOn(day - back)).flat();
    const own = before.map(({ begin, end }) => ({ begin: begin - startsAt, end: end - startsAt }));
    return { startsAt, endsAt, isPlain, spans: merged(own.sort(byBegin), endsAt - startsAt) };
  });
}

/**
 * On days without a change of the clock, what begins on the day and what goes on from the day before. Found once
 * for days on which the same rules hold, as they do for most.
 */
function plainSpansReader(rules: readonly ExclusionRule[]): (day: DayNumber) => readonly Span[] {
  const spans = rules
    .flatMap(({ times }, rule) => times.map((range) => ({ rule, ...nominalSpan(range) })))
    .sort(byBegin);
  const overMidnight = spans
    .filter(({ end }) => end > DAY_MS)
    .map(({ rule, end }) => ({ rule, begin: 0, end: end - DAY_MS }));
  const limited = rules.filter(({ days }) => !days.isUnlimited);
  const typeOf = rememberDays((day) => limited.map(({ days }) => (days.has(day) ? '1' : '0')).join(''));
  const known = new Map<string, readonly Span[]>();
  return (day) => {
    const type = `${typeOf(day - 1)} ${typeOf(day)}`;
    const own = known.get(type);
    if (own !== undefined) {
      return own;
    }
    const found = merged(
      [
        ...overMidnight.filter(({ rule }) => rules[rule]?.days.has(day - 1)),
        ...spans.filter(({ rule }) => rules[rule]?.days.has(day)),
      ],
      DAY_MS,
    );
    known.set(type, found);
    return found;
  };
}

/** A whole day is excluded to its end; of a range, the exact end is allowed again; a time is a second. */
function nominalSpan({ beginMs, endMs }: TimeRange): Span {
  return { begin: beginMs, end: beginMs === endMs ? beginMs + SECOND_MS : endMs };
}

/** What the rules exclude from a begin on the day on, in instants. */
function begunReader(rules: readonly ExclusionRule[], clock: WallClock): (day: DayNumber) => readonly Span[] {
  const readers = rules.map(({ days, times }) => ({
    days,
    ranges: times.map((range) => ({ range, stretchOn: stretchReader(range, clock) })),
  }));
  return (day) =>
    readers
      .filter(({ days }) => days.has(day))
      .flatMap(({ ranges }) => ranges.map(({ range, stretchOn }) => excludedSpan(range, stretchOn(day))));
}

function excludedSpan({ kind, beginMs, endMs }: TimeRange, { begin, end }: Stretch): Span {
  if (kind === 'day') {
    return { begin, end: end + 1 };
  }
  return { begin, end: beginMs === endMs ? Math.max(end, begin + SECOND_MS) : end };
}

/** Spans that ascend by their begins, made one where they touch, and cut at 0 and at the length. */
function merged(ascending: readonly Span[], length: number): readonly Span[] {
  const result: { begin: number; end: number }[] = [];
  let last: { begin: number; end: number } | undefined;
  for (const span of ascending) {
    const begin = Math.max(span.begin, 0);
    const end = Math.min(span.end, length);
    if (end <= begin) {
      continue;
    }
    if (last !== undefined && begin <= last.end) {
      last.end = Math.max(last.end, end);
    } else {
      last = { begin, end };
      result.push(last);
    }
  }
  return result;
}

function byBegin(one: Span, other: Span): number {
  return one.begin - other.begin;
}

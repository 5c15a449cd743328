import fc from 'fast-check';
import type { Instant } from '../../../src/core/instants.ts';
import { readWallClock } from './wall-clock-model.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;

/** Spans of days around changes of the clock, and one without. */
export const SPANS = [
  { timezone: 'UTC', from: Date.parse('2026-11-20T00:00:00Z') },
  { timezone: 'America/New_York', from: Date.parse('2026-03-05T05:00:00Z') },
  { timezone: 'America/New_York', from: Date.parse('2026-10-29T05:00:00Z') },
  { timezone: 'Europe/Berlin', from: Date.parse('2026-03-26T00:00:00Z') },
  { timezone: 'Australia/Lord_Howe', from: Date.parse('2026-04-01T12:00:00Z') },
  { timezone: 'Australia/Lord_Howe', from: Date.parse('2026-10-01T12:00:00Z') },
  { timezone: 'Africa/Cairo', from: Date.parse('2026-04-21T00:00:00Z') },
  { timezone: 'America/Santiago', from: Date.parse('2026-04-02T00:00:00Z') },
  { timezone: 'America/Santiago', from: Date.parse('2026-09-03T00:00:00Z') },
  { timezone: 'Pacific/Apia', from: Date.parse('2011-12-27T10:00:00Z') },
] as const;
/** How many days from a span's begin on can be compared. */
export const WALK_DAYS = 6;
const MARGIN_DAYS = 4;

/** A time range of the comparison. */
export type ModelRange = {
  readonly kind: 'day' | 'range' | 'point';
  /** Minutes of the day. */
  readonly begin: number;
  readonly end: number;
  readonly interval: number | undefined;
};
/** An entry of the comparison. */
export type ModelEntry = {
  readonly excludes: boolean;
  readonly ranges: readonly ModelRange[];
  /** 1 is Monday; empty: any. */
  readonly weekdays: readonly number[];
};

const minuteOfDay = fc.oneof(
  fc.integer({ min: 0, max: 287 }).map((n) => n * 5),
  fc.integer({ min: 0, max: 36 }).map((n) => n * 5),
);
/** Time ranges at five minutes, more of them by night, when clocks change. */
export const ranges: fc.Arbitrary<ModelRange> = fc.record({
  kind: fc.constantFrom('day', 'range', 'range', 'range', 'point'),
  begin: minuteOfDay,
  end: minuteOfDay,
  interval: fc.option(fc.oneof(fc.integer({ min: 25, max: 90 }), fc.integer({ min: 90, max: 3_000 })), {
    nil: undefined,
  }),
});
/** The entries as the text of a schedule. */
export function textOf(list: readonly ModelEntry[]): string {
  return JSON.stringify(
    list.map(({ excludes, ranges: times, weekdays }) => {
      const days = weekdays.length === 0 ? '*' : weekdays.join(',');
      return `${excludes ? '! ' : ''}${times.map(textOfRange).join(',')} ${days}`;
    }),
  );
}

/** The time range as it is written. */
export function textOfRange({ kind, begin, end, interval }: ModelRange): string {
  const every = interval === undefined ? '' : `@${interval}`;
  const bounds = { day: '*', range: `${timeOf(begin)}-${timeOf(end)}`, point: timeOf(begin) };
  return `${bounds[kind]}${every}`;
}

function timeOf(minutes: number): string {
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`;
}

/** What a zone's clock shows in a span of days. */
export type ModelClock = {
  readonly weekdays: readonly number[];
  /**
   * The minutes on the wall, counted over all days of the span, in the order of the instants that show them.
   */
  readonly shown: ReadonlyMap<Instant, number>;
  readonly first: ReadonlyMap<number, Instant>;
  readonly last: ReadonlyMap<number, Instant>;
};

/** What the zone's clock shows each minute of the span, read from Intl. */
export function modelClock({ timezone, from }: (typeof SPANS)[number]): ModelClock {
  const minutes = readWallClock(timezone, from - MARGIN_DAYS * DAY, from + (WALK_DAYS + MARGIN_DAYS) * DAY);
  const days = new Map<string, number>();
  const weekdays: number[] = [];
  const shown = new Map<Instant, number>();
  const first = new Map<number, Instant>();
  const last = new Map<number, Instant>();
  for (const minute of minutes) {
    const [own, ...skipped] = minute.fresh;
    for (const reading of own === undefined ? [] : [...skipped, own]) {
      const key = `${reading.month}/${reading.date}`;
      if (!days.has(key)) {
        days.set(key, days.size);
        weekdays.push(reading.weekday || 7);
      }
      first.set(wallMinute(days, reading), minute.at);
    }
    shown.set(minute.at, wallMinute(days, minute.shown));
    last.set(wallMinute(days, minute.shown), minute.at);
  }
  return { weekdays, shown, first, last };
}

function wallMinute(
  days: ReadonlyMap<string, number>,
  reading: { readonly month: number; readonly date: number; readonly hour: number; readonly minute: number },
): number {
  const day = days.get(`${reading.month}/${reading.date}`) ?? Number.NaN;
  return day * 1_440 + reading.hour * 60 + reading.minute;
}

/** One time range on one day; `until` is the end of what an exclusion takes. */
type ModelStretch = { readonly begin: Instant; readonly end: Instant; readonly until: Instant };

function stretchesOf(
  clock: ModelClock,
  range: ModelRange,
  weekdays: readonly number[],
): readonly ModelStretch[] {
  return clock.weekdays.flatMap((weekday, day) => {
    const isAllowed = weekdays.length === 0 || weekdays.includes(weekday);
    const stretch = isAllowed ? stretchOn(clock, range, day * 1_440) : undefined;
    return stretch === undefined || stretch.end < stretch.begin ? [] : [stretch];
  });
}

function stretchOn(clock: ModelClock, range: ModelRange, midnight: number): ModelStretch | undefined {
  const begin = clock.first.get(midnight + (range.kind === 'day' ? 0 : range.begin));
  const nextDay = clock.first.get(midnight + 1_440);
  // Only the margin of the span has no next day.
  if (begin === undefined || nextDay === undefined) {
    return undefined;
  }
  switch (range.kind) {
    case 'day':
      return { begin, end: nextDay - 1, until: nextDay };
    case 'range':
      return rangeFrom(clock, range, midnight, begin);
    case 'point':
      return { begin, end: begin, until: begin + SECOND };
  }
}

function rangeFrom(clock: ModelClock, range: ModelRange, midnight: number, begin: Instant): ModelStretch {
  const wallEnd = midnight + range.end + (range.end < range.begin ? 1_440 : 0);
  const end = clock.last.get(wallEnd) ?? clock.first.get(wallEnd) ?? Number.POSITIVE_INFINITY;
  return { begin, end, until: range.begin === range.end ? Math.max(end, begin + SECOND) : end };
}

/** A schedule of the comparison on a zone's clock. */
export type Model = {
  readonly clock: ModelClock;
  readonly rules: readonly { readonly range: ModelRange; readonly stretches: readonly ModelStretch[] }[];
  readonly excluded: readonly ModelStretch[];
};

/** Where the entries' ranges lie on the clock. */
export function modelOf(clock: ModelClock, list: readonly ModelEntry[]): Model {
  const rules = list.flatMap(({ ranges: times, weekdays, excludes }) =>
    times.map((range) => ({ range, excludes, stretches: stretchesOf(clock, range, weekdays) })),
  );
  return {
    clock,
    rules: rules.filter(({ excludes }) => !excludes),
    excluded: rules.filter(({ excludes }) => excludes).flatMap(({ stretches }) => stretches),
  };
}

function nextByModel(model: Model, last: Instant): Instant {
  return Math.min(...model.rules.map((rule) => nextOfRule(model, rule, last)));
}

function nextOfRule(model: Model, { range, stretches }: Model['rules'][number], last: Instant): Instant {
  const target = targetByModel(model.clock, range, last);
  const isOnce = range.kind === 'range' && range.interval === undefined;
  const held = stretches.findLast(({ begin, end }) => begin <= target && target <= end);
  const usable = range.kind !== 'point' && held !== undefined && !(isOnce && held.begin <= last);
  let stretch = usable ? held : stretches.find(({ begin }) => begin >= target);
  let slot = usable ? target : stretch?.begin;
  while (stretch !== undefined && slot !== undefined) {
    const free = freeFrom(model.excluded, slot);
    if (free === slot || (free <= stretch.end && range.kind !== 'point')) {
      return free;
    }
    const { begin } = stretch;
    stretch = stretches.find((later) => later.begin > begin && later.begin >= target);
    slot = stretch?.begin;
  }
  return Number.POSITIVE_INFINITY;
}

function targetByModel(clock: ModelClock, range: ModelRange, last: Instant): Instant {
  if (range.interval !== undefined || range.kind === 'point') {
    return last + (range.interval === undefined ? 2 * SECOND : range.interval * MINUTE);
  }
  const floor = Math.floor(last / MINUTE) * MINUTE;
  const length = range.end - range.begin + (range.end < range.begin ? 1_440 : 0);
  const seconds = last - floor + (range.kind === 'day' ? 0 : SECOND);
  const wall =
    (clock.shown.get(floor) ?? Number.NaN) +
    (range.kind === 'day' ? 1_440 : length) +
    Math.floor(seconds / MINUTE);
  const first = clock.first.get(wall) ?? Number.POSITIVE_INFINITY;
  const rest = clock.shown.get(first) === wall ? seconds % MINUTE : 0;
  return first + rest > last ? first + rest : (clock.last.get(wall) ?? last) + rest;
}

function freeFrom(excluded: Model['excluded'], instant: Instant): Instant {
  const holder = excluded.find(({ begin, until }) => begin <= instant && instant < until);
  return holder === undefined ? instant : freeFrom(excluded, holder.until);
}

/** The slots after one instant up to another, found without any search but a look at every stretch. */
export function walkModel(model: Model, after: Instant, upTo: Instant): readonly Instant[] {
  const slots: Instant[] = [];
  for (let slot = nextByModel(model, after); slot <= upTo; slot = nextByModel(model, slot)) {
    slots.push(slot);
  }
  return slots;
}

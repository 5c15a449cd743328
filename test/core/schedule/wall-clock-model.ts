import type { Instant } from '../../../src/core/instants.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const READING = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):00$/;

/** A minute on the wall, as a person would read it from a calendar and a clock. */
export type Reading = {
  readonly minute: number;
  readonly hour: number;
  readonly date: number;
  readonly month: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly daysInMonth: number;
};

/** A schedule of the comparison: the text for the walker, and by hand which readings it means. */
export type ModelSchedule = {
  readonly text: string;
  readonly rule: 'follows the clock' | 'fixed time';
  readonly matches: (reading: Reading) => boolean;
};

/** One minute of a zone's clock: what it shows, and what it reaches or jumps over for the first time. */
export type WallMinute = {
  readonly at: Instant;
  readonly shown: Reading;
  readonly fresh: readonly Reading[];
};

/**
 * Reads the clock once a minute, the end excluded. Only for spans in which every change is by whole minutes. What the
 * clock jumps over counts as skipped, what it has shown before as repeated.
 */
export function readWallClock(timezone: string, from: Instant, to: Instant): readonly WallMinute[] {
  const read = wallReader(timezone);
  const seen = new Set<number>();
  const minutes: WallMinute[] = [];
  let previous = read(from) - MINUTE;
  for (let at = from; at < to; at += MINUTE) {
    const wall = read(at);
    const shown = readingOf(wall);
    const fresh = seen.has(wall) ? [] : [shown];
    for (let skipped = previous + MINUTE; skipped < wall; skipped += MINUTE) {
      if (!seen.has(skipped)) {
        fresh.push(readingOf(skipped));
      }
    }
    seen.add(wall);
    minutes.push({ at, shown, fresh });
    previous = wall;
  }
  return minutes;
}

/** The days in the span at which the zone's clock differs from UTC otherwise than a day before. */
export function daysWithChanges(timezone: string, from: Instant, to: Instant, everyDays: number): Instant[] {
  const read = wallReader(timezone);
  const days: Instant[] = [];
  for (let at = from; at < to; at += everyDays * DAY) {
    if (read(at) - at !== read(at + everyDays * DAY) - (at + everyDays * DAY)) {
      days.push(at);
    }
  }
  return days;
}

/**
 * The slots of a schedule by walking over every minute of the clock: a schedule that follows it runs at what it shows, a
 * fixed time at what it reaches for the first time.
 */
export function slotsByWalking({ rule, matches }: ModelSchedule, clock: readonly WallMinute[]): Instant[] {
  const isDue =
    rule === 'fixed time'
      ? ({ fresh }: WallMinute) => fresh.some(matches)
      : ({ shown }: WallMinute) => matches(shown);
  return clock.filter(isDue).map(({ at }) => at);
}

function wallReader(timezone: string): (at: Instant) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return (at) => {
    const [whole, month, day, year, hour, minute] = READING.exec(format.format(at)) ?? [];
    if (whole === undefined) {
      throw new Error(`expected a full minute in ${timezone}, got ${format.format(at)}`);
    }
    return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  };
}

function readingOf(wall: number): Reading {
  const calendar = new Date(wall);
  return {
    minute: calendar.getUTCMinutes(),
    hour: calendar.getUTCHours(),
    date: calendar.getUTCDate(),
    month: calendar.getUTCMonth() + 1,
    weekday: calendar.getUTCDay(),
    daysInMonth: new Date(Date.UTC(calendar.getUTCFullYear(), calendar.getUTCMonth() + 1, 0)).getUTCDate(),
  };
}

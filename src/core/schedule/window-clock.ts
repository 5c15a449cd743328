import type { Instant } from '../instants.ts';
import { MAX_OFFSET_MS, type Zone, type ZoneSegment } from '../zone.ts';
import type { WallTime } from './calendar.ts';

/** What a zone's clock shows, and when it shows something. */
export type WallClock = {
  readonly readingAt: (instant: Instant) => WallTime;
  /**
   * The first instant at which the clock shows the reading, or the first after it where the clock skips it.
   */
  readonly firstShowing: (reading: WallTime) => Instant;
  /**
   * The last instant at which the clock shows the reading, or the first after it where the clock skips it.
   */
  readonly lastShowing: (reading: WallTime) => Instant;
  /** How far the clock's offsets between two instants lie apart: 0 where it does not change. */
  readonly shiftWithin: (from: Instant, to: Instant) => number;
};

/** The wall clock of a zone. Remembers the last span it read, since a walk asks for near instants. */
export function wallClockOf(zone: Zone): WallClock {
  let recent = zone.segmentAt(0);
  function segmentAt(instant: Instant): ZoneSegment {
    if (instant < recent.startsAt || instant >= recent.endsAt) {
      recent = zone.segmentAt(instant);
    }
    return recent;
  }
  /** The spans in which the clock may show the reading. */
  function segmentsAround(reading: WallTime): readonly ZoneSegment[] {
    return segmentsBetween(segmentAt, reading - MAX_OFFSET_MS, reading + MAX_OFFSET_MS);
  }
  return {
    readingAt: (instant) => instant + segmentAt(instant).offsetMs,
    firstShowing: (reading) => firstIn(segmentsAround(reading), reading),
    lastShowing: (reading) => lastIn(segmentsAround(reading), reading),
    shiftWithin(from, to) {
      const offsets = segmentsBetween(segmentAt, from, to).map(({ offsetMs }) => offsetMs);
      return Math.max(...offsets) - Math.min(...offsets);
    },
  };
}

function segmentsBetween(
  segmentAt: (instant: Instant) => ZoneSegment,
  from: Instant,
  to: Instant,
): readonly ZoneSegment[] {
  let segment = segmentAt(from);
  const segments = [segment];
  while (segment.endsAt <= to) {
    segment = segmentAt(segment.endsAt);
    segments.push(segment);
  }
  return segments;
}

function firstIn(segments: readonly ZoneSegment[], reading: WallTime): Instant {
  for (const { startsAt, endsAt, offsetMs } of segments) {
    const reached = Math.max(reading - offsetMs, startsAt);
    if (reached < endsAt) {
      return reached;
    }
  }
  throw new RangeError(`expected a zone's clock to reach ${reading} within a day`);
}

function lastIn(segments: readonly ZoneSegment[], reading: WallTime): Instant {
  const shown = segments
    .map(({ startsAt, endsAt, offsetMs }) => ({ startsAt, endsAt, at: reading - offsetMs }))
    .findLast(({ startsAt, endsAt, at }) => at >= startsAt && at < endsAt);
  return shown?.at ?? firstIn(segments, reading);
}

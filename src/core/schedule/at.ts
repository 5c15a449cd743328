import { ScheduleError } from '../errors.ts';
import { HOUR_MS, type Instant, MINUTE_MS, SECOND_MS, toText } from '../instants.ts';
import { MAX_OFFSET_MS, type Zone, type ZoneSegment, zoneOf } from '../zone.ts';
import type { WallTime } from './calendar.ts';
import { looksLikeIsoDate, readIsoDate } from './iso-date.ts';

/** An instant as it was written: a reading of a clock, and the offset of that clock if the text names one. */
export type WrittenInstant = { readonly wall: WallTime; readonly offsetMs: number | undefined };

// The date may hold anything here; what it says is read on its own.
const FORM = /^(?<date>\d[\dWw-]*?)(?:[Tt]\s*|\s+)(?<time>\d[\d:.,]*)\s*(?<offset>[Zz]|[+\-−][\d:]+)?$/;
const DATE_ALONE = /^(?<date>\d[\dWw-]*)$/;
const TIME = /^(\d\d)(?:(:?)(\d\d)(?:\2(\d\d))?)?(?:[.,](\d{1,9}))?$/;
const OFFSET = /^([+\-−])(\d\d)(?::?(\d\d))?$/;
const FIRST_YEAR = 1970;
/** The tables store years of four digits. */
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Reads an instant in any form of ISO 8601: calendar date, week date or day of the year, with or without separators, to
 * the hour, the minute or the second, and with a decimal fraction; with `Z`, with an offset, or without any, as a clock
 * on the wall reads it. A date alone is its midnight; `24:00` is the midnight that ends the day.
 *
 * @throws ScheduleError with the position of the fault
 */
export function parseAt(text: string): WrittenInstant {
  const trimmed = text.trim();
  const { date, time, offset } = (FORM.exec(trimmed) ?? DATE_ALONE.exec(trimmed))?.groups ?? {};
  if (date === undefined) {
    throw fault(text, trimmed, 0);
  }
  const midnight = readDate(text, date);
  const timeAt = trimmed.indexOf(time ?? '', date.length);
  const ofDay = time === undefined ? 0 : readTime(time);
  if (ofDay === undefined) {
    throw fault(text, trimmed, timeAt);
  }
  const offsetMs = offset === undefined ? undefined : readOffset(offset);
  if (offset !== undefined && offsetMs === undefined) {
    throw fault(text, trimmed, trimmed.lastIndexOf(offset));
  }
  if (midnight + ofDay - (offsetMs ?? 0) > LATEST) {
    throw new ScheduleError(
      `expected an instant that lies in the years ${FIRST_YEAR} to 9999 in UTC too, got ${JSON.stringify(trimmed)}`,
      1 + text.indexOf(trimmed),
    );
  }
  return { wall: midnight + ofDay, offsetMs };
}

function readDate(text: string, date: string): WallTime {
  const midnight = readIsoDate(date);
  if (midnight === undefined || new Date(midnight).getUTCFullYear() < FIRST_YEAR) {
    throw faultOfDate(text, date);
  }
  return midnight;
}

function faultOfDate(text: string, date: string): ScheduleError {
  const hasYear = Number(date.slice(0, 4)) >= FIRST_YEAR;
  const isMissing = looksLikeIsoDate(date) && hasYear && readIsoDate(date) === undefined;
  const expected = isMissing
    ? 'a date that exists'
    : `a date of the years ${FIRST_YEAR} to 9999 such as 2026-11-21`;
  return new ScheduleError(`expected ${expected}, got ${JSON.stringify(date)}`, 1 + text.indexOf(date));
}

function fault(text: string, trimmed: string, at: number): ScheduleError {
  const zoneAt = trimmed.indexOf('[');
  const zone = zoneAt === -1 ? '' : ' (a zone goes into timezone, on the command line --timezone)';
  return new ScheduleError(
    `expected an instant in ISO form such as 2026-11-21T09:30, 2026-11-21T09:30+01:00 or 2026-11-21T08:30Z, got ${JSON.stringify(text)}${zone}`,
    (zoneAt === -1 ? at : zoneAt) + 1 + text.indexOf(trimmed),
  );
}

function readTime(text: string): number | undefined {
  const [, hours = '', , minutes = '', seconds = '', fraction = ''] = TIME.exec(text) ?? [];
  if (hours === '' || Number(minutes) > 59 || Number(seconds) > 59) {
    return undefined;
  }
  const whole = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * SECOND_MS;
  // A fraction is one of the smallest unit that is written.
  const smallest = minutes === '' ? HOUR_MS : MINUTE_MS;
  const unit = seconds === '' ? smallest : SECOND_MS;
  const total = whole + Math.floor((Number(fraction) * unit) / 10 ** fraction.length);
  return total <= 24 * HOUR_MS ? total : undefined;
}

function readOffset(text: string): number | undefined {
  if (/^z$/i.test(text)) {
    return 0;
  }
  const [, sign, hours = '', minutes = '0'] = OFFSET.exec(text) ?? [];
  if (sign === undefined || Number(hours) > 23 || Number(minutes) > 59) {
    return undefined;
  }
  const offset = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS;
  return sign === '+' ? offset : -offset;
}

/** When a written instant is, and what a change of the clock does to it. */
export type ResolvedInstant = {
  readonly instant: Instant;
  readonly clock: 'plain' | 'skipped' | 'repeated';
};

/**
 * The instant that was written, in the zone if it names no offset. A reading that a clock change skips is the first
 * instant after the change, and one that it repeats is the first pass.
 *
 * @throws ScheduleError when the zone is unknown
 */
export function resolveAt({ wall, offsetMs }: WrittenInstant, timezone: string): ResolvedInstant {
  if (offsetMs !== undefined) {
    return { instant: wall - offsetMs, clock: 'plain' };
  }
  const segments = segmentsAround(zoneOf(timezone), wall);
  const passes = passesOf(segments, wall);
  const [first] = passes;
  if (first !== undefined) {
    // A zone west of UTC is later than the year that it reads.
    return { instant: Math.min(first, LATEST), clock: passes.length > 1 ? 'repeated' : 'plain' };
  }
  const after = segments.find(({ startsAt, offsetMs: offset }) => wall - offset < startsAt);
  return { instant: after?.startsAt ?? wall, clock: 'skipped' };
}

/** The instants at which the clock shows the reading, in their order. */
function passesOf(segments: readonly ZoneSegment[], wall: WallTime): readonly Instant[] {
  return segments.flatMap(({ startsAt, endsAt, offsetMs }) => {
    const instant = wall - offsetMs;
    return instant >= startsAt && instant < endsAt ? [instant] : [];
  });
}

/** The spans of the zone's clock that may hold the reading, in their order. */
function segmentsAround(zone: Zone, wall: WallTime): readonly ZoneSegment[] {
  const segments = [zone.segmentAt(wall - MAX_OFFSET_MS)];
  for (let last = segments[0]; last !== undefined && last.endsAt <= wall + MAX_OFFSET_MS; ) {
    last = zone.segmentAt(last.endsAt);
    segments.push(last);
  }
  return segments;
}

/**
 * Says in one sentence what a change of the clock does to the instant that the text names; undefined where there is
 * none.
 *
 * @throws ScheduleError when the text or the zone is not valid
 */
export function atClockNote(text: string, timezone: string): string | undefined {
  const written = parseAt(text);
  const { instant, clock } = resolveAt(written, timezone);
  if (clock === 'plain') {
    return undefined;
  }
  const reading = readingText(written.wall);
  const zone = zoneOf(timezone);
  if (clock === 'skipped') {
    const { offsetMs } = zone.segmentAt(instant);
    return `${reading} does not exist in ${timezone}, where the clocks go forward: it runs at ${readingText(instant + offsetMs)}, the first instant after the change`;
  }
  const [, second = instant] = passesOf(segmentsAround(zone, written.wall), written.wall);
  const other = `${reading.replace(' ', 'T')}${offsetText(written.wall - second)}`;
  return `${reading} comes twice in ${timezone}, where the clocks go back: it runs in the first pass (with an offset, ${other}, it runs in the second)`;
}

function readingText(wall: WallTime): string {
  return toText(wall)
    .replace('T', ' ')
    .replace(/(:00)?\.000Z$/, '')
    .replace('Z', '');
}

function offsetText(offsetMs: number): string {
  const minutes = Math.round(Math.abs(offsetMs) / MINUTE_MS);
  const parts = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'));
  return `${offsetMs < 0 ? '-' : '+'}${parts.join(':')}`;
}

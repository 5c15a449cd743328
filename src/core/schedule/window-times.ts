import { MAX_DURATION_S } from '../durations.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../instants.ts';
import { cut, elementsOf, type Piece, pieceFault } from './window-text.ts';

/** The time between two slots of a time range. */
export type Interval = {
  readonly ms: number;
  /** Whether it is added to the instant, or to what the clock on the wall shows. */
  readonly countedBy: 'elapsed time' | 'wall clock';
};

/** One time range of an entry, the same on each of its days. */
export type TimeRange = {
  /** A whole day, from a begin to an end, or a begin alone. */
  readonly kind: 'day' | 'range' | 'point';
  /**
   * Milliseconds from midnight of the day on which the range begins; an end after midnight is above a day.
   */
  readonly beginMs: number;
  readonly endMs: number;
  readonly interval: Interval;
  /**
   * Starts are spread over the range: `~`, unless an interval says that there are several slots in one range.
   */
  readonly isSpread: boolean;
};

const TIME = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?$/;
const BEGINS_LIKE_TIME = /^\d+[:-]/;
const DURATION = /^(?:\d+|(?:\d+[smhdw])+)$/i;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
// As OpenSVC 2.1: a begin alone is a range of one second.
const POINT_INTERVAL_MS = 2 * SECOND_MS;

const ANY_TIME =
  '"*", a time such as 09:00 or a range such as 09:00-17:00, with "~" before or "@10" after it';

/**
 * Reads the field of time ranges: `*`, `09:00`, `~22:00-04:00`, `08:00-18:00@10`, `@1d`. A bare number after
 * `@` means minutes. Without `@` a whole day has one slot a day and a range one slot a range.
 *
 * @throws ScheduleError with the position of the part that is wrong
 */
export function parseTimeRanges(field: Piece): readonly TimeRange[] {
  return elementsOf(field).map(parseTimeRange);
}

function parseTimeRange(element: Piece): TimeRange {
  if (element.text === '') {
    throw pieceFault('time ranges', element, ANY_TIME);
  }
  const isSpread = element.text.startsWith('~');
  const at = element.text.indexOf('@');
  const bounds = parseBounds(cut(element, isSpread ? 1 : 0, at === -1 ? undefined : at));
  const explicitMs = at === -1 ? undefined : parseInterval(cut(element, at + 1)) * SECOND_MS;
  const lengthMs = bounds.endMs - bounds.beginMs;
  return {
    ...bounds,
    interval:
      explicitMs === undefined ? impliedInterval(bounds) : { ms: explicitMs, countedBy: 'elapsed time' },
    isSpread: isSpread && lengthMs > 0 && (explicitMs === undefined || explicitMs >= lengthMs),
  };
}

type Bounds = Pick<TimeRange, 'kind' | 'beginMs' | 'endMs'>;

/** By the wall clock, so that days with a clock change keep one slot a day, and a range one slot. */
function impliedInterval({ kind, beginMs, endMs }: Bounds): Interval {
  switch (kind) {
    case 'day':
      return { ms: DAY_MS, countedBy: 'wall clock' };
    case 'range':
      return { ms: endMs - beginMs + SECOND_MS, countedBy: 'wall clock' };
    case 'point':
      return { ms: POINT_INTERVAL_MS, countedBy: 'elapsed time' };
  }
}

function parseBounds(piece: Piece): Bounds {
  if (piece.text === '' || piece.text === '*') {
    return { kind: 'day', beginMs: 0, endMs: DAY_MS };
  }
  if (!BEGINS_LIKE_TIME.test(piece.text)) {
    throw pieceFault('time ranges', piece, ANY_TIME);
  }
  const dash = piece.text.indexOf('-');
  if (dash === -1) {
    const beginMs = parseTime(piece);
    return { kind: 'point', beginMs, endMs: beginMs };
  }
  const beginMs = parseTime(cut(piece, 0, dash));
  const endMs = parseTime(cut(piece, dash + 1));
  return { kind: 'range', beginMs, endMs: endMs < beginMs ? endMs + DAY_MS : endMs };
}

function parseTime(piece: Piece): number {
  const [whole, hours, minutes, seconds] = TIME.exec(piece.text) ?? [];
  const isTime =
    whole !== undefined && Number(hours) < 24 && Number(minutes) < 60 && Number(seconds ?? 0) < 60;
  if (!isTime) {
    throw pieceFault('time ranges', piece, 'a time from 00:00 to 23:59:59');
  }
  return Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds ?? 0) * SECOND_MS;
}

function parseInterval(piece: Piece): number {
  if (!DURATION.test(piece.text)) {
    throw pieceFault('time ranges', piece, 'minutes, or a duration such as 90s, 2h, 1h30m or 1w, after "@"');
  }
  const seconds = /^\d+$/.test(piece.text) ? Number(piece.text) * 60 : sumOfUnits(piece.text);
  if (seconds === 0) {
    throw pieceFault('time ranges', piece, 'an interval other than 0 ("@0" alone means never)');
  }
  if (seconds > MAX_DURATION_S) {
    throw pieceFault('time ranges', piece, 'an interval of at most ten years');
  }
  return seconds;
}

function sumOfUnits(text: string): number {
  let seconds = 0;
  for (const [, digits, unit] of text.toLowerCase().matchAll(/(\d+)([smhdw])/g)) {
    seconds += Number(digits) * (UNIT_SECONDS[unit ?? ''] ?? 0);
  }
  return seconds;
}

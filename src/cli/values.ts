import { parseDuration } from '../core/durations.ts';
import { messageOf, PeriodicCronError, UsageError } from '../core/errors.ts';
import { HOUR_MS, type Instant, MINUTE_MS } from '../core/instants.ts';

const INSTANT =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(?:Z|([+-])(\d{2}):?(\d{2}))$/i;

/**
 * Reads the value of a flag that is an instant: date, time to the minute or finer, and `Z` or an offset, such as
 * `2026-11-21T00:55Z` or `2026-11-21 01:55:30+01:00`.
 *
 * @throws UsageError that names the flag
 */
export function instantValue(flag: string, text: string): Instant {
  const instant = readInstant(text.trim());
  if (instant === undefined) {
    throw new UsageError(
      `${flag}: expected an instant such as 2026-11-21T00:55Z or 2026-11-21T01:55+01:00, got ${JSON.stringify(text)}`,
    );
  }
  return instant;
}

function readInstant(text: string): Instant | undefined {
  const match = INSTANT.exec(text);
  const day = match?.[1];
  if (match === null || day === undefined) {
    return undefined;
  }
  const [hour, minute, second] = [Number(match[2]), Number(match[3]), Number(match[4] ?? 0)];
  const [offsetHour, offsetMinute] = [Number(match[7] ?? 0), Number(match[8] ?? 0)];
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // Date.parse takes 2026-02-30 as 2 March.
  const isRealDay = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
  if (!isRealDay || hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) {
    return undefined;
  }
  const offset = (offsetHour * HOUR_MS + offsetMinute * MINUTE_MS) * (match[6] === '-' ? -1 : 1);
  const milliseconds = Number((match[5] ?? '').padEnd(3, '0'));
  return midnight + hour * HOUR_MS + minute * MINUTE_MS + second * 1_000 + milliseconds - offset;
}

/**
 * Reads the value of a flag that is a duration of at least `min` seconds, such as `90s` or `1h30m`.
 *
 * @throws UsageError that names the flag
 */
export function durationValue(flag: string, text: string, min = 0): number {
  const seconds = readDuration(flag, text);
  if (seconds < min) {
    throw new UsageError(`${flag}: expected a duration of at least ${min}s, got ${JSON.stringify(text)}`);
  }
  return seconds;
}

function readDuration(flag: string, text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof PeriodicCronError) {
      throw new UsageError(`${flag}: ${messageOf(error)}`, { cause: error });
    }
    throw error;
  }
}

/**
 * Reads the value of a flag that is a whole number from `min` to `max`.
 *
 * @throws UsageError that names the flag
 */
export function countValue(
  flag: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const count = /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(count >= min && count <= max)) {
    throw new UsageError(
      `${flag}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`,
    );
  }
  return count;
}

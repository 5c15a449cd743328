import { ScheduleError } from './errors.ts';

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const PART = /(\d+)([a-z]*)/y;

/** Ten years: no duration of a schedule or a policy is longer. */
export const MAX_DURATION_S = 10 * 366 * 86_400;

/**
 * Reads a duration such as `90s`, `15m`, `1h30m` or `2d` as whole seconds. Units are `s`, `m`, `h`, `d` (86,400 s) and
 * `w`, each at most once; a leading `-` makes it negative, and `0` needs no unit.
 *
 * @throws ScheduleError with the position of the fault
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  const negative = trimmed.startsWith('-');
  const body = negative ? trimmed.slice(1) : trimmed;
  if (/^0+$/.test(body)) {
    return 0;
  }
  const seconds = sumOfParts(text, body, negative ? 2 : 1);
  if (seconds > MAX_DURATION_S) {
    throw new ScheduleError(`expected a duration of at most ten years, got "${text}"`, 1);
  }
  return negative ? -seconds : seconds;
}

function sumOfParts(text: string, body: string, offset: number): number {
  const seen = new Set<string>();
  let seconds = 0;
  let at = 0;
  while (at < body.length || at === 0) {
    PART.lastIndex = at;
    const [whole, digits, unit] = PART.exec(body) ?? [];
    const factor = unit === undefined ? undefined : UNIT_SECONDS[unit];
    if (whole === undefined || unit === undefined || factor === undefined || seen.has(unit)) {
      throw new ScheduleError(
        `expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "${text}"`,
        at + offset,
      );
    }
    seen.add(unit);
    seconds += Number(digits) * factor;
    at += whole.length;
  }
  return seconds;
}

/** Writes seconds the way {@link parseDuration} reads them, largest unit first: 5400 is `1h30m`. */
export function formatDuration(seconds: number): string {
  if (seconds === 0) {
    return '0s';
  }
  let rest = Math.abs(seconds);
  let text = seconds < 0 ? '-' : '';
  for (const unit of ['d', 'h', 'm', 's']) {
    const factor = UNIT_SECONDS[unit] ?? 1;
    const count = Math.floor(rest / factor);
    rest -= count * factor;
    text += count > 0 ? `${count}${unit}` : '';
  }
  return text;
}

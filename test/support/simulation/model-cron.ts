import { wallClockOf } from './model-wall-clock.ts';
import { floorToMinute, type Instant, MINUTE } from './world.ts';

type Field = { readonly isStar: boolean; readonly matches: (value: number) => boolean };
type Fields = Readonly<Record<'minute' | 'hour' | 'date' | 'month' | 'weekday', Field>>;

/**
 * The slots of a crontab schedule in the span, its begin excluded and its end included, found by looking at every minute.
 * Fields are `*`, numbers, ranges, lists of them, and steps.
 */
export function cronSlots(text: string, timezone: string, after: Instant, upTo: Instant): readonly Instant[] {
  const fields = parseFields(text);
  const followsClock = fields.minute.isStar || fields.hour.isStar;
  const { wallAt } = wallClockOf(timezone);
  const slots: Instant[] = [];
  const begin = floorToMinute(after) - 2 * 24 * 60 * MINUTE;
  // The furthest that the clock has shown: what it shows again is a repeated stretch, what it leaves out a skipped one.
  let furthest = wallAt(begin);
  for (let instant = begin + MINUTE; instant <= upTo; instant += MINUTE) {
    const wall = wallAt(instant);
    const isDue = followsClock ? matchesAt(fields, wall) : reachesMatch(fields, furthest, wall);
    furthest = Math.max(furthest, wall);
    if (isDue && instant > after) {
      slots.push(instant);
    }
  }
  return slots;
}

/** True when one of the minutes that the clock reaches for the first time matches. */
function reachesMatch(fields: Fields, furthest: Instant, wall: Instant): boolean {
  for (let reached = furthest + MINUTE; reached <= wall; reached += MINUTE) {
    if (matchesAt(fields, reached)) {
      return true;
    }
  }
  return false;
}

function matchesAt({ minute, hour, date, month, weekday }: Fields, wall: Instant): boolean {
  const shown = new Date(wall);
  if (!minute.matches(shown.getUTCMinutes()) || !hour.matches(shown.getUTCHours())) {
    return false;
  }
  if (!month.matches(shown.getUTCMonth() + 1)) {
    return false;
  }
  const isDate = date.matches(shown.getUTCDate());
  const isWeekday = weekday.matches(shown.getUTCDay()) || (shown.getUTCDay() === 0 && weekday.matches(7));
  return date.isStar || weekday.isStar ? isDate && isWeekday : isDate || isWeekday;
}

/** From where a star counts its steps: minutes, hours and weekdays begin at 0, dates and months at 1. */
const FIRST_VALUES = [0, 0, 1, 1, 0];

function parseFields(text: string): Fields {
  const [minute, hour, date, month, weekday, ...more] = text
    .split(' ')
    .map((field, index) => parseField(field, FIRST_VALUES[index] ?? 0));
  if (!(minute && hour && date && month && weekday) || more.length > 0) {
    throw new Error(`expected five fields, got ${JSON.stringify(text)}`);
  }
  return { minute, hour, date, month, weekday };
}

function parseField(text: string, least: number): Field {
  const parts = text.split(',').map((part) => parsePart(part, least));
  return { isStar: text.startsWith('*'), matches: (value) => parts.some((part) => part(value)) };
}

function parsePart(text: string, least: number): (value: number) => boolean {
  const [, low, high, step] = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(text) ?? [];
  const first = Number(low ?? least);
  const last = low === undefined ? Number.POSITIVE_INFINITY : Number(high ?? low);
  const width = Number(step ?? 1);
  return (value) => value >= first && value <= last && (value - first) % width === 0;
}

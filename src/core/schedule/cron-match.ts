import { DAY_MS, HOUR_MS, MINUTE_MS } from '../instants.ts';
import { midnightOf, shapeOfMonth, type WallTime } from './calendar.ts';
import { firstMatchingDate } from './cron-dates.ts';
import type { CronFields } from './cron-fields.ts';

// A leap day on a given weekday comes back after 28 years, over a century year without one after 40.
const SEARCH_MONTHS = 12 * 48;

/**
 * The first minute on the wall that matches and does not begin before `from`, or `undefined` when 48 years hold none.
 * Whether a clock ever shows that minute is a question for a zone.
 */
export function firstMatch(fields: CronFields, from: WallTime): WallTime | undefined {
  const today = Math.floor(from / DAY_MS) * DAY_MS;
  const day = firstMatchingDay(fields, today);
  if (day === undefined) {
    return undefined;
  }
  const time = firstTimeOfDay(fields, Math.max(0, from - day));
  // Only today can be past its last time; a later day has all of its times before it.
  return time === undefined ? firstMatch(fields, today + DAY_MS) : day + time;
}

/** The first matching time of a day, in milliseconds from its midnight, that is not before `from`. */
function firstTimeOfDay(fields: CronFields, from: number): number | undefined {
  const hour = Math.floor(from / HOUR_MS);
  const minute = Math.ceil((from - hour * HOUR_MS) / MINUTE_MS);
  if (fields.hours.includes(hour)) {
    const sameHour = fields.minutes.find((candidate) => candidate >= minute);
    if (sameHour !== undefined) {
      return hour * HOUR_MS + sameHour * MINUTE_MS;
    }
  }
  const laterHour = fields.hours.find((candidate) => candidate > hour);
  const [firstMinute] = fields.minutes;
  if (laterHour === undefined || firstMinute === undefined) {
    return undefined;
  }
  return laterHour * HOUR_MS + firstMinute * MINUTE_MS;
}

function firstMatchingDay({ dates }: CronFields, from: WallTime): WallTime | undefined {
  const start = new Date(from);
  let year = start.getUTCFullYear();
  let month = start.getUTCMonth() + 1;
  let firstDate = start.getUTCDate();
  for (let searched = 0; searched <= SEARCH_MONTHS; searched += 1) {
    if (dates.months.includes(month)) {
      const date = firstMatchingDate(dates, shapeOfMonth(year, month), firstDate);
      if (date !== undefined) {
        return midnightOf(year, month, date);
      }
    }
    firstDate = 1;
    year += month === 12 ? 1 : 0;
    month = (month % 12) + 1;
  }
  return undefined;
}

import { DAY_MS } from '../instants.ts';
import { midnightOf, type WallTime } from './calendar.ts';

const CALENDAR = /^(\d{4})(-?)(\d\d)\2(\d\d)$/;
const ORDINAL = /^(\d{4})-?(\d{3})$/;
const WEEK = /^(\d{4})(-?)W(\d\d)(?:\2([1-7]))?$/i;

/**
 * The midnight with which a date of ISO 8601 begins: `2026-11-21`, `20261121`, the week dates `2026-W47-6` and `2026-W47`
 * (its Monday), or the day of the year `2026-325`. Undefined for other text and for a date that does not exist.
 */
export function readIsoDate(text: string): WallTime | undefined {
  // Date.UTC takes the years below 100 as those of the last century.
  return text.startsWith('00')
    ? undefined
    : (readCalendarDate(text) ?? readOrdinalDate(text) ?? readWeekDate(text));
}

const FORM = /^\d{4}(?:-\d\d-\d\d|\d{4}|-?\d{3}|-?W\d\d(?:-?\d)?)$/i;

/** Whether the text has the form of such a date, though there may be no such day. */
export function looksLikeIsoDate(text: string): boolean {
  return FORM.test(text);
}

function readCalendarDate(text: string): WallTime | undefined {
  const [, year, , month, date] = CALENDAR.exec(text) ?? [];
  const midnight = midnightOf(Number(year), Number(month), Number(date));
  const found = new Date(midnight);
  // Date.UTC takes the 30th of February as the 2nd of March.
  return found.getUTCMonth() === Number(month) - 1 && found.getUTCDate() === Number(date)
    ? midnight
    : undefined;
}

function readOrdinalDate(text: string): WallTime | undefined {
  const [, year, day] = ORDINAL.exec(text) ?? [];
  const midnight = midnightOf(Number(year), 1, Number(day));
  return Number(day) >= 1 && new Date(midnight).getUTCFullYear() === Number(year) ? midnight : undefined;
}

function readWeekDate(text: string): WallTime | undefined {
  const [, year, , week, weekday = '1'] = WEEK.exec(text) ?? [];
  if (year === undefined || week === undefined) {
    return undefined;
  }
  const monday = firstMonday(Number(year)) + (Number(week) - 1) * 7 * DAY_MS;
  const exists = Number(week) >= 1 && monday < firstMonday(Number(year) + 1);
  return exists ? monday + (Number(weekday) - 1) * DAY_MS : undefined;
}

/** The Monday of week 1, which is the week of 4 January. */
function firstMonday(year: number): WallTime {
  const fourth = midnightOf(year, 1, 4);
  const daysSinceMonday = (new Date(fourth).getUTCDay() + 6) % 7;
  return fourth - daysSinceMonday * DAY_MS;
}

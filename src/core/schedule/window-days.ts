import { DAY_MS } from '../instants.ts';
import { midnightOf, shapeOfMonth } from './calendar.ts';
import type { DayChoice } from './window-calendar.ts';
import type { DayRule } from './window-entry.ts';

/** A date of the calendar, as days since 1970-01-01. */
export type DayNumber = number;

/** The days on which an entry's time ranges begin. */
export type AllowedDays = {
  /** Every day is allowed. */
  readonly isUnlimited: boolean;
  readonly has: (day: DayNumber) => boolean;
  /** The first allowed day from one day up to and including another. */
  readonly next: (from: DayNumber, to: DayNumber) => DayNumber | undefined;
};

/**
 * The days that a rule allows. Remembers the stretch without allowed days that it searched last, so that
 * asking again from within it, or for its continuation, costs nothing twice.
 */
export function allowedDaysOf(rule: DayRule): AllowedDays {
  const has = dayTest(rule);
  let emptyFrom = 0;
  let emptyTo = -1;
  return {
    isUnlimited: rule.days === undefined && rule.weeks === undefined && rule.months === undefined,
    has,
    next(from, to) {
      const isKnown = from >= emptyFrom && from <= emptyTo + 1;
      emptyFrom = isKnown ? emptyFrom : from;
      let day = isKnown ? emptyTo + 1 : from;
      while (day <= to && !has(day)) {
        day = nextCandidate(rule, day);
      }
      emptyTo = day - 1;
      return day <= to ? day : undefined;
    },
  };
}

/** The day after, or the first day of the next month where the whole month is not allowed. */
function nextCandidate({ months }: DayRule, day: DayNumber): DayNumber {
  if (months === undefined) {
    return day + 1;
  }
  const date = new Date(day * DAY_MS);
  const month = date.getUTCMonth() + 1;
  return months.includes(month) ? day + 1 : midnightOf(date.getUTCFullYear(), month + 1, 1) / DAY_MS;
}

function dayTest({ days, weeks, months }: DayRule): (day: DayNumber) => boolean {
  const weekSet = weeks && new Set(weeks);
  const monthSet = months && new Set(months);
  return (day) => {
    const date = new Date(day * DAY_MS);
    return (
      (monthSet?.has(date.getUTCMonth() + 1) ?? true) &&
      (weekSet?.has(isoWeekOf(day)) ?? true) &&
      (days?.some((choice) => isChosen(choice, date)) ?? true)
    );
  };
}

function isChosen({ weekdays, monthday }: DayChoice, date: Date): boolean {
  return weekdays.includes(date.getUTCDay() || 7) && isMonthday(monthday, date);
}

/**
 * A day counted from the last depends on the length of the month in question; one that the month lacks never
 * is.
 */
function isMonthday(monthday: number | undefined, date: Date): boolean {
  if (monthday === undefined || monthday > 0) {
    return monthday === undefined || monthday === date.getUTCDate();
  }
  const { length } = shapeOfMonth(date.getUTCFullYear(), date.getUTCMonth() + 1);
  return date.getUTCDate() === length + monthday + 1;
}

/** A week belongs to the year of its Thursday. */
function isoWeekOf(day: DayNumber): number {
  // 1970-01-01 was a Thursday.
  const thursday = day - ((((day + 3) % 7) + 7) % 7) + 3;
  const newYear = midnightOf(new Date(thursday * DAY_MS).getUTCFullYear(), 1, 1) / DAY_MS;
  return Math.floor((thursday - newYear) / 7) + 1;
}

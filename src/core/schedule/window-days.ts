import { DAY_MS } from '../instants.ts';
import { midnightOf } from './calendar.ts';
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

/** What a date is in the calendar. */
type DayFacts = {
  /** 1 is Monday. */
  readonly weekday: number;
  readonly date: number;
  /** 1 is the last day of the month. */
  readonly fromLast: number;
  readonly week: number;
  readonly month: number;
};

/** Tells what dates are. */
export type Calendar = (day: DayNumber) => DayFacts;

/** More days than a search looks at. */
const REMEMBERED_DAYS = 8_192;
/** Room for the days just before the first one that is asked for. */
const DAYS_BEFORE = 8;

/** The calendar. It remembers what it was asked, since all rules of a schedule ask for the same days. */
export function rememberingCalendar(): Calendar {
  return rememberDays(factsOf);
}

/** The same answers, but a day that was asked for not long ago costs nothing twice. */
export function rememberDays<Answer>(find: (day: DayNumber) => Answer): (day: DayNumber) => Answer {
  let firstDay = 0;
  let known: (Answer | undefined)[] = [];
  return (day) => {
    const index = day - firstDay;
    const answer = known[index];
    if (answer !== undefined) {
      return answer;
    }
    const found = find(day);
    if (index < 0 || index >= REMEMBERED_DAYS) {
      firstDay = day - DAYS_BEFORE;
      known = [];
    }
    known[day - firstDay] = found;
    return found;
  };
}

/** The days that a rule allows. */
export function allowedDaysOf(rule: DayRule, calendar: Calendar): AllowedDays {
  const isUnlimited = rule.days === undefined && rule.weeks === undefined && rule.months === undefined;
  return searchable(isUnlimited, isUnlimited ? () => true : dayTest(rule, calendar));
}

/** The days without those that `isOut` takes away. */
export function daysWithout(days: AllowedDays, isOut: (day: DayNumber) => boolean): AllowedDays {
  return searchable(false, (day) => days.has(day) && !isOut(day));
}

/**
 * Remembers the stretch without allowed days that it searched last, so that asking again from within it, or for
 * its continuation, costs nothing twice.
 */
function searchable(isUnlimited: boolean, has: AllowedDays['has']): AllowedDays {
  let emptyFrom = 0;
  let emptyTo = -1;
  return {
    isUnlimited,
    has,
    next(from, to) {
      const isKnown = from >= emptyFrom && from <= emptyTo + 1;
      emptyFrom = isKnown ? emptyFrom : from;
      let day = isKnown ? emptyTo + 1 : from;
      while (day <= to && !has(day)) {
        day += 1;
      }
      emptyTo = day - 1;
      return day <= to ? day : undefined;
    },
  };
}

function dayTest({ days, weeks, months }: DayRule, calendar: Calendar): (day: DayNumber) => boolean {
  const chosen = days && new Set(days.flatMap(choiceKeys));
  const weekSet = weeks && new Set(weeks);
  const monthSet = months && new Set(months);
  return (day) => {
    const { weekday, date, fromLast, week, month } = calendar(day);
    return (
      (monthSet?.has(month) ?? true) &&
      (weekSet?.has(week) ?? true) &&
      (chosen === undefined ||
        chosen.has(choiceKey(weekday, 0)) ||
        chosen.has(choiceKey(weekday, date)) ||
        chosen.has(choiceKey(weekday, -fromLast)))
    );
  };
}

function choiceKeys({ weekdays, monthday = 0 }: DayChoice): readonly number[] {
  return weekdays.map((weekday) => choiceKey(weekday, monthday));
}

/** One number for a weekday and a day of the month, -31 to 31, where 0 is any. */
function choiceKey(weekday: number, monthday: number): number {
  return weekday * 100 + monthday;
}

function factsOf(day: DayNumber): DayFacts {
  const midnight = new Date(day * DAY_MS);
  const year = midnight.getUTCFullYear();
  const month = midnight.getUTCMonth() + 1;
  return {
    weekday: midnight.getUTCDay() || 7,
    date: midnight.getUTCDate(),
    fromLast: midnightOf(year, month + 1, 1) / DAY_MS - day,
    week: isoWeekOf(day),
    month,
  };
}

/** A week belongs to the year of its Thursday. */
function isoWeekOf(day: DayNumber): number {
  // 1970-01-01 was a Thursday.
  const thursday = day - ((((day + 3) % 7) + 7) % 7) + 3;
  const newYear = midnightOf(new Date(thursday * DAY_MS).getUTCFullYear(), 1, 1) / DAY_MS;
  return Math.floor((thursday - newYear) / 7) + 1;
}

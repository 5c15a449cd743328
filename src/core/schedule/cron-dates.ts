import { type MonthShape, shapeOfMonth } from './calendar.ts';

/** A weekday (0 is Sunday) and which one of the month: `{ weekday: 5, nth: 2 }` is the second Friday. */
export type NthWeekday = { readonly weekday: number; readonly nth: number };

/** What day of month, month and day of week of a cron schedule say together. */
export type DateRule = {
  readonly months: readonly number[];
  readonly dates: readonly number[];
  readonly lastDate: boolean;
  readonly weekdays: readonly number[];
  readonly nthWeekdays: readonly NthWeekday[];
  readonly lastWeekdays: readonly number[];
  /** Day of month and day of week are both restricted: a date that satisfies one of them is enough. */
  readonly either: boolean;
};

/** Whether the date (1 to 31) of such a month matches; whether the month itself does is not asked. */
export function isMatchingDate(rule: DateRule, month: MonthShape, date: number): boolean {
  const byDate = rule.dates.includes(date) || (rule.lastDate && date === month.length);
  const byWeekday = isMatchingWeekday(rule, month, date);
  return rule.either ? byDate || byWeekday : byDate && byWeekday;
}

/** The first matching date of such a month that is not before `from`. */
export function firstMatchingDate(rule: DateRule, month: MonthShape, from: number): number | undefined {
  for (let date = from; date <= month.length; date += 1) {
    if (isMatchingDate(rule, month, date)) {
      return date;
    }
  }
  return undefined;
}

/** Whether any date of any year matches: the 31st of February never does. */
export function hasMatchingDate(rule: DateRule): boolean {
  return COMPLETE_YEARS.some((year) =>
    rule.months.some((month) => firstMatchingDate(rule, shapeOfMonth(year, month), 1) !== undefined),
  );
}

// 28 years in a row without a century year begin on every weekday, with and without a leap day.
const COMPLETE_YEARS = Array.from({ length: 28 }, (_, index) => 2001 + index);

function isMatchingWeekday(rule: DateRule, month: MonthShape, date: number): boolean {
  const weekday = (month.firstWeekday + date - 1) % 7;
  const nth = Math.ceil(date / 7);
  const isLast = date + 7 > month.length;
  return (
    rule.weekdays.includes(weekday) ||
    (isLast && rule.lastWeekdays.includes(weekday)) ||
    rule.nthWeekdays.some((wanted) => wanted.weekday === weekday && wanted.nth === nth)
  );
}

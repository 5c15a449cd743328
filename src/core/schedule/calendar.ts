import { DAY_MS } from '../instants.ts';

/**
 * What a clock on the wall reads, as the milliseconds that UTC would count for the same reading: arithmetic on readings
 * needs no zone.
 */
export type WallTime = number;

/** The length of a month in days, and the weekday of its first day (0 is Sunday). */
export type MonthShape = { readonly length: number; readonly firstWeekday: number };

/** The shape of a month of the Gregorian calendar; `month` counts from 1. */
export function shapeOfMonth(year: number, month: number): MonthShape {
  const first = midnightOf(year, month, 1);
  return {
    length: (midnightOf(year, month + 1, 1) - first) / DAY_MS,
    firstWeekday: new Date(first).getUTCDay(),
  };
}

/** The reading with which a date begins; month 13 is January of the next year. */
export function midnightOf(year: number, month: number, date: number): WallTime {
  return Date.UTC(year, month - 1, date);
}

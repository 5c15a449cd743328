import { cut, elementsOf, type Piece, pieceFault, type WindowField } from './window-text.ts';

/** What a list of calendar numbers may hold. */
type Unit = {
  readonly field: WindowField;
  readonly high: number;
  /** Names of the values from 1 on, in lower case; the first three letters are a name too. */
  readonly names: readonly string[];
  readonly expected: string;
};

/**
 * Days of the week (1 is Monday), and which day of the month it must be as well; negative counts from the
 * last.
 */
export type DayChoice = { readonly weekdays: readonly number[]; readonly monthday: number | undefined };

const WEEKDAY: Unit = {
  field: 'days',
  high: 7,
  names: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'],
  expected: '1-7, mon-sun or a range of them, and a day of month only after ":"',
};
const WEEK: Unit = { field: 'weeks', high: 53, names: [], expected: '"*", or weeks 1-53 or a range of them' };
const MONTH: Unit = {
  field: 'months',
  high: 12,
  names: [
    'january',
    'february',
    'march',
    'april',
    'may',
    'june',
    'july',
    'august',
    'september',
    'october',
    'november',
    'december',
  ],
  expected: '1-12, jan-dec or a range of them',
};
const MONTHDAY_NAMES: Readonly<Record<string, number>> = {
  first: 1,
  '1st': 1,
  second: 2,
  '2nd': 2,
  third: 3,
  '3rd': 3,
  fourth: 4,
  '4th': 4,
  fifth: 5,
  '5th': 5,
  last: -1,
};
const MODULO = /^(\d{1,9})(?:\+(\d{1,9}))?$/;

/**
 * Reads the field of days: `mon-fri`, `:last`, `fri:13`, `6,7`. Weekday and day of month of one element must
 * both match, as in OpenSVC's code.
 *
 * @throws ScheduleError with the position of the element that is wrong
 */
export function parseDays(field: Piece): readonly DayChoice[] {
  return elementsOf(field).map(parseDay);
}

/**
 * Reads weekdays alone, as numbers from 1 (Monday) to 7, ascending.
 *
 * @throws ScheduleError as {@link parseDays}
 */
export function parseWeekdays(list: Piece): readonly number[] {
  return union(elementsOf(list).map((element) => parseUnit(WEEKDAY, element)));
}

/**
 * Reads the field of ISO weeks; `*` means any.
 *
 * @throws ScheduleError with the position of the element that is wrong
 */
export function parseWeeks(field: Piece): readonly number[] {
  return union(elementsOf(field).map((element) => parseUnit(WEEK, element)));
}

/**
 * Reads the field of months: `jan-mar`, `%2`, `dec-feb%2+1`. A single `%` at the end of a list sifts the
 * whole list, as in OpenSVC 3; any other `%` sifts its element, as in OpenSVC 2.1.
 *
 * @throws ScheduleError with the position of the element that is wrong
 */
export function parseMonths(field: Piece): readonly number[] {
  const percent = field.text.indexOf('%');
  const list = cut(field, 0, percent === -1 ? undefined : percent);
  const siftsAll = percent > field.text.lastIndexOf(',') && !/(?:^|,)\*?$/.test(list.text);
  if (siftsAll) {
    const months = union(elementsOf(list).map((element) => parseUnit(MONTH, element)));
    return siftByModulo(months, cut(field, percent + 1));
  }
  return union(elementsOf(field).map(parseMonthElement));
}

/**
 * Keeps the numbers n for which n + shift is a multiple of the modulo, written `modulo` or `modulo+shift`.
 *
 * @throws ScheduleError when the text is not of that form, or the modulo is 0
 */
export function siftByModulo(numbers: readonly number[], text: Piece): readonly number[] {
  const [, moduloText, shiftText] = MODULO.exec(text.text) ?? [];
  const modulo = Number(moduloText ?? 0);
  const shift = Number(shiftText ?? 0);
  if (modulo === 0) {
    throw pieceFault('months', text, 'a number from 1 after "%", as in %2 or %2+1');
  }
  return numbers.filter((number) => (number + shift) % modulo === 0);
}

function parseDay(element: Piece): DayChoice {
  const colon = element.text.indexOf(':');
  if (colon === -1) {
    return { weekdays: parseWeekdays(element), monthday: undefined };
  }
  return {
    weekdays: colon === 0 ? allOf(WEEKDAY) : parseWeekdays(cut(element, 0, colon)),
    monthday: parseMonthday(cut(element, colon + 1)),
  };
}

function parseMonthday(piece: Piece): number {
  const name = piece.text.toLowerCase();
  const number = Object.hasOwn(MONTHDAY_NAMES, name) ? MONTHDAY_NAMES[name] : readMonthday(piece.text);
  if (number === undefined) {
    throw pieceFault('days', piece, 'a day of month after ":", 1-31, -1 to -31, first-fifth or last');
  }
  return number;
}

function readMonthday(text: string): number | undefined {
  const number = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : 0;
  return number !== 0 && Math.abs(number) <= 31 ? number : undefined;
}

function parseMonthElement(element: Piece): readonly number[] {
  const percent = element.text.indexOf('%');
  if (percent === -1) {
    return parseUnit(MONTH, element);
  }
  const base = cut(element, 0, percent);
  const months = base.text === '' ? allOf(MONTH) : parseUnit(MONTH, base);
  return siftByModulo(months, cut(element, percent + 1));
}

function parseUnit(unit: Unit, element: Piece): readonly number[] {
  return element.text === '*' ? allOf(unit) : parseRange(unit, element);
}

/** A value or a range; a range that runs downwards goes on from the lowest value: `sat-mon` is 6, 7, 1. */
function parseRange(unit: Unit, element: Piece): readonly number[] {
  const dash = element.text.indexOf('-', 1);
  if (dash === -1) {
    return [parseValue(unit, element)];
  }
  const from = parseValue(unit, cut(element, 0, dash));
  const to = parseValue(unit, cut(element, dash + 1));
  return allOf(unit).filter((value) =>
    from <= to ? value >= from && value <= to : value >= from || value <= to,
  );
}

function parseValue(unit: Unit, piece: Piece): number {
  const text = piece.text.toLowerCase();
  const named = unit.names.findIndex((name) => text === name || text === name.slice(0, 3)) + 1;
  const number = /^\d{1,3}$/.test(text) ? Number(text) : named;
  if (number < 1 || number > unit.high) {
    throw pieceFault(unit.field, piece, unit.expected);
  }
  return number;
}

function allOf(unit: Unit): readonly number[] {
  return Array.from({ length: unit.high }, (_, index) => index + 1);
}

function union(lists: readonly (readonly number[])[]): readonly number[] {
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

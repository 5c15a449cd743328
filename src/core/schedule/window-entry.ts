import { ScheduleError } from '../errors.ts';
import { type DayChoice, parseDays, parseMonths, parseWeeks } from './window-calendar.ts';
import { cut, entriesOf, entryFault, type Piece, pieceFault, saysNever } from './window-text.ts';
import { parseTimeRanges, type TimeRange } from './window-times.ts';

/** The days of an entry: all three must hold; `undefined` means any. */
export type DayRule = {
  /** One of them must match. */
  readonly days: readonly DayChoice[] | undefined;
  /** ISO weeks. */
  readonly weeks: readonly number[] | undefined;
  readonly months: readonly number[] | undefined;
};

/** One expression of a window schedule. */
export type WindowEntry = {
  /** `!`: takes its times away from the other entries, wherever it stands. */
  readonly excludes: boolean;
  readonly times: readonly TimeRange[];
  readonly dayRule: DayRule;
};

/** A step costs some work for each time range, so their number bounds it. */
const MAX_TIME_RANGES = 200;

/**
 * Reads the entries of a window schedule, without those that say never. They have at most 200 time ranges together.
 *
 * @throws ScheduleError that names the entry, the field and the position; one bad entry makes the schedule
 * invalid
 */
export function parseEntries(text: string): readonly WindowEntry[] {
  const entries = entriesOf(text)
    .filter((piece) => !saysNever(piece.text))
    .map(parseEntry);
  const ranges = entries.reduce((sum, { times }) => sum + times.length, 0);
  if (ranges > MAX_TIME_RANGES) {
    throw new ScheduleError(`expected at most ${MAX_TIME_RANGES} time ranges in a schedule, got ${ranges}`);
  }
  return entries;
}

function parseEntry(piece: Piece): WindowEntry {
  const start = piece.text.search(/\S/);
  const excludes = piece.text.startsWith('!', start);
  const words = wordsOf(cut(piece, excludes ? start + 1 : start));
  const [times, days, weeks, months, excess] = words;
  if (times === undefined) {
    throw pieceFault('time ranges', cut(piece, piece.text.length), 'time ranges after "!"');
  }
  if (excess !== undefined) {
    const expected = 'expected at most 4 fields (time ranges, days, weeks, months)';
    throw entryFault(excess, `${expected}, got ${words.length}`);
  }
  return {
    excludes,
    times: parseTimeRanges(times),
    dayRule: {
      days: restriction(days, parseDays),
      weeks: restriction(weeks, parseWeeks),
      months: restriction(months, parseMonths),
    },
  };
}

function wordsOf(piece: Piece): readonly Piece[] {
  return [...piece.text.matchAll(/\S+/g)].map((word) => cut(piece, word.index, word.index + word[0].length));
}

function restriction<T>(field: Piece | undefined, parse: (field: Piece) => readonly T[]) {
  return field === undefined || field.text === '*' ? undefined : parse(field);
}

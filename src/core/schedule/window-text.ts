import { ScheduleError } from '../errors.ts';
import { quote } from './cron-field.ts';
import { readStringList } from './window-list.ts';

/** The fields of a window expression, in the order in which they are written. */
export type WindowField = 'time ranges' | 'days' | 'weeks' | 'months';

/** A part of a window expression; `position` counts characters of the expression from 1. */
export type Piece = {
  readonly text: string;
  readonly position: number;
  /** Names the entry of a list that the piece is from; empty for a plain expression. */
  readonly entry: string;
};

/** A longer text is none that somebody wrote, and reading it would hold up the other tasks. */
const MAX_TEXT_LENGTH = 10_000;
const MAX_ENTRIES = 100;

/**
 * Splits a schedule text into its expressions: a JSON list of strings where it begins with `[`, otherwise one
 * expression. A text has at most 10,000 characters, a list at most 100 entries.
 *
 * @throws ScheduleError when it is longer, or when the list is not valid JSON or holds something else than strings
 */
export function entriesOf(text: string): readonly Piece[] {
  if (text.length > MAX_TEXT_LENGTH) {
    throw new ScheduleError(`expected at most ${MAX_TEXT_LENGTH} characters, got ${text.length}`);
  }
  if (!looksLikeList(text)) {
    return [{ text, position: 1, entry: '' }];
  }
  const values = readStringList(text);
  if (values.length > MAX_ENTRIES) {
    throw new ScheduleError(`expected a list of at most ${MAX_ENTRIES} entries, got ${values.length}`);
  }
  return values.map((value, index) => ({
    text: value,
    position: 1,
    entry: `entry ${index + 1} (${quote(value)})`,
  }));
}

/** Whether an expression is one of the two that mean never: nothing, and `@0`. */
export function saysNever(text: string): boolean {
  return ['', '@0'].includes(text.trim());
}

/**
 * Whether the text says never: by itself, or as a list in which every entry does. `false` for a text that is
 * not valid.
 */
export function textSaysNever(text: string): boolean {
  try {
    return entriesOf(text).every((entry) => saysNever(entry.text));
  } catch (error) {
    if (error instanceof ScheduleError) {
      return false;
    }
    throw error;
  }
}

/** The part of the piece from one index of its text up to another. */
export function cut(piece: Piece, from: number, to: number = piece.text.length): Piece {
  return { ...piece, text: piece.text.slice(from, to), position: piece.position + from };
}

/** The elements between commas. */
export function elementsOf(piece: Piece): readonly Piece[] {
  const elements: Piece[] = [];
  let from = 0;
  for (const text of piece.text.split(',')) {
    elements.push(cut(piece, from, from + text.length));
    from += text.length + 1;
  }
  return elements;
}

/** A fault of a piece: names the entry and the field, says what was expected there and what came. */
export function pieceFault(field: WindowField, piece: Piece, expected: string): ScheduleError {
  return entryFault(piece, `${field}: expected ${expected}, got ${came(piece)}`);
}

/** A fault of a whole expression, at the position of the piece. */
export function entryFault(piece: Piece, message: string): ScheduleError {
  const text = piece.entry === '' ? message : `${piece.entry}: ${message}, within the entry`;
  return new ScheduleError(text, piece.position);
}

function came(piece: Piece): string {
  return piece.text === '' ? 'nothing' : quote(piece.text);
}

function looksLikeList(text: string): boolean {
  return text.trimStart().startsWith('[');
}

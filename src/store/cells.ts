import { fromText, type Instant, toText } from '../core/instants.ts';
import type { JsonValue } from '../core/json.ts';
import type { Row } from './driver.ts';

type Cell = Row[string] | undefined;

/** Engines differ in what they return for a number: text where it may be a big one. */
export function numberOf(cell: Cell): number {
  return Number(cell ?? 0);
}

export function numberOrNull(cell: Cell): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

export function textOf(cell: Cell): string | null {
  return cell === null || cell === undefined ? null : String(cell);
}

export function instantOf(cell: Cell): Instant | null {
  return typeof cell === 'string' ? (fromText(cell) ?? null) : null;
}

/** The text of an instant that may be missing. */
export function instantText(instant: Instant | null | undefined): string | null {
  return instant === null || instant === undefined ? null : toText(instant);
}

export function booleanOf(cell: Cell): unknown {
  return cell === 0 || cell === 1 || typeof cell === 'boolean' ? Boolean(cell) : cell;
}

/** Engines hand out a whole number as text where it may be too big for a number. */
export function bigNumberOf(cell: Cell): unknown {
  return typeof cell === 'string' && /^-?\d{1,15}$/.test(cell) ? Number(cell) : cell;
}

export function listOf(cell: Cell): unknown {
  return typeof cell === 'string'
    ? cell.split(',').flatMap((word) => (word.trim() === '' ? [] : [word.trim()]))
    : cell;
}

/** JSON that an operator may have written by hand: text that is not JSON stays text, and the check refuses it. */
export function parsedJson(cell: Cell): unknown {
  try {
    return typeof cell === 'string' ? JSON.parse(cell) : cell;
  } catch {
    return cell;
  }
}

/** JSON that only this program writes. */
export function jsonOf(cell: Cell): JsonValue | null {
  return typeof cell === 'string' ? (parsedJson(cell) as JsonValue) : null;
}

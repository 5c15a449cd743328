import type { JsonValue } from '../core/json.ts';
import type { ResultLimits, ResultRow, StatementResult } from './statement-session.ts';

/** Collects the rows of a result up to its limits. */
export type RowCollector = {
  /** Takes a row if there is room for it; false when none that follows will be taken. */
  readonly add: (row: Readonly<Record<string, unknown>>) => boolean;
  /** Says that there are more rows than were handed over. */
  readonly cut: () => void;
  readonly result: () => StatementResult;
};

export function collectRows(limits: ResultLimits): RowCollector {
  const rows: ResultRow[] = [];
  let bytes = 0;
  let truncated = false;
  return {
    add: (row) => {
      if (truncated || rows.length === limits.rows) {
        truncated = true;
        return false;
      }
      const taken = jsonRowOf(row);
      // The comma counts.
      bytes += Buffer.byteLength(JSON.stringify(taken)) + 1;
      truncated = bytes > limits.bytes;
      if (!truncated) {
        rows.push(taken);
      }
      return !truncated;
    },
    cut: () => {
      truncated = true;
    },
    result: () => ({ kind: 'rows', rows, truncated }),
  };
}

function jsonRowOf(row: Readonly<Record<string, unknown>>): ResultRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, jsonValueOf(value)]));
}

/** Bytes become hexadecimal digits, whole numbers beyond what a number holds exactly become text. */
function jsonValueOf(value: unknown): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return exactNumber(String(value));
    default:
      return value === null || value === undefined ? null : textOf(value);
  }
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : JSON.stringify(value);
}

/** The whole number that a text is, or the text itself where a number would not be exact. */
export function exactNumber(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

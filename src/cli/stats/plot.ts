import { type Instant, MINUTE_MS, toText } from '../../core/instants.ts';
import { instantText } from '../times.ts';
import { scaleFor } from './scale.ts';

export type Point = { readonly at: Instant; readonly value: number };

const MOST_ROWS = 10;
const LEAST_WIDTH = 20;
/** Below this span the labels tell seconds. */
const SHORT_MS = 10 * MINUTE_MS;

/**
 * Draws points, which ascend by their instants, as lines of at most `width` cells, but never narrower than a plot of 20
 * columns: rows of stars beside their values, above an axis with instants. A column stands for all values of its part of
 * the time, from the least to the greatest.
 */
export function plotLines(points: readonly Point[], width: number): readonly string[] {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) {
    return [];
  }
  const values = points.map(({ value }) => value);
  const least = values.reduce((a, b) => Math.min(a, b));
  const greatest = values.reduce((a, b) => Math.max(a, b));
  const scale = scaleFor(least, greatest, MOST_ROWS);
  const labels = Array.from({ length: scale.rows }, (_, row) => scale.labelOf(row));
  const margin = Math.max(...labels.map((label) => label.length));
  const columns = Math.max(LEAST_WIDTH, width - margin - 2);
  const span = last.at - first.at;
  const columnOf = (at: Instant) => (span === 0 ? 0 : Math.round(((at - first.at) / span) * (columns - 1)));
  const bars = barsOf(points.map(({ at, value }) => ({ column: columnOf(at), row: scale.rowOf(value) })));
  const rows = labels.map((label, row) => {
    const cells = Array.from({ length: columns }, (_, column) => (isIn(bars.get(column), row) ? '*' : ' '));
    return `${label.padStart(margin)} |${cells.join('')}`.trimEnd();
  });
  const indent = ' '.repeat(margin + 2);
  return [
    ...rows.toReversed(),
    `${' '.repeat(margin)} +${'-'.repeat(columns)}`,
    `${indent}${timeLabels(first.at, last.at, columns)}`,
  ];
}

type Bar = { readonly low: number; readonly high: number };

function barsOf(
  points: ReadonlyArray<{ readonly column: number; readonly row: number }>,
): ReadonlyMap<number, Bar> {
  const bars = new Map<number, Bar>();
  for (const { column, row } of points) {
    const { low, high } = bars.get(column) ?? { low: row, high: row };
    bars.set(column, { low: Math.min(low, row), high: Math.max(high, row) });
  }
  return bars;
}

function isIn(bar: Bar | undefined, row: number): boolean {
  return bar !== undefined && bar.low <= row && row <= bar.high;
}

/** The first instant at the left, the last at the right and the one between them, as far as there is room. */
function timeLabels(from: Instant, to: Instant, columns: number): string {
  const text = to - from < SHORT_MS ? instantText : minuteText;
  const [left, right] = [text(from), text(to)];
  const middle = text(from + Math.round((to - from) / 2));
  if (left === right || left.length + right.length + 2 > columns) {
    return left;
  }
  const gap = columns - left.length - right.length;
  const before = Math.floor(columns / 2 - middle.length / 2) - left.length;
  const after = gap - before - middle.length;
  return before < 2 || after < 2
    ? `${left}${' '.repeat(gap)}${right}`
    : `${left}${' '.repeat(before)}${middle}${' '.repeat(after)}${right}`;
}

/** `2026-11-21 00:55Z` */
function minuteText(instant: Instant): string {
  return `${toText(instant).slice(0, 16).replace('T', ' ')}Z`;
}

import { expect, test } from 'vitest';
import { scaleFor } from '../../../src/cli/stats/scale.ts';

const ROWS = 10;

function labels(least: number, greatest: number): readonly string[] {
  const scale = scaleFor(least, greatest, ROWS);
  return Array.from({ length: scale.rows }, (_, row) => scale.labelOf(row));
}

test.each([
  [0, 9, '0 1 2 3 4 5 6 7 8 9'],
  [0, 10, '0 2 4 6 8 10'],
  [3, 90, '0 10 20 30 40 50 60 70 80 90'],
  [-1, 1, '-1.00 -0.75 -0.50 -0.25 0.00 0.25 0.50 0.75 1.00'],
  [100.2, 100.9, '100.2 100.3 100.4 100.5 100.6 100.7 100.8 100.9'],
  [0, 0, '0.0 0.2 0.4 0.6 0.8 1.0'],
  [7, 7, '0 1 2 3 4 5 6 7'],
  [-7, -7, '-7 -6 -5 -4 -3 -2 -1 0'],
  [-100, 100, '-100 -75 -50 -25 0 25 50 75 100'],
  [-1e308, 1e308, '-1.00e+308 -7.50e+307 -5.00e+307 -2.50e+307 0 2.50e+307 5.00e+307 7.50e+307 1.00e+308'],
])('from %d to %d', (least, greatest, expected) => {
  expect(labels(least, greatest)).toEqual(expected.split(' '));
});

test('very large and very small numbers have exponents', () => {
  expect(labels(1e15, 9e15).slice(0, 2)).toEqual(['1e+15', '2e+15']);
  expect(labels(0, 9e-9).slice(0, 3)).toEqual(['0', '1e-9', '2e-9']);
});

test.each([
  [-Number.MAX_VALUE, Number.MAX_VALUE],
  [0, Number.MIN_VALUE],
  [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1],
  [1, 1 + Number.EPSILON],
  [-1e-300, 1e-300],
  [1e300, 1.0001e300],
  [-3, 1e9],
])('whatever lies from %d to %d has a row, and the order stays', (least, greatest) => {
  const scale = scaleFor(least, greatest, ROWS);
  const rows = [scale.rowOf(least), scale.rowOf(least / 2 + greatest / 2), scale.rowOf(greatest)];
  expect(rows).toEqual(rows.toSorted((a, b) => a - b));
  expect(rows.every((row) => Number.isInteger(row) && row >= 0 && row < ROWS)).toBe(true);
});

import { expect, test } from 'vitest';
import { type Point, plotLines } from '../../../src/cli/stats/plot.ts';
import { HOUR_MS, SECOND_MS } from '../../../src/core/instants.ts';
import { at } from '../../support/builders.ts';

function pointsAt(stepMs: number, ...values: readonly number[]): readonly Point[] {
  return values.map((value, index) => ({ at: at('00:00') + index * stepMs, value }));
}

test('a plot has at most ten rows with their values, an axis and the instants', () => {
  expect(plotLines(pointsAt(HOUR_MS, 0, 9, 3, 3, 6), 50)).toEqual(
    [
      '9 |            *',
      '8 |',
      '7 |',
      '6 |                                              *',
      '5 |',
      '4 |',
      '3 |                       *           *',
      '2 |',
      '1 |',
      '0 |*',
      '  +-----------------------------------------------',
      '   2026-03-10 00:00Z              2026-03-10 04:00Z',
    ].map((line) =>
      line.startsWith('   2026') ? expect.stringMatching(/^ {3}2026-03-10 00:00Z +2026-03-10 04:00Z$/) : line,
    ),
  );
});

test('a column stands for all values of its time, from the least to the greatest', () => {
  const lines = plotLines(pointsAt(1, ...Array.from({ length: 1_000 }, (_, index) => index % 10)), 40);
  expect(lines).toHaveLength(12);
  for (const line of lines.slice(0, 10)) {
    expect(line).toMatch(/^\d \|\*{37}$/);
  }
});

test('a plot keeps to its width, and wide ones tell the middle', () => {
  for (const width of [30, 80, 200]) {
    const lines = plotLines(pointsAt(HOUR_MS, 100_000, 5, 70_000), width);
    expect(Math.max(...lines.map((line) => line.length))).toBe(width);
  }
  expect(plotLines(pointsAt(HOUR_MS, 1, 2, 3), 80).at(-1)).toMatch(
    /^ +2026-03-10 00:00Z +2026-03-10 01:00Z +2026-03-10 02:00Z$/,
  );
  expect(plotLines(pointsAt(HOUR_MS, 1, 2), 5).at(-2)).toMatch(/^ +\+-{20}$/);
});

test('a short time is told to the second, and a single value has one instant', () => {
  expect(plotLines(pointsAt(SECOND_MS, 1, 2), 60).at(-1)).toMatch(
    /^ +2026-03-10 00:00:00Z +2026-03-10 00:00:01Z$/,
  );
  expect(plotLines(pointsAt(SECOND_MS, 4), 60).at(-1)?.trim()).toBe('2026-03-10 00:00:00Z');
  expect(plotLines([], 60)).toEqual([]);
});

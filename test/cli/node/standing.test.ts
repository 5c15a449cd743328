import { expect, test } from 'vitest';
import { offsetText } from '../../../src/cli/node/standing.ts';

test.each([
  [null, '-'],
  [0, '+0.0 s'],
  [-49, '+0.0 s'],
  [-50, '-0.1 s'],
  [2_340, '+2.3 s'],
  [59_960, '+1m'],
  [-3_720_000, '-1h2m'],
])('a clock that is off by %s ms is told as %s', (offsetMs, text) => {
  expect(offsetText(offsetMs)).toBe(text);
});

import { expect, test } from 'vitest';
import { stableHash } from '../../src/core/hash.ts';

test.each([
  ['', 2_872_998_923],
  ['1', 1_428_125_071],
  ['7/alpha', 1_095_253_927],
  ['Grüße 🚀', 994_019_350],
])('the hash of %j is %i, on every node and in every version', (text, hash) => {
  expect(stableHash(text)).toBe(hash);
});

test('neighbouring ids spread over the minutes of an hour', () => {
  const perMinute = new Map<number, number>();
  for (let id = 1; id <= 6_000; id += 1) {
    const minute = stableHash(String(id)) % 60;
    perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
  }
  expect(perMinute.size).toBe(60);
  expect(Math.max(...perMinute.values())).toBeLessThan(150);
  expect(Math.min(...perMinute.values())).toBeGreaterThan(60);
});

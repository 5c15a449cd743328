import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, MAX_DURATION_S, parseDuration } from '../../src/core/durations.ts';
import { ScheduleError } from '../../src/core/errors.ts';

test.each([
  ['0', 0],
  ['000', 0],
  ['90s', 90],
  ['15m', 900],
  ['1h30m', 5_400],
  ['2d', 172_800],
  ['1w', 604_800],
  [' 5m ', 300],
  ['30m1h', 5_400],
  ['-1s', -1],
  ['-1h30m', -5_400],
])('%j is %i seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each([
  ['', 1],
  ['5', 1],
  ['m', 1],
  ['1.5h', 1],
  ['5 m', 1],
  ['5m5m', 3],
  ['1h30', 3],
  ['-', 2],
  ['-1h30', 4],
  ['1y', 1],
  ['5M', 1],
])('%j is refused with the position of the fault, %i', (text, position) => {
  expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'E_SCHEDULE', position }));
});

test('a duration of more than ten years is refused', () => {
  expect(parseDuration(`${MAX_DURATION_S}s`)).toBe(316_224_000);
  expect(() => parseDuration('316224001s')).toThrow('expected a duration of at most ten years');
});

test.each([
  [0, '0s'],
  [59, '59s'],
  [5_400, '1h30m'],
  [172_800, '2d'],
  [90_061, '1d1h1m1s'],
  [-90, '-1m30s'],
])('%i seconds are written %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -MAX_DURATION_S, max: MAX_DURATION_S }), (seconds) => {
      expect(parseDuration(formatDuration(seconds))).toBe(seconds);
    }),
  );
});

test('any text is a duration or a fault of the schedule', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ 0-9smhdw.-]{0,8}$/), (text) => {
      try {
        expect(Number.isSafeInteger(parseDuration(text))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(ScheduleError);
      }
    }),
  );
});

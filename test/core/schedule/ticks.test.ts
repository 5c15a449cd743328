import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { parseTicks } from '../../../src/core/schedule/ticks.ts';

describe('parseTicks', () => {
  test.each([
    ['0', 1, false],
    ['1', 2, false],
    ['003', 4, false],
    [' 12 ', 13, false],
    ['0 repeat', 1, true],
    ['3 repeat', 4, true],
    ['3\trepeat', 4, true],
    ['3  REPEAT', 4, true],
    ['1000000', 1_000_001, false],
  ])('%j fires at the tick that is %d after the one it counts from; repeats: %s', (text, gap, repeats) => {
    expect(parseTicks(text)).toEqual({ gap, repeats });
  });

  test.each([
    ['', 'expected a number of ticks such as "3", or "3 repeat", got ""', 1],
    ['-1', 'expected a number of ticks such as "3", or "3 repeat", got "-1"', 1],
    ['+1', 'expected a number of ticks', 1],
    ['1.5', 'expected a number of ticks', 2],
    ['3 times', 'expected a number of ticks', 2],
    ['3repeat', 'expected a number of ticks', 2],
    ['  3x', 'expected a number of ticks', 4],
    ['repeat', 'expected a number of ticks', 1],
    ['3 repeat repeat', 'expected a number of ticks', 2],
    ['\u0663', 'expected a number of ticks', 1],
    ['1000001', 'expected at most 1000000 ticks, got "1000001"', 1],
    [' 9'.padEnd(400, '9'), 'expected at most 1000000 ticks', 2],
  ])('refuses %j', (text, message, position) => {
    expect(() => parseTicks(text)).toThrow(ScheduleError);
    expect(() => parseTicks(text)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message), position }),
    );
  });
});

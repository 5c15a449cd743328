import { describe, expect, test } from 'vitest';
import { formatDeactivateAfter, parseDeactivateAfter, whyGivenUp } from '../../src/core/deactivation.ts';
import { ScheduleError } from '../../src/core/errors.ts';
import { at } from '../support/builders.ts';

describe('parseDeactivateAfter', () => {
  test.each([
    ['5 failures', 5, 0],
    ['5', 5, 0],
    ['1 failure', 1, 0],
    ['5failures', 5, 0],
    ['  5 Failures ', 5, 0],
    ['5 failures and 7 days', 5, 7],
    ['5 failures, 7 days', 5, 7],
    ['5 failures 7d', 5, 7],
    ['5 and 1 day', 5, 1],
    ['5 failures and 0 days', 5, 0],
    ['1000000 failures and 3660 days', 1_000_000, 3_660],
  ])('reads %j', (text, failures, days) => {
    expect(parseDeactivateAfter(text)).toEqual({ failures, days });
  });

  test.each(['', '  '])('%j is never', (text) => {
    expect(parseDeactivateAfter(text)).toBeUndefined();
  });

  test.each([
    '0',
    '0 failures and 3 days',
    '-5',
    '5.5',
    '7 days',
    '5 7',
    '57d',
    '5 failures and',
    '5 failures and 7',
    '5 failures or 7 days',
    '5 errors',
    'five failures',
    '1000001',
    '5 failures and 3661 days',
    '9'.repeat(400),
  ])('refuses %j', (text) => {
    expect(() => parseDeactivateAfter(text)).toThrow(ScheduleError);
    expect(() => parseDeactivateAfter(text)).toThrow(`got ${JSON.stringify(text)}`);
  });

  test.each(['0', '1000001', '5 failures and 3661 days', '99999999999 failures'])(
    'tells %j the limits',
    (text) => {
      expect(() => parseDeactivateAfter(text)).toThrow(
        `expected 1 to 1000000 failures and at most 3660 days, got ${JSON.stringify(text)}`,
      );
    },
  );

  test.each([
    ['5', '5 failures'],
    ['1 FAILURE', '1 failure'],
    ['3,1d', '3 failures and 1 day'],
    ['5 failures and 7 days', '5 failures and 7 days'],
    ['', ''],
  ])('%j is stored as %j, which means the same', (text, stored) => {
    expect(formatDeactivateAfter(parseDeactivateAfter(text))).toBe(stored);
    expect(parseDeactivateAfter(stored)).toEqual(parseDeactivateAfter(text));
  });
});

describe('whyGivenUp', () => {
  const counted = { failures: 5, firstFailureAt: at('12:00') };
  const week = 'deactivated after 5 failures in a row since 2026-03-10T12:00:00Z';

  test.each([
    ['', '23:00', undefined],
    ['6 failures', '23:00', undefined],
    ['5 failures', '12:00', week],
    ['4 failures', '12:00', week],
    ['5 failures and 1 day', '2026-03-11T11:59:59.999Z', undefined],
    ['5 failures and 1 day', '2026-03-11T12:00:00Z', week],
    ['6 failures and 1 day', '2026-03-20T12:00:00Z', undefined],
  ])('with %j at %s: %s', (text, now, reason) => {
    expect(whyGivenUp(text, counted, at(now))).toBe(reason);
  });

  test('a first failure that is this one is no days old', () => {
    const first = { failures: 1, firstFailureAt: null };
    expect(whyGivenUp('1 failure and 1 day', first, at('12:00'))).toBeUndefined();
    expect(whyGivenUp('1 failure', first, at('12:00'))).toBe(
      'deactivated after 1 failure in a row since 2026-03-10T12:00:00Z',
    );
  });
});

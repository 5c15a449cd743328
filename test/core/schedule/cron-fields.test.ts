import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import {
  type CronFields,
  checkCronFields,
  isReboot,
  parseCronFields,
} from '../../../src/core/schedule/cron-fields.ts';

function faultOf(action: () => unknown): { message: string; position: number | undefined } {
  try {
    action();
  } catch (error) {
    if (error instanceof ScheduleError) {
      return { message: error.message, position: error.position };
    }
    throw error;
  }
  throw new Error('expected a ScheduleError, but nothing was thrown');
}

describe('a cron text with a fault is refused with its position', () => {
  const DATES = 'day of month: expected a date that some year has';
  test.each([
    ['', 1, 'expected 5 cron fields, got 0: ""'],
    ['5', 1, 'expected 5 cron fields, got 1: "5"'],
    ['* * * *', 1, 'expected 5 cron fields, got 4: "* * * *"'],
    ['0 * * * * *', 11, 'expected 5 cron fields, got 6: "0 * * * * *"'],
    ['75 * * * *', 1, 'minute: expected 0-59, got "75"'],
    ['  75 * * * *', 3, 'minute: expected 0-59, got "75"'],
    ['0 24 * * *', 3, 'hour: expected 0-23, got "24"'],
    ['0\t0  0 * *', 6, 'day of month: expected 1-31, got "0"'],
    ['0 0 ? * *', 5, 'day of month: expected 1-31, got "?"'],
    ['0 0 5W * *', 5, 'day of month: expected 1-31, got "5W"'],
    ['0 0 L-3 * *', 5, 'day of month: expected 1-31, got "L"'],
    ['0 0 * 13 *', 7, 'month: expected 1-12 or jan-dec, got "13"'],
    ['0 0 * march *', 7, 'month: expected 1-12 or jan-dec, got "march"'],
    ['0 0 * * 8', 9, 'day of week: expected 0-7 or sun-sat, got "8"'],
    ['0 0 * * L', 9, 'day of week: expected 0-7 or sun-sat, got "L"'],
    ['0 0 * * *L', 9, 'day of week: expected 0-7 or sun-sat, got "*"'],
    ['0 0 * * *#2', 9, 'day of week: expected 0-7 or sun-sat, got "*"'],
    ['0 0 * * 5#6', 11, 'day of week: expected 1-5 after "#", got "6"'],
    ['0 0 * * fri#', 13, 'day of week: expected 1-5 after "#", got nothing'],
    ['0 0 5#2 * *', 5, 'day of month: expected 1-31, got "5#2"'],
    ['1,,2 * * * *', 3, 'minute: expected 0-59, got nothing'],
    ['1,2, * * * *', 5, 'minute: expected 0-59, got nothing'],
    ['1,2,60,3 * * * *', 5, 'minute: expected 0-59, got "60"'],
    ['-5 * * * *', 1, 'minute: expected 0-59, got nothing'],
    ['10- * * * *', 4, 'minute: expected 0-59, got nothing'],
    ['1-2-3 * * * *', 3, 'minute: expected 0-59, got "2-3"'],
    ['1.5 * * * *', 1, 'minute: expected 0-59, got "1.5"'],
    ['0 22-4 * * *', 3, 'hour: expected a range that runs upwards (write 22-23,0-4), got "22-4"'],
    ['0 0 * * fri-sun', 9, 'day of week: expected a range that runs upwards (write 5-6,0-0), got "fri-sun"'],
    ['*/90 * * * *', 3, 'minute: expected a step of 1-60 after "/", got "90"'],
    ['0 0-5/7 * * *', 7, 'hour: expected a step of 1-6 after "/", got "7"'],
    ['*/0 * * * *', 3, 'minute: expected a step of 1-60 after "/", got "0"'],
    ['*/ * * * *', 3, 'minute: expected a step of 1-60 after "/", got nothing'],
    ['*/5/2 * * * *', 3, 'minute: expected a step of 1-60 after "/", got "5/2"'],
    ['5/15 * * * *', 1, 'minute: expected "*" or a range before "/", such as 0-59/2, got "5/15"'],
    ['H(9) * * * *', 3, 'minute: expected a range such as 0-59, got "9"'],
    ['H(9-70) * * * *', 5, 'minute: expected 0-59, got "70"'],
    ['H(9-5 * * * *', 1, 'minute: expected 0-59, got "H(9"'],
    ['H(0-29)/31 * * * *', 9, 'minute: expected a step of 1-30 after "/", got "31"'],
    [
      '@every',
      1,
      'expected one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, @reboot, got "@every"',
    ],
    [
      ' @toString',
      2,
      'expected one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, @reboot, got "@toString"',
    ],
    ['0 0 31 2 *', 5, `${DATES}, got "31 2 *": no date matches`],
    ['0 0 30 feb *', 5, `${DATES}, got "30 feb *": no date matches`],
    ['0 0 31 4,6,9,11 *', 5, `${DATES}, got "31 4,6,9,11 *": no date matches`],
    ['0 0 */31 * 1#2', 5, `${DATES}, got "*/31 * 1#2": no date matches`],
  ])('%j at %d: %s', (text, position, message) => {
    const fault = { message: `${message} (at character ${position})`, position };
    expect(faultOf(() => parseCronFields(text, 'seed'))).toEqual(fault);
    expect(faultOf(() => checkCronFields(text))).toEqual(fault);
  });

  test('a very long text is cut in the message', () => {
    const { message } = faultOf(() => parseCronFields('9'.repeat(500), ''));
    expect(message).toBe(`expected 5 cron fields, got 1: "${'9'.repeat(60)}…" (at character 1)`);
  });
});

describe('a cron field', () => {
  const range = (from: number, to: number, step = 1) =>
    Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

  const minutes: readonly (readonly [string, readonly number[]])[] = [
    ['*', range(0, 59)],
    ['7', [7]],
    ['007', [7]],
    ['30,5,30', [5, 30]],
    ['*/20', [0, 20, 40]],
    ['*/60', [0]],
    ['10-12', [10, 11, 12]],
    ['10-30/10', [10, 20, 30]],
    ['5-59/15', [5, 20, 35, 50]],
    ['50-50', [50]],
    ['0-4/2,58', [0, 2, 4, 58]],
  ];
  test.each(minutes)('reads the minutes %s', (text, expected) => {
    expect(parseCronFields(`${text} 0 * * *`, '').minutes).toEqual(expected);
  });

  const weekdays: readonly (readonly [string, readonly number[]])[] = [
    ['*', [0, 1, 2, 3, 4, 5, 6]],
    ['7', [0]],
    ['0,7', [0]],
    ['5-7', [0, 5, 6]],
    ['0-7', [0, 1, 2, 3, 4, 5, 6]],
    ['Mon-FRI', [1, 2, 3, 4, 5]],
    ['sun,sat', [0, 6]],
    ['*/2', [0, 2, 4, 6]],
    ['1-7/2', [0, 1, 3, 5]],
  ];
  test.each(weekdays)('reads the weekdays %s', (text, expected) => {
    expect(parseCronFields(`0 0 * * ${text}`, '').dates.weekdays).toEqual(expected);
  });

  test.each([
    ['jan', [1]],
    ['DEC', [12]],
    ['mar-may', [3, 4, 5]],
    ['*/6', [1, 7]],
  ])('reads the months %s', (text, expected) => {
    expect(parseCronFields(`0 0 1 ${text} *`, '').dates.months).toEqual(expected);
  });

  test('reads L and # of the days', () => {
    const { dates } = parseCronFields('0 0 15,L * 5L,mon#2,7#1,3', '');
    expect(dates).toMatchObject({
      dates: [15],
      lastDate: true,
      weekdays: [3],
      lastWeekdays: [5],
      nthWeekdays: [
        { weekday: 1, nth: 2 },
        { weekday: 0, nth: 1 },
      ],
    });
  });
});

describe('what the first character of a field decides', () => {
  test.each([
    ['* * * * *', true],
    ['*/5 3 * * *', true],
    ['30 * * * *', true],
    ['30 */2 * * *', true],
    ['*,30 2 * * *', true],
    ['30,* 2 * * *', false],
    ['0-59 0-23 * * *', false],
    ['H H * * *', false],
    ['H * * * *', true],
    ['@hourly', true],
    ['@daily', false],
  ])('%s follows the clock: %s', (text, expected) => {
    expect(parseCronFields(text, '').followsClock).toBe(expected);
  });

  test.each([
    ['0 0 1 * 1', true],
    ['0 0 * * 1', false],
    ['0 0 1 * *', false],
    ['0 0 */2 * 1', false],
    ['0 0 1 * */2', false],
    ['0 0 1-31 * 1', true],
    ['0 0 L * 1', true],
    ['0 0 H * 5L', true],
    ['0 0 1 * 5#1', true],
  ])('%s needs only one of its day fields: %s', (text, expected) => {
    expect(parseCronFields(text, '').dates.either).toBe(expected);
  });
});

describe('shorthands', () => {
  test.each([
    ['@hourly', '0 * * * *'],
    ['@daily', '0 0 * * *'],
    ['@midnight', '0 0 * * *'],
    ['@weekly', '0 0 * * 0'],
    ['@monthly', '0 0 1 * *'],
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    [' @daily\t', '0 0 * * *'],
  ])('%j means %s', (shorthand, long) => {
    expect(parseCronFields(shorthand, '')).toEqual(parseCronFields(long, ''));
  });

  test('@reboot is told apart', () => {
    expect(isReboot(' @reboot ')).toBe(true);
    expect(isReboot('@daily')).toBe(false);
  });
});

describe('H', () => {
  const seeds = Array.from({ length: 200 }, (_, index) => String(index + 1));
  const minutesOf = (text: string) => seeds.map((seed) => parseCronFields(`${text} * * * *`, seed).minutes);

  test('never changes for a seed: every node and version runs at the same time', () => {
    const { minutes, hours, dates }: CronFields = parseCronFields('H H H H *', '42');
    expect({ minutes, hours, dates: dates.dates, months: dates.months }).toEqual({
      minutes: [10],
      hours: [13],
      dates: [18],
      months: [1],
    });
  });

  test('spreads over the whole range, one value a seed', () => {
    const chosen = minutesOf('H');
    expect(chosen.every((minutes) => minutes.length === 1)).toBe(true);
    expect(new Set(chosen.flat()).size).toBeGreaterThan(50);
  });

  test('stays in the range it is given', () => {
    const chosen = new Set(minutesOf('H(10-12)').flat());
    expect([...chosen].sort()).toEqual([10, 11, 12]);
  });

  test('with a step chooses the first value and keeps the step', () => {
    for (const minutes of minutesOf('H/15')) {
      const first = minutes[0] ?? Number.NaN;
      expect(first).toBeLessThan(15);
      expect(minutes).toEqual([first, first + 15, first + 30, first + 45]);
    }
  });

  test('with a range and a step does both', () => {
    for (const minutes of minutesOf('H(0-29)/10')) {
      const first = minutes[0] ?? Number.NaN;
      expect(first).toBeLessThan(10);
      expect(minutes).toEqual([first, first + 10, first + 20]);
    }
  });

  test('chooses a date that every month has', () => {
    const dates = seeds.flatMap((seed) => parseCronFields('0 0 H * *', seed).dates.dates);
    expect(Math.max(...dates)).toBe(28);
    expect(Math.min(...dates)).toBe(1);
  });

  test('chooses independently in each field', () => {
    const pairs = seeds.map((seed) => parseCronFields('H(0-11) H(0-11) * * *', seed));
    expect(pairs.some(({ minutes, hours }) => minutes[0] !== hours[0])).toBe(true);
    expect(new Set(pairs.map(({ minutes, hours }) => `${minutes} ${hours}`)).size).toBeGreaterThan(60);
  });

  test.each([
    ['0 0 H(29-31) 2 *', 'H(29-31) 2 *'],
    ['0 0 31 H *', '31 H *'],
    ['0 0 H(28-31) H(1-2) *', 'H(28-31) H(1-2) *'],
    ['0 0 */31,H * 1#2', '*/31,H * 1#2'],
  ])('%s may not be written, since some choice of H leaves no date', (text, quoted) => {
    expect(faultOf(() => checkCronFields(text))).toEqual({
      message: `day of month: expected a date that some year has, got "${quoted}": no date matches for some choice of H (at character 5)`,
      position: 5,
    });
  });

  test.each(['0 0 H 2 *', '0 0 H(1-29) feb *', 'H H H H H', '0 0 31 H(7-8) *', '0 0 H H thu'])(
    '%s may be written',
    (text) => {
      expect(() => checkCronFields(text)).not.toThrow();
    },
  );
});

import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { checkWindow } from '../../../src/core/schedule/window.ts';
import { parseEntries } from '../../../src/core/schedule/window-entry.ts';

const ALL_WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];
const MINUTE = 60_000;
const HOUR = 3_600_000;
const ANY_TIME =
  '"*", a time such as 09:00 or a range such as 09:00-17:00, with "~" before or "@10" after it';

function timesOf(text: string) {
  return parseEntries(text).flatMap(({ times }) => times);
}

function ruleOf(text: string) {
  return parseEntries(text)[0]?.dayRule;
}

function faultOf(text: string): { readonly message: string; readonly position: number | undefined } {
  try {
    checkWindow(text);
  } catch (error) {
    if (error instanceof ScheduleError) {
      return { message: error.message, position: error.position };
    }
    throw error;
  }
  throw new Error(`expected ${text} to be refused`);
}

describe('a time range', () => {
  test.each([
    ['*', 'day', 0, 24 * HOUR],
    ['@10', 'day', 0, 24 * HOUR],
    ['~', 'day', 0, 24 * HOUR],
    ['9:05', 'point', 9 * HOUR + 5 * MINUTE, 9 * HOUR + 5 * MINUTE],
    ['09:00-17:30', 'range', 9 * HOUR, 17.5 * HOUR],
    ['09:00:30-23:59:59', 'range', 9 * HOUR + 30_000, 24 * HOUR - 1_000],
    ['23:00-01:00', 'range', 23 * HOUR, 25 * HOUR],
  ])('%s is a %s from %i to %i ms', (text, kind, beginMs, endMs) => {
    expect(timesOf(text)).toMatchObject([{ kind, beginMs, endMs }]);
  });

  test.each([
    ['*', 24 * HOUR, 'wall clock'],
    ['01:00-04:00', 3 * HOUR + 1_000, 'wall clock'],
    ['23:00-00:59', 2 * HOUR - MINUTE + 1_000, 'wall clock'],
    ['09:00', 2_000, 'elapsed time'],
    ['@10', 10 * MINUTE, 'elapsed time'],
    ['*@1h30m', 90 * MINUTE, 'elapsed time'],
    ['09:00@1D12H', 36 * HOUR, 'elapsed time'],
    ['08:00-18:00@2w', 14 * 24 * HOUR, 'elapsed time'],
  ])('%s has an interval of %i ms by %s', (text, ms, countedBy) => {
    expect(timesOf(text)).toMatchObject([{ interval: { ms, countedBy } }]);
  });

  test.each([
    ['~04:00-06:00', true],
    ['~04:00-06:00@2h', true],
    ['~04:00-06:00@1d', true],
    ['~04:00-06:00@119', false],
    ['~@1d', true],
    ['~@10', false],
    ['~*', true],
    ['~09:00', false],
    ['04:00-06:00', false],
  ])('%s is spread: %s', (text, isSpread) => {
    expect(timesOf(text)).toMatchObject([{ isSpread }]);
  });
});

describe('the days', () => {
  test.each([
    ['* mon-fri', [{ weekdays: [1, 2, 3, 4, 5], monthday: undefined }]],
    ['* FRI-Monday', [{ weekdays: [1, 5, 6, 7], monthday: undefined }]],
    ['* 7', [{ weekdays: [7], monthday: undefined }]],
    ['* *:last', [{ weekdays: ALL_WEEKDAYS, monthday: -1 }]],
    ['* :LAST', [{ weekdays: ALL_WEEKDAYS, monthday: -1 }]],
    ['* fri:13', [{ weekdays: [5], monthday: 13 }]],
    ['* :+5', [{ weekdays: ALL_WEEKDAYS, monthday: 5 }]],
    ['* :2nd', [{ weekdays: ALL_WEEKDAYS, monthday: 2 }]],
    [
      '* :1,mon-wed:-31',
      [
        { weekdays: ALL_WEEKDAYS, monthday: 1 },
        { weekdays: [1, 2, 3], monthday: -31 },
      ],
    ],
  ])('of %s', (text, days) => {
    expect(ruleOf(text)).toEqual({ days, weeks: undefined, months: undefined });
  });

  test.each([
    ['* * *', undefined],
    ['* * 7', [7]],
    ['* * 51-2,10', [1, 2, 10, 51, 52, 53]],
  ])('the weeks of %s', (text, weeks) => {
    expect(ruleOf(text)?.weeks).toEqual(weeks);
  });

  test.each([
    ['* * * *', undefined],
    ['* * * January,3', [1, 3]],
    ['* * * dec-feb', [1, 2, 12]],
    ['* * * %2', [2, 4, 6, 8, 10, 12]],
    ['* * * *%2+1', [1, 3, 5, 7, 9, 11]],
    ['* * * jan-feb%2+1', [1]],
    ['* * * jan,mar,jun%3', [3, 6]],
    ['* * * %6,feb-apr', [2, 3, 4, 6, 12]],
    ['* * * feb-apr,%6', [2, 3, 4, 6, 12]],
    ['* * * jan-jun%4,jul-dec%3', [4, 9, 12]],
    ['* * * jan%2', []],
    ['* * * %13+1', [12]],
  ])('the months of %s', (text, months) => {
    expect(ruleOf(text)?.months).toEqual(months);
  });
});

describe('a schedule', () => {
  test('is one expression or a list of them, without those that say never', () => {
    expect(parseEntries('! 02:00-03:00 sun')).toMatchObject([{ excludes: true }]);
    expect(parseEntries(' !02:00-03:00')).toMatchObject([{ excludes: true, times: [{ beginMs: 2 * HOUR }] }]);
    expect(parseEntries(' ["@10", "", "!*  sat", "@0"] ')).toMatchObject([
      { excludes: false },
      { excludes: true, dayRule: { days: [{ weekdays: [6] }] } },
    ]);
  });

  test('takes intervals and ~ of exclusions, which mean nothing', () => {
    expect(parseEntries('["@10", "! ~02:00-03:00@5"]')).toHaveLength(2);
  });
});

describe('a fault is named with its field, what was expected, what came and where:', () => {
  test.each([
    ['25:00', 1, 'time ranges: expected a time from 00:00 to 23:59:59, got "25:00" (at character 1)'],
    ['24:00', 1, 'got "24:00"'],
    ['9:60', 1, 'got "9:60"'],
    ['14-15', 1, 'got "14"'],
    ['09:00-', 7, 'got nothing'],
    ['23:00-23:59-01:00@61', 7, 'got "23:59-01:00"'],
    ['09:00,,10:00', 7, `time ranges: expected ${ANY_TIME}, got nothing`],
    ['mon', 1, `time ranges: expected ${ANY_TIME}, got "mon"`],
    ['sunrise', 1, `time ranges: expected ${ANY_TIME}, got "sunrise"`],
    ['1,,2', 1, `time ranges: expected ${ANY_TIME}, got "1"`],
    ['!!09:00', 2, `time ranges: expected ${ANY_TIME}, got "!09:00"`],
    ['{"a":1}', 1, `time ranges: expected ${ANY_TIME}, got`],
    ['! mon-fri', 3, 'got "mon-fri"'],
    ['10:00-9x:00', 7, 'time ranges: expected a time from 00:00 to 23:59:59, got "9x:00"'],
    [' !', 3, 'time ranges: expected time ranges after "!", got nothing'],
    ['*@', 3, 'minutes, or a duration such as 90s, 2h, 1h30m or 1w, after "@", got nothing'],
    ['@10y', 2, 'got "10y"'],
    ['@1h30', 2, 'got "1h30"'],
    ['*@61@10', 3, 'got "61@10"'],
    ['@0m', 2, 'an interval other than 0 ("@0" alone means never), got "0m"'],
    ['@4000d', 2, 'an interval of at most ten years, got "4000d"'],
    [
      '* mon-fry',
      7,
      'days: expected 1-7, mon-sun or a range of them, and a day of month only after ":", got "fry"',
    ],
    ['* 0', 3, 'got "0"'],
    ['* 8', 3, 'got "8"'],
    ['* mon,', 7, 'got nothing'],
    ['* *:1,-1', 7, 'got "-1"'],
    ['* *:', 5, 'days: expected a day of month after ":", 1-31, -1 to -31, first-fifth or last, got nothing'],
    ['* *:*', 5, 'got "*"'],
    ['* :0', 4, 'got "0"'],
    ['* :32', 4, 'got "32"'],
    ['* :-32', 4, 'got "-32"'],
    ['*  * 54', 6, 'weeks: expected "*", or weeks 1-53 or a range of them, got "54"'],
    ['* mon %2', 7, 'weeks:'],
    ['* * 1- jan', 7, 'got nothing'],
    ['* * * 13', 7, 'months: expected 1-12, jan-dec or a range of them, got "13"'],
    ['* * * junuary', 7, 'got "junuary"'],
    ['* * * jan,,mar', 11, 'got nothing'],
    ['* * * jan%0', 11, 'months: expected a number from 1 after "%", as in %2 or %2+1, got "0"'],
    ['* * * %2%3', 8, 'got "2%3"'],
    ['* * * %2+1+2', 8, 'got "2+1+2"'],
    ['* * * %', 8, 'got nothing'],
    ['* * * * *', 9, 'expected at most 4 fields (time ranges, days, weeks, months), got 5 (at character 9)'],
    ['[', 2, 'expected a JSON list of strings such as ["@10", "! 02:00-03:00"], got the end of the text'],
    [' ["@10",]', 9, 'expected a string for entry 2, got "]"'],
    ['["09:00 mon" "10:00"]', 14, 'expected "," or "]" after entry 1, got "\\"10:00\\"]"'],
    ['["09:00"', 9, 'expected "," or "]" after entry 1, got the end of the text'],
    ['["09:00", "10:00', 11, 'expected a string for entry 2, got "\\"10:00"'],
    ['["09:00"] mon', 11, 'expected nothing after the list, got "mon"'],
    ['["@10", 5]', 9, 'entry 2: expected a string, got 5 (at character 9)'],
    ['["@10",null]', 8, 'entry 2: expected a string, got null'],
    ['[["@10"]]', 2, 'entry 1: expected a string, got a list'],
    ['[ {"a": 1}]', 3, 'entry 1: expected a string, got an object'],
  ])('%s', (text, position, message) => {
    const fault = faultOf(text);
    expect(fault.message).toContain(message);
    expect(fault.position).toBe(position);
  });

  test('a long text is cut where it is quoted', () => {
    for (const text of ['x'.repeat(5_000), `["${'x'.repeat(5_000)}"]`, `["@10" ${'x'.repeat(5_000)}`]) {
      expect(faultOf(text).message.length).toBeLessThan(400);
    }
  });

  test('in a list the entry is named too, and the position is one within it', () => {
    expect(faultOf('["@10", "* mon-fry"]')).toEqual({
      message:
        'entry 2 ("* mon-fry"): days: expected 1-7, mon-sun or a range of them, ' +
        'and a day of month only after ":", got "fry", within the entry (at character 7)',
      position: 7,
    });
  });
});

describe('the size of a schedule has limits:', () => {
  const listOf = (entry: string, count: number) => JSON.stringify(Array.from({ length: count }, () => entry));

  test.each([
    ['a list of 100 entries', listOf('09:00', 100)],
    ['200 time ranges', `${'09:00,'.repeat(199)}09:00`],
    ['200 time ranges of several entries', listOf('09:00,10:00', 100)],
    ['10,000 characters', `@10${' '.repeat(9_997)}`],
  ])('%s: taken', (_what, text) => {
    expect(() => checkWindow(text)).not.toThrow();
  });

  test.each([
    ['101 entries', listOf('09:00', 101), 'expected a list of at most 100 entries, got 101'],
    ['201 ranges', `${'09:00,'.repeat(200)}09:00`, 'expected at most 200 time ranges in a schedule, got 201'],
    [
      '67 times 3 ranges',
      listOf('9:0,10:0,11:0', 67),
      'expected at most 200 time ranges in a schedule, got 201',
    ],
    ['a long text', `@10${' '.repeat(9_998)}`, 'expected at most 10000 characters, got 10001'],
    ['a deep list', '['.repeat(5_000), 'entry 1: expected a string, got a list (at character 2)'],
    ['a long and deep list', '['.repeat(50_000), 'expected at most 10000 characters, got 50000'],
  ])('%s is refused', (_what, text, message) => {
    expect(faultOf(text).message).toBe(message);
  });
});

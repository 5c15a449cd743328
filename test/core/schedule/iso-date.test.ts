import { describe, expect, test } from 'vitest';
import { DAY_MS, toText } from '../../../src/core/instants.ts';
import { readIsoDate } from '../../../src/core/schedule/iso-date.ts';

function dayOf(text: string): string | undefined {
  const midnight = readIsoDate(text);
  return midnight === undefined ? undefined : toText(midnight).replace('T00:00:00.000Z', '');
}

describe('readIsoDate', () => {
  test.each([
    ['2026-11-21', '2026-11-21'],
    ['20261121', '2026-11-21'],
    ['2024-02-29', '2024-02-29'],
    ['2000-02-29', '2000-02-29'],
    ['0100-01-01', '0100-01-01'],
    ['9999-12-31', '9999-12-31'],
    // Days of the year.
    ['2026-325', '2026-11-21'],
    ['2026325', '2026-11-21'],
    ['2026-001', '2026-01-01'],
    ['2026-365', '2026-12-31'],
    ['2024-366', '2024-12-31'],
    // Weeks: the year of a week is that of its Thursday.
    ['2026-W47-6', '2026-11-21'],
    ['2026W476', '2026-11-21'],
    ['2026-w47-6', '2026-11-21'],
    ['2026-W47', '2026-11-16'],
    ['2026W47', '2026-11-16'],
    ['2026-W01-1', '2025-12-29'],
    ['2026-W53-7', '2027-01-03'],
    ['2020-W53-5', '2021-01-01'],
    ['2027-W01-1', '2027-01-04'],
  ])('reads %s as the day %s', (text, day) => {
    expect(dayOf(text)).toBe(day);
  });

  test.each([
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-1-1',
    '2026-11',
    '2026',
    '2026-1121',
    '202611-21',
    '2026-000',
    '2026-366',
    '2024-367',
    '2026-W00-1',
    '2026-W54-1',
    '2025-W53-1',
    '2026-W47-0',
    '2026-W47-8',
    '2026-W476',
    '2026W47-6',
    '2026-W4',
    '0026-11-21',
    '26-11-21',
    '12026-11-21',
    '2026-11-21 ',
    '',
  ])('takes %j for no date', (text) => {
    expect(readIsoDate(text)).toBeUndefined();
  });

  test('gives every day of forty years the same midnight in all three notations', () => {
    const last = Date.UTC(2039, 11, 31);
    for (let midnight = Date.UTC(2000, 0, 1); midnight <= last; midnight += DAY_MS) {
      const calendar = toText(midnight).slice(0, 10);
      expect([calendar, ordinalText(midnight), weekText(midnight)].map(readIsoDate)).toEqual([
        midnight,
        midnight,
        midnight,
      ]);
    }
  });
});

function ordinalText(midnight: number): string {
  const year = new Date(midnight).getUTCFullYear();
  const day = (midnight - Date.UTC(year, 0, 1)) / DAY_MS + 1;
  return `${year}-${String(day).padStart(3, '0')}`;
}

/** By the rule of the Thursday: it decides the year of its week, and how many weeks lie before. */
function weekText(midnight: number): string {
  const weekday = new Date(midnight).getUTCDay() || 7;
  const thursday = midnight + (4 - weekday) * DAY_MS;
  const year = new Date(thursday).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}-${weekday}`;
}

import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { clockChangeNotes } from '../../../src/core/schedule/clock-changes.ts';

function notes(text: string, timezone: string, from: string): readonly string[] {
  return clockChangeNotes(text, { timezone, hashSeed: '1' }, Date.parse(from)).map((note) => note.text);
}

describe('clockChangeNotes', () => {
  const back = '2026-10-25 03:00 clocks go back to 02:00 in Europe/Berlin';
  const forward = '2027-03-28 02:00 clocks go forward to 03:00 in Europe/Berlin';
  test.each([
    [
      '30 2 * * *',
      '02:30 comes twice, runs in the first pass only',
      '02:30 does not exist, runs once at 03:00',
    ],
    [
      '0,15,30 2 * * *',
      '02:00, 02:15 and 02:30 come twice, runs in the first pass only',
      '02:00, 02:15 and 02:30 do not exist, runs once at 03:00',
    ],
    [
      '0,30 2,3 * * *',
      '02:00 and 02:30 come twice, runs in the first pass only',
      '02:00 and 02:30 do not exist, runs once at 03:00',
    ],
    [
      '*/10 * * * *',
      '6 times from 02:00 to 02:50 come twice, runs both times',
      '6 times from 02:00 to 02:50 do not exist, skipped',
    ],
    ['20 * * * *', '02:20 comes twice, runs both times', '02:20 does not exist, skipped'],
    ['0 3 * * *', 'not affected', 'not affected'],
    ['30 2 * * 1', 'not affected', 'not affected'],
  ])('say for %s what happens at both changes of a year', (text, atBack, atForward) => {
    expect(notes(text, 'Europe/Berlin', '2026-10-01T00:00:00Z')).toEqual([
      `${back}: ${atBack}`,
      `${forward}: ${atForward}`,
    ]);
  });

  test('name the dates where a whole day is skipped', () => {
    expect(notes('0 12 * * *', 'Pacific/Apia', '2011-12-01T00:00:00Z')[0]).toBe(
      '2011-12-30 00:00 clocks go forward to 2011-12-31 00:00 in Pacific/Apia: 12:00 does not exist, runs once at 2011-12-31 00:00',
    );
  });

  test('name the date where the clock goes back over midnight', () => {
    expect(notes('30 23 * * *', 'America/Sao_Paulo', '2018-02-01T00:00:00Z')[0]).toBe(
      '2018-02-18 00:00 clocks go back to 2018-02-17 23:00 in America/Sao_Paulo: 2018-02-17 23:30 comes twice, runs in the first pass only',
    );
  });

  test('carry the instant of the change', () => {
    const context = { timezone: 'Europe/Berlin', hashSeed: '1' };
    const found = clockChangeNotes('0 3 * * *', context, Date.parse('2026-10-01T00:00:00Z'), 1);
    expect(found.map((note) => note.at)).toEqual([Date.parse('2026-10-25T01:00:00Z')]);
  });

  test('say whether a slot lies in what the clock skips or repeats', () => {
    const isAffected = (text: string) =>
      clockChangeNotes(
        text,
        { timezone: 'Europe/Berlin', hashSeed: '1' },
        Date.parse('2026-10-01T00:00:00Z'),
      ).map((note) => note.isAffected);
    expect(isAffected('30 2 * * *')).toEqual([true, true]);
    expect(isAffected('30 2 * 10 *')).toEqual([true, false]);
  });

  test.each([
    ['0 3 * * *', 'UTC'],
    ['0 3 * * *', 'Asia/Kolkata'],
    ['@reboot', 'Europe/Berlin'],
  ])('are none for %s in %s', (text, timezone) => {
    expect(notes(text, timezone, '2026-10-01T00:00:00Z')).toEqual([]);
  });

  test('refuse a text that is not valid', () => {
    expect(() => notes('5', 'Europe/Berlin', '2026-10-01T00:00:00Z')).toThrow(ScheduleError);
  });
});

import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../src/core/errors.ts';
import { nextTransitions, zoneOf } from '../../src/core/zone.ts';

const HOUR = 3_600_000;

function offsetHours(name: string, at: string): number {
  return zoneOf(name).segmentAt(Date.parse(at)).offsetMs / HOUR;
}

describe('zoneOf', () => {
  test.each([
    ['UTC', '2026-07-01T00:00:00Z', 0],
    ['Etc/UTC', '2026-07-01T00:00:00Z', 0],
    ['Europe/Berlin', '2026-01-15T00:00:00Z', 1],
    ['Europe/Berlin', '2026-07-15T00:00:00Z', 2],
    ['Asia/Kolkata', '2026-07-15T00:00:00Z', 5.5],
    ['America/St_Johns', '2026-01-15T00:00:00Z', -3.5],
    ['Australia/Lord_Howe', '2026-01-15T00:00:00Z', 11],
    ['Australia/Lord_Howe', '2026-07-15T00:00:00Z', 10.5],
    ['Pacific/Kiritimati', '2026-07-15T00:00:00Z', 14],
    ['Africa/Monrovia', '1971-06-01T00:00:00Z', -2670 / 3600],
    ['Europe/Berlin', '9999-07-15T00:00:00Z', 2],
  ])('knows that %s is at %s %d hours ahead of UTC', (name, at, expected) => {
    expect(offsetHours(name, at)).toBe(expected);
  });

  test.each([
    ['US/Eastern', 'America/New_York'],
    ['Europe/Kyiv', 'Europe/Kiev'],
    ['Asia/Calcutta', 'Asia/Kolkata'],
    ['europe/berlin', 'Europe/Berlin'],
  ])('takes %s, which is another name of %s', (alias, name) => {
    const at = '2026-07-15T00:00:00Z';
    expect(offsetHours(alias, at)).toBe(offsetHours(name, at));
  });

  test.each(['Europe/Berln', '', '+02:00', '-0530', 'CET+1', 'Mars/Olympus'])('refuses %j', (name) => {
    expect(() => zoneOf(name)).toThrow(ScheduleError);
    expect(() => zoneOf(name)).toThrow(
      `expected an IANA time zone such as Europe/Berlin, got ${JSON.stringify(name)}`,
    );
  });

  test('gives the same zone for the same name', () => {
    expect(zoneOf('Europe/Berlin')).toBe(zoneOf('Europe/Berlin'));
  });

  test('changes the offset at the exact millisecond', () => {
    const { segmentAt } = zoneOf('Europe/Berlin');
    const change = Date.parse('2026-03-29T01:00:00Z');
    expect(segmentAt(change - 1)).toMatchObject({ offsetMs: HOUR, endsAt: change });
    expect(segmentAt(change)).toMatchObject({ offsetMs: 2 * HOUR, startsAt: change });
  });
});

describe('nextTransitions', () => {
  const cases: readonly (readonly [string, string, readonly (readonly [string, number, number])[]])[] = [
    [
      'Europe/Berlin',
      '2026-01-01T00:00:00Z',
      [
        ['2026-03-29T01:00:00Z', 1, 2],
        ['2026-10-25T01:00:00Z', 2, 1],
      ],
    ],
    [
      'Australia/Lord_Howe',
      '2026-01-01T00:00:00Z',
      [
        ['2026-04-04T15:00:00Z', 11, 10.5],
        ['2026-10-03T15:30:00Z', 10.5, 11],
      ],
    ],
    ['Pacific/Apia', '2011-12-01T00:00:00Z', [['2011-12-30T10:00:00Z', -10, 14]]],
    ['Pacific/Kwajalein', '1993-01-01T00:00:00Z', [['1993-08-21T12:00:00Z', -12, 12]]],
    [
      'Africa/Cairo',
      '2014-01-01T00:00:00Z',
      [
        ['2014-05-15T22:00:00Z', 2, 3],
        ['2014-06-26T21:00:00Z', 3, 2],
        ['2014-07-31T22:00:00Z', 2, 3],
        ['2014-09-25T21:00:00Z', 3, 2],
      ],
    ],
    [
      'America/Recife',
      '2000-10-01T00:00:00Z',
      [
        ['2000-10-08T03:00:00Z', -3, -2],
        ['2000-10-15T02:00:00Z', -2, -3],
      ],
    ],
    ['Africa/Abidjan', '1911-12-01T00:00:00Z', [['1912-01-01T00:16:08Z', -968 / 3600, 0]]],
    ['Africa/Monrovia', '1972-01-01T00:00:00Z', [['1972-01-07T00:44:30Z', -2670 / 3600, 0]]],
  ];

  test.each(cases)('finds the changes of %s from %s on', (name, from, expected) => {
    const found = nextTransitions(zoneOf(name), Date.parse(from), expected.length);
    expect(
      found.map(({ at, offsetBeforeMs, offsetAfterMs }) => [at, offsetBeforeMs / HOUR, offsetAfterMs / HOUR]),
    ).toEqual(expected.map(([at, before, after]) => [Date.parse(at), before, after]));
  });

  test('leaves out a change at the very instant from which it looks', () => {
    const [first] = nextTransitions(zoneOf('Europe/Berlin'), Date.parse('2026-03-29T01:00:00Z'), 1);
    expect(first?.at).toBe(Date.parse('2026-10-25T01:00:00Z'));
  });

  test.each(['UTC', 'Asia/Kolkata'])('finds none in %s', (name) => {
    expect(nextTransitions(zoneOf(name), Date.parse('2026-01-01T00:00:00Z'), 2)).toEqual([]);
  });

  test('looks ten years ahead and no further, always to the exact millisecond', () => {
    const found = nextTransitions(zoneOf('Europe/Berlin'), Date.parse('2026-01-01T00:00:00Z'), 1_000);
    expect(found.length).toBe(20);
    expect(found.map(({ at }) => new Date(at).toISOString().slice(11))).toEqual(
      Array(20).fill('01:00:00.000Z'),
    );
  });
});

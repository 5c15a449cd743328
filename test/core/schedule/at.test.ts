import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { HOUR_MS, type Instant, MINUTE_MS, toShortText, toText } from '../../../src/core/instants.ts';
import { atClockNote, parseAt, resolveAt } from '../../../src/core/schedule/at.ts';
import { zoneOf } from '../../../src/core/zone.ts';

function resolved(text: string, timezone: string): string {
  return toShortText(resolveAt(parseAt(text), timezone).instant);
}

describe('the forms of an instant', () => {
  test.each([
    ['2026-11-21T09:30', '2026-11-21T08:30:00Z'],
    ['2026-11-21 09:30', '2026-11-21T08:30:00Z'],
    ['2026-11-21t09:30', '2026-11-21T08:30:00Z'],
    ['  2026-11-21   09:30  ', '2026-11-21T08:30:00Z'],
    ['20261121T0930', '2026-11-21T08:30:00Z'],
    ['20261121T093015', '2026-11-21T08:30:15Z'],
    ['2026-11-21T09', '2026-11-21T08:00:00Z'],
    ['2026-11-21', '2026-11-20T23:00:00Z'],
    ['2026-325T09:30', '2026-11-21T08:30:00Z'],
    ['2026-W47-6T09:30', '2026-11-21T08:30:00Z'],
    ['2026-W47 09:30', '2026-11-16T08:30:00Z'],
    ['2026-11-21T09:30:15.25', '2026-11-21T08:30:15.250Z'],
    ['2026-11-21T09:30:15,250999999', '2026-11-21T08:30:15.250Z'],
    ['2026-11-21T09:30.5', '2026-11-21T08:30:30Z'],
    ['2026-11-21T09,5', '2026-11-21T08:30:00Z'],
    ['2026-11-21T24:00', '2026-11-21T23:00:00Z'],
    ['2026-11-21T00:00', '2026-11-20T23:00:00Z'],
    ['2026-11-21T08:30Z', '2026-11-21T08:30:00Z'],
    ['2026-11-21T08:30z', '2026-11-21T08:30:00Z'],
    ['2026-11-21T08:30 Z', '2026-11-21T08:30:00Z'],
    ['2026-11-21T09:30+01:00', '2026-11-21T08:30:00Z'],
    ['2026-11-21T09:30+01', '2026-11-21T08:30:00Z'],
    ['2026-11-21T14:00+0530', '2026-11-21T08:30:00Z'],
    ['2026-11-21T03:30-05:00', '2026-11-21T08:30:00Z'],
    ['2026-11-21T03:30\u221205:00', '2026-11-21T08:30:00Z'],
    ['2026-11-21T09:30:00.000+00:00', '2026-11-21T09:30:00Z'],
    ['1970-01-01T00:00+14:00', '1969-12-31T10:00:00Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%j read in Berlin is %s', (text, expected) => {
    expect(resolved(text, 'Europe/Berlin')).toBe(expected);
  });

  const form = 'expected an instant in ISO form such as 2026-11-21T09:30';
  const date = 'expected a date of the years 1970 to 9999 such as 2026-11-21';
  const missing = 'expected a date that exists';
  const years = 'expected an instant that lies in the years 1970 to 9999 in UTC too';
  test.each([
    ['', form, 1],
    ['now', form, 1],
    ['noon tomorrow', form, 1],
    ['09:30', form, 1],
    ['2026-11-21T', form, 1],
    ['2026-11-21T9:30', form, 12],
    ['2026-11-21T25:00', form, 12],
    ['2026-11-21T24:01', form, 12],
    ['2026-11-21T09:60', form, 12],
    ['2026-11-21T09:30:60', form, 12],
    ['2026-11-21T09:3015', form, 12],
    ['2026-11-21T09:30+1', form, 17],
    ['2026-11-21T09:30+24:00', form, 17],
    ['2026-11-21T09:30+01:60', form, 17],
    ['2026-11-21T09:30 Europe/Berlin', form, 1],
    ['2026-11-21T09:30[Europe/Berlin]', 'a zone goes into timezone, on the command line --timezone', 17],
    [' 2026-11-21T09:30+01:00[Europe/Berlin]', 'a zone goes into timezone', 24],
    ['2026-02-29T09:30', `${missing}, got "2026-02-29"`, 1],
    ['  2026-13-01', `${missing}, got "2026-13-01"`, 3],
    ['20270229T0930', `${missing}, got "20270229"`, 1],
    ['2027-W53-1', `${missing}, got "2027-W53-1"`, 1],
    ['2027-W10-8T09:30', `${missing}, got "2027-W10-8"`, 1],
    ['2027-366', `${missing}, got "2027-366"`, 1],
    ['1969-02-29', `${date}, got "1969-02-29"`, 1],
    ['1970-W01-1', `${date}, got "1970-W01-1"`, 1],
    ['1969-12-31T23:59Z', `${date}, got "1969-12-31"`, 1],
    ['0026-11-21T09:30', date, 1],
    ['9999-12-31T24:00', `${years}, got "9999-12-31T24:00"`, 1],
    ['9999-12-31T23:59-00:01', `${years}, got "9999-12-31T23:59-00:01"`, 1],
    [' 9999-12-31T23:59-10:00', `${years}, got "9999-12-31T23:59-10:00"`, 2],
    ['1795425000', date, 1],
  ])('%j is refused', (text, message, position) => {
    expect(() => parseAt(text)).toThrow(ScheduleError);
    expect(() => parseAt(text)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message), position }),
    );
  });

  test('of a zone that nobody knows is refused, and one that names its offset needs no zone', () => {
    expect(() => resolveAt(parseAt('2026-11-21T09:30'), 'Mars/Olympus')).toThrow(ScheduleError);
    expect(resolved('2026-11-21T09:30Z', 'Mars/Olympus')).toBe('2026-11-21T09:30:00Z');
  });
});

test('the last night of the year 9999 is at the end of what the tables store, also west of UTC', () => {
  expect(resolved('9999-12-31T23:59', 'America/New_York')).toBe('9999-12-31T23:59:59.999Z');
  expect(resolved('9999-12-31T23:59', 'Europe/Berlin')).toBe('9999-12-31T22:59:00Z');
});

describe('a change of the clock', () => {
  test.each([
    // Forward: what is skipped is the first instant after the change.
    ['Europe/Berlin', '2026-03-29T01:59:59', 'plain', '2026-03-29T00:59:59Z'],
    ['Europe/Berlin', '2026-03-29T02:00', 'skipped', '2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '2026-03-29T02:30', 'skipped', '2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '2026-03-29T02:59:59.999', 'skipped', '2026-03-29T01:00:00Z'],
    ['Europe/Berlin', '2026-03-29T03:00', 'plain', '2026-03-29T01:00:00Z'],
    ['America/New_York', '2026-03-08T02:30', 'skipped', '2026-03-08T07:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-04T02:15', 'skipped', '2026-10-03T15:30:00Z'],
    ['Africa/Cairo', '2026-04-24', 'skipped', '2026-04-23T22:00:00Z'],
    ['America/Sao_Paulo', '2018-11-04T00:30', 'skipped', '2018-11-04T03:00:00Z'],
    ['Pacific/Apia', '2011-12-29T23:59', 'plain', '2011-12-30T09:59:00Z'],
    ['Pacific/Apia', '2011-12-30T00:00', 'skipped', '2011-12-30T10:00:00Z'],
    ['Pacific/Apia', '2011-12-30T23:59', 'skipped', '2011-12-30T10:00:00Z'],
    ['Pacific/Apia', '2011-12-31T00:00', 'plain', '2011-12-30T10:00:00Z'],
    // Back: what comes twice is the first pass.
    ['Europe/Berlin', '2026-10-25T01:59', 'plain', '2026-10-24T23:59:00Z'],
    ['Europe/Berlin', '2026-10-25T02:00', 'repeated', '2026-10-25T00:00:00Z'],
    ['Europe/Berlin', '2026-10-25T02:30', 'repeated', '2026-10-25T00:30:00Z'],
    ['Europe/Berlin', '2026-10-25T03:00', 'plain', '2026-10-25T02:00:00Z'],
    ['America/New_York', '2026-11-01T01:30', 'repeated', '2026-11-01T05:30:00Z'],
    ['Australia/Lord_Howe', '2026-04-05T01:45', 'repeated', '2026-04-04T14:45:00Z'],
    ['Australia/Lord_Howe', '2026-04-05T01:15', 'plain', '2026-04-04T14:15:00Z'],
    // With an offset there is nothing to choose.
    ['Europe/Berlin', '2026-10-25T02:30+01:00', 'plain', '2026-10-25T01:30:00Z'],
    ['Europe/Berlin', '2026-03-29T02:30+01:00', 'plain', '2026-03-29T01:30:00Z'],
    ['Asia/Kolkata', '2026-03-29T02:30', 'plain', '2026-03-28T21:00:00Z'],
  ])('in %s: %s is %s, at %s', (timezone, text, clock, instant) => {
    const found = resolveAt(parseAt(text), timezone);
    expect({ clock: found.clock, instant: toShortText(found.instant) }).toEqual({ clock, instant });
  });

  test('is told in one sentence where it matters', () => {
    expect(atClockNote('2026-03-29T02:30', 'Europe/Berlin')).toBe(
      '2026-03-29 02:30 does not exist in Europe/Berlin, where the clocks go forward: it runs at 2026-03-29 03:00, the first instant after the change',
    );
    expect(atClockNote('2026-10-25T02:30', 'Europe/Berlin')).toBe(
      '2026-10-25 02:30 comes twice in Europe/Berlin, where the clocks go back: it runs in the first pass (with an offset, 2026-10-25T02:30+01:00, it runs in the second)',
    );
    expect(atClockNote('2026-11-01T01:30:05', 'America/New_York')).toContain('2026-11-01T01:30:05-05:00');
    expect(atClockNote('2026-10-25T02:30+02:00', 'Europe/Berlin')).toBeUndefined();
    expect(atClockNote('2026-11-21T09:30', 'Europe/Berlin')).toBeUndefined();
  });

  test('names the offset by which the text means the other pass', () => {
    const [suggested = ''] =
      /2026-04-05T[\d:+]+/.exec(atClockNote('2026-04-05T01:45', 'Australia/Lord_Howe') ?? '') ?? [];
    expect(resolved('2026-04-05T01:45', 'Australia/Lord_Howe')).toBe('2026-04-04T14:45:00Z');
    expect(resolved(suggested, 'UTC')).toBe('2026-04-04T15:15:00Z');
  });
});

/** The first minute at which the zone's clock shows the reading, or else the first that it shows a later one. */
function byWalking(wall: Instant, timezone: string): Instant | undefined {
  const zone = zoneOf(timezone);
  let later: Instant | undefined;
  for (let at = wall - 26 * HOUR_MS; at <= wall + 26 * HOUR_MS; at += MINUTE_MS) {
    const shown = at + zone.segmentAt(at).offsetMs;
    if (shown === wall) {
      return at;
    }
    later ??= shown > wall ? at : undefined;
  }
  return later;
}

test('a reading is the minute that a walk over two days finds, in zones with all sorts of changes', () => {
  const changes = [
    ['Europe/Berlin', '2026-03-29T01:00Z'],
    ['Europe/Berlin', '2026-10-25T01:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
    ['Africa/Cairo', '2026-04-23T22:00Z'],
    ['America/Santiago', '2026-04-05T03:00Z'],
    ['Pacific/Apia', '2011-12-30T10:00Z'],
    ['Asia/Pyongyang', '2018-05-04T15:00Z'],
    ['America/St_Johns', '2026-11-01T04:30Z'],
  ] as const;
  const property = fc.property(
    fc.constantFrom(...changes),
    fc.integer({ min: -26 * 60, max: 26 * 60 }),
    ([timezone, change], minutes) => {
      const wall = Date.parse(change) + minutes * MINUTE_MS;
      const text = toText(wall).slice(0, 16);
      expect(resolveAt(parseAt(text), timezone).instant).toBe(byWalking(wall, timezone));
    },
  );
  fc.assert(property, { seed: 20_261_121, numRuns: 300 });
});

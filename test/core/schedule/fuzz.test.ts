import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDeactivateAfter, parseDeactivateAfter } from '../../../src/core/deactivation.ts';
import { formatDuration, parseDuration } from '../../../src/core/durations.ts';
import { ScheduleError } from '../../../src/core/errors.ts';
import { DAY_MS, fromText, type Instant, toText } from '../../../src/core/instants.ts';
import { faultOfName, normalizeName } from '../../../src/core/names.ts';
import { atClockNote, parseAt, resolveAt } from '../../../src/core/schedule/at.ts';
import { checkCronFields } from '../../../src/core/schedule/cron-fields.ts';
import { periodicSlots } from '../../../src/core/schedule/every.ts';
import { readIsoDate } from '../../../src/core/schedule/iso-date.ts';
import { checkSchedule, newestSlotIn, parseSchedule } from '../../../src/core/schedule/next-slot.ts';
import type { Schedule, ScheduleKind } from '../../../src/core/schedule/schedule.ts';
import { parseTicks } from '../../../src/core/schedule/ticks.ts';
import { checkDefinition, definitionSchema } from '../../../src/core/task-schema.ts';
import { zoneOf } from '../../../src/core/zone.ts';

// A fixed seed: a run that fails fails again.
const OPTIONS = { seed: 20_261_121, numRuns: 200 };

/** No answer takes so long on any machine, however busy it is, unless it searches without an end. */
const HANG_MS = 2_000;

const ZONES = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia', 'Africa/Casablanca'];

const EXTREMES: readonly Instant[] = [
  -8.64e15,
  Date.UTC(-1, 0, 1),
  Date.UTC(1_000, 0, 1) - 1,
  -1,
  Date.parse('2026-03-29T00:59:59.999Z'),
  Date.parse('2026-11-21T12:34:56.789Z'),
  Date.UTC(9_989, 11, 31),
  Date.parse('9999-12-31T23:58:59.999Z'),
  Date.parse('9999-12-31T23:59:59.999Z'),
  8.64e15,
];

/** What one parser reads: texts that are valid, and the letters of its grammar. */
type Grammar = { readonly valid: readonly string[]; readonly letters: string };

const CRON: Grammar = {
  valid: [
    '*/5 * * * *',
    '0 3 * * mon-fri',
    '30 2 29 2 *',
    '15,45 8-17/3 1,15 jan-mar/2 *',
    'H H(0-7) * * *',
    'H/15 * L * 5L',
    '0 0 * * 1#2,7#5',
    '@daily',
    '@reboot',
  ],
  letters: '0123456789 */,-#LH?@()janfebmonsu\t',
};
const DURATION: Grammar = {
  valid: ['90s', '15m', '1h30m', '2d', '1w2d3h4m5s', '0', '-1s'],
  letters: '0123456789smhdw- .+',
};
const WINDOW: Grammar = {
  valid: [
    '',
    '*',
    '@0',
    '@10',
    '@1d',
    '09:00-17:00@1h mon-fri',
    '~22:00-06:00@15m sat,sun 10-50 %2',
    '09:00 mon:1,fri:last',
    '["09:00-17:00@1h", "! 12:00-13:00", "!* sat"]',
    '["*", "! *"]',
  ],
  letters: '0123456789:-~@!*,%+smhdwonfrilatjeb [""]',
};
const TICKS: Grammar = { valid: ['0', '3 repeat', '1000000'], letters: '0123456789 repat-+' };
const AT: Grammar = {
  valid: [
    '2026-11-21T09:30',
    '2026-03-29T02:30',
    '20261121T093015,5Z',
    '2026-W47-6 24:00+05:30',
    '2026-325',
    '9999-12-31T23:59:59.999+12',
  ],
  letters: '0123456789-:+TZW ,.tzw[]',
};
const DEACTIVATION: Grammar = {
  valid: ['', '5', '5 failures', '5 failures and 7 days', '1 failure, 3d'],
  letters: '0123456789 ,andfiluresy',
};

/** Any string, one of the grammar's letters, or a valid text with some letters changed. */
function textsOf({ valid, letters }: Grammar): fc.Arbitrary<string> {
  const letter = fc.constantFrom(...letters);
  const mutation = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.integer({ min: 0, max: 3 }),
    put: fc.oneof(
      fc.string({ unit: letter, maxLength: 3 }),
      fc.constantFrom(...valid),
      fc.string({ maxLength: 2 }),
    ),
  });
  const mutated = fc
    .tuple(fc.constantFrom(...valid), fc.array(mutation, { maxLength: 3 }))
    .map(([text, mutations]) =>
      mutations.reduce((changed, { at, removed, put }) => {
        const from = Math.floor(at * (changed.length + 1));
        return changed.slice(0, from) + put + changed.slice(from + removed);
      }, text),
    );
  return fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: letter, maxLength: 40 }),
    { arbitrary: mutated, weight: 3 },
    fc.array(fc.constantFrom(...valid), { maxLength: 4 }).map((parts) => parts.join(' ')),
  );
}

/** What the parser makes of the text, or undefined if it refuses it, which it may do with a schedule error only. */
function readOrRefuse<Read>(text: string, read: () => Read): Read | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(ScheduleError);
    const { position, message } = error as ScheduleError;
    expect(message).not.toBe('');
    expect(position ?? 1).toBeGreaterThanOrEqual(1);
    expect(position ?? 1).toBeLessThanOrEqual(text.length + 1);
    return undefined;
  }
}

/** Fails when it takes suspiciously long. */
function inBoundedTime<Result>(what: string, act: () => Result): Result {
  const begunAt = performance.now();
  const result = act();
  const took = performance.now() - begunAt;
  expect(took, `${what} took ${Math.round(took)} ms`).toBeLessThan(HANG_MS);
  return result;
}

/** Asks everything that can be asked of a schedule, at instants near and far. */
function question(schedule: Schedule): void {
  for (const instant of EXTREMES) {
    let last = instant;
    for (let steps = 0; steps < 3; steps += 1) {
      const slot = schedule.nextAfter(last);
      if (slot === undefined) {
        break;
      }
      expect(Number.isSafeInteger(slot)).toBe(true);
      expect(slot).toBeGreaterThan(last);
      questionSlot(schedule, slot);
      last = slot;
    }
    // Only a minute of a tick is ever asked for here, and the tables store no other years.
    const minute = Math.min(Math.max(instant, Date.UTC(1_000, 0, 1)), Date.UTC(9_999, 11, 31));
    expect(schedule.excludedUntil?.(minute) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(minute);
  }
  const now = Date.parse('2026-11-21T12:34:56.789Z');
  const newest = newestSlotIn(schedule, now - 400 * DAY_MS, now) ?? now;
  expect(newest).toBeLessThanOrEqual(now);
  expect(newest).toBeGreaterThan(now - 400 * DAY_MS);
}

function questionSlot(schedule: Schedule, slot: Instant): void {
  const closesAt = schedule.closesAt?.(slot) ?? Number.POSITIVE_INFINITY;
  const spreadMs = schedule.spreadMs?.(slot) ?? 0;
  expect(closesAt).toBeGreaterThanOrEqual(slot);
  expect(spreadMs).toBeGreaterThanOrEqual(0);
  expect(slot + spreadMs).toBeLessThanOrEqual(closesAt);
}

describe.each([
  ['cron', CRON],
  ['window', WINDOW],
  ['at', AT],
] as const)('a text for %s', (kind, grammar) => {
  test('is refused with a position, or is a schedule that answers in bounded time', () => {
    const property = fc.property(textsOf(grammar), fc.constantFrom(...ZONES), (text, timezone) => {
      inBoundedTime(JSON.stringify(text), () => {
        const schedule = readOrRefuse(text, () =>
          parseSchedule(kind, text, { timezone, hashSeed: '7/alpha' }),
        );
        if (schedule !== undefined) {
          question(schedule);
        }
      });
    });
    fc.assert(property, OPTIONS);
  });

  test('that is taken when it is written is taken when it is read', () => {
    const property = fc.property(textsOf(grammar), fc.string(), (text, hashSeed) => {
      const isTaken = readOrRefuse(text, () => checkSchedule(kind, text) ?? true) !== undefined;
      const isRead = readOrRefuse(text, () => parseSchedule(kind, text, { timezone: 'UTC', hashSeed }));
      expect(isRead !== undefined || !isTaken).toBe(true);
    });
    fc.assert(property, OPTIONS);
  });

  test.each(grammar.valid)('that is valid answers in every zone: %j', (text) => {
    for (const timezone of ZONES) {
      inBoundedTime(timezone, () => question(parseSchedule(kind, text, { timezone, hashSeed: '7/alpha' })));
    }
  });
});

/** A time of day, from its seconds. */
function timeOfDay(seconds: number): string {
  const parts = [Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

/** Times that split the day into equal parts, and for each part an exclusion that covers its time. */
function coveredTimes(parts: number, timeIn: (from: number, to: number) => string, days = ''): string {
  const length = Math.floor(86_400 / parts);
  const begins = Array.from({ length: parts }, (_none, part) => part * length);
  return JSON.stringify([
    ...begins.map((from) => `${timeIn(from, from + length - 2)}${days}`),
    ...begins.map((from) => `! ${timeOfDay(from)}-${timeOfDay(from + length - 1)}${days}`),
  ]);
}

const COVERED: Readonly<Record<string, (from: number, to: number) => string>> = {
  times: timeOfDay,
  ranges: (from, to) => `${timeOfDay(from)}-${timeOfDay(to)}`,
  'ranges with an interval': (from, to) => `${timeOfDay(from + 1)}-${timeOfDay(to)}@${from + 7}s`,
  'spread ranges': (from, to) => `~${timeOfDay(from)}-${timeOfDay(to)}`,
  'several ranges an entry': (from, to) => `${timeOfDay(from)},${timeOfDay(from + 5)}-${timeOfDay(to)}`,
};

describe('exclusions that cover all times of a list are seen through in bounded time', () => {
  const cases = Object.keys(COVERED).flatMap((name) => [1, 5, 20, 50].map((parts) => [name, parts] as const));

  test.each(cases)('%s: %d of them', (name, parts) => {
    const timeIn = COVERED[name] ?? timeOfDay;
    for (const timezone of ZONES) {
      const schedule = parseSchedule('window', coveredTimes(parts, timeIn), {
        timezone,
        hashSeed: '7/alpha',
      });
      inBoundedTime(timezone, () => question(schedule));
      // Elsewhere, what covers a time may have no length in a skipped hour.
      if (timezone === 'UTC') {
        expect(schedule.nextAfter(Date.parse('2026-11-21T12:34:56Z'))).toBeUndefined();
      }
    }
  });

  test('on any days', () => {
    const days = fc.constantFrom(' mon-fri', ' :1,:last', ' * 10-50', ' * * %2', ' fri:13', ' :29 * feb');
    const property = fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom(...Object.values(COVERED)),
      days,
      fc.constantFrom(...ZONES),
      (parts, timeIn, onDays, timezone) => {
        const text = coveredTimes(parts, timeIn, onDays);
        const schedule = parseSchedule('window', text, { timezone, hashSeed: '7/alpha' });
        inBoundedTime(text, () => schedule.nextAfter(Date.parse('2026-11-21T12:34:56Z')));
      },
    );
    fc.assert(property, { ...OPTIONS, numRuns: 60 });
  });
});

describe('a schedule that rarely or never comes answers in bounded time', () => {
  test.each([
    ['cron', '0 0 29 2 1#5'],
    ['cron', '59 23 31 12 0L'],
    ['cron', '*/7 2 29 2 *'],
    ['cron', '* 2 29 3 0L'],
    ['window', '* * 53'],
    ['window', '02:30 sun:last * mar'],
    ['window', '@1s'],
    ['window', '00:00-23:59@3649d'],
    ['window', '09:00 mon:31 * feb'],
    ['window', '09:00 *:31 * feb'],
    ['window', '["*", "! *"]'],
    ['window', '["@1s", "! *"]'],
    ['window', '["@1s", "! 00:00-23:59"]'],
    ['window', '["! *"]'],
    ['window', '["@1s", "! 00:00-08:00", "! 08:00-16:00", "! 16:00-00:00"]'],
    ['window', '["@1s", "09:00", "! 00:00-12:00 mon-fri", "! 12:00-00:00 mon-fri", "! * sat,sun"]'],
    ['window', '["@1m mon", "! * mon"]'],
  ] as const)('%s %j', (kind, text) => {
    const context = { hashSeed: '7/alpha' };
    for (const timezone of ZONES) {
      inBoundedTime(`${text} in ${timezone}`, () => {
        question(parseSchedule(kind, text, { ...context, timezone }));
      });
    }
  });

  test('a date that no year has is refused when it is written and when it is read', () => {
    const never = '0 0 30 2 *';
    expect(() => checkCronFields(never)).toThrow(ScheduleError);
    expect(() => parseSchedule('cron', never, { timezone: 'UTC', hashSeed: '' })).toThrow(ScheduleError);
  });
});

describe('a period', () => {
  test('is refused with a position, or is what its normal form says', () => {
    const property = fc.property(textsOf(DURATION), (text) => {
      const seconds = readOrRefuse(text, () => parseDuration(text));
      if (seconds !== undefined) {
        expect(Number.isSafeInteger(seconds)).toBe(true);
        expect(parseDuration(formatDuration(seconds)) - seconds).toBe(0);
      }
    });
    fc.assert(property, { ...OPTIONS, numRuns: 1_000 });
  });

  test('answers at every instant', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 10 * 366 * 86_400 }),
      fc.constantFrom(0, Date.parse('2026-11-21T12:34:00Z')),
      (seconds, base) => {
        for (const instant of EXTREMES) {
          const slot = periodicSlots(base, seconds).nextAfter(instant) ?? Number.NaN;
          expect(slot).toBeGreaterThan(Math.max(base, instant));
          expect(slot - Math.max(base, instant)).toBeLessThanOrEqual(seconds * 1_000);
        }
      },
    );
    fc.assert(property, OPTIONS);
  });
});

test('a number of ticks is refused with a position, or is a gap of at least one tick', () => {
  const property = fc.property(textsOf(TICKS), (text) => {
    expect(readOrRefuse(text, () => parseTicks(text))?.gap ?? 1).toBeGreaterThanOrEqual(1);
  });
  fc.assert(property, { ...OPTIONS, numRuns: 1_000 });
});

test('an instant is refused with a position, or has a stored form in every zone', () => {
  const property = fc.property(textsOf(AT), fc.constantFrom(...ZONES), (text, timezone) => {
    const written = readOrRefuse(text, () => parseAt(text));
    if (written !== undefined) {
      const { instant } = resolveAt(written, timezone);
      expect(fromText(toText(instant))).toBe(instant);
      expect(atClockNote(text, timezone) ?? 'nothing').not.toBe('');
    }
  });
  fc.assert(property, { ...OPTIONS, numRuns: 1_000 });
});

test('a date is a midnight, or none', () => {
  const property = fc.property(textsOf(AT), (text) => {
    expect(Math.abs((readIsoDate(text) ?? 0) % DAY_MS)).toBe(0);
  });
  fc.assert(property, { ...OPTIONS, numRuns: 1_000 });
});

test('an end after failures is refused, or is what its stored form says', () => {
  const property = fc.property(textsOf(DEACTIVATION), (text) => {
    const after = readOrRefuse(text, () => parseDeactivateAfter(text));
    expect(parseDeactivateAfter(formatDeactivateAfter(after))).toEqual(after);
  });
  fc.assert(property, { ...OPTIONS, numRuns: 1_000 });
});

test('a zone is refused, or has a clock', () => {
  const property = fc.property(
    fc.oneof(fc.string(), fc.constantFrom('+02:00', 'utc', 'CET', 'Etc/GMT+12')),
    (name) => {
      const zone = readOrRefuse(name, () => zoneOf(name));
      expect(Number.isFinite(zone?.segmentAt(0).offsetMs ?? 0)).toBe(true);
    },
  );
  fc.assert(property, OPTIONS);
});

test('a name is told its fault, or is in its normal form', () => {
  const property = fc.property(fc.string({ unit: 'binary' }), (name) => {
    const normal = normalizeName(name);
    expect(normalizeName(normal)).toBe(normal);
    expect(faultOfName(name) !== undefined || name === normal).toBe(true);
  });
  fc.assert(property, { ...OPTIONS, numRuns: 1_000 });
});

test('a definition with anything in its columns is valid or told its faults, and never throws', () => {
  const texts = fc.oneof(...[CRON, DURATION, WINDOW, TICKS, AT, DEACTIVATION].map(textsOf));
  const values = fc.oneof(texts, fc.jsonValue(), fc.anything({ maxDepth: 1 }));
  const columns = Object.keys(definitionSchema.shape);
  const property = fc.property(
    fc.constantFrom<ScheduleKind>('cron', 'every', 'window', 'ticks', 'at', 'manual'),
    texts,
    fc.dictionary(fc.constantFrom(...columns), values, { maxKeys: 6 }),
    (scheduleKind, schedule, fields) => {
      const least = { name: 'a', module: 'command', nodes: ['alpha'], scheduleKind, schedule };
      const checked = inBoundedTime(JSON.stringify(schedule), () => checkDefinition({ ...least, ...fields }));
      expect(checked.kind === 'valid' || checked.faults.every(({ message }) => message !== '')).toBe(true);
      expect(checked.kind === 'valid' || checked.faults.length > 0).toBe(true);
    },
  );
  fc.assert(property, { ...OPTIONS, numRuns: 500 });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ScheduleError } from '../../../src/core/errors.ts';
import { type Instant, SECOND_MS, toText } from '../../../src/core/instants.ts';
import type { Schedule } from '../../../src/core/schedule/schedule.ts';
import { checkWindow, parseWindow } from '../../../src/core/schedule/window.ts';
import {
  parseMonths,
  parseWeekdays,
  parseWeeks,
  siftByModulo,
} from '../../../src/core/schedule/window-calendar.ts';
import { parseEntries } from '../../../src/core/schedule/window-entry.ts';
import type { Piece } from '../../../src/core/schedule/window-text.ts';

/** Why a case is not taken over, and what holds here instead. */
type Correction = {
  readonly why: string;
  readonly instead: 'is refused' | { readonly firstSlotAfterSeconds: number };
};

const NO_DAY_0: Correction = {
  why: 'a day of month 0 is an error, not a rule that never matches',
  instead: 'is refused',
};
const NO_ZERO: Correction = {
  why: 'empty and @0 alone say never, any other interval of 0 is an error',
  instead: 'is refused',
};
const NOT_PARTLY: Correction = {
  why: 'a bad entry makes the whole schedule invalid, no entry is kept',
  instead: 'is refused',
};
const notAtOnce = (seconds: number): Correction => ({
  why: 'a task that never ran is due one interval after it was written, at once only with run_immediately',
  instead: { firstSlotAfterSeconds: seconds },
});

/**
 * The cases that are not taken over, by the corrections of window schedules. All others are asserted as they
 * stand.
 */
const CORRECTED: Readonly<Record<string, Correction>> = {
  '2.1/NOT_ALLOWED/023': NO_DAY_0,
  '2.1/NOT_ALLOWED/024': NO_DAY_0,
  '2.1/NOT_ALLOWED/025': NO_DAY_0,
  '2.1/NOT_ALLOWED/028': NO_DAY_0,
  '2.1/NOT_ALLOWED/029': NO_DAY_0,
  '2.1/DROP_INVALID/002': NOT_PARTLY,
  '2.1/DROP_INVALID/003': NOT_PARTLY,
  '2.1/DROP_INVALID/006': NOT_PARTLY,
  '2.1/DROP_INVALID/014': NOT_PARTLY,
  '2.1/DROP_INVALID/015': NOT_PARTLY,
  '2.1/DROP_INVALID/017': NOT_PARTLY,
  '2.1/DROP_INVALID/018': NOT_PARTLY,
  '2.1/DROP_INVALID/020': NOT_PARTLY,
  '2.1/DROP_INVALID/021': NOT_PARTLY,
  '2.1/DROP_INVALID/027': NOT_PARTLY,
  '2.1/DROP_INVALID/029': NOT_PARTLY,
  '2.1/DROP_INVALID/030': NOT_PARTLY,
  '2.1/DROP_INVALID/036': NOT_PARTLY,
  '2.1/DROP_INVALID/038': NOT_PARTLY,
  '2.1/DROP_INVALID/045': NOT_PARTLY,
  '2.1/DROP_INVALID/047': NOT_PARTLY,
  '2.1/PRINT_SCHEDULE/001': notAtOnce(180),
  '2.1/PRINT_SCHEDULE/014': notAtOnce(600),
  '3/TestNext/007': NO_ZERO,
};

type Case = {
  readonly id: string;
  readonly kind: 'test' | 'next' | 'next_relative' | 'parse' | 'calendar' | 'modulo';
  readonly schedule: string | readonly string[] | null;
  readonly when: string | null;
  readonly last: string | null;
  readonly expr?: string;
  readonly unit?: 'weekday' | 'week' | 'month';
  readonly input?: readonly number[];
  readonly expected: {
    readonly allowed?: boolean;
    readonly next?: string | null;
    readonly next_minus_now_s?: { readonly min: number; readonly max: number };
    readonly valid?: boolean | 'partial';
    readonly first_timerange_interval_s?: number;
    readonly set?: readonly number[];
  };
};

/** A part of the cases that OpenSVC's own tests of schedules hold, versions 2.1 and 3. */
const CASES: readonly Case[] = JSON.parse(
  readFileSync(new URL('cases/opensvc_schedule.json', import.meta.url), 'utf8'),
);

const NOW = instantOf('2026-11-20 12:00:00');

/** The cases' dates are local times of no zone in particular. */
function instantOf(text: string): Instant {
  return Date.parse(`${text.replace(' ', 'T')}Z`);
}

function textOf({ schedule }: Case): string {
  return typeof schedule === 'string' ? schedule : JSON.stringify(schedule);
}

function scheduleOf(one: Case): Schedule {
  return parseWindow(textOf(one), { timezone: 'UTC', hashSeed: '1' });
}

function pieceOf(text: string): Piece {
  return { text, position: 1, entry: '' };
}

/**
 * Whether a run may start at `when`: there is a slot by then that has not been handled, the newest of the
 * chain that starts after the last run counts (the others are folded into it), its range has not ended, and
 * nothing is excluded. Without a last run, the schedule has counted for years.
 */
function mayStartAt(schedule: Schedule, when: Instant, last: Instant | undefined): boolean {
  const newest = schedule.newestIn?.(last ?? when - 5 * 366 * 86_400_000, when);
  const isOpen = newest !== undefined && (schedule.closesAt?.(newest) ?? when) >= when;
  return isOpen && schedule.excludedUntil?.(when) === undefined;
}

/** The first instant from `now` on at which a run may start. */
function nextStart(schedule: Schedule, now: Instant, last: Instant): Instant | undefined {
  if (mayStartAt(schedule, now, last)) {
    return now;
  }
  return schedule.nextAfter(schedule.newestIn?.(last, now) ?? last);
}

function checkTest(one: Case): void {
  const schedule = scheduleOf(one);
  const when = instantOf(one.when ?? '');
  const last = one.last === null ? undefined : instantOf(one.last);
  expect(mayStartAt(schedule, when, last)).toBe(one.expected.allowed);
}

function checkNext(one: Case): void {
  const next = nextStart(scheduleOf(one), instantOf(one.when ?? ''), instantOf(one.last ?? one.when ?? ''));
  const expected = one.expected.next;
  expect(next === undefined ? null : toText(next)).toBe(
    expected == null ? null : toText(instantOf(expected)),
  );
}

function checkNextRelative(one: Case): void {
  const seconds = secondsToFirstSlot(one);
  expect(seconds).toBeGreaterThanOrEqual(one.expected.next_minus_now_s?.min ?? Number.NaN);
  expect(seconds).toBeLessThanOrEqual(one.expected.next_minus_now_s?.max ?? Number.NaN);
}

function checkParse(one: Case): void {
  if (one.expected.valid === true) {
    const [entry] = parseEntries(textOf(one));
    expect(entry?.times[0]?.interval.ms).toBe((one.expected.first_timerange_interval_s ?? 0) * SECOND_MS);
  } else {
    expect(one.expected.valid).toBe(false);
    expect(() => checkWindow(textOf(one))).toThrow(ScheduleError);
  }
}

function checkCalendar({ unit, expr, expected }: Case): void {
  const parsers = { weekday: parseWeekdays, week: parseWeeks, month: parseMonths };
  expect(unit && parsers[unit](pieceOf(expr ?? ''))).toEqual(expected.set);
}

function checkModulo({ expr, input, expected }: Case): void {
  expect(siftByModulo(input ?? [], pieceOf(expr ?? ''))).toEqual(expected.set);
}

function secondsToFirstSlot(one: Case): number {
  return ((scheduleOf(one).nextAfter(NOW) ?? Number.NaN) - NOW) / SECOND_MS;
}

const CHECKS: Readonly<Record<Case['kind'], (one: Case) => void>> = {
  test: checkTest,
  next: checkNext,
  next_relative: checkNextRelative,
  parse: checkParse,
  calendar: checkCalendar,
  modulo: checkModulo,
};

const corrected = CASES.filter(({ id }) => Object.hasOwn(CORRECTED, id));
const literal = CASES.filter((one) => !corrected.includes(one));

test('every case is asserted, and the table names only cases that exist', () => {
  expect(corrected.map(({ id }) => id).sort()).toEqual(Object.keys(CORRECTED).sort());
  expect(new Set([...corrected, ...literal].map(({ id }) => id)).size).toBe(178);
});

describe('the case of OpenSVC', () => {
  test.each(literal)('$id holds: $kind $schedule', (one) => {
    CHECKS[one.kind](one);
  });

  const rows = corrected.map((one) => ({ id: one.id, one, why: CORRECTED[one.id]?.why }));
  test.each(rows)('$id does not hold: $why', ({ id, one }) => {
    expect(() => CHECKS[one.kind](one)).toThrow();
    const instead = CORRECTED[id]?.instead ?? 'is refused';
    if (instead === 'is refused') {
      expect(() => checkWindow(textOf(one))).toThrow(ScheduleError);
    } else {
      expect(secondsToFirstSlot(one)).toBe(instead.firstSlotAfterSeconds);
    }
  });
});

import { type WallClock, wallClockOf } from './model-wall-clock.ts';
import { DAY, HOUR, type Instant, MINUTE, SECOND } from './world.ts';

/** The slots of a window as a chain: each is found from the one before. */
export type WindowModel = {
  readonly next: (last: Instant) => Instant | undefined;
  /** The last instant at which the slot may start; undefined: at any. */
  readonly closesAt: (slot: Instant) => Instant | undefined;
  readonly isExcluded: (instant: Instant) => boolean;
  /** Over how many seconds the slot may be spread. */
  readonly spreadSeconds: (slot: Instant) => number;
};

/** One entry with one range: `[!][~]RANGE[@INTERVAL] [WEEKDAYS]`, where RANGE is `*`, nothing, `A` or `A-B`. */
type Entry = {
  readonly excludes: boolean;
  readonly isSpread: boolean;
  readonly kind: 'full' | 'range' | 'point';
  /** Milliseconds after midnight on the wall; the end may be on the next day. */
  readonly begin: number;
  readonly end: number;
  readonly intervalMs: number | undefined;
  readonly weekdays: ReadonlySet<number>;
};

/** One occurrence of an entry; its end is included. */
type Instance = { readonly begin: Instant; readonly end: Instant };

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };
const SEARCH_DAYS = 30;

export function windowModel(text: string, timezone: string): WindowModel {
  const texts: readonly string[] = text.startsWith('[') ? JSON.parse(text) : [text];
  const entries = texts.map(parseEntry);
  const clock = wallClockOf(timezone);
  const includes = entries.filter((entry) => !entry.excludes);
  const exclusions = entries.filter((entry) => entry.excludes);
  const excludedUntil = (instant: Instant): Instant | undefined => {
    const ends = exclusions.flatMap((entry) =>
      instancesAround(clock, entry, instant)
        .filter(({ begin, end }) => begin <= instant && instant <= end)
        // The end itself is allowed again; a full day ends with the next midnight.
        .filter(({ end }) => entry.kind !== 'range' || instant < end)
        .map(({ end }) => (entry.kind === 'range' ? end : end + 1)),
    );
    return ends.length === 0 ? undefined : Math.max(...ends);
  };
  return {
    next(last) {
      const slots = includes.flatMap((entry) => nextOf(clock, entry, last, excludedUntil) ?? []);
      return slots.length === 0 ? undefined : Math.min(...slots);
    },
    closesAt: (slot) => closingOf(clock, includes, slot),
    isExcluded: (instant) => excludedUntil(instant) !== undefined,
    spreadSeconds: (slot) => spreadOf(clock, includes, slot),
  };
}

function nextOf(
  clock: WallClock,
  entry: Entry,
  last: Instant,
  excludedUntil: (instant: Instant) => Instant | undefined,
): Instant | undefined {
  const target = targetOf(clock, entry, last);
  for (let day = -2; day <= SEARCH_DAYS; day += 1) {
    const instance = instanceOn(clock, entry, midnight(clock.wallAt(target)) + day * DAY);
    const slot = instance === undefined ? undefined : slotIn(entry, instance, { target, last });
    const moved = slot === undefined ? undefined : afterExclusions(slot, excludedUntil);
    if (instance !== undefined && moved !== undefined && moved <= instance.end) {
      return moved;
    }
  }
  return undefined;
}

/** The slot of the occurrence that is not before the target, exclusions apart. */
function slotIn(
  entry: Entry,
  instance: Instance,
  { target, last }: { readonly target: Instant; readonly last: Instant },
): Instant | undefined {
  const { begin, end } = instance;
  const isOver = end < target || isPast(entry, instance, last) || (entry.kind === 'point' && begin < target);
  return isOver ? undefined : Math.max(begin, target);
}

/** Without an interval of its own an entry runs once in a range, also where its clock jumps over the end of it. */
function isPast(entry: Entry, { begin, end }: Instance, last: Instant): boolean {
  return entry.kind === 'range' && entry.intervalMs === undefined && begin <= last && last <= end;
}

function afterExclusions(slot: Instant, excludedUntil: (instant: Instant) => Instant | undefined): Instant {
  let moved = slot;
  for (let until = excludedUntil(moved); until !== undefined; until = excludedUntil(moved)) {
    moved = until;
  }
  return moved;
}

/** Nothing comes before this: an interval that is written is elapsed time, those that are meant go by the wall. */
function targetOf(clock: WallClock, entry: Entry, last: Instant): Instant {
  if (entry.intervalMs !== undefined) {
    return last + entry.intervalMs;
  }
  if (entry.kind === 'point') {
    return last + 2 * SECOND;
  }
  const impliedMs = entry.kind === 'full' ? DAY : entry.end - entry.begin + SECOND;
  return Math.max(last + SECOND, clock.firstAt(clock.wallAt(last) + impliedMs));
}

function closingOf(clock: WallClock, entries: readonly Entry[], slot: Instant): Instant | undefined {
  const ends = entries.flatMap((entry) =>
    instancesAround(clock, entry, slot)
      .filter(({ begin, end }) => begin <= slot && slot <= end)
      .map((instance) => closingOfInstance(clock, entry, { instance, slot })),
  );
  const latest = Math.max(...ends);
  return Number.isFinite(latest) ? latest : undefined;
}

/** Points and days without end never close. */
function closingOfInstance(
  clock: WallClock,
  entry: Entry,
  { instance, slot }: { readonly instance: Instance; readonly slot: Instant },
): Instant {
  switch (entry.kind) {
    case 'point':
      return Number.POSITIVE_INFINITY;
    case 'full':
      return entry.weekdays.size === 7 ? Number.POSITIVE_INFINITY : endOfFullDays(clock, entry, slot);
    case 'range':
      return instance.end;
  }
}

/** Up to one second before the end of the range, or of the day, that holds the slot; the least where several do. */
function spreadOf(clock: WallClock, entries: readonly Entry[], slot: Instant): number {
  const rooms = entries.flatMap((entry) =>
    instancesAround(clock, entry, slot)
      .filter(({ begin, end }) => begin <= slot && slot <= end)
      .map(({ end }) => (entry.isSpread ? end - slot - SECOND : 0)),
  );
  return rooms.length === 0 ? 0 : Math.max(0, Math.ceil(Math.min(...rooms) / SECOND));
}

/** Neighbouring allowed days are one stretch. */
function endOfFullDays(clock: WallClock, entry: Entry, slot: Instant): Instant {
  let day = midnight(clock.wallAt(slot));
  while (entry.weekdays.has(new Date(day + DAY).getUTCDay())) {
    day += DAY;
  }
  return clock.firstAt(day + DAY) - 1;
}

function instancesAround(clock: WallClock, entry: Entry, instant: Instant): readonly Instance[] {
  const day = midnight(clock.wallAt(instant));
  return [-1, 0, 1].flatMap((shift) => instanceOn(clock, entry, day + shift * DAY) ?? []);
}

/** The occurrence that begins on the day; `day` is its midnight on the wall. */
function instanceOn(clock: WallClock, entry: Entry, day: Instant): Instance | undefined {
  if (!entry.weekdays.has(new Date(day).getUTCDay())) {
    return undefined;
  }
  const begin = clock.firstAt(day + entry.begin);
  switch (entry.kind) {
    case 'full':
      return { begin, end: clock.firstAt(day + DAY) - 1 };
    case 'range':
      return { begin, end: clock.lastAt(day + entry.end) };
    case 'point':
      return { begin, end: begin + SECOND - 1 };
  }
}

function midnight(wall: Instant): Instant {
  return Math.floor(wall / DAY) * DAY;
}

function parseEntry(text: string): Entry {
  const [, mark, spread, range = '', interval, days] =
    /^(!)?(~)?([\d:*-]*)(?:@(\w+))?(?: (\S+))?$/.exec(text) ?? [];
  const [begin, end] = range.split('-').map(timeOf);
  if (begin === undefined) {
    throw new Error(`expected a window entry, got ${JSON.stringify(text)}`);
  }
  const isFull = range === '' || range === '*';
  const laterEnd = end !== undefined && end <= begin ? end + DAY : end;
  return {
    excludes: mark === '!',
    isSpread: spread === '~',
    kind: isFull ? 'full' : kindOf(end),
    begin,
    end: laterEnd ?? begin,
    intervalMs: interval === undefined ? undefined : durationOf(interval),
    weekdays: weekdaysOf(days ?? '*'),
  };
}

function kindOf(end: number | undefined): Entry['kind'] {
  return end === undefined ? 'point' : 'range';
}

function timeOf(text: string): number {
  const [hours = '0', minutes = '0'] = text === '*' || text === '' ? [] : text.split(':');
  return Number(hours) * HOUR + Number(minutes) * MINUTE;
}

function durationOf(text: string): number {
  if (/^\d+$/.test(text)) {
    return Number(text) * MINUTE;
  }
  return [...text.matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0),
    0,
  );
}

function weekdaysOf(text: string): ReadonlySet<number> {
  const days = new Set<number>();
  for (const part of text === '*' ? ['sun-sat'] : text.split(',')) {
    const [first = '', last = first] = part.split('-');
    const from = WEEKDAYS.indexOf(first);
    const to = WEEKDAYS.indexOf(last);
    for (let day = from; day <= (to < from ? to + 7 : to); day += 1) {
      days.add(day % 7);
    }
  }
  return days;
}

import { ScheduleError } from './errors.ts';
import { DAY_MS, type Instant, SECOND_MS } from './instants.ts';

/** No zone has ever been a full day away from UTC: a clock never differs from it by more than this. */
export const MAX_OFFSET_MS = DAY_MS;

const STRETCH_MS = 28 * DAY_MS;
// The zone data knows no two changes of one zone within four days of each other.
const SAMPLE_MS = 2 * DAY_MS;
const MAX_CACHED_STRETCHES = 2_000;
const TRANSITION_SEARCH_MS = 10 * 366 * DAY_MS;

/** A span of instants, its end excluded, in which a zone's clock is `offsetMs` ahead of UTC throughout. */
export type ZoneSegment = { readonly startsAt: Instant; readonly endsAt: Instant; readonly offsetMs: number };

/** The clock of an IANA time zone. */
export type Zone = {
  readonly name: string;
  /**
   * A span that holds the instant (years 1 to 9999). Two neighbouring spans may have the same offset: not every end is
   * a change of the clock.
   */
  readonly segmentAt: (instant: Instant) => ZoneSegment;
};

/** A change of a zone's clock: `at` is the first instant with the new offset. */
export type Transition = {
  readonly at: Instant;
  readonly offsetBeforeMs: number;
  readonly offsetAfterMs: number;
};

const zones = new Map<string, Zone>();

/**
 * The zone with this IANA name; aliases such as `US/Eastern` and any letter case are fine, offsets such as `+02:00` are
 * not zones.
 *
 * @throws ScheduleError when the runtime knows no such zone
 */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) {
    return known;
  }
  const zone = name === 'UTC' || name === 'Etc/UTC' ? zoneWithoutChanges(name) : zoneByIntl(name);
  zones.set(name, zone);
  return zone;
}

/** The next `count` changes of the zone's clock after the instant, as far as they lie within ten years. */
export function nextTransitions(zone: Zone, from: Instant, count: number): readonly Transition[] {
  const transitions: Transition[] = [];
  let segment = zone.segmentAt(from);
  while (transitions.length < count && segment.endsAt <= from + TRANSITION_SEARCH_MS) {
    const next = zone.segmentAt(segment.endsAt);
    if (next.offsetMs !== segment.offsetMs) {
      transitions.push({
        at: next.startsAt,
        offsetBeforeMs: segment.offsetMs,
        offsetAfterMs: next.offsetMs,
      });
    }
    segment = next;
  }
  return transitions;
}

// The first use of Intl costs 20 ms, which a schedule in UTC need not pay.
function zoneWithoutChanges(name: string): Zone {
  const segment: ZoneSegment = {
    startsAt: Number.NEGATIVE_INFINITY,
    endsAt: Number.POSITIVE_INFINITY,
    offsetMs: 0,
  };
  return { name, segmentAt: () => segment };
}

function zoneByIntl(name: string): Zone {
  const offsetAt = offsetReader(name);
  const stretches = new Map<number, Stretch>();
  return {
    name,
    segmentAt(instant) {
      const index = Math.floor(instant / STRETCH_MS);
      let stretch = stretches.get(index);
      if (stretch === undefined) {
        stretch = readStretch(index, offsetAt);
        if (stretches.size >= MAX_CACHED_STRETCHES) {
          stretches.clear();
        }
        stretches.set(index, stretch);
      }
      return stretch.earlier.find((segment) => instant < segment.endsAt) ?? stretch.final;
    },
  };
}

type OffsetReader = (instant: Instant) => number;

function offsetReader(name: string): OffsetReader {
  const format = offsetFormat(name);
  return (instant) => {
    const [, sign, hours, minutes, seconds] = OFFSET.exec(format.format(instant)) ?? [];
    const total = Number(hours ?? 0) * 3_600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
    return (sign === '-' ? -total : total) * SECOND_MS;
  };
}

const OFFSET = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/;

function offsetFormat(name: string): Intl.DateTimeFormat {
  const isOffset = /^[+-]/.test(name);
  try {
    if (!isOffset) {
      return new Intl.DateTimeFormat('en-US', {
        timeZone: name,
        hour: 'numeric',
        timeZoneName: 'longOffset',
      });
    }
  } catch (error) {
    if (!(error instanceof RangeError)) {
      throw error;
    }
  }
  throw new ScheduleError(`expected an IANA time zone such as Europe/Berlin, got ${JSON.stringify(name)}`);
}

/** The segments of one fixed span of instants, so that a span is read from Intl once. */
type Stretch = { readonly earlier: readonly ZoneSegment[]; readonly final: ZoneSegment };

function readStretch(index: number, offsetAt: OffsetReader): Stretch {
  const endsAt = (index + 1) * STRETCH_MS;
  const lastSample = endsAt - SECOND_MS;
  const earlier: ZoneSegment[] = [];
  let startsAt = index * STRETCH_MS;
  let offsetMs = offsetAt(startsAt);
  let sampledAt = startsAt;
  while (sampledAt < lastSample) {
    const nextSample = Math.min(sampledAt + SAMPLE_MS, lastSample);
    while (offsetAt(nextSample) !== offsetMs) {
      const changedAt = firstChange(offsetAt, sampledAt, nextSample);
      earlier.push({ startsAt, endsAt: changedAt, offsetMs });
      startsAt = changedAt;
      sampledAt = changedAt;
      offsetMs = offsetAt(changedAt);
    }
    sampledAt = nextSample;
  }
  return { earlier, final: { startsAt, endsAt, offsetMs } };
}

/** The first instant after `from` at which the clock changes, given that it differs at `to`; both are full seconds. */
function firstChange(offsetAt: OffsetReader, from: Instant, to: Instant): Instant {
  const offsetMs = offsetAt(from);
  let before = from;
  let changed = to;
  while (changed - before > SECOND_MS) {
    const middle = Math.floor((before + changed) / (2 * SECOND_MS)) * SECOND_MS;
    if (offsetAt(middle) === offsetMs) {
      before = middle;
    } else {
      changed = middle;
    }
  }
  return changed;
}

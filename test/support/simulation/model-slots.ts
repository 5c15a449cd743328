import { stableHash } from '../../../src/core/hash.ts';
import { cronSlots } from './model-cron.ts';
import { baseOf, type ModelState } from './model-state.ts';
import { wallClockOf } from './model-wall-clock.ts';
import { type WindowModel, windowModel } from './model-window.ts';
import { HORIZON, type Instant, isoText, SECOND, type SimulatedTask, type WorldScript } from './world.ts';

/** What the model knows of schedules; kept for a world, since walking over its minutes takes long. */
export type SlotBook = {
  /** The slots that are not handled yet up to the instant, oldest first. */
  readonly unhandledUpTo: (state: ModelState, upTo: Instant) => readonly Instant[];
  readonly firstUnhandled: (state: ModelState) => Instant | null;
  readonly earliestStart: (state: ModelState, slot: Instant) => Instant;
  readonly closesAt: (state: ModelState, slot: Instant) => Instant | undefined;
  readonly isExcluded: (state: ModelState, instant: Instant) => boolean;
};

const NEVER = Number.POSITIVE_INFINITY;
const TEN_YEARS = 10 * 366 * 24 * 3_600;

type Chain = { readonly next: (last: Instant) => Instant | undefined; readonly window?: WindowModel };

export function createSlotBook(script: WorldScript): SlotBook {
  const chains = new Map<string, Chain>();
  const chainOf = (state: ModelState): Chain => {
    if (state.task.kind === 'every') {
      // A period may have grown since one looked last.
      return { next: (last) => (isRunning(state) ? undefined : nextPeriod(state, last)) };
    }
    const key = `${state.task.id}/${state.scope}`;
    let chain = chains.get(key);
    if (chain === undefined) {
      chain = chainOfKind(script, state.task, zoneOf(script, state));
      chains.set(key, chain);
    }
    return chain;
  };
  const nextAfter = (state: ModelState, last: Instant): Instant => chainOf(state).next(last) ?? NEVER;
  return {
    unhandledUpTo(state, upTo) {
      const slots = pendingFirstSlot(state).filter((slot) => slot <= upTo);
      const isAnchored = state.task.kind === 'every' && state.task.anchor !== 'slot';
      let slot = nextAfter(state, baseOf(state));
      while (slot <= upTo) {
        slots.push(slot);
        slot = isAnchored ? NEVER : nextAfter(state, slot);
      }
      return slots;
    },
    firstUnhandled(state) {
      const first = Math.min(...pendingFirstSlot(state), nextAfter(state, baseOf(state)));
      return first === NEVER ? null : first;
    },
    earliestStart(state, slot) {
      // The slot of a creation or a switching-on is an operator's wish, and not spread.
      if (slot === state.firstSlot) {
        return slot;
      }
      const { task, scope } = state;
      const { window } = chainOf(state);
      const text = isoText(slot);
      const spread = drawn(
        `${scope === '*' ? task.id : `${task.id}/${scope}`}/${text}`,
        window?.spreadSeconds(slot) ?? 0,
      );
      const room = Math.floor(((window?.closesAt(slot) ?? NEVER) - slot) / SECOND) - spread;
      const offset = drawn(`${task.id}/${scope}/${text}`, Math.min(task.randomOffsetSeconds, room));
      return slot + (spread + offset) * SECOND;
    },
    closesAt: (state, slot) => chainOf(state).window?.closesAt(slot),
    isExcluded: (state, instant) => chainOf(state).window?.isExcluded(instant) ?? false,
  };
}

/** A part of so many seconds that depends on the text alone. */
function drawn(text: string, seconds: number): number {
  return seconds <= 0 ? 0 : stableHash(text) % seconds;
}

/** The period in seconds, with what back-off has made of it. */
export function periodOf({ task, currentPeriod }: ModelState): number {
  const period = durationSeconds(task.schedule);
  return task.backoff === 'none'
    ? period
    : Math.min(Math.max(currentPeriod ?? period, period), task.maxPeriodSeconds ?? TEN_YEARS);
}

/** Back-off doubles what the period is now. */
export function doublePeriod(state: ModelState): void {
  state.currentPeriod = Math.min(2 * periodOf(state), state.task.maxPeriodSeconds ?? TEN_YEARS);
}

/** Slots grow, also where an end that is recorded late lies before what was handled since. */
function nextPeriod(state: ModelState, last: Instant): Instant {
  const period = periodOf(state) * SECOND;
  const { handled, task } = state;
  return task.anchor !== 'slot' && handled !== null && last + period <= handled
    ? handled + period
    : last + period;
}

/** With anchor `finish` nobody knows the next slot while a run goes on; one by hand moves nothing. */
function isRunning({ task, live }: ModelState): boolean {
  return task.anchor === 'finish' && live.some(({ trigger }) => trigger === 'schedule');
}

function pendingFirstSlot({ firstSlot, handled }: ModelState): Instant[] {
  return firstSlot !== null && (handled === null || firstSlot > handled) ? [firstSlot] : [];
}

function chainOfKind(script: WorldScript, task: SimulatedTask, timezone: string): Chain {
  switch (task.kind) {
    case 'cron': {
      const slots = cronSlots(task.schedule, timezone, script.startsAt, script.endsAt + HORIZON);
      return { next: (last) => firstAbove(slots, last) };
    }
    case 'window': {
      const window = windowModel(task.schedule, timezone);
      return { window, next: remembered(window.next) };
    }
    case 'at': {
      const slot = task.schedule.endsWith('Z')
        ? Date.parse(task.schedule)
        : wallClockOf(timezone).firstAt(Date.parse(`${task.schedule}Z`));
      return { next: (last) => (last < slot ? slot : undefined) };
    }
    default:
      return { next: () => undefined };
  }
}

function zoneOf(script: WorldScript, { task, scope }: ModelState): string {
  return task.timezone === ''
    ? (script.nodes.find(({ name }) => name === scope)?.timezone ?? 'UTC')
    : task.timezone;
}

/** A waiting state asks the same thing with every tick. */
function remembered(next: (last: Instant) => Instant | undefined): Chain['next'] {
  const known = new Map<Instant, Instant | undefined>();
  return (last) => {
    if (!known.has(last)) {
      known.set(last, next(last));
    }
    return known.get(last);
  };
}

function firstAbove(ascending: readonly Instant[], bound: Instant): Instant | undefined {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? NEVER) <= bound) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return ascending[low];
}

export function durationSeconds(text: string): number {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0),
    0,
  );
}

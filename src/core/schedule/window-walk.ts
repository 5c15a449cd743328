import { DAY_MS, type Instant } from '../instants.ts';
import { MAX_OFFSET_MS } from '../zone.ts';
import type { WallClock } from './window-clock.ts';
import type { AllowedDays } from './window-days.ts';
import type { Exclusions } from './window-exclusions.ts';
import type { Stretches } from './window-stretches.ts';
import type { TimeRange } from './window-times.ts';

/** How far ahead of the earliest possible slot the next one is searched. */
export const HORIZON_MS = 10 * 366 * DAY_MS;

// Near slots are looked for first, so that a rule that never gives one is not searched to the horizon at
// every step.
const REACHES_MS = [2 * DAY_MS, 60 * DAY_MS, Number.POSITIVE_INFINITY];

/** One time range of an entry that is no exclusion, and where it lies. */
export type WindowRule = {
  readonly times: TimeRange;
  readonly days: AllowedDays;
  readonly stretches: Stretches;
  /** Those of the stretches that are not excluded from begin to end. */
  readonly openings: Stretches;
};

/** A window schedule on a zone's clock. */
export type WindowPlan = {
  readonly rules: readonly WindowRule[];
  readonly exclusions: Exclusions;
  readonly clock: WallClock;
};

/** The next slot, and how many slots in a row from it on are as far apart as it is from the one before. */
export type Step = { readonly slot: Instant; readonly times: number };

/**
 * The slot that follows `last`: the earliest that a rule gives. The slots that it counts together all lie up
 * to `upTo`; a slot after that is a step of its own.
 */
export function stepAfter(plan: WindowPlan, last: Instant, upTo: Instant): Step | undefined {
  const aims = plan.rules.map((rule) => ({ rule, target: targetAfter(plan, rule, last) }));
  const first = Math.min(...aims.map(({ target }) => target));
  for (const reach of REACHES_MS) {
    const best = earliest(plan, aims, last, first + reach);
    if (best !== undefined) {
      return { slot: best.slot, times: timesOf(plan, best, last, upTo) };
    }
  }
  return undefined;
}

/** A rule, and the earliest instant that its interval allows. */
type Aim = { readonly rule: WindowRule; readonly target: Instant };

function earliest(
  plan: WindowPlan,
  aims: readonly Aim[],
  last: Instant,
  upTo: Instant,
): Candidate | undefined {
  let best: Candidate | undefined;
  for (const { rule, target } of aims) {
    const bound = Math.min(target + HORIZON_MS, best === undefined ? upTo : best.slot - 1);
    const slot = slotOf(plan, rule, { last, target, bound });
    best = slot === undefined ? best : { rule, slot, isTarget: slot === target };
  }
  return best;
}

type Candidate = {
  readonly rule: WindowRule;
  readonly slot: Instant;
  /** The slot is one interval after the last one, neither at a begin nor moved by an exclusion. */
  readonly isTarget: boolean;
};

/** The last slot and the interval. */
function targetAfter({ clock }: WindowPlan, { times }: WindowRule, last: Instant): Instant {
  const { ms, countedBy } = times.interval;
  if (countedBy === 'elapsed time') {
    return last + ms;
  }
  const reading = clock.readingAt(last) + ms;
  const first = clock.firstShowing(reading);
  // Within a repeated hour, the first pass of a later reading may be over.
  return first > last ? first : Math.max(clock.lastShowing(reading), last + 1);
}

type SlotSearch = { readonly last: Instant; readonly target: Instant; readonly bound: Instant };

function slotOf(
  { exclusions }: WindowPlan,
  rule: WindowRule,
  { last, target, bound }: SlotSearch,
): Instant | undefined {
  let from = target;
  while (from <= bound) {
    const slot = mayLieAt(rule, from, last) ? from : rule.openings.firstFrom(from, bound)?.begin;
    if (slot === undefined) {
      return undefined;
    }
    const excludedTo = exclusions.endAt(slot);
    if (excludedTo === undefined) {
      return slot;
    }
    from = excludedTo;
  }
  return undefined;
}

/** Whether a stretch holds the instant. A range without an interval of its own has one slot a stretch. */
function mayLieAt({ times, stretches }: WindowRule, instant: Instant, last: Instant): boolean {
  if (times.kind === 'point') {
    return false;
  }
  const stretch = stretches.holding(instant);
  const isOncePerStretch = times.kind === 'range' && times.interval.countedBy === 'wall clock';
  return stretch !== undefined && !(isOncePerStretch && stretch.begin <= last);
}

/** How often the step from the last slot to the candidate can be repeated without asking the rules again. */
function timesOf(plan: WindowPlan, best: Candidate, last: Instant, upTo: Instant): number {
  const { rule, slot, isTarget } = best;
  const step = slot - last;
  if (!isTarget || rule.times.interval.countedBy !== 'elapsed time' || slot + step > upTo) {
    return 1;
  }
  let limit = Math.min(upTo, endOfStretch(rule, slot));
  limit = (plan.exclusions.nextBegin(slot + 1, limit) ?? limit + 1) - 1;
  for (const other of plan.rules) {
    if (limit < slot + step) {
      return 1;
    }
    limit = other === rule ? limit : limitBy(plan, other, { last, step, limit });
  }
  return Math.max(1, Math.floor((limit - last) / step));
}

function endOfStretch({ times, days, stretches }: WindowRule, slot: Instant): Instant {
  if (times.kind === 'day' && days.isUnlimited) {
    return Number.POSITIVE_INFINITY;
  }
  return stretches.holding(slot)?.end ?? slot;
}

type Run = { readonly last: Instant; readonly step: number; readonly limit: Instant };

/** Up to when the equal steps surely come before whatever the other rule gives. */
function limitBy(plan: WindowPlan, other: WindowRule, { last, step, limit }: Run): Instant {
  const { ms, countedBy } = other.times.interval;
  if (countedBy === 'elapsed time') {
    return ms >= step ? limit : limitByTarget(other, last + ms, limit);
  }
  const near = Math.min(limit, last + Math.max(step, DAY_MS));
  const shift = plan.clock.shiftWithin(last, near + ms + MAX_OFFSET_MS);
  if (ms - shift >= step) {
    return near;
  }
  return shift > 0 ? Number.NEGATIVE_INFINITY : limitByTarget(other, last + ms, near);
}

/**
 * The other rule's interval is the shorter one. If it does not hold the instant that is its interval after
 * the last slot, it gives nothing before it next begins.
 */
function limitByTarget({ times, stretches, openings }: WindowRule, target: Instant, limit: Instant): Instant {
  if (times.kind !== 'point' && stretches.holding(target) !== undefined) {
    return Number.NEGATIVE_INFINITY;
  }
  return openings.firstFrom(target, limit)?.begin ?? limit;
}

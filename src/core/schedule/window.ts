import type { Instant } from '../instants.ts';
import { zoneOf } from '../zone.ts';
import type { Schedule, ScheduleContext } from './schedule.ts';
import { type WallClock, wallClockOf } from './window-clock.ts';
import { type AllowedDays, allowedDaysOf, daysWithout, rememberingCalendar } from './window-days.ts';
import { parseEntries } from './window-entry.ts';
import { type Exclusions, exclusionsOf } from './window-exclusions.ts';
import { closingOf, spreadOf } from './window-start.ts';
import { stretchesOf } from './window-stretches.ts';
import { textSaysNever } from './window-text.ts';
import type { TimeRange } from './window-times.ts';
import { HORIZON_MS, stepAfter, type WindowPlan, type WindowRule } from './window-walk.ts';

/** What a window schedule needs besides its text. */
export type WindowContext = Pick<ScheduleContext, 'timezone' | 'hashSeed'>;

// The tables store years of four digits, as for cron.
const EARLIEST = Date.UTC(1000, 0, 1);
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * A schedule in OpenSVC's notation: one expression of time ranges, days, weeks and months, or a JSON list of
 * them. A slot depends on the one before: it is one interval after it where that lies in an allowed range,
 * otherwise at the begin of the next allowed range that is at least the interval away. The earliest of all
 * ranges and entries counts.
 *
 * An interval written with `@` is elapsed time; the one of a range or whole day without it is counted on the
 * wall clock, so that it runs once a range and once a day when the clock changes. A slot in an excluded
 * stretch moves to the end of that where its range goes on for so long. The search ends after ten years, and
 * with the year 9999.
 *
 * @throws ScheduleError when the text or the zone is not valid
 */
export function parseWindow(text: string, context: WindowContext): Schedule {
  const plan = planOf(text, context.timezone);
  return {
    nextAfter: (instant) => nextSlot(plan, instant),
    newestIn: (after, upTo, limit = Number.POSITIVE_INFINITY) => walk(plan, { after, upTo, limit }).newest,
    countIn: (after, upTo, limit) => walk(plan, { after, upTo, limit }).count,
    // Where nothing is spread, nobody has to look which slot starts first.
    ...(plan.rules.some(({ times }) => times.isSpread)
      ? { spreadMs: (slot: Instant) => spreadOf(plan, slot, context.hashSeed) }
      : {}),
    closesAt: (slot) => closingOf(plan, slot),
    excludedUntil: (instant) => plan.exclusions.endAt(instant),
  };
}

/**
 * Checks a text that is about to be written.
 *
 * @throws ScheduleError that names the entry, the field and the position (within the entry for an entry of a
 * list)
 */
export function checkWindow(text: string): void {
  parseEntries(text);
}

/**
 * Whether the text says never: it is empty or `@0`, or a list of nothing else. `false` for a text that is not
 * valid, and for one that merely has no slots, such as a list of exclusions.
 */
export function windowNever(text: string): boolean {
  return textSaysNever(text);
}

function planOf(text: string, timezone: string): WindowPlan {
  const clock = wallClockOf(zoneOf(timezone));
  const calendar = rememberingCalendar();
  const entries = parseEntries(text);
  const exclusions = exclusionsOf(entries, { clock, calendar }, HORIZON_MS);
  const rules = entries
    .filter(({ excludes }) => !excludes)
    .flatMap(({ times, dayRule }) => {
      const days = allowedDaysOf(dayRule, calendar);
      return times.map((range) => ruleOf(range, days, { exclusions, clock }));
    });
  return { rules, exclusions, clock };
}

function ruleOf(
  times: TimeRange,
  days: AllowedDays,
  { exclusions, clock }: { readonly exclusions: Exclusions; readonly clock: WallClock },
): WindowRule {
  const stretches = stretchesOf(times, days, clock);
  const openings = exclusions.isEmpty
    ? stretches
    : stretchesOf(times, daysWithout(days, exclusions.coverOf(times)), clock);
  return { times, days, stretches, openings };
}

function nextSlot(plan: WindowPlan, instant: Instant): Instant | undefined {
  const step = instant < LATEST ? stepAfter(plan, Math.max(instant, EARLIEST), instant) : undefined;
  return step === undefined || step.slot > LATEST ? undefined : step.slot;
}

type Walk = { readonly after: Instant; readonly upTo: Instant; readonly limit: number };

/** Steps from slot to slot, over runs of equal steps at once. */
function walk(
  plan: WindowPlan,
  { after, upTo, limit }: Walk,
): { newest: Instant | undefined; count: number } {
  const end = Math.min(upTo, LATEST);
  let last = Math.max(after, EARLIEST);
  let count = 0;
  while (count < limit && last < end) {
    const step = stepAfter(plan, last, end);
    if (step === undefined || step.slot > end) {
      break;
    }
    const times = Math.min(step.times, limit - count);
    count += times;
    last += times * (step.slot - last);
  }
  return { newest: count === 0 ? undefined : last, count };
}

import { stableHash } from '../hash.ts';
import { DAY_MS, type Instant, SECOND_MS, toText } from '../instants.ts';
import type { Stretch } from './window-stretches.ts';
import type { WindowPlan, WindowRule } from './window-walk.ts';

// Days that follow on each other for longer than a year never close: nothing waits that long.
const LONGEST_RUN_DAYS = 400;

/**
 * The last instant at which a slot may start: the end of its range, or of the run of allowed whole days that
 * holds it; the latest where several ranges hold it. `undefined` for a slot at a time alone, which stays due,
 * for a run without an end, and where no range holds the instant.
 */
export function closingOf({ rules, clock }: WindowPlan, slot: Instant): Instant | undefined {
  let latest: Instant | undefined;
  for (const { rule, stretch } of holdersOf(rules, slot)) {
    const end = rule.times.kind === 'range' ? stretch.end : undefined;
    const closesAt = rule.times.kind === 'day' ? endOfRun(rule, stretch, clock.firstShowing) : end;
    if (closesAt === undefined) {
      return undefined;
    }
    latest = Math.max(latest ?? closesAt, closesAt);
  }
  return latest;
}

/**
 * How much later than its slot a slot of a spread range (`~`) starts: whole seconds, at the latest one second
 * before the range ends, and on the slot's own day where the range is the whole day. The same for the same
 * seed and slot. Of several ranges that hold the slot the least counts, so one without `~` keeps it where it
 * is.
 */
export function spreadOf({ rules }: WindowPlan, slot: Instant, hashSeed: string): number {
  const rooms = holdersOf(rules, slot).map(({ rule, stretch }) =>
    rule.times.isSpread ? stretch.end - slot : 0,
  );
  const seconds = Math.ceil((Math.min(...rooms) - SECOND_MS) / SECOND_MS);
  if (rooms.length === 0 || seconds < 1) {
    return 0;
  }
  return (stableHash(`${hashSeed}/${toText(slot)}`) % seconds) * SECOND_MS;
}

type Holder = { readonly rule: WindowRule; readonly stretch: Stretch };

function holdersOf(rules: readonly WindowRule[], slot: Instant): readonly Holder[] {
  return rules.flatMap((rule) => {
    const stretch = rule.stretches.holding(slot);
    return stretch === undefined ? [] : [{ rule, stretch }];
  });
}

function endOfRun(
  { days }: WindowRule,
  { day }: Stretch,
  firstShowing: (reading: number) => Instant,
): Instant | undefined {
  if (days.isUnlimited) {
    return undefined;
  }
  let after = day + 1;
  while (days.has(after) && after - day <= LONGEST_RUN_DAYS) {
    after += 1;
  }
  return days.has(after) ? undefined : firstShowing(after * DAY_MS) - 1;
}

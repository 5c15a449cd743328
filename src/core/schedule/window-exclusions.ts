import { type Instant, SECOND_MS } from '../instants.ts';
import type { WallClock } from './window-clock.ts';
import { allowedDaysOf } from './window-days.ts';
import type { WindowEntry } from './window-entry.ts';
import { type Stretch, type Stretches, stretchesOf } from './window-stretches.ts';
import type { TimeRange } from './window-times.ts';

/** The times that entries with `!` take away. */
export type Exclusions = {
  /** The end of the excluded stretch that holds the instant, with those that follow on from it. */
  readonly endAt: (instant: Instant) => Instant | undefined;
  /** The first begin of an exclusion from one instant up to and including another. */
  readonly nextBegin: (from: Instant, upTo: Instant) => Instant | undefined;
};

/**
 * What the entries exclude. A whole day is excluded to its end; of a range, the exact end is allowed again; a
 * time alone excludes its second. An exclusion that goes on for longer than `horizonMs` is cut there.
 */
export function exclusionsOf(
  entries: readonly WindowEntry[],
  clock: WallClock,
  horizonMs: number,
): Exclusions {
  const rules = entries.filter(({ excludes }) => excludes).flatMap((entry) => rulesOf(entry, clock));
  const isTotal = rules.some((rule) => rule.isTotal);
  let known: { readonly from: Instant; readonly end: Instant } = { from: 0, end: 0 };
  return {
    endAt(instant) {
      const limit = instant + horizonMs;
      if (isTotal) {
        return limit;
      }
      const isKnown = instant >= known.from && instant < known.end;
      // The chain may have been cut for an earlier instant, so it goes on from where it ended.
      const [from, reached] = isKnown ? [known.from, known.end] : [instant, instant];
      const end = chainEnd(rules, reached, limit);
      known = { from, end };
      return end > instant ? end : undefined;
    },
    nextBegin(from, upTo) {
      const begins = rules.map(({ stretches }) => stretches.firstFrom(from, upTo)?.begin ?? upTo + 1);
      const first = Math.min(...begins, upTo + 1);
      return first <= upTo ? first : undefined;
    },
  };
}

type ExclusionRule = {
  readonly times: TimeRange;
  readonly stretches: Stretches;
  /** Excludes every instant. */
  readonly isTotal: boolean;
};

function rulesOf({ times, dayRule }: WindowEntry, clock: WallClock): readonly ExclusionRule[] {
  const days = allowedDaysOf(dayRule);
  return times.map((range) => ({
    times: range,
    stretches: stretchesOf(range, days, clock),
    isTotal: range.kind === 'day' && days.isUnlimited,
  }));
}

/** The first instant from this one on that no exclusion holds. */
function chainEnd(rules: readonly ExclusionRule[], instant: Instant, limit: Instant): Instant {
  let end = instant;
  for (
    let next = endOfRuleAt(rules, end);
    next !== undefined && end < limit;
    next = endOfRuleAt(rules, end)
  ) {
    end = next;
  }
  return Math.min(end, limit);
}

/** The end of some exclusion that holds the instant. */
function endOfRuleAt(rules: readonly ExclusionRule[], instant: Instant): Instant | undefined {
  for (const { times, stretches } of rules) {
    const stretch = stretches.begunBy(instant);
    const end = stretch && excludedEnd(times, stretch);
    if (end !== undefined && end > instant) {
      return end;
    }
  }
  return undefined;
}

function excludedEnd({ kind, beginMs, endMs }: TimeRange, { begin, end }: Stretch): Instant {
  if (kind === 'day') {
    return end + 1;
  }
  return beginMs === endMs ? Math.max(end, begin + SECOND_MS) : end;
}

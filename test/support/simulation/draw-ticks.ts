import type { Random } from './random.ts';
import {
  HOUR,
  type Instant,
  MINUTE,
  type Outage,
  SECOND,
  type SimulatedNode,
  type SimulatedTick,
} from './world.ts';

export type TickPlan = {
  readonly startsAt: Instant;
  /** Nothing goes wrong with ticks from here on. */
  readonly calmFrom: Instant;
  readonly endsAt: Instant;
  /** Of all ticks, the share that is followed by an outage of its node. */
  readonly outageShare: number;
  readonly longestOutage: number;
  /** The share of ticks that die after their first write. */
  readonly deathShare: number;
};

/** Cron takes up to this long to bring a process about. */
const LONGEST_LATENCY = 50 * SECOND;

/** How far apart outages of the database are, and how long they last at most. */
const MEAN_OUTAGE_DISTANCE = 24 * HOUR;
const LONGEST_DATABASE_OUTAGE = 3 * HOUR;

/** The ticks of a node: at each multiple of its rhythm, some latency later, but for outages. */
export function drawTicks(
  random: Random,
  { name, rhythmSeconds }: SimulatedNode,
  plan: TickPlan,
): readonly SimulatedTick[] {
  const rhythm = rhythmSeconds * SECOND;
  const ticks: SimulatedTick[] = [];
  let minute = Math.ceil(plan.startsAt / rhythm) * rhythm;
  while (minute < plan.endsAt) {
    const isCalm = minute >= plan.calmFrom;
    const latency = random.whole(0, LONGEST_LATENCY);
    ticks.push({
      node: name,
      at: minute + latency,
      processAgeMs: random.whole(0, latency),
      diesEarly: random.chance(plan.deathShare) && !isCalm,
    });
    minute += rhythm;
    if (random.chance(plan.outageShare) && !isCalm) {
      const outageEnd = Math.min(minute + random.whole(HOUR, plan.longestOutage), plan.calmFrom);
      minute = Math.ceil(outageEnd / rhythm) * rhythm;
    }
  }
  return ticks;
}

/** Spans in which the node cannot reach the database, one after the other. */
export function drawOutages(random: Random, { name }: SimulatedNode, plan: TickPlan): readonly Outage[] {
  const outages: Outage[] = [];
  let from = plan.startsAt;
  for (;;) {
    from = drawInstant(random, from, from + 2 * MEAN_OUTAGE_DISTANCE);
    const to = from + random.whole(1, LONGEST_DATABASE_OUTAGE);
    if (to >= plan.calmFrom) {
      return outages;
    }
    outages.push({ node: name, from, to });
    from = to;
  }
}

/** An instant in the span, on no full minute as a rule. */
export function drawInstant(random: Random, from: Instant, to: Instant): Instant {
  return random.whole(from, to);
}

/** The whole minute of an instant in the span. */
export function drawMinute(random: Random, from: Instant, to: Instant): Instant {
  return Math.floor(random.whole(from, to) / MINUTE) * MINUTE;
}

import { type Instant, SECOND_MS } from '../core/instants.ts';
import { slotsAfter } from '../core/schedule/next-slot.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import { listTickInstants } from '../store/nodes.ts';
import type { Session } from './session.ts';

const GAPS = 12;

/**
 * How often a node ticks, in milliseconds: as the configuration promises, else the median gap of its last twelve ticks.
 * Undefined while nobody knows, which is a reason to warn of nothing.
 */
export async function rhythmOf({ config, store }: Session, node: string): Promise<number | undefined> {
  if (config.tickEverySeconds !== undefined) {
    return config.tickEverySeconds * SECOND_MS;
  }
  const ticks = await listTickInstants(store.driver, node, GAPS + 1);
  return medianGapMs(ticks);
}

/** The median distance between neighbours of descending instants; undefined for fewer than two. */
export function medianGapMs(instants: readonly number[]): number | undefined {
  const gaps = instants.slice(1).map((instant, index) => (instants[index] ?? instant) - instant);
  const positive = gaps.filter((gap) => gap > 0).sort((one, other) => one - other);
  return positive[Math.floor(positive.length / 2)];
}

const COMPARED_SLOTS = 50;

/** The shortest distance between neighbours of the next slots; undefined for a schedule with fewer than two. */
export function shortestGapMs(schedule: Schedule, from: Instant): number | undefined {
  const slots = slotsAfter(schedule, from, COMPARED_SLOTS);
  const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? slot));
  return gaps.length === 0 ? undefined : Math.min(...gaps);
}

import { type Instant, SECOND_MS } from '../core/instants.ts';
import { slotsAfter } from '../core/schedule/next-slot.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import { rhythmSeconds } from '../runner/rhythm.ts';
import type { Session } from './session.ts';

/**
 * How often a node ticks, in milliseconds: as the configuration promises, else the median gap of its last twelve ticks.
 * Undefined while nobody knows, which is a reason to warn of nothing.
 */
export async function rhythmOf({ config, store }: Session, node: string): Promise<number | undefined> {
  const asked = { settings: config, driver: store.driver, node: { name: node } };
  const seconds = await rhythmSeconds(asked);
  return seconds === undefined ? undefined : seconds * SECOND_MS;
}

const COMPARED_SLOTS = 50;

/** The shortest distance between neighbours of the next slots; undefined for a schedule with fewer than two. */
export function shortestGapMs(schedule: Schedule, from: Instant): number | undefined {
  const slots = slotsAfter(schedule, from, COMPARED_SLOTS);
  const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? slot));
  return gaps.length === 0 ? undefined : Math.min(...gaps);
}

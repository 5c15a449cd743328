import { parseDuration } from '../durations.ts';
import { ScheduleError } from '../errors.ts';
import { type Instant, SECOND_MS } from '../instants.ts';
import type { Schedule } from './schedule.ts';

/**
 * Reads a period such as `90s` or `1h30m` as seconds; a negative one means never.
 *
 * @throws ScheduleError with the position of the fault, and for `0`, which stands for the configured default spacing and
 * is replaced by it when a task is written
 */
export function parseEvery(text: string): number {
  const periodSeconds = parseDuration(text);
  if (periodSeconds === 0) {
    throw new ScheduleError(
      `expected a period other than 0 (0 is replaced by the default spacing when a task is written), got "${text}"`,
      1,
    );
  }
  return periodSeconds;
}

/** A schedule without slots. */
export const NEVER: Schedule = { nextAfter: () => undefined };

/** Slots at `base` + k × period for k = 1, 2, 3 and so on: the phase stays whatever is missed. A day is 86,400 s. */
export function periodicSlots(base: Instant, periodSeconds: number): Schedule {
  const periodMs = periodSeconds * SECOND_MS;
  return {
    nextAfter(instant) {
      const periods = Math.max(1, Math.floor((instant - base) / periodMs) + 1);
      return base + periods * periodMs;
    },
  };
}

/** The one slot at the instant. */
export function singleSlot(at: Instant): Schedule {
  return { nextAfter: (instant) => (instant < at ? at : undefined) };
}

import { ScheduleError } from '../errors.ts';

/** A schedule that counts ticks instead of time. */
export type TickCount = {
  /** It fires at the tick that is so many after the one from which it counts: 1 is the next tick. */
  readonly gap: number;
  /** False for a one-shot, which fires once. */
  readonly repeats: boolean;
};

/** More ticks than this are a typing error: a million ticks a minute apart are two years. */
export const MAX_TICKS = 1_000_000;

const TEXT = /^(\d+)(?:\s+(repeat))?$/i;

/**
 * Reads `N` or `N repeat`. As with ProFTPD's schedules, N is how many ticks pass before the one that fires: 0 is the
 * next tick, and `0 repeat` every tick.
 *
 * @throws ScheduleError with the position of the fault
 */
export function parseTicks(text: string): TickCount {
  const trimmed = text.trim();
  const start = text.indexOf(trimmed) + 1;
  const [, digits, repeat] = TEXT.exec(trimmed) ?? [];
  if (digits === undefined) {
    const position = /^\d*/.exec(trimmed)?.[0].length ?? 0;
    throw new ScheduleError(
      `expected a number of ticks such as "3", or "3 repeat", got ${JSON.stringify(text)}`,
      start + position,
    );
  }
  if (Number(digits) > MAX_TICKS) {
    throw new ScheduleError(`expected at most ${MAX_TICKS} ticks, got ${JSON.stringify(text)}`, start);
  }
  return { gap: Number(digits) + 1, repeats: repeat !== undefined };
}

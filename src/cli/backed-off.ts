import { formatDuration } from '../core/durations.ts';
import { currentPeriod } from '../core/period.ts';
import type { TaskState } from '../core/state.ts';
import type { Timetable } from '../core/timetable.ts';

/** A period that back-off has made longer, in seconds. */
export type BackedOff = { readonly periodSeconds: number; readonly fromSeconds: number };

/** What back-off has made of the period of a state; null where it is as it was defined. */
export function backedOff({ period }: Timetable, state: TaskState): BackedOff | null {
  if (period === null) {
    return null;
  }
  const periodSeconds = currentPeriod(period, state);
  return periodSeconds > period.periodSeconds && period.periodSeconds > 0
    ? { periodSeconds, fromSeconds: period.periodSeconds }
    : null;
}

/** Says so: `period 2m, backed off from 1m`. */
export function backedOffText({ periodSeconds, fromSeconds }: BackedOff): string {
  return `period ${formatDuration(periodSeconds)}, backed off from ${formatDuration(fromSeconds)}`;
}

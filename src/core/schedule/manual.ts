import { ScheduleError } from '../errors.ts';
import type { Schedule } from './schedule.ts';

/**
 * A schedule without slots: the task runs by hand only.
 *
 * @throws ScheduleError when there is text
 */
export function manualSchedule(text: string): Schedule {
  if (text.trim() !== '') {
    throw new ScheduleError(`expected no text for a manual schedule, got ${JSON.stringify(text)}`, 1);
  }
  return { nextAfter: () => undefined };
}

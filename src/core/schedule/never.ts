import { parseEvery } from './every.ts';
import type { ScheduleKind } from './schedule.ts';
import { windowNever } from './window.ts';

/**
 * Whether the schedule itself says never: a negative period, or a window that is empty or `@0`. `false` for a text that
 * is not valid, and for a schedule that merely has no slots.
 */
export function saysNever(kind: ScheduleKind, text: string): boolean {
  return (kind === 'every' && isNegative(text)) || (kind === 'window' && windowNever(text));
}

function isNegative(text: string): boolean {
  try {
    return parseEvery(text) < 0;
  } catch {
    return false;
  }
}

import type { Instant } from '../../core/instants.ts';
import { type ClockChangeNote, clockChangeNotes } from '../../core/schedule/clock-changes.ts';
import { windowNever } from '../../core/schedule/window.ts';
import { hashSeedOf } from '../../core/timetable.ts';
import type { Asking } from './remarks.ts';
import { windowChangeNotes } from './window-changes.ts';

/** What `next` was asked for, as the flags say it; `last` is the handled slot, where one was named. */
export type Question = {
  readonly from: Instant;
  /** `from` was not asked for: it is now, by whatever clock counts. */
  readonly isFromNow: boolean;
  readonly until: Instant | undefined;
  readonly count: number;
  readonly last: Instant | 'never' | undefined;
};

/** When one schedule comes next. */
export type Answer = {
  /** Null for a schedule that belongs to no task. */
  readonly task: string | null;
  readonly kind: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly next: readonly Instant[];
  /** Why it never starts, or what else there is to know. */
  readonly remarks: readonly string[];
  readonly clockChanges: readonly ClockChangeNote[];
};

/** What a schedule does at the next two changes of its zone's clock; nothing for kinds that follow no clock. */
export function clockChangesOf({
  task,
  timetable,
  state,
  timezone,
  from,
}: Asking): readonly ClockChangeNote[] {
  const { scheduleKind, schedule } = task;
  switch (scheduleKind) {
    case 'cron':
      return clockChangeNotes(schedule, { timezone, hashSeed: hashSeedOf(task, state.scopeKey) }, from);
    case 'window':
      return windowNever(schedule) ? [] : windowChangeNotes({ timetable, state, timezone, from });
    default:
      return [];
  }
}

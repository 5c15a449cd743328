import type { Instant } from '../../core/instants.ts';
import { type ClockChangeNote, clockChangeNotes } from '../../core/schedule/clock-changes.ts';
import { isReboot } from '../../core/schedule/cron-fields.ts';

/** What `next` was asked for, as the flags say it; `last` is the handled slot, where one was named. */
export type Question = {
  readonly from: Instant;
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

/** Why a schedule has no slots at all, in words; nothing for one that has some. */
export function whyNever(kind: string, schedule: string): readonly string[] {
  if (kind === 'manual') {
    return ['manual: its schedule never starts it'];
  }
  if (kind === 'every' && schedule.trim().startsWith('-')) {
    return ['a negative period: its schedule never starts it'];
  }
  return kind === 'cron' && isReboot(schedule)
    ? ['@reboot: it starts at the first tick after a boot, at no instant that is known before']
    : [];
}

/** What a cron schedule does at the next two changes of its zone's clock; nothing for other kinds. */
export function clockChangesOf(
  { kind, schedule, timezone }: Pick<Answer, 'kind' | 'schedule' | 'timezone'>,
  hashSeed: string,
  from: Instant,
): readonly ClockChangeNote[] {
  return kind === 'cron' ? clockChangeNotes(schedule, { timezone, hashSeed }, from) : [];
}

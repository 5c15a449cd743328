import { nextSlotOf } from '../../core/due.ts';
import type { Instant } from '../../core/instants.ts';
import type { Schedule } from '../../core/schedule/schedule.ts';
import type { TaskState } from '../../core/state.ts';

/** Which of the coming instants are asked for: at most `count`, none after `until`. */
export type Asked = {
  readonly from: Instant;
  readonly until: Instant | undefined;
  readonly count: number;
};

/** What starts, and whether a tick at the instant that is asked from would start it at once. */
export type Starting = {
  readonly schedule: Schedule;
  readonly state: TaskState;
  readonly startsAtOnce: boolean;
};

/**
 * The instants at which a task starts, if every tick is on time: strictly after `from`, except that what is overdue then
 * starts at `from` itself, however many slots that one run stands for.
 */
export function comingStarts({ schedule, state, startsAtOnce }: Starting, asked: Asked): readonly Instant[] {
  const { from, until, count } = asked;
  let handledSlot = Math.max(state.handledSlot ?? Number.NEGATIVE_INFINITY, from);
  let slot = nextSlotOf(schedule, { ...state, handledSlot });
  const starts = startsAtOnce ? [from] : pendingAttempt(state, from, slot);
  while (slot !== null && starts.length < count && (until === undefined || slot <= until)) {
    starts.push(slot);
    handledSlot = slot;
    slot = nextSlotOf(schedule, { ...state, handledSlot });
  }
  return starts.filter((start) => until === undefined || start <= until).slice(0, count);
}

/** A pending attempt starts between two slots; a newer slot would replace it. */
function pendingAttempt({ retryAt }: TaskState, from: Instant, nextSlot: Instant | null): Instant[] {
  const isComing = retryAt !== null && retryAt > from && (nextSlot === null || retryAt < nextSlot);
  return isComing ? [retryAt] : [];
}

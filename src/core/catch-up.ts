import { type Instant, SECOND_MS } from './instants.ts';
import { countingBase } from './period.ts';
import { COUNT_LIMIT } from './schedule/next-slot.ts';
import { nextSlotOf, type SlotRange, slotBefore, slotsUpTo, startOf } from './slots.ts';
import type { TaskState } from './state.ts';
import type { Task } from './task.ts';
import type { Timetable } from './timetable.ts';

/** `skip` without a deadline of its own lets a slot start so late, or two rhythms late if that is more. */
const LEAST_DEADLINE_S = 120;

/** What is done first with the slots that are due: run some of them, or skip some. */
export type CatchUpStep =
  | { readonly kind: 'go'; readonly slots: SlotRange; readonly again: boolean }
  | {
      readonly kind: 'skip';
      readonly reason: 'missed' | 'too_late';
      readonly slots: SlotRange;
      readonly again: boolean;
      readonly deadlineSeconds?: number;
    };

type Subject = {
  readonly task: Pick<Task, 'catchUp' | 'catchUpMax' | 'startDeadlineSeconds'>;
  readonly timetable: Timetable;
  readonly state: TaskState;
};

type Due = {
  readonly due: SlotRange;
  readonly tickAt: Instant;
  readonly now: Instant;
  readonly rhythmSeconds: number | undefined;
};

/**
 * Chooses among the due slots by the task's catch-up. `latest` takes them all for the newest; `each` takes the oldest of
 * the newest `catchUpMax` and skips what is older; `skip` skips what was missed, and leaves the newest. What is older than
 * the deadline is skipped.
 */
export function catchUp(subject: Subject, due: Due): CatchUpStep {
  switch (subject.task.catchUp) {
    case 'latest':
      return inTime(due.due, due, subject.task.startDeadlineSeconds, false);
    case 'each':
      return eachOfThem(subject, due);
    case 'skip':
      return onlyNewest(subject, due);
  }
}

function inTime(
  slots: SlotRange,
  { now }: Pick<Due, 'now'>,
  deadlineSeconds: number | null,
  again: boolean,
): CatchUpStep {
  return isLate(slots.slot, now, deadlineSeconds)
    ? { kind: 'skip', reason: 'too_late', slots, again, deadlineSeconds: deadlineSeconds ?? 0 }
    : { kind: 'go', slots, again };
}

function isLate(slot: Instant, now: Instant, deadlineSeconds: number | null): boolean {
  return deadlineSeconds !== null && now - slot > deadlineSeconds * SECOND_MS;
}

function onlyNewest({ task, timetable, state }: Subject, { due, now, rhythmSeconds }: Due): CatchUpStep {
  const before = slotBefore(timetable, state, due.slot);
  if (due.count > 1 && before !== undefined) {
    return { kind: 'skip', reason: 'missed', slots: slotsUpTo(timetable, state, before), again: true };
  }
  if (task.startDeadlineSeconds !== null) {
    return inTime(due, { now }, task.startDeadlineSeconds, false);
  }
  // Nobody chose this deadline, so it does not count the time by which the slot was spread on purpose.
  const deadline = Math.max(LEAST_DEADLINE_S, 2 * (rhythmSeconds ?? 0));
  const spreadMs = startOf(timetable, state, due.slot) - due.slot;
  return inTime(due, { now: now - spreadMs }, deadline, false);
}

function eachOfThem(subject: Subject, { due, tickAt, now }: Due): CatchUpStep {
  const { task, timetable, state } = subject;
  const deadline = task.startDeadlineSeconds;
  const newestLate = deadline === null ? undefined : newestOlder(subject, due, now - deadline * SECOND_MS);
  if (newestLate !== undefined) {
    const slots = slotsUpTo(timetable, state, newestLate);
    return inTime(slots, { now }, deadline, newestLate < due.slot);
  }
  // At the limit of the count there may be more than were counted.
  const areFew = due.count <= task.catchUpMax && due.count < COUNT_LIMIT;
  const newestMissed = areFew ? undefined : slotBack(subject, due.slot, task.catchUpMax);
  if (newestMissed !== undefined) {
    const slots = slotsUpTo(timetable, state, newestMissed);
    return { kind: 'skip', reason: 'missed', slots, again: true };
  }
  const oldest = due.count === 1 ? due.slot : oldestStarted(subject, due.slot, tickAt);
  return { kind: 'go', slots: slotsUpTo(timetable, state, oldest), again: oldest < due.slot };
}

/**
 * The oldest slot whose own start has come. One before it that was spread to a later start goes with it: slots are
 * handled in their order.
 */
function oldestStarted({ timetable, state }: Subject, newest: Instant, tickAt: Instant): Instant {
  const schedule = timetable.slotsIn(state);
  let slot = nextSlotOf(timetable, state) ?? newest;
  while (slot < newest && startOf(timetable, state, slot) > tickAt) {
    slot = schedule.nextAfter(slot) ?? newest;
  }
  return slot;
}

/** The newest due slot before the instant. */
function newestOlder({ timetable, state }: Subject, due: SlotRange, instant: Instant): Instant | undefined {
  return due.slot < instant ? due.slot : slotBefore(timetable, state, instant);
}

/** The slot that lies so many slots before the given one, if there are so many: more may be due than are counted. */
function slotBack({ timetable, state }: Subject, from: Instant, count: number): Instant | undefined {
  const { countIn, newestIn } = timetable.slotsIn(state);
  if (countIn !== undefined && newestIn !== undefined) {
    // A chain is walked from its begin, so it is walked for all of them at once.
    const base = countingBase(state);
    const total = countIn(base, from, Number.POSITIVE_INFINITY);
    return total > count ? newestIn(base, from, total - count) : undefined;
  }
  let slot: Instant | undefined = from;
  for (let back = 0; back < count && slot !== undefined; back += 1) {
    slot = slotBefore(timetable, state, slot);
  }
  return slot;
}

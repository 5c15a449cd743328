import { floorToMinute, type Instant } from '../core/instants.ts';
import { dueSlots, type SlotRange } from '../core/slots.ts';
import { nodesText, slotsText, stateNodes } from './describe-task.ts';
import type { TaskView } from './task-view.ts';
import { instantText } from './times.ts';

/** The slots of one state that have come since the last handled one. */
export type PassedSlots = { readonly scopeKey: string; readonly slots: SlotRange };

/**
 * The slots that came while a task was switched off, from its view before it is switched on: that leaves them behind,
 * since the schedule then counts from now. Ticks are no slots before they are due, so those of `ticks` are not counted.
 */
export function passedSlots({ states }: TaskView, now: Instant): readonly PassedSlots[] {
  const tick = { tickAt: floorToMinute(now), ticks: { own: 0, all: 0 } };
  return states.flatMap(({ state, timetable }) => {
    if (timetable === undefined || timetable.ticks !== null || state.terminatedAt !== null) {
      return [];
    }
    const slots = dueSlots(timetable, state, tick);
    return slots === undefined ? [] : [{ scopeKey: state.scopeKey, slots }];
  });
}

/** Says what becomes of them: one sentence for all states of which the same slots have passed. */
export function passedSentences({ record }: TaskView, passed: readonly PassedSlots[]): readonly string[] {
  const keysOfRange = new Map<string, string[]>();
  for (const { scopeKey, slots } of passed) {
    const range = rangeText(slots);
    keysOfRange.set(range, [...(keysOfRange.get(range) ?? []), scopeKey]);
  }
  return [...keysOfRange].map(
    ([range, keys]) =>
      `${range} on ${nodesText(stateNodes(record, keys))}: switched on, the task counts anew and makes up for none`,
  );
}

function rangeText({ first, slot, count }: SlotRange): string {
  return count === 1
    ? `1 slot, ${instantText(slot)}, has passed without a run`
    : `${slotsText(count)}, ${instantText(first)} to ${instantText(slot)}, have passed without a run`;
}

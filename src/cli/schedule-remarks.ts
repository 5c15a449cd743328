import { atClockNote } from '../core/schedule/at.ts';
import type { TaskView } from './task-view.ts';

/** What is worth knowing of a valid task's schedule besides when it comes: what a change of the clock does to an instant. */
export function scheduleRemarks({ task, faults, states }: TaskView): readonly string[] {
  if (task?.scheduleKind !== 'at' || faults.length > 0) {
    return [];
  }
  const notes = states.flatMap(({ timezone }) => atClockNote(task.schedule, timezone) ?? []);
  return [...new Set(notes)];
}

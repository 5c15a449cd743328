import type { Decision } from './due.ts';
import type { SlotRange } from './slots.ts';
import type { Task } from './task.ts';
import type { Timetable } from './timetable.ts';

/** What the world says of a task on the node that looks. */
export type Conditions = {
  /** The resource without which the task counts as offline is known to be down. */
  readonly offline: boolean;
  /** Why its requirements do not hold, in words; undefined where they do. */
  readonly unmet: string | undefined;
  /** The same without what the looks found in words, which may be other ones each time; left out where `unmet` has none. */
  readonly unmetNote?: string | undefined;
  /** A task that rests because of that resource goes on; left out where it does whenever the task is not offline. */
  readonly isBack?: boolean;
};

/** The offline policy of a task, as its row has it. */
export type OfflinePolicy = { readonly offline: string; readonly offlineResource: string | null };

/** True when it depends on the world whether the task may start. */
export function asksTheWorld(task: OfflinePolicy & Pick<Task, 'requires'>): boolean {
  return task.requires !== '' || asksForBackEnd(task);
}

/** True when it depends on the resource of the offline policy whether the task may start. */
export function asksForBackEnd(task: OfflinePolicy): boolean {
  return restsOffline(task) || skipsOffline(task);
}

/** True when the task rests while it is offline. */
export function restsOffline({ offline, offlineResource }: OfflinePolicy): boolean {
  return offline === 'disable' && offlineResource !== null;
}

function skipsOffline({ offline, offlineResource }: OfflinePolicy): boolean {
  return offline === 'skip' && offlineResource !== null;
}

type Start = Extract<Decision, { readonly kind: 'run' | 'retry' }>;

type Gate = {
  readonly task: Task;
  readonly timetable: Timetable;
  /** All slots that are due, those that would come after the start included. */
  readonly due: SlotRange | undefined;
  readonly conditions: Conditions | undefined;
};

/** What becomes of a start under the conditions: first those of being offline, then what the task requires. */
export function gated(start: Start, { task, timetable, due, conditions }: Gate): Decision {
  if (conditions === undefined) {
    return start;
  }
  if (conditions.offline && restsOffline(task)) {
    return { kind: 'go-offline', resource: task.offlineResource ?? '', ...takenWith(start, timetable, due) };
  }
  if (conditions.offline && skipsOffline(task)) {
    return skipped(start, task.offlineResource ?? '', due);
  }
  const { unmet, unmetNote = unmet } = conditions;
  return unmet === undefined || unmetNote === undefined
    ? start
    : { kind: 'blocked', reason: unmet, note: unmetNote };
}

/** The only slot of a task waits until it is online again: without it nothing would be left to wait for. */
function takenWith(start: Start, { once }: Timetable, due: SlotRange | undefined) {
  return once
    ? { slots: undefined, attempt: undefined }
    : { slots: due, attempt: start.kind === 'retry' ? start.attempt : undefined };
}

/** All that is due is skipped together, since it counts from now afterwards. */
function skipped(start: Start, resource: string, due: SlotRange | undefined): Decision {
  if (start.kind === 'run') {
    return { kind: 'skip', reason: 'offline', slots: due ?? start.slots, again: false, resource };
  }
  const slots = { first: start.slot, slot: start.slot, count: 1 };
  const { attempt } = start;
  return { kind: 'skip', reason: 'offline', slots, attempt, again: due !== undefined, resource };
}

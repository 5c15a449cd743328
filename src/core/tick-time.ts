import type { TickTime } from './slots.ts';
import type { TaskState } from './state.ts';
import { ALL_NODES } from './task.ts';

/** The number of the tick as the state counts: those of its node, or of all nodes together. */
export function tickNumber({ scopeKey }: Pick<TaskState, 'scopeKey'>, { ticks }: TickTime): number {
  return scopeKey === ALL_NODES ? ticks.all : ticks.own;
}

/** Whether a tick looks at the state: something of it is due, or it is marked. */
export function isOnDueList(
  state: Pick<TaskState, 'scopeKey' | 'earliestStart' | 'dueTick'>,
  tick: TickTime,
): boolean {
  const { earliestStart, dueTick } = state;
  const hasCome = earliestStart !== null && (earliestStart === 'decide-anew' || earliestStart <= tick.tickAt);
  return hasCome || (dueTick !== null && dueTick <= tickNumber(state, tick));
}

import type { Instant } from '../core/instants.ts';
import { ALL_NODES, nameOf } from '../core/task.ts';
import type { LifeEvent } from '../runner/events.ts';
import type { Context } from './context.ts';
import { openEventLog } from './event-log.ts';
import type { Session } from './session.ts';
import type { TaskView } from './task-view.ts';

/** What a person did to a task, and to which of its states. */
export type Change = Pick<LifeEvent, 'task' | 'actor' | 'fields' | 'formerName'> & {
  readonly event: 'created' | 'changed' | 'enabled' | 'disabled' | 'reset' | 'removed';
  readonly scopes: readonly string[];
  readonly nextSlotAt: Instant | null;
};

/**
 * Logs what a person did to a task: one line, however many states it has. Its next slot is when one of these starts next,
 * as the command tells it.
 */
export async function logChange(context: Context, session: Session, change: Change): Promise<void> {
  const { scopes, ...rest } = change;
  const [scope = null, ...others] = scopes;
  const log = await openEventLog(context, session, { show: false });
  log.write({
    ...rest,
    scope: others.length === 0 ? scope : null,
    node: session.config.node,
    slotAt: null,
    ...(others.length === 0 ? {} : { scopes }),
  });
}

/** What a view tells of the task that was changed; with a node, of the state that counts there alone. */
export function changedTask(
  { record, states }: TaskView,
  node?: string,
): Pick<Change, 'task' | 'scopes' | 'nextSlotAt'> {
  const changed = states.filter(
    ({ state }) => node === undefined || [node, ALL_NODES].includes(state.scopeKey),
  );
  const starts = changed.flatMap(({ nextAt }) => nextAt ?? []);
  return {
    task: nameOf(record),
    scopes: changed.map(({ state }) => state.scopeKey),
    nextSlotAt: starts.length === 0 ? null : Math.min(...starts),
  };
}

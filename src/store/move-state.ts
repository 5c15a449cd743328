import type { SlotRange } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { lockIfToGo, removeIfDone } from './remove-done.ts';
import { stateAssignments } from './state-row.ts';

/** `lost`: another was first. `removed`: the task has gone with its last state, as it was to. */
export type Move = 'lost' | 'moved' | 'removed';

/**
 * The conditional update that every transition is: raise the epoch where it is still what the writer read. A transition
 * that terminates the last state of a task that is to go when it is done removes the task.
 */
export async function moveState(
  statements: Statements,
  state: TaskState,
  patch: StatePatch,
  condition: { readonly sql: string; readonly values: readonly SqlValue[] } = { sql: '', values: [] },
): Promise<Move> {
  const isEnd = (patch.terminatedAt ?? null) !== null;
  const mayGo = isEnd && (await lockIfToGo(statements, state.taskId));
  const { sql, values } = stateAssignments(patch);
  const changed = await statements.run(
    `UPDATE periodic_task_state SET epoch = epoch + 1${sql}
     WHERE task_id = ? AND scope_key = ? AND epoch = ? ${condition.sql}`,
    [...values, state.taskId, state.scopeKey, state.epoch, ...condition.values],
  );
  if (changed !== 1) {
    return 'lost';
  }
  return mayGo && (await removeIfDone(statements, state.taskId)) ? 'removed' : 'moved';
}

/**
 * Moves a state without starting anything: it was settled, marked or put to rest. False when another was first.
 */
export async function settleState(driver: Driver, state: TaskState, patch: StatePatch): Promise<boolean> {
  return (await endState(driver, state, patch)) !== 'lost';
}

/** Moves a state that has an attempt pending, which is given up with that. False when another was first. */
export async function giveUpState(
  driver: Driver,
  state: TaskState,
  patch: StatePatch,
  reason: Dropped = 'superseded',
): Promise<boolean> {
  return (await endState(driver, state, patch, reason)) !== 'lost';
}

/** Moves a state without starting anything, and says as well whether its task has gone with that. */
export function endState(
  driver: Driver,
  state: TaskState,
  patch: StatePatch,
  dropped?: Dropped,
): Promise<Move> {
  return driver.transaction(async (statements) => {
    const move = await moveState(statements, state, patch);
    if (move !== 'lost' && dropped !== undefined) {
      failpoint('give-up.moved');
      await dropPending(statements, state, dropped);
      failpoint('give-up.dropped');
    }
    return move;
  });
}

/** Removes the state that stands for a task without nodes. False when another was first. */
export async function dropState(driver: Driver, state: TaskState): Promise<boolean> {
  const changed = await driver.run(
    'DELETE FROM periodic_task_state WHERE task_id = ? AND scope_key = ? AND epoch = ?',
    [state.taskId, state.scopeKey, state.epoch],
  );
  return changed === 1;
}

/** Why an attempt that was pending does not come: what the run before it says from then on. */
export type Dropped = 'superseded' | 'offline' | 'postponed' | 'rerun';

/** The last run said until now that another attempt would follow. */
export async function dropPending(
  statements: Statements,
  { lastRunToken }: TaskState,
  reason: Dropped,
): Promise<void> {
  await statements.run("UPDATE periodic_run SET reason = ? WHERE token = ? AND reason = 'retry'", [
    reason,
    lastRunToken,
  ]);
}

/** A newer slot ends the hope of the older one, whose run said until now that another attempt would follow. */
export async function giveUpPending(
  statements: Statements,
  state: TaskState,
  slots: SlotRange | null,
): Promise<void> {
  if (state.retryAt !== null && slots !== null && slots.slot !== state.handledSlot) {
    await dropPending(statements, state, 'superseded');
  }
}

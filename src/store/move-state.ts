import type { SlotRange } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import type { Driver, SqlValue, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { stateAssignments } from './state-row.ts';

/** The conditional update that every transition is: raise the epoch where it is still what the writer read. */
export async function moveState(
  statements: Statements,
  state: TaskState,
  patch: StatePatch,
  condition: { readonly sql: string; readonly values: readonly SqlValue[] } = { sql: '', values: [] },
): Promise<boolean> {
  const { sql, values } = stateAssignments(patch);
  const changed = await statements.run(
    `UPDATE periodic_task_state SET epoch = epoch + 1${sql}
     WHERE task_id = ? AND scope_key = ? AND epoch = ? ${condition.sql}`,
    [...values, state.taskId, state.scopeKey, state.epoch, ...condition.values],
  );
  return changed === 1;
}

/**
 * Moves a state without starting anything: it was settled, marked or put to rest. False when another was first.
 */
export function settleState(driver: Driver, state: TaskState, patch: StatePatch): Promise<boolean> {
  return driver.transaction((statements) => moveState(statements, state, patch));
}

/** Terminates a state that has an attempt pending, which is given up with it. False when another was first. */
export function giveUpState(driver: Driver, state: TaskState, patch: StatePatch): Promise<boolean> {
  return driver.transaction(async (statements) => {
    const moved = await moveState(statements, state, patch);
    if (moved) {
      failpoint('give-up.moved');
      await dropPending(statements, state, 'superseded');
      failpoint('give-up.dropped');
    }
    return moved;
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

/** The last run said until now that another attempt would follow. */
export async function dropPending(
  statements: Statements,
  { lastRunToken }: TaskState,
  reason: 'superseded' | 'postponed' | 'rerun',
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

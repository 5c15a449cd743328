import { type Instant, toText } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import { instantText } from './cells.ts';
import type { Driver, Statements } from './driver.ts';
import { dropPending, moveState } from './move-state.ts';

/** Who postponed a task, and when. */
export type PostponeAudit = { readonly at: Instant; readonly actor: string; readonly taskName: string };

/** Moves a state that is postponed; an attempt that is pending is given up. False when another was first. */
export function postponeState(
  driver: Driver,
  state: TaskState,
  { patch, audit }: { readonly patch: StatePatch; readonly audit: PostponeAudit },
): Promise<boolean> {
  return driver.transaction(async (statements) => {
    const moved = await moveState(statements, state, patch);
    if (moved) {
      // A reset or a switch may have dropped the attempt before: then its run goes on to say why.
      if (state.retryAt !== null) {
        await dropPending(statements, state, 'postponed');
      }
      await insertAudit(statements, state, { patch, audit });
    }
    return moved;
  });
}

async function insertAudit(
  statements: Statements,
  { taskId, scopeKey, nextSlot, retryAt }: TaskState,
  { patch, audit }: { readonly patch: StatePatch; readonly audit: PostponeAudit },
): Promise<void> {
  const before = { scopeKey, nextSlot: instantText(nextSlot), retryAt: instantText(retryAt) };
  const after = {
    scopeKey,
    countedFrom: instantText(patch.countedFrom),
    nextSlot: instantText(patch.nextSlot),
  };
  await statements.run(
    `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, "before", "after")
     VALUES (?, ?, 'postponed', ?, ?, ?, ?)`,
    [toText(audit.at), audit.actor, taskId, audit.taskName, JSON.stringify(before), JSON.stringify(after)],
  );
}

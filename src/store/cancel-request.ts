import { type Instant, toText } from '../core/instants.ts';
import { instantText } from './cells.ts';
import type { Driver } from './driver.ts';
import { requestCancel } from './live-runs.ts';
import type { Run } from './run-row.ts';

/** Who asks, when, and in which words; the words are for the audit alone. */
export type CancelAudit = { readonly at: Instant; readonly actor: string; readonly reason: string | null };

/** The code with which a run is cancelled that a person asked to end. */
const BY_OPERATOR = 'operator';

/**
 * Asks the runner of a live run to end it, and records who asked. False, and nothing is recorded, if the run has ended.
 * Asking again changes nothing but the audit.
 */
export function askToCancel(driver: Driver, run: Run, audit: CancelAudit): Promise<boolean> {
  return driver.transaction(async (statements) => {
    if (!(await requestCancel(statements, run.token, BY_OPERATOR))) {
      return false;
    }
    const { id, node, scopeKey, slot, attempt } = run;
    const before = { run: id, node, scopeKey, slot: instantText(slot), attempt };
    await statements.run(
      `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name, "before", "after")
       VALUES (?, ?, 'cancel requested', ?, ?, ?, ?)`,
      [
        ...[toText(audit.at), audit.actor, run.taskId, run.taskName],
        ...[JSON.stringify(before), JSON.stringify({ reason: audit.reason })],
      ],
    );
    return true;
  });
}

import { type Instant, toText } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import type { Driver } from './driver.ts';
import { identityRow, insertRun, type RowIdentity } from './ledger-rows.ts';
import { moveState } from './move-state.ts';

/** A fault of a definition, as the ledger records it; `message` is also what the state remembers. */
export type FaultRow = RowIdentity & {
  readonly message: string;
  readonly at: Instant;
};

/**
 * Records a fault of a definition, once: the caller has compared it with the fault that the state already names.
 * False when another runner was first.
 */
export function recordFault(
  driver: Driver,
  fault: { readonly state: TaskState; readonly patch: StatePatch; readonly row: FaultRow },
): Promise<boolean> {
  const { state, row } = fault;
  return driver.transaction(async (statements) => {
    if ((await moveState(statements, state, { ...fault.patch, fault: row.message })) === 'lost') {
      return false;
    }
    const { at, ...rest } = row;
    await insertRun(statements, {
      ...identityRow(rest),
      trigger_kind: 'fault',
      status: 'failed',
      reason: 'invalid',
      message: row.message,
      epoch: state.epoch + 1,
      created_at: toText(at),
      ended_at: toText(at),
    });
    return true;
  });
}

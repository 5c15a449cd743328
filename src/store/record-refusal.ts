import { type Instant, toText } from '../core/instants.ts';
import type { Driver, Statements } from './driver.ts';
import { identityRow, insertRun, type RowIdentity } from './ledger-rows.ts';

/** A run by hand that was wanted, and that nobody confirmed. */
export type Refusal = RowIdentity & { readonly message: string; readonly at: Instant };

/** The reason, in the ledger, of a run that was not started because nobody confirmed it. */
export const NOT_CONFIRMED = 'not confirmed';

/** Records that a run by hand was not confirmed: a row without a slot that never started. No state moves. */
export async function recordRefusal(driver: Driver, { message, at, ...identity }: Refusal): Promise<void> {
  const record = async (statements: Statements): Promise<true> => {
    await insertRun(statements, {
      ...identityRow(identity),
      trigger_kind: 'manual',
      status: 'cancelled',
      reason: NOT_CONFIRMED,
      message,
      created_at: toText(at),
      ended_at: toText(at),
    });
    return true;
  };
  await driver.transaction(record, {
    confirm: async (statements) => {
      const found = await statements.all('SELECT id FROM periodic_run WHERE token = ?', [identity.token]);
      return found.length > 0 ? true : undefined;
    },
  });
}

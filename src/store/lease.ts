import { LEASE_S } from '../core/lease.ts';
import { nowText } from './dialect.ts';
import type { Driver, Engine } from './driver.ts';

/** A column that says whether a live run's lease has ended, by the database's clock. */
export function leaseOver(engine: Engine): string {
  return `CASE WHEN lease_until <= ${nowText(engine)} THEN 1 ELSE 0 END AS is_lease_over`;
}

/**
 * Renews the lease of a live run, by the database's clock. False when the run is not alive any more: it was declared
 * lost, and another node may have its next slot.
 */
export async function renewLease(driver: Driver, token: string): Promise<boolean> {
  const changed = await driver.run(
    `UPDATE periodic_run SET lease_until = ${nowText(driver.engine, LEASE_S)} WHERE token = ? AND status = 'running'`,
    [token],
  );
  return changed === 1;
}

/**
 * Whether a run is alive by what the database says now, and its lease, if it has one, has not ended: nobody else may
 * have taken its place.
 */
export async function holdsRun(driver: Driver, token: string): Promise<boolean> {
  const rows = await driver.all(
    `SELECT id FROM periodic_run WHERE token = ? AND status = 'running'
       AND (lease_until IS NULL OR lease_until > ${nowText(driver.engine)})`,
    [token],
  );
  return rows.length === 1;
}

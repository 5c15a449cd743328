import { type Instant, toText } from '../core/instants.ts';
import { insertAudit } from './audit.ts';
import { instantText } from './cells.ts';
import { keepingKnown } from './dialect.ts';
import type { Driver } from './driver.ts';
import { findMaintenance, type Hold } from './hold.ts';

/** `changed` is false where maintenance was on already, with the same reason and end. */
export type StartedMaintenance = { readonly changed: boolean; readonly hold: Hold };

/**
 * Switches maintenance on, or gives that which is on another reason and end; it has been on since it began then. One
 * whose end has passed is off.
 */
export function startMaintenance(
  driver: Driver,
  { at, until, actor, reason }: Omit<Hold, 'kind' | 'since'> & { readonly at: Instant },
): Promise<StartedMaintenance> {
  return driver.transaction(async (statements) => {
    // A transaction begins with a write: this one keeps others from the row, if there is one.
    await statements.run('UPDATE periodic_maintenance SET id = 1 WHERE id = 1');
    const before = await findMaintenance(statements, at);
    if (before !== undefined && before.until === until && before.reason === reason) {
      return { changed: false, hold: before };
    }
    const hold: Hold = { kind: 'maintenance', since: before?.since ?? at, until, actor, reason };
    const values = [toText(hold.since), instantText(until), actor, reason];
    await statements.run(
      `INSERT INTO periodic_maintenance (since, until, actor, reason, id) VALUES (?, ?, ?, ?, 1)
       ${keepingKnown(driver.engine, 'id')}`,
      values,
    );
    await statements.run(
      'UPDATE periodic_maintenance SET since = ?, until = ?, actor = ?, reason = ? WHERE id = 1',
      values,
    );
    const told = { since: toText(hold.since), until: instantText(until), reason };
    await insertAudit(statements, { action: 'maintenance on', at, actor }, told);
    return { changed: true, hold };
  });
}

/** Switches maintenance off. False when there was none; one whose end has passed is off already. */
export function endMaintenance(
  driver: Driver,
  by: { readonly at: Instant; readonly actor: string },
): Promise<boolean> {
  return driver.transaction(async ({ run }) => {
    const changed = await run('DELETE FROM periodic_maintenance WHERE until IS NULL OR until > ?', [
      toText(by.at),
    ]);
    await run('DELETE FROM periodic_maintenance');
    if (changed === 0) {
      return false;
    }
    await insertAudit({ run }, { action: 'maintenance off', ...by }, null);
    return true;
  });
}

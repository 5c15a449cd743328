import { type Instant, toText } from '../core/instants.ts';
import { keepingKnown } from './dialect.ts';
import type { Driver, Row, Statements } from './driver.ts';
import { instantOf, instantText, textOf } from './rows.ts';

/** Why a node starts nothing new: an operator drained it, or there is maintenance for all. */
export type Hold = {
  readonly kind: 'drained' | 'maintenance';
  readonly since: Instant;
  /** When maintenance ends by itself; null for when somebody ends it. */
  readonly until: Instant | null;
  readonly actor: string;
  readonly reason: string;
};

/** What holds the node at the instant; undefined when nothing does. Maintenance, which holds all, is named first. */
export async function findHold(
  statements: Pick<Statements, 'all'>,
  node: string,
  now: Instant,
): Promise<Hold | undefined> {
  const maintenance = await findMaintenance(statements, now);
  if (maintenance !== undefined) {
    return maintenance;
  }
  const [row] = await statements.all(
    'SELECT drained_at, drained_by, drained_reason FROM periodic_node WHERE name = ? AND drained_at IS NOT NULL',
    [node],
  );
  return row === undefined
    ? undefined
    : {
        kind: 'drained',
        since: instantOf(row['drained_at']) ?? 0,
        until: null,
        actor: textOf(row['drained_by']) ?? '',
        reason: textOf(row['drained_reason']) ?? '',
      };
}

/** The maintenance that is on at the instant. One whose end has passed is off. */
export async function findMaintenance(
  { all }: Pick<Statements, 'all'>,
  now: Instant,
): Promise<Hold | undefined> {
  const [row] = await all('SELECT since, until, actor, reason FROM periodic_maintenance');
  const hold = row === undefined ? undefined : maintenanceOf(row);
  return hold === undefined || (hold.until !== null && hold.until <= now) ? undefined : hold;
}

function maintenanceOf(row: Row): Hold {
  return {
    kind: 'maintenance',
    since: instantOf(row['since']) ?? 0,
    until: instantOf(row['until']),
    actor: String(row['actor']),
    reason: String(row['reason']),
  };
}

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
    await insertHoldAudit(statements, { action: 'maintenance on', at, actor }, told);
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
    await insertHoldAudit({ run }, { action: 'maintenance off', ...by }, null);
    return true;
  });
}

/** Records who held or released what. */
export async function insertHoldAudit(
  { run }: Pick<Statements, 'run'>,
  change: { readonly action: string; readonly at: Instant; readonly actor: string },
  after: object | null,
): Promise<void> {
  await run('INSERT INTO periodic_audit (changed_at, actor, action, "after") VALUES (?, ?, ?, ?)', [
    toText(change.at),
    change.actor,
    change.action,
    after === null ? null : JSON.stringify(after),
  ]);
}

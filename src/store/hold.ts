import type { Instant } from '../core/instants.ts';
import { instantOf, textOf } from './cells.ts';
import type { Row, Statements } from './driver.ts';

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

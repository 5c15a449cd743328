import type { Instant } from '../core/instants.ts';
import { ALL_NODES } from '../core/task.ts';
import { instantOf, numberOrNull, textOf } from './cells.ts';
import { keepingKnown } from './dialect.ts';
import type { Driver, Row, Statements } from './driver.ts';

/** What the database knows of a node that has ticked, or that was named before its first tick. */
export type KnownNode = {
  readonly name: string;
  /** IANA name; null before the first tick. */
  readonly timezone: string | null;
  readonly lastTickAt: Instant | null;
};

/** Every known node, by name. */
export async function listNodes(driver: Driver): Promise<readonly KnownNode[]> {
  const rows = await driver.all('SELECT name, timezone, last_tick_at FROM periodic_node ORDER BY name');
  return rows.map((row) => ({
    name: String(row['name']),
    timezone: textOf(row['timezone']),
    lastTickAt: instantOf(row['last_tick_at']),
  }));
}

/**
 * Makes a node known if the task runs on all nodes, which gives it a state of every such task. A known node stays as it
 * is.
 */
export async function addNodeFor(driver: Driver, taskId: number, name: string): Promise<void> {
  await driver.run(
    `INSERT INTO periodic_node (name)
     SELECT ? WHERE EXISTS (SELECT 1 FROM periodic_task_node WHERE task_id = ? AND node = ?)
     ${keepingKnown(driver.engine, 'name')}`,
    [name, taskId, ALL_NODES],
  );
}

/** The machine that ticked last under the name of a node. */
export type NameHolder = {
  readonly name: string;
  readonly hostName: string | null;
  /** Null, or empty, for a name under which nobody has ticked. */
  readonly machineId: string | null;
  readonly lastTickAt: Instant | null;
  /** The rhythm that its configuration promises; null where that promises none. */
  readonly rhythmSeconds: number | null;
};

/** Columns of periodic_node that {@link holderOf} reads. */
export const HOLDER_COLUMNS = 'name, host_name, machine_id, last_tick_at, rhythm_s';

/** Reads a row of periodic_node. */
export function holderOf(row: Row): NameHolder {
  return {
    name: String(row['name']),
    hostName: textOf(row['host_name']),
    machineId: textOf(row['machine_id']),
    lastTickAt: instantOf(row['last_tick_at']),
    rhythmSeconds: numberOrNull(row['rhythm_s']),
  };
}

/** Whose the name of a node is; undefined for one that is not known. */
export async function findNameHolder(
  { all }: Pick<Statements, 'all'>,
  name: string,
): Promise<NameHolder | undefined> {
  const [row] = await all(`SELECT ${HOLDER_COLUMNS} FROM periodic_node WHERE name = ?`, [name]);
  return row === undefined ? undefined : holderOf(row);
}

/** True when another machine than this one has ticked under the name. */
export function isOtherMachine({ machineId }: NameHolder, ownMachineId: string): boolean {
  return machineId !== null && machineId !== '' && machineId !== ownMachineId;
}

/** The instants of the node's newest ticks, newest first. */
export async function listTickInstants(
  { all }: Pick<Statements, 'all'>,
  node: string,
  count: number,
): Promise<readonly Instant[]> {
  const rows = await all('SELECT tick_at FROM periodic_tick WHERE node = ? ORDER BY tick_no DESC LIMIT ?', [
    node,
    count,
  ]);
  return rows.flatMap((row) => instantOf(row['tick_at']) ?? []);
}

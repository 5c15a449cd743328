import type { Instant } from '../core/instants.ts';
import { ALL_NODES } from '../core/task.ts';
import type { Driver } from './driver.ts';
import { instantOf, textOf } from './rows.ts';

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
     ON CONFLICT (name) DO NOTHING`,
    [name, taskId, ALL_NODES],
  );
}

/** The instants of the node's newest ticks, newest first. */
export async function listTickInstants(
  driver: Driver,
  node: string,
  count: number,
): Promise<readonly Instant[]> {
  const rows = await driver.all(
    'SELECT tick_at FROM periodic_tick WHERE node = ? ORDER BY tick_no DESC LIMIT ?',
    [node, count],
  );
  return rows.flatMap((row) => instantOf(row['tick_at']) ?? []);
}

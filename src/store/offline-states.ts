import { ALL_NODES } from '../core/task.ts';
import { numberOf } from './cells.ts';
import type { Driver } from './driver.ts';
import type { DueKey } from './tick-statements.ts';

/** A state that rests because its task is offline, and the resource for which it waits. */
export type OfflineKey = DueKey & { readonly resource: string };

/**
 * The states of the node that rest because their tasks are offline: an index lookup. A task of scope `one` is included
 * only if the node is among its nodes.
 */
export async function listOfflineKeys(driver: Driver, node: string): Promise<readonly OfflineKey[]> {
  // A range with two ends is taken from the index by every engine; most states have no such instant.
  const rows = await driver.all(
    `SELECT s.task_id, s.scope_key, t.ordering, t.offline_resource
     FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id
     WHERE s.scope_key IN (?, ?) AND s.offline_disabled_at BETWEEN '0' AND '9'
       AND (s.scope_key <> ?
            OR EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = t.id AND n.node IN (?, ?)))
     ORDER BY t.ordering, s.task_id, s.scope_key`,
    [node, ALL_NODES, ALL_NODES, node, ALL_NODES],
  );
  return rows.map((row) => ({
    taskId: numberOf(row['task_id']),
    scopeKey: String(row['scope_key']),
    ordering: numberOf(row['ordering']),
    resource: String(row['offline_resource'] ?? ''),
  }));
}

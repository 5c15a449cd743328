import { type Instant, toText } from '../core/instants.ts';
import type { TickNumbers, TickTime } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, type TaskRecord } from '../core/task.ts';
import { isOnDueList } from '../core/tick-time.ts';
import { instantOf, numberOf, textOf } from './cells.ts';
import { taskRecordOf } from './definition-row.ts';
import { nowText } from './dialect.ts';
import type { Driver } from './driver.ts';
import { leaseOver } from './lease.ts';
import { RUN_COLUMNS, type Run, runOf } from './run-row.ts';
import { stateOf, waitOf } from './state-row.ts';

/** A state that a tick has to look at: due, or marked because its definition changed. */
export type DueKey = { readonly taskId: number; readonly scopeKey: string; readonly ordering: number };

/** A key of the list of a tick. */
export type ListedKey = DueKey & {
  readonly taskName: string;
  /** The state is to be decided anew, whether something of it is due or not. */
  readonly isMarked: boolean;
  /** What the task asks of the world, as its row has it. */
  readonly requires: string;
  readonly offlineResource: string | null;
  readonly offline: string;
};

/** The key of the state that stands for a task of scope `each` that has no nodes yet. */
export const UNASSIGNED = '';

/**
 * The states of the node that are due at the instant, whose tick has come, or that are marked, ascending by
 * (ordering, id): index lookups for each key, whatever the number of definitions. The node's own states wait for ticks
 * of the node, those that nodes share for ticks of all. A task of scope `one` is included only if the node is among its
 * nodes, or if it has none that can be, so that somebody notices.
 */
export async function listDueKeys(
  driver: Driver,
  node: string,
  tickAt: Instant,
  ticks: TickNumbers,
): Promise<readonly ListedKey[]> {
  // Ranges with two ends, and UNION ALL made distinct outside: with less, SQLite goes through all states once it has
  // statistics by which most wait for nothing.
  const rows = await driver.all(
    `SELECT DISTINCT due.task_id, due.scope_key, due.earliest_start, t.ordering, t.name,
       t.requires, t.offline_resource, t.offline FROM (
       SELECT task_id, scope_key, earliest_start FROM periodic_task_state
       WHERE scope_key IN (?, ?, ?) AND earliest_start BETWEEN '' AND ?
       UNION ALL
       SELECT task_id, scope_key, earliest_start FROM periodic_task_state WHERE scope_key = ? AND due_tick BETWEEN 0 AND ?
       UNION ALL
       SELECT task_id, scope_key, earliest_start FROM periodic_task_state WHERE scope_key = ? AND due_tick BETWEEN 0 AND ?) due
     JOIN periodic_task t ON t.id = due.task_id
     WHERE (due.scope_key <> ?
            OR EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = t.id AND n.node IN (?, ?))
            OR NOT EXISTS (SELECT 1 FROM periodic_task_node n
                           WHERE n.task_id = t.id AND n.node <> '' AND n.node = trim(n.node)))
     ORDER BY t.ordering, due.task_id, due.scope_key`,
    [
      ...[node, ALL_NODES, UNASSIGNED, toText(tickAt)],
      ...[node, ticks.own],
      ...[ALL_NODES, ticks.all],
      ...[ALL_NODES, node, ALL_NODES],
    ],
  );
  return rows.map((row) => ({
    taskId: numberOf(row['task_id']),
    scopeKey: String(row['scope_key']),
    ordering: numberOf(row['ordering']),
    taskName: String(row['name']),
    isMarked: waitOf(row).earliestStart === 'decide-anew',
    requires: String(row['requires'] ?? ''),
    offlineResource: textOf(row['offline_resource']),
    offline: String(row['offline'] ?? ''),
  }));
}

/** Those of the keys that are due still, in the same order. A few hundred at a time. */
export async function keepDue(
  driver: Driver,
  keys: readonly DueKey[],
  tick: TickTime,
): Promise<readonly DueKey[]> {
  const scopes = [...new Set(keys.map(({ scopeKey }) => scopeKey))];
  const rows = await driver.all(
    `SELECT task_id, scope_key, earliest_start, due_tick FROM periodic_task_state
     WHERE task_id IN (${keys.map(() => '?').join(', ')}) AND scope_key IN (${scopes.map(() => '?').join(', ')})`,
    [...keys.map(({ taskId }) => taskId), ...scopes],
  );
  const due = new Set(
    rows.filter((row) => isOnDueList(waitOf(row), tick)).map((row) => keyText(waitOf(row))),
  );
  return keys.filter((key) => due.has(keyText(key)));
}

function keyText({ taskId, scopeKey }: Pick<DueKey, 'taskId' | 'scopeKey'>): string {
  return `${taskId} ${scopeKey}`;
}

/** When the next state of the node becomes due after the instant; null if none waits. */
export async function nextEarliestStart(
  driver: Driver,
  node: string,
  after: Instant,
): Promise<Instant | null> {
  // The first in the order of the index, not min(): that would look at every state that the nodes share.
  const [row] = await driver.all(
    `SELECT min(earliest_start) AS at FROM (
       SELECT min(earliest_start) AS earliest_start FROM periodic_task_state WHERE scope_key = ? AND earliest_start > ?
       UNION ALL
       SELECT earliest_start FROM (
         SELECT s.earliest_start FROM periodic_task_state s WHERE s.scope_key = ? AND s.earliest_start > ?
           AND EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = s.task_id AND n.node IN (?, ?))
         ORDER BY s.earliest_start LIMIT 1) shared) waiting`,
    [node, toText(after), ALL_NODES, toText(after), node, ALL_NODES],
  );
  return instantOf(row?.['at']);
}

/** Whether a state of the node, or one that it shares, waits for a tick: no instant says when it becomes due. */
export async function waitsForTicks(driver: Driver, node: string): Promise<boolean> {
  // No tick has a number below 0; unlike NOT NULL, the bound is one that every engine takes from the index.
  const rows = await driver.all(
    `SELECT s.task_id FROM periodic_task_state s WHERE s.scope_key IN (?, ?) AND s.due_tick >= 0
       AND (s.scope_key = ?
            OR EXISTS (SELECT 1 FROM periodic_task_node n WHERE n.task_id = s.task_id AND n.node IN (?, ?)))
     LIMIT 1`,
    [node, ALL_NODES, node, node, ALL_NODES],
  );
  return rows.length > 0;
}

/** A definition, its state, and how many runs of that state are alive: what a decision needs. */
export type Candidate = { readonly record: TaskRecord; readonly state: TaskState; readonly liveRuns: number };

/** Reads a state afresh for its decision; undefined when the task or the state is gone. */
export async function loadCandidate(driver: Driver, key: DueKey): Promise<Candidate | undefined> {
  const [row] = await driver.all(
    `SELECT t.*, s.*, (SELECT count(*) FROM periodic_run r
                       WHERE r.task_id = t.id AND r.live_node IS NOT NULL AND r.scope_key = s.scope_key) AS live_runs
     FROM periodic_task_state s JOIN periodic_task t ON t.id = s.task_id
     WHERE s.task_id = ? AND s.scope_key = ?`,
    [key.taskId, key.scopeKey],
  );
  if (row === undefined) {
    return undefined;
  }
  const parts = await driver.all(
    `SELECT 'node' AS part, node AS value FROM periodic_task_node WHERE task_id = ?
     UNION ALL SELECT 'tag', tag FROM periodic_task_tag WHERE task_id = ? ORDER BY 1, 2`,
    [key.taskId, key.taskId],
  );
  const valuesOf = (wanted: string) =>
    parts.flatMap(({ part, value }) => (part === wanted ? [String(value)] : []));
  return {
    record: taskRecordOf(row, { nodes: valuesOf('node'), tags: valuesOf('tag') }),
    state: stateOf(row),
    liveRuns: numberOf(row['live_runs']),
  };
}

/**
 * The runs that are recorded as alive and that this node can judge: its own, those of any node on the same machine,
 * which may have been renamed since, and those of any node whose lease has ended.
 */
export async function listLiveRuns(
  driver: Driver,
  { node, machineId }: { readonly node: string; readonly machineId: string },
): Promise<readonly Run[]> {
  // Only live runs have a node there, so this is a short stretch of the index.
  const rows = await driver.all(
    `SELECT ${RUN_COLUMNS}, ${leaseOver(driver.engine)}
     FROM periodic_run WHERE live_node > ''
       AND (node = ? OR machine_id = ? OR lease_until <= ${nowText(driver.engine)})`,
    [node, machineId],
  );
  return rows.map(runOf).toSorted((one, other) => one.id - other.id);
}

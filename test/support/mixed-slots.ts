import type { Sql } from './operator-sql.ts';

/** Tasks of scope `one` that every node may take, and tasks of scope `each` on all the nodes named. */
export type MixedTasks = {
  readonly shared: number;
  readonly each: number;
  readonly nodes: readonly string[];
};

/** The no-op of the shipped modules: pruning without any limit. */
export const NO_OP = {
  module: 'prune_history',
  options: '{"max_age_days":null,"max_runs":null,"max_bytes":null}',
} as const;

/** A tick has to keep an order among them, and has many equals. */
const ORDERINGS = 5;

/**
 * Adds up to 10,000 tasks of either scope with plain SQL, in few statements. Each state has one slot: the minute in which
 * the connection's triggers believe. Returns how many slots there are.
 */
export function addMixedTasks(sql: Sql, { shared, each, nodes }: MixedTasks): number {
  sql.transaction(() => {
    insertTasks(sql, { scope: 'one', count: shared });
    insertTasks(sql, { scope: 'each', count: each });
    insertNodes(sql, { scope: 'one', nodes: ['*'] });
    insertNodes(sql, { scope: 'each', nodes });
  })();
  return shared + each * nodes.length;
}

function insertTasks(sql: Sql, { scope, count }: { readonly scope: string; readonly count: number }): void {
  // Without recursion, which MariaDB ends after a thousand steps.
  sql
    .prepare(
      `INSERT INTO periodic_task (name, module, options, schedule_kind, schedule, run_immediately, scope, ordering)
       SELECT concat('${scope} ', n.i), '${NO_OP.module}', '${NO_OP.options}', 'manual', '', true, '${scope}', n.i % ${ORDERINGS}
       FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 1 AS i
             FROM ${DIGITS} a CROSS JOIN ${DIGITS} b CROSS JOIN ${DIGITS} c CROSS JOIN ${DIGITS} e) n
       WHERE n.i <= ? ORDER BY n.i`,
    )
    .run(count);
}

const DIGITS = `(${Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ')})`;

function insertNodes(
  sql: Sql,
  { scope, nodes }: { readonly scope: string; readonly nodes: readonly string[] },
): void {
  for (const node of nodes) {
    sql
      .prepare(
        'INSERT INTO periodic_task_node (task_id, node) SELECT id, ? FROM periodic_task WHERE scope = ? ORDER BY id',
      )
      .run(node, scope);
  }
}

/** What is wrong with the ledger of slots of which each was to run once, in its order; empty when nothing is. */
export function faultsOfLedger(sql: Sql): readonly unknown[] {
  return Object.entries(FAULTS).flatMap(([fault, query]) =>
    sql
      .prepare(query)
      .all()
      .slice(0, 5)
      .map((row) => ({ fault, row })),
  );
}

const FAULTS = {
  'not a first attempt that succeeded': `SELECT id, task_name, scope_key, node, slot, attempt, status, reason, message FROM periodic_run
     WHERE status <> 'succeeded' OR attempt <> 1 OR slot_count <> 1 OR live_node IS NOT NULL OR ended_at IS NULL`,
  'ran twice': `SELECT task_id, scope_key, count(*) AS runs FROM periodic_run GROUP BY task_id, scope_key HAVING count(*) <> 1`,
  'not run': `SELECT s.task_id, s.scope_key, s.handled_slot FROM periodic_task_state s
     WHERE s.handled_slot IS NULL OR NOT EXISTS (SELECT 1 FROM periodic_run r
       WHERE r.task_id = s.task_id AND r.scope_key = s.scope_key AND r.slot = s.handled_slot)`,
  'still due': `SELECT task_id, scope_key, earliest_start FROM periodic_task_state
     WHERE earliest_start IS NOT NULL OR due_tick IS NOT NULL OR retry_at IS NOT NULL`,
  'on a node that is not its own': `SELECT id, task_name, scope_key, node FROM periodic_run WHERE scope_key NOT IN ('*', node)`,
  // Ids are given in the order in which a process claims.
  'out of order': `SELECT * FROM (
       SELECT r.pid, r.task_id, t.ordering,
         lag(t.ordering) OVER (PARTITION BY r.pid ORDER BY r.id) AS ordering_before,
         lag(r.task_id) OVER (PARTITION BY r.pid ORDER BY r.id) AS task_before
       FROM periodic_run r JOIN periodic_task t ON t.id = r.task_id) starts
     WHERE ordering_before > ordering OR (ordering_before = ordering AND task_before >= task_id)`,
} as const;

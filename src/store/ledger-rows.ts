import type { SlotRange } from '../core/slots.ts';
import { instantText } from './cells.ts';
import type { SqlValue, Statements } from './driver.ts';

/** Adds a row to the ledger. `expressions` are columns whose values the database works out. */
export async function insertRun(
  statements: Statements,
  row: Readonly<Record<string, SqlValue>>,
  expressions: Readonly<Record<string, string>> = {},
): Promise<void> {
  const columns = [...Object.keys(row), ...Object.keys(expressions)];
  const values = [...Object.keys(row).map(() => '?'), ...Object.values(expressions)];
  await statements.run(
    `INSERT INTO periodic_run (${columns.join(', ')}) VALUES (${values.join(', ')})`,
    Object.values(row),
  );
}

/** Whose row of the ledger it is. */
export type RowIdentity = {
  readonly token: string;
  readonly taskId: number;
  readonly taskName: string;
  readonly module: string;
  readonly scopeKey: string;
  readonly node: string;
};

/** The columns that say whose row it is. */
export function identityRow(run: RowIdentity): Record<string, SqlValue> {
  return {
    token: run.token,
    task_id: run.taskId,
    task_name: run.taskName,
    module: run.module,
    scope_key: run.scopeKey,
    node: run.node,
  };
}

/** The columns of the slots that a row stands for. */
export function slotRow(slots: SlotRange | null): Record<string, SqlValue> {
  return {
    slot: instantText(slots?.slot),
    slot_first: instantText(slots?.first),
    slot_count: slots?.count ?? 0,
  };
}

import { DAY_MS, type Instant, toText } from '../core/instants.ts';
import type { Driver } from './driver.ts';
import { numberOf } from './rows.ts';

/** How much history may stay. Null is no limit of that kind. */
export type HistoryLimits = {
  readonly maxAgeDays: number | null;
  readonly maxRuns: number | null;
  readonly maxBytes: number | null;
};

export type Pruned = { readonly runs: number; readonly ticks: number; readonly auditEntries: number };

/** What {@link prune} works with: `signal` stops it between two batches. */
export type PruneRequest = {
  readonly limits: HistoryLimits;
  readonly batchSize: number;
  readonly now: Instant;
  readonly signal: AbortSignal;
};

/**
 * Deletes the oldest history until age, count and bytes of the ledger are within their limits; ticks and audit entries
 * go by age. Works in small batches, so that nobody waits long for the lock. Live runs stay, whatever their age. What
 * was deleted never runs again: the states remember what has been handled.
 */
export async function pruneHistory(driver: Driver, request: PruneRequest): Promise<Pruned> {
  const { limits, now } = request;
  const oldest = limits.maxAgeDays === null ? null : toText(now - limits.maxAgeDays * DAY_MS);
  let runs = 0;
  let ticks = 0;
  let auditEntries = 0;
  if (oldest !== null) {
    const old = (table: HistoryTable, column: string, live: string) =>
      deleteInBatches(driver, request, table, { sql: `${column} < ?${live}`, values: [oldest] });
    runs += await old('periodic_run', 'created_at', ' AND live_node IS NULL');
    ticks += await old('periodic_tick', 'started_at', '');
    auditEntries += await old('periodic_audit', 'changed_at', '');
  }
  const firstKept = await firstRunToKeep(driver, limits);
  if (firstKept !== null) {
    runs += await deleteInBatches(driver, request, 'periodic_run', {
      sql: 'id < ? AND live_node IS NULL',
      values: [firstKept],
    });
  }
  return { runs, ticks, auditEntries };
}

/** The least id of the newest runs that fit the limits of count and bytes; null when all fit. */
async function firstRunToKeep(driver: Driver, { maxRuns, maxBytes }: HistoryLimits): Promise<number | null> {
  const ids: number[] = [];
  if (maxRuns !== null) {
    const [row] = await driver.all('SELECT id FROM periodic_run ORDER BY id DESC LIMIT 1 OFFSET ?', [
      maxRuns,
    ]);
    ids.push(...(row === undefined ? [] : [numberOf(row['id']) + 1]));
  }
  if (maxBytes !== null) {
    const [row] = await driver.all(
      `SELECT max(id) AS id FROM (
         SELECT id, sum(${ROW_BYTES}) OVER (ORDER BY id DESC) AS total FROM periodic_run) kept WHERE total > ?`,
      [maxBytes],
    );
    ids.push(...(row?.['id'] === null || row === undefined ? [] : [numberOf(row['id']) + 1]));
  }
  return ids.length === 0 ? null : Math.max(...ids);
}

/** What a row takes, about: its texts, and a fixed part for everything else and the indexes. */
const ROW_BYTES = `600 + coalesce(length(output), 0) + coalesce(length(message), 0) + coalesce(length(result), 0)`;

type HistoryTable = 'periodic_run' | 'periodic_tick' | 'periodic_audit';

type Condition = { readonly sql: string; readonly values: ReadonlyArray<string | number> };

async function deleteInBatches(
  driver: Driver,
  { batchSize, signal }: PruneRequest,
  table: HistoryTable,
  { sql, values }: Condition,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const rows = await driver.all(`SELECT id FROM ${table} WHERE ${sql} ORDER BY id LIMIT ?`, [
      ...values,
      batchSize,
    ]);
    if (rows.length === 0) {
      return total;
    }
    const ids = rows.map((row) => numberOf(row['id']));
    total += await driver.run(`DELETE FROM ${table} WHERE id IN (${ids.map(() => '?').join(', ')})`, ids);
  }
  return total;
}

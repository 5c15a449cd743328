import { DAY_MS, HOUR_MS, type Instant, toText } from '../core/instants.ts';
import { instantOf, numberOf } from './cells.ts';
import type { Driver } from './driver.ts';
import { deleteStats, statKeys } from './stats.ts';

/** How much history may stay, and how old values of statistics may be. Null is no limit of that kind. */
export type HistoryLimits = {
  readonly maxAgeDays: number | null;
  readonly maxStatAgeDays: number | null;
  readonly maxRuns: number | null;
  readonly maxBytes: number | null;
};

export type Pruned = {
  readonly runs: number;
  readonly ticks: number;
  readonly auditEntries: number;
  readonly statValues: number;
  /** Nothing was deleted for its age: the clock says that no tick came for long, and it may be wrong. */
  readonly ageLeftOut: boolean;
};

/**
 * After a gap like this between two ticks, history is not deleted by its age: a clock that is years ahead for one tick
 * would take all of it. If the gap was real, the next pruning deletes what is old.
 */
const LONG_GAP_MS = 2 * DAY_MS;
/** Ticks this recent belong to the call that prunes. */
const RECENT_MS = HOUR_MS;

/** What {@link pruneHistory} works with: `signal` stops it between two batches. */
export type PruneRequest = {
  readonly limits: HistoryLimits;
  readonly batchSize: number;
  readonly now: Instant;
  readonly signal: AbortSignal;
};

/**
 * Deletes the oldest history until age, count and bytes of the ledger are within their limits; ticks, audit entries and
 * values of statistics go by age. Works in small batches, so that nobody waits long for the lock. Live runs stay,
 * whatever their age. What was deleted never runs again: the states remember what has been handled.
 */
export async function pruneHistory(driver: Driver, request: PruneRequest): Promise<Pruned> {
  const { maxAgeDays, maxStatAgeDays } = request.limits;
  const goesByAge = maxAgeDays !== null || maxStatAgeDays !== null;
  const ageLeftOut = goesByAge && (await isAfterLongGap(driver, request.now));
  const byAge = ageLeftOut ? NOTHING : await pruneByAge(driver, request);
  const statValues = ageLeftOut ? 0 : await pruneStats(driver, request);
  const firstKept = await firstRunToKeep(driver, request.limits);
  const further =
    firstKept === null
      ? 0
      : await deleteInBatches(driver, request, 'periodic_run', {
          sql: `id < ? AND ${IS_OVER}`,
          order: 'id',
          values: [firstKept],
        });
  return { ...byAge, runs: byAge.runs + further, statValues, ageLeftOut };
}

async function isAfterLongGap(driver: Driver, now: Instant): Promise<boolean> {
  const [row] = await driver.all('SELECT max(started_at) AS at FROM periodic_tick WHERE started_at < ?', [
    toText(now - RECENT_MS),
  ]);
  const last = instantOf(row?.['at']);
  return last !== null && now - last > LONG_GAP_MS;
}

type PrunedByAge = Pick<Pruned, 'runs' | 'ticks' | 'auditEntries'>;

const NOTHING: PrunedByAge = { runs: 0, ticks: 0, auditEntries: 0 };

async function pruneByAge(driver: Driver, request: PruneRequest): Promise<PrunedByAge> {
  const { limits, now } = request;
  if (limits.maxAgeDays === null) {
    return NOTHING;
  }
  const oldest = toText(now - limits.maxAgeDays * DAY_MS);
  const deleteOld = (table: HistoryTable, time: string, condition = '') =>
    deleteInBatches(driver, request, table, {
      sql: `${time} < ? ${condition}`,
      order: time,
      values: [oldest],
    });
  return {
    runs: await deleteOld('periodic_run', 'created_at', `AND ${IS_OVER}`),
    ticks: await deleteOld('periodic_tick', 'started_at'),
    auditEntries: await deleteOld('periodic_audit', 'changed_at'),
  };
}

/** One statistic after the other: no index tells which values are old, whatever their statistic. */
async function pruneStats(driver: Driver, { limits, batchSize, now, signal }: PruneRequest): Promise<number> {
  if (limits.maxStatAgeDays === null) {
    return 0;
  }
  const before = now - limits.maxStatAgeDays * DAY_MS;
  let total = 0;
  for await (const key of statKeys(driver)) {
    if (signal.aborted) {
      break;
    }
    total += await deleteStats(driver, { key, before, batchSize, signal });
  }
  return total;
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
const ROW_BYTES = ['output', 'message', 'result', 'late_result'].reduce(
  (sum, column) => `${sum} + coalesce(octet_length(${column}), 0)`,
  '600',
);

/** Not by the node of live runs: its index would seem to help, and hold nearly every row. */
const IS_OVER = "status <> 'running'";

type HistoryTable = 'periodic_run' | 'periodic_tick' | 'periodic_audit';

type Condition = {
  readonly sql: string;
  /** The column whose index finds what meets the condition: any other order would walk through all that stays. */
  readonly order: string;
  readonly values: ReadonlyArray<string | number>;
};

async function deleteInBatches(
  driver: Driver,
  { batchSize, signal }: PruneRequest,
  table: HistoryTable,
  { sql, order, values }: Condition,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const rows = await driver.all(`SELECT id FROM ${table} WHERE ${sql} ORDER BY ${order} LIMIT ?`, [
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

import { type Instant, toText } from '../core/instants.ts';
import { instantOf, numberOf } from './cells.ts';
import type { Driver, Row, Statements } from './driver.ts';

/** One value of a series. */
export type StatValue = { readonly key: string; readonly value: number; readonly at: Instant };

/** Records values of series in one statement: all of them, or none. What engines take together bounds how many. */
export async function recordStats(
  { run }: Pick<Statements, 'run'>,
  stats: readonly StatValue[],
): Promise<void> {
  if (stats.length > 0) {
    await run(
      `INSERT INTO periodic_stat (recorded_at, stat_key, value) VALUES ${stats.map(() => '(?, ?, ?)').join(', ')}`,
      stats.flatMap(({ at, key, value }) => [toText(at), key, value]),
    );
  }
}

/** A statistic, without its values. */
export type StatSummary = {
  readonly key: string;
  readonly count: number;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  /** Of several values of that instant, the one that was written last. */
  readonly lastValue: number;
};

/** Every statistic, by name. Counting walks through all values; nothing else of it does. */
export async function listStats({ all }: Pick<Statements, 'all'>): Promise<readonly StatSummary[]> {
  const rows = await all(
    `SELECT k.stat_key, k.value_count,
       (SELECT v.recorded_at FROM periodic_stat v WHERE v.stat_key = k.stat_key
        ORDER BY v.recorded_at LIMIT 1) AS first_at,
       (SELECT v.recorded_at FROM periodic_stat v WHERE v.stat_key = k.stat_key
        ORDER BY v.recorded_at DESC LIMIT 1) AS last_at,
       (SELECT v.value FROM periodic_stat v WHERE v.stat_key = k.stat_key
        ORDER BY v.recorded_at DESC, v.id DESC LIMIT 1) AS last_value
     FROM (SELECT stat_key, count(*) AS value_count FROM periodic_stat GROUP BY stat_key) k
     ORDER BY k.stat_key`,
  );
  return rows.map((row) => ({
    key: String(row['stat_key']),
    count: numberOf(row['value_count']),
    firstAt: instantOf(row['first_at']) ?? 0,
    lastAt: instantOf(row['last_at']) ?? 0,
    lastValue: numberOf(row['last_value']),
  }));
}

/** Whether there is a value of this statistic. */
export async function isStat({ all }: Pick<Statements, 'all'>, key: string): Promise<boolean> {
  const rows = await all('SELECT id FROM periodic_stat WHERE stat_key = ? LIMIT 1', [key]);
  return rows.length > 0;
}

/**
 * The names of statistics, ascending. Each is looked up when it is asked for, by a step within the index, however many
 * values it has.
 */
export async function* statKeys({ all }: Pick<Statements, 'all'>): AsyncGenerator<string, void> {
  for (let last: string | undefined; ; ) {
    const [row] = await all(
      `SELECT stat_key FROM periodic_stat ${last === undefined ? '' : 'WHERE stat_key > ?'}
       ORDER BY stat_key LIMIT 1`,
      last === undefined ? [] : [last],
    );
    if (row === undefined) {
      return;
    }
    last = String(row['stat_key']);
    yield last;
  }
}

/** Which values of a statistic are wanted: the newest of the span, both ends included. */
export type StatFilter = {
  readonly key: string;
  readonly since: Instant | undefined;
  readonly until: Instant | undefined;
  readonly limit: number;
};

/** The newest values that match, oldest first; those of one instant in the order in which they were written. */
export async function valuesOfStat(
  { all }: Pick<Statements, 'all'>,
  { key, since, until, limit }: StatFilter,
): Promise<readonly StatValue[]> {
  const rows = await all(
    `SELECT recorded_at, value FROM periodic_stat WHERE stat_key = ?
     ${since === undefined ? '' : 'AND recorded_at >= ?'} ${until === undefined ? '' : 'AND recorded_at <= ?'}
     ORDER BY recorded_at DESC, id DESC LIMIT ?`,
    [key, ...[since, until].filter((bound) => bound !== undefined).map(toText), limit],
  );
  return rows.map((row) => statOf(key, row)).reverse();
}

function statOf(key: string, row: Row): StatValue {
  return { key, value: numberOf(row['value']), at: instantOf(row['recorded_at']) ?? 0 };
}

/** What is to be deleted; `signal` stops it between two batches. */
export type StatDeletion = {
  readonly key: string;
  /** Only values of before this instant. */
  readonly before: Instant | undefined;
  readonly signal: AbortSignal;
  /** How many values go at a time; 1,000 when absent. */
  readonly batchSize?: number;
};

const BATCH = 1_000;

/** Deletes values of a statistic, the oldest first, in batches, so that nobody waits long; returns how many. */
export async function deleteStats(
  driver: Driver,
  { key, before, signal, batchSize = BATCH }: StatDeletion,
): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const rows = await driver.all(
      `SELECT id FROM periodic_stat WHERE stat_key = ? ${before === undefined ? '' : 'AND recorded_at < ?'}
       ORDER BY recorded_at, id LIMIT ?`,
      [key, ...(before === undefined ? [] : [toText(before)]), batchSize],
    );
    if (rows.length === 0) {
      return total;
    }
    const ids = rows.map((row) => numberOf(row['id']));
    total += await driver.run(
      `DELETE FROM periodic_stat WHERE id IN (${ids.map(() => '?').join(', ')})`,
      ids,
    );
  }
  return total;
}

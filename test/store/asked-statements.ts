import type Database from 'better-sqlite3';
import type { Driver, SqlValue } from '../../src/store/driver.ts';

/** A statement as the driver got it. */
export type Asked = { readonly sql: string; readonly params: readonly SqlValue[] };

/** The queries that `work` asks of the driver, in their order; they are carried out as well. */
export async function queriesOf(
  driver: Driver,
  work: (driver: Driver) => Promise<unknown>,
): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  await work({
    ...driver,
    all: (sql, params = []) => {
      asked.push({ sql, params });
      return driver.all(sql, params);
    },
  });
  return asked;
}

/** How SQLite carries the statements out, a line for each step. */
export function plansOf(sql: Database.Database, asked: readonly Asked[]): readonly string[] {
  return asked.flatMap((statement) => {
    const steps = sql.prepare(`EXPLAIN QUERY PLAN ${statement.sql}`).all(...statement.params);
    return steps.map((step) => String((step as { detail: unknown }).detail));
  });
}

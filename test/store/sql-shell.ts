import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { migrateSqlite } from '../../src/store/migrate.ts';
import { createSqliteFile } from '../../src/store/sqlite-file.ts';

export type SqlShell = {
  readonly path: string;
  /** Runs one statement, as an operator types it. */
  readonly run: (sql: string, ...params: ReadonlyArray<string | number | null>) => void;
  // biome-ignore lint/suspicious/noExplicitAny: rows are compared with literals.
  readonly rows: (sql: string, ...params: ReadonlyArray<string | number | null>) => any[];
  /** Moves the clock that this connection's triggers read. */
  readonly setClock: (text: string) => void;
};

/**
 * A migrated database of its own, and a connection to it as the sqlite3 shell opens one: foreign keys are not enforced.
 * Its clock stands still at `clock`, such as `2026-11-20T23:55:25.123Z`.
 */
export async function openSqlShell(clock: string): Promise<SqlShell> {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-sql-'));
  const path = join(folder, 'tasks.sqlite');
  createSqliteFile(path, { create: true });
  await migrateSqlite(path);
  const database = new Database(path);
  database.pragma('foreign_keys = OFF');
  let now = clock;
  const strftime = (format: unknown) =>
    String(format) === '%Y-%m-%dT%H:%M:00.000Z' ? `${now.slice(0, 16)}:00.000Z` : now;
  database.function('strftime', { varargs: true }, strftime);
  onTestFinished(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  return {
    path,
    run: (sql, ...params) => {
      database.prepare(sql).run(...params);
    },
    rows: (sql, ...params) => database.prepare(sql).all(...params),
    setClock: (text) => {
      now = text;
    },
  };
}

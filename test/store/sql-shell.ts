import { onTestFinished } from 'vitest';
import type { DatabaseLocation } from '../../src/config/config.ts';
import type { Engine } from '../../src/store/driver.ts';
import { at } from '../support/builders.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

export type SqlShell = {
  readonly engine: Engine;
  readonly location: DatabaseLocation;
  /** Runs one statement, as an operator types it. */
  readonly run: (sql: string, ...params: ReadonlyArray<string | number | null>) => void;
  // biome-ignore lint/suspicious/noExplicitAny: rows are compared with literals.
  readonly rows: (sql: string, ...params: ReadonlyArray<string | number | null>) => any[];
  /** Moves the clock that this connection's triggers read. */
  readonly setClock: (text: string) => void;
};

/**
 * A database of the test's own with the task that a new database has, and a connection to it as a careless client opens
 * one: foreign keys are not enforced where a client can choose. Its clock stands still at `clock`, such as
 * `2026-11-20T23:55:25.123Z`.
 */
export async function openSqlShell(clock: string): Promise<SqlShell> {
  const { engine, location, sql, addTask, clock: now } = await openVirtualDatabase(clock);
  addTask({
    name: 'prune_history',
    nodes: ['*'],
    columns: {
      module: 'prune_history',
      schedule_kind: 'cron',
      schedule: 'H H(0-5) * * *',
      timezone: 'UTC',
      scope: 'one',
      ordering: 1_000,
    },
  });
  sql.exec("UPDATE periodic_audit SET actor = 'migration'");
  const foreignKeys = FOREIGN_KEYS[engine];
  if (foreignKeys !== undefined) {
    sql.exec(foreignKeys.off);
    onTestFinished(() => {
      sql.exec(foreignKeys.on);
    });
  }
  return {
    engine,
    location,
    run: (text, ...params) => {
      sql.prepare(text).run(...params);
    },
    rows: (text, ...params) => sql.prepare(text).all(...params),
    setClock: (text) => {
      now.now = at(text);
    },
  };
}

/** How a client chooses; PostgreSQL leaves it no choice. */
const FOREIGN_KEYS: Readonly<Record<Engine, { readonly off: string; readonly on: string } | undefined>> = {
  sqlite: { off: 'PRAGMA foreign_keys = OFF', on: 'PRAGMA foreign_keys = ON' },
  mariadb: { off: 'SET foreign_key_checks = 0', on: 'SET foreign_key_checks = 1' },
  postgres: undefined,
};

import Database from 'better-sqlite3';
import { toText } from '../../src/core/instants.ts';
import type { Engine } from '../../src/store/driver.ts';
import type { ServerEngine } from './servers.ts';
import type { SqlParam, SyncClient } from './sync-client.ts';
import type { VirtualClock } from './virtual-database.ts';

/** What an operator does with plain SQL, on every engine; of better-sqlite3, the part that the tests need. */
export type Sql = {
  readonly prepare: (sql: string) => SqlStatement;
  /** Runs one statement or several. */
  readonly exec: (sql: string) => unknown;
  readonly transaction: <T>(work: () => T) => () => T;
};

export type SqlStatement = {
  readonly run: (...params: readonly SqlParam[]) => { readonly changes: number };
  readonly all: (...params: readonly SqlParam[]) => unknown[];
  readonly get: (...params: readonly SqlParam[]) => unknown;
  /** The same with the first column of each row in its place. */
  readonly pluck: () => SqlStatement;
};

/** An operator's connection to a SQLite file: one of better-sqlite3. */
export function sqliteSql(path: string, clock: VirtualClock): Sql & { readonly close: () => unknown } {
  const sql = new Database(path);
  sql.pragma('trusted_schema = ON');
  sql.function('strftime', { varargs: true }, (format: unknown) => {
    const text = toText(clock.now);
    return String(format).replace('%Y-%m-%dT%H:%M', text.slice(0, 16)).replace('%f', text.slice(17, 23));
  });
  return sql as unknown as ReturnType<typeof sqliteSql>;
}

/** An operator's connection to a server. Its triggers, and no one else's, believe in the clock, if there is one. */
export function serverSql(engine: ServerEngine, client: SyncClient, clock?: VirtualClock): Sql {
  let told: number | undefined;
  let isInTransaction = false;
  const ask: SyncClient['ask'] = (sql, params) => {
    const isRollback = /^\s*ROLLBACK/i.test(sql);
    if (clock !== undefined && clock.now !== told && !isRollback) {
      client.ask(CLOCK_STATEMENTS[engine](clock.now));
    }
    // What was set in a transaction that fails is set no more.
    told = undefined;
    const answer = client.ask(sql, params);
    told = isRollback ? undefined : clock?.now;
    return answer;
  };
  return {
    prepare: (sql) => statementOver(sql, ask),
    exec: (sql) => ask(sql),
    transaction: (work) => () => {
      if (isInTransaction) {
        return work();
      }
      ask('BEGIN');
      isInTransaction = true;
      try {
        const result = work();
        ask('COMMIT');
        return result;
      } catch (error) {
        ask('ROLLBACK');
        throw error;
      } finally {
        isInTransaction = false;
      }
    },
  };
}

/** The tables of the program, by name. */
export function tableNames(engine: Engine, sql: Pick<Sql, 'prepare'>): readonly string[] {
  const names = sql.prepare(
    engine === 'sqlite'
      ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'periodic%' ORDER BY name"
      : `SELECT table_name AS name FROM information_schema.tables
         WHERE table_schema = ${engine === 'postgres' ? 'current_schema()' : 'database()'}
           AND table_type = 'BASE TABLE' AND table_name LIKE 'periodic%' ORDER BY table_name`,
  );
  return names.pluck().all().map(String);
}

const CLOCK_STATEMENTS: Readonly<Record<ServerEngine, (now: number) => string>> = {
  postgres: (now) => `SELECT set_config('periodic_cron_test.now', '${toText(now)}', false)`,
  mariadb: (now) => `SET timestamp = ${now / 1_000}`,
};

function statementOver(sql: string, ask: SyncClient['ask'], isPlucked = false): SqlStatement {
  const all = (...params: readonly SqlParam[]) => {
    const { rows } = ask(sql, params);
    return isPlucked ? rows.map((row) => Object.values(row)[0]) : [...rows];
  };
  return {
    run: (...params) => ({ changes: ask(sql, params).changes }),
    all,
    get: (...params) => all(...params)[0],
    pluck: () => statementOver(sql, ask, true),
  };
}

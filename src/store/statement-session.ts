import type { DatabaseLocation } from '../config/config.ts';
import type { JsonValue } from '../core/json.ts';

/** A value that a statement is given beside its text. */
export type Parameter = string | number | boolean | null;

/** A row of a result as JSON holds it: what JSON cannot hold, such as large numbers and bytes, is text. */
export type ResultRow = Readonly<Record<string, JsonValue>>;

/** What a statement said. */
export type StatementResult =
  | { readonly kind: 'changed'; readonly rowsAffected: number }
  | { readonly kind: 'rows'; readonly rows: readonly ResultRow[]; readonly truncated: boolean };

/** How much of a result is kept: rows, and bytes of JSON. */
export type ResultLimits = { readonly rows: number; readonly bytes: number };

export type StatementRequest = {
  /** In the SQL of the engine, with its placeholders: exactly one statement, which the engine sees to. */
  readonly sql: string;
  readonly parameters: readonly Parameter[];
  readonly limits: ResultLimits;
};

/** A connection for statements of others, set up as its server has it. One statement at a time; they throw as the driver does. */
export type StatementSession = {
  readonly execute: (request: StatementRequest) => Promise<StatementResult>;
  readonly begin: () => Promise<void>;
  readonly commit: () => Promise<void>;
  readonly rollback: () => Promise<void>;
  /**
   * Ends the statement that runs, on the server as well, over a connection of its own: the statement then throws. Where
   * that fails the connection is dropped. With SQLite nothing can, short of the end of the process. Never rejects.
   */
  readonly cancel: () => Promise<void>;
  /** Never rejects. A transaction that is open is rolled back. */
  readonly close: () => void;
};

/**
 * Opens a database for statements of others. A SQLite file has to be there; of the servers of a location the first that
 * can be written to is taken, else the first that can be read.
 *
 * @throws DatabaseError, or ConfigError, that names the database and shows no password
 */
export async function openStatementSession(location: DatabaseLocation): Promise<StatementSession> {
  // What opens one engine does not load the others.
  switch (location.engine) {
    case 'sqlite':
      return (await import('./statements-sqlite.ts')).openSqliteStatements(location);
    case 'postgres':
      return (await import('./statements-postgres.ts')).openPostgresStatements(location);
    case 'mariadb':
      return (await import('./statements-mariadb.ts')).openMariadbStatements(location);
  }
}

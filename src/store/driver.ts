export type SqlValue = string | number | bigint | null;
export type Row = Readonly<Record<string, string | number | null>>;

export type Engine = 'sqlite' | 'postgres' | 'mariadb';

/** Statements inside a transaction, or one by one outside. Placeholders are `?`. */
export type Statements = {
  /** Runs a query and returns all its rows. */
  readonly all: (sql: string, params?: readonly SqlValue[]) => Promise<readonly Row[]>;
  /** Runs a statement that writes; returns how many rows it found to change. */
  readonly run: (sql: string, params?: readonly SqlValue[]) => Promise<number>;
};

export type TransactionOptions<T> = {
  /**
   * Asked after a commit that was never answered, in a transaction of a new connection: returns the result if the work
   * is in the database after all, undefined if it is not. Without it, such work is simply done again, so it must be of
   * a kind that finds itself done. It is asked before the work is done again, and once more after that, when the
   * unanswered commit may have come while the work waited for its locks.
   */
  readonly confirm?: (statements: Statements, moment: 'before' | 'after') => Promise<T | undefined>;
};

/**
 * The thin way to a database that a tick uses: no query builder to load, and control over transactions and time limits.
 *
 * Every call throws a `DatabaseError` that names the database and the remedy when the database cannot be used; calls
 * that lost a race, a deadlock or their connection are repeated for up to ten seconds before that.
 */
export type Driver = Statements & {
  readonly engine: Engine;
  /**
   * Runs `work` in one write transaction, which must begin with a write. The transaction is repeated as a whole while
   * the database is busy, so `work` must change nothing but the database. Transactions of one driver never mix.
   */
  readonly transaction: <T>(
    work: (statements: Statements) => Promise<T>,
    options?: TransactionOptions<T>,
  ) => Promise<T>;
  readonly close: () => Promise<void>;
};

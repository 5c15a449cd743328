export type SqlValue = string | number | bigint | null;
export type Row = Readonly<Record<string, string | number | null>>;

/** Statements inside a transaction, or one by one outside. Placeholders are `?`. */
export type Statements = {
  /** Runs a query and returns all its rows. */
  readonly all: (sql: string, params?: readonly SqlValue[]) => Promise<readonly Row[]>;
  /** Runs a statement that writes; returns how many rows it changed. */
  readonly run: (sql: string, params?: readonly SqlValue[]) => Promise<number>;
};

/**
 * The thin way to a database that a tick uses: no query builder to load, and control over transactions and time limits.
 *
 * Every call throws a `DatabaseError` that names the database and the remedy when the database cannot be used; calls
 * that only lost a race for the lock are repeated for up to ten seconds before that.
 */
export type Driver = Statements & {
  /**
   * Runs `work` in one write transaction, which must begin with a write. The transaction is repeated as a whole while
   * the database is busy, so `work` must change nothing but the database. Transactions of one driver never mix.
   */
  readonly transaction: <T>(work: (statements: Statements) => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
};

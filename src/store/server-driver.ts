import { answered } from './answered.ts';
import type { Driver, Engine, Row, SqlValue, Statements, TransactionOptions } from './driver.ts';
import type { ErrorKind } from './server-errors.ts';
import { pauseWithJitter, takeTurns } from './turns.ts';

/** A connection to a server, in an engine's own way of saying begin, commit and rollback. One statement at a time. */
export type ServerConnection = {
  readonly all: (sql: string, params: readonly SqlValue[]) => Promise<readonly Row[]>;
  readonly run: (sql: string, params: readonly SqlValue[]) => Promise<number>;
  /** Begins a transaction at READ COMMITTED whose statements and waits for locks have time limits. */
  readonly begin: () => Promise<void>;
  readonly commit: () => Promise<void>;
  readonly rollback: () => Promise<void>;
  /** Says goodbye, and does not wait for an answer. */
  readonly end: () => void;
  /** Drops the connection at once, whatever it is doing. */
  readonly destroy: () => void;
};

export type ServerEngine = {
  readonly engine: Exclude<Engine, 'sqlite'>;
  /** Makes a connection, within the time limit of the location. */
  readonly connect: () => Promise<ServerConnection>;
  readonly kindOf: (error: unknown) => ErrorKind;
  /** The error that the user sees. */
  readonly errorOf: (error: unknown) => unknown;
};

/** How a connection to a server is set up, and what it says of itself. */
export type SessionOptions = {
  /** Refuse every write; a server that only reads will do. */
  readonly readOnly: boolean;
  /** The node for which it is made. */
  readonly node?: string | undefined;
};

/** How long after the first failure a database that is busy or away is tried again before it counts as unreachable. */
const RETRY_LIMIT_MS = 10_000;
/** How long a statement may go unanswered. */
const ANSWER_LIMIT_MS = 10_000;
/** The limits that the server is asked to keep, which are shorter: what it ends itself it can name. */
export const STATEMENT_LIMIT_S = 8;
export const LOCK_LIMIT_S = 4;
/** A transaction whose client went away without a word holds its locks this long, and those who wait for them longer. */
export const IDLE_LIMIT_S = 8;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

/**
 * A driver over one connection to a server, which is made anew when it breaks. The first connection is made here: a
 * server that is not there is told at once, one that is just starting or switching over is waited for.
 *
 * @throws DatabaseError
 */
export async function openServerDriver(
  server: ServerEngine,
  { retryLimitMs = RETRY_LIMIT_MS, answerLimitMs = ANSWER_LIMIT_MS } = {},
): Promise<Driver> {
  const link = new Link(server, { retryLimitMs, answerLimitMs });
  await link.use(() => Promise.resolve(), { isFirst: true });
  const inTurn = takeTurns();
  return {
    engine: server.engine,
    all: (sql, params = []) => inTurn(() => link.use((connection) => connection.all(sql, params))),
    run: (sql, params = []) => inTurn(() => link.use((connection) => connection.run(sql, params))),
    transaction: (work, options) => inTurn(() => transact(link, work, options)),
    close: () => inTurn(() => Promise.resolve(link.close())),
  };
}

function transact<T>(
  link: Link,
  work: (statements: Statements) => Promise<T>,
  { confirm }: TransactionOptions<T> = {},
): Promise<T> {
  // True after a commit of which nobody knows whether it happened: it failed, or the answer never came.
  let isInDoubt = false;
  const findDone = async (statements: Statements, moment: 'before' | 'after'): Promise<T | undefined> =>
    isInDoubt ? await confirm?.(statements, moment) : undefined;
  return link.use(async (connection) => {
    const statements: Statements = {
      all: (sql, params = []) => connection.all(sql, params),
      run: (sql, params = []) => connection.run(sql, params),
    };
    const result = await rollingBack(link, connection, async () => {
      await connection.begin();
      const before = await findDone(statements, 'before');
      if (before !== undefined) {
        return before;
      }
      const result = await work(statements);
      // The unanswered commit may have been on its way still, and have come while this work waited for its locks.
      return (await findDone(statements, 'after')) ?? result;
    });
    await rollingBack(link, connection, async () => {
      const wasInDoubt = isInDoubt;
      isInDoubt = true;
      await connection.commit();
      isInDoubt = wasInDoubt;
    });
    return result;
  });
}

async function rollingBack<T>(link: Link, connection: ServerConnection, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!link.isBroken(error)) {
      // What cannot be rolled back must not be gone on with: the next transaction would become a part of it.
      await connection.rollback().catch(() => link.drop());
    }
    throw error;
  }
}

type Limits = { readonly retryLimitMs: number; readonly answerLimitMs: number };

/** A connection that is made when it is needed, and made anew when it broke. */
class Link {
  readonly #server: ServerEngine;
  readonly #limits: Limits;
  #connection: ServerConnection | undefined;
  /** Since when the database is away: who comes next in turn does not wait all that time once more. */
  #awaySince: bigint | undefined;

  constructor(server: ServerEngine, limits: Limits) {
    this.#server = server;
    this.#limits = limits;
  }

  /** Does something with the connection, again and again while that may help. */
  async use<T>(work: (connection: ServerConnection) => Promise<T>, { isFirst = false } = {}): Promise<T> {
    const begun = process.hrtime.bigint();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        this.#connection ??= await this.#server.connect();
        const result = await work(this.#limited(this.#connection));
        this.#awaySince = undefined;
        return result;
      } catch (error) {
        if (!this.#mayHelp(error, { isFirst, begun })) {
          throw this.#server.errorOf(error);
        }
        await pauseWithJitter(pauseMs);
      }
    }
  }

  #mayHelp(
    error: unknown,
    { isFirst, begun }: { readonly isFirst: boolean; readonly begun: bigint },
  ): boolean {
    const kind = this.#server.kindOf(error);
    if (kind === 'fault' || kind === 'repeat') {
      this.#awaySince = undefined;
      return kind === 'repeat' && msSince(begun) < this.#limits.retryLimitMs;
    }
    this.drop();
    this.#awaySince ??= process.hrtime.bigint();
    return !(isFirst && kind === 'unreachable') && msSince(this.#awaySince) < this.#limits.retryLimitMs;
  }

  isBroken(error: unknown): boolean {
    const kind = this.#server.kindOf(error);
    return kind === 'reconnect' || kind === 'unreachable';
  }

  drop(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  close(): void {
    this.#connection?.end();
    this.#connection = undefined;
  }

  /** The same connection, whose every call is answered in time or breaks it. */
  #limited(connection: ServerConnection): ServerConnection {
    const limit = <T>(call: Promise<T>): Promise<T> => answered(call, this.#limits.answerLimitMs);
    return {
      all: (sql, params) => limit(connection.all(sql, params)),
      run: (sql, params) => limit(connection.run(sql, params)),
      begin: () => limit(connection.begin()),
      commit: () => limit(connection.commit()),
      rollback: () => limit(connection.rollback()),
      end: connection.end,
      destroy: connection.destroy,
    };
  }
}

function msSince(instant: bigint): number {
  return Number((process.hrtime.bigint() - instant) / 1_000_000n);
}

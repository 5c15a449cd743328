import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { pauseWithJitter } from './turns.ts';

export type Direction = 'up' | 'down';

/** A migration that is not through: it was interrupted, or another program is at it. */
export type UnfinishedMigration = {
  readonly migration: string;
  readonly direction: Direction;
  /** The number of the writing statement that it came to, from 1. */
  readonly step: number;
  /** The beginning of that statement. */
  readonly statement: string;
};

export const JOURNAL = 'periodic_migration_step';

/** What tells of a migration that is not through, in its order. */
export const UNFINISHED = `SELECT migration, direction, step, statement FROM ${JOURNAL} ORDER BY step DESC LIMIT 1`;

/** Makes the table in which a migration that no transaction holds together writes down how far it came. */
export async function createJournal(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS ${JOURNAL} (
    migration varchar(255) NOT NULL,
    digest varchar(64) NOT NULL,
    nth integer NOT NULL,
    direction varchar(8) NOT NULL,
    step integer NOT NULL,
    state varchar(8) NOT NULL,
    statement text NOT NULL,
    PRIMARY KEY (migration, digest, nth)
  ) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
}

/**
 * Runs a migration whose statements each commit by themselves, as those that define tables do on MariaDB, so that one
 * that is interrupted, at whatever point, is completed by the next call. A statement that was done is not done again.
 * One that was begun is, and may find that it had been done: tables and columns that are there already, or gone. Those
 * that change rows commit together with their mark.
 *
 * A statement is known by its text, without its values, and by how many of the same text went before. So a migration may
 * take new ids and times when it runs again, and read what it finds, but it must neither use what a writing statement
 * returns, nor write row by row what it selected by what it writes, nor open transactions.
 *
 * @throws RivalError when another program runs the same migration; whatever the migration throws
 */
export async function runJournalled(
  knex: Knex,
  { migration, direction }: Pick<UnfinishedMigration, 'migration' | 'direction'>,
  migrate: (knex: Knex) => Promise<void>,
): Promise<void> {
  const client = knex.client as Client;
  const send = client._query.bind(client);
  const known = await readMarks(knex, migration);
  const counts = new Map<string, number>();
  let step = 0;
  client._query = (connection, query) => {
    if (READS.test(query.sql)) {
      return send(connection, query);
    }
    step += 1;
    const nth = (counts.get(query.sql) ?? 0) + 1;
    counts.set(query.sql, nth);
    const mark = markOf({ migration, direction, step, statement: query.sql, nth });
    const say: Say = async (sql, bindings = []) => {
      await send(connection, { sql, bindings });
    };
    return runOnce({ query, say, mark, send: () => send(connection, query) }, known.get(keyOf(mark)));
  };
  try {
    await migrate(knex);
  } finally {
    client._query = send;
  }
}

/** Another program runs the same migration at the same time. */
export class RivalError extends Error {
  override readonly name = 'RivalError';
}

/** Forgets how far a migration came; in the transaction that records it as through. */
export async function clearJournal(knex: Knex, migration: string): Promise<void> {
  await knex(JOURNAL).where({ migration }).del();
}

/** The part of the query builder's client through which every statement goes. */
type Client = { _query: (connection: unknown, query: Query) => Promise<Query> };
type Query = { readonly sql: string; readonly bindings?: readonly unknown[]; response?: unknown };
type Say = (sql: string, bindings?: readonly unknown[]) => Promise<void>;

type State = 'begun' | 'done';
type Mark = UnfinishedMigration & { readonly digest: string; readonly nth: number };
type Statement = {
  readonly query: Query;
  readonly mark: Mark;
  readonly say: Say;
  readonly send: () => Promise<Query>;
};

const READS = /^\s*(?:select|show|set)\b/i;
const CHANGES_ROWS = /^\s*(?:insert|update|delete|replace)\b/i;
/** How much of a statement people are shown. */
const SHOWN_LENGTH = 200;
/** What a statement answers that has been done before. */
const NOTHING_CHANGED = [{ affectedRows: 0, insertId: 0 }, undefined];

async function readMarks(knex: Knex, migration: string): Promise<ReadonlyMap<string, State>> {
  const rows: ReadonlyArray<{ digest: string; nth: number; state: State }> = await knex(JOURNAL)
    .where({ migration })
    .select('digest', 'nth', 'state');
  return new Map(rows.map((row) => [keyOf(row), row.state]));
}

function keyOf({ digest, nth }: Pick<Mark, 'digest' | 'nth'>): string {
  return `${digest} ${nth}`;
}

function markOf(mark: Omit<Mark, 'digest'>): Mark {
  const digest = createHash('sha256').update(mark.statement).digest('hex');
  const statement = mark.statement.replaceAll(/\s+/g, ' ').trim().slice(0, SHOWN_LENGTH);
  return { ...mark, digest, statement };
}

async function runOnce(statement: Statement, state: State | undefined): Promise<Query> {
  const { query } = statement;
  if (state === 'done') {
    query.response = NOTHING_CHANGED;
    return query;
  }
  return CHANGES_ROWS.test(query.sql) ? await changeRows(statement) : await define(statement, state);
}

/** How often a change is done again that met a tick in a deadlock. */
const TRIES = 10;

async function changeRows({ mark, say, send }: Statement): Promise<Query> {
  for (let tries = 1; ; tries += 1) {
    try {
      await say('START TRANSACTION');
      await write(say, mark, 'done');
      const answer = await send();
      await say('COMMIT');
      return answer;
    } catch (error) {
      // Where this fails as well, the connection is gone, and the transaction with it.
      await say('ROLLBACK').catch(() => undefined);
      if (tries === TRIES || !LOST_RACE.has(numberOf(error))) {
        throw error;
      }
      await pauseWithJitter(20 * tries);
    }
  }
}

async function define({ query, mark, say, send }: Statement, state: State | undefined): Promise<Query> {
  if (state === undefined) {
    await write(say, mark, 'begun');
  }
  try {
    await send();
  } catch (error) {
    if (state === undefined) {
      // The server refused it, so it did nothing. Where it did not even answer, this fails as well, and the mark stays.
      await say(`DELETE FROM ${JOURNAL} ${THIS_MARK}`, keysOf(mark)).catch(() => undefined);
      throw error;
    }
    if (!saysDone(error, query.sql)) {
      throw error;
    }
    query.response = NOTHING_CHANGED;
  }
  await say(`UPDATE ${JOURNAL} SET state = 'done' ${THIS_MARK}`, keysOf(mark));
  return query;
}

const THIS_MARK = 'WHERE migration = ? AND digest = ? AND nth = ?';

function keysOf({ migration, digest, nth }: Mark): readonly unknown[] {
  return [migration, digest, nth];
}

async function write(say: Say, mark: Mark, state: State): Promise<void> {
  const { direction, step, statement } = mark;
  try {
    await say(
      `INSERT INTO ${JOURNAL} (migration, digest, nth, direction, step, state, statement)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [...keysOf(mark), direction, step, state, statement],
    );
  } catch (error) {
    // Where one lock holds for all, nobody comes that far; on a cluster this is what keeps two programs apart.
    if (numberOf(error) === DUPLICATE) {
      throw new RivalError('another program is at it', { cause: error });
    }
    throw error;
  }
}

const DUPLICATE = 1062;
/** Deadlock, lock wait, changed since last read. */
const LOST_RACE: ReadonlySet<number> = new Set([1213, 1205, 1020]);

/** The errors by which a statement says that what it is to bring about is so. */
const DONE_BEFORE: ReadonlyArray<readonly [statement: RegExp, numbers: readonly number[]]> = [
  [/^\s*create\s+table\b/i, [1050]],
  [/^\s*create\s+trigger\b/i, [1359]],
  [/^\s*drop\s+table\b/i, [1051]],
  [/^\s*drop\s+trigger\b/i, [1360]],
  // A column, an index or a primary key that is there; one that is not; a constraint that is there.
  [/^\s*alter\s+table\b/i, [1060, 1061, 1068, 1091, 1826, 3822]],
];
const DUPLICATE_CONSTRAINT = /errno: 121\b/;

function saysDone(error: unknown, sql: string): boolean {
  const numbers = DONE_BEFORE.find(([statement]) => statement.test(sql))?.[1] ?? [];
  const number = numberOf(error);
  return (
    numbers.includes(number) ||
    (number === 1005 && /^\s*alter\s+table\b/i.test(sql) && DUPLICATE_CONSTRAINT.test(String(error)))
  );
}

function numberOf(error: unknown): number {
  return error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
}

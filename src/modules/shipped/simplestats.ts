import type { DatabaseLocation } from '../../config/config.ts';
import { messageOf } from '../../core/errors.ts';
import type { Instant } from '../../core/instants.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import {
  openStatementSession,
  type StatementResult,
  type StatementSession,
} from '../../store/statement-session.ts';
import type { TaskContext } from '../module.ts';
import { shown } from '../option-faults.ts';
import {
  SIMPLESTATS_DESCRIPTION,
  SIMPLESTATS_ID,
  type SimplestatsOptions,
  simplestatsOptions,
  statKey,
} from './simplestats-options.ts';
import { endingWith, plainError, told } from './statement-ending.ts';

/** What the runner lends this module. */
export type LentToSimplestats = {
  /** The instant of all values, by the database's clock. */
  readonly at: Instant;
  /** The numbers of the installation that the options ask for, by name. */
  readonly numbers: JsonObject;
  /** Where the databases of the queries are, by the name of the connection, with their passwords. */
  readonly locations: JsonObject;
};

/**
 * Writes chosen numbers as statistics, all of one instant: all of them, or none and every fault named. Runs in a child
 * process, since nothing else ends a statement of SQLite. The third argument is what the runner lends it.
 */
export const simplestatsModule = {
  id: SIMPLESTATS_ID,
  description: SIMPLESTATS_DESCRIPTION,
  options: simplestatsOptions,
  async run(options: SimplestatsOptions, context: TaskContext, lent: JsonValue): Promise<JsonValue> {
    const { at, numbers, locations } = lentOf(lent);
    const asked = await askAll(options.queries, context.signal, locations);
    const values = Object.fromEntries(
      Object.entries({ ...numbers, ...asked }).map(
        ([name, value]) => [statKey(options.stats_prefix, name), Number(value)] as const,
      ),
    );
    context.signal.throwIfAborted();
    await context.stats.recordAll(values, new Date(at));
    for (const [key, value] of Object.entries(values)) {
      context.log.info(`${key}: ${value}`);
    }
    return values;
  },
};

type Queries = SimplestatsOptions['queries'];

/** Asks one query after the other; whatever is wrong with one, the others are asked as well. */
async function askAll(queries: Queries, signal: AbortSignal, locations: JsonObject): Promise<JsonObject> {
  const sessions = openSessions(locations);
  const numbers: [string, number][] = [];
  const faults: string[] = [];
  try {
    for (const [name, { connection, statement }] of Object.entries(queries)) {
      signal.throwIfAborted();
      try {
        numbers.push([name, await ask(await sessions.get(connection), signal, statement)]);
      } catch (thrown) {
        faults.push(`query ${JSON.stringify(name)}: ${messageOf(thrown)}`);
      }
    }
  } finally {
    await sessions.close();
  }
  // A statement that was ended need not say so.
  signal.throwIfAborted();
  if (faults.length > 0) {
    throw plainError(`nothing was written: ${faults.join('; ')}`);
  }
  return Object.fromEntries(numbers);
}

type Opened = { readonly location: DatabaseLocation; readonly session: StatementSession };

/** One session for each connection, made when it is first needed. One that cannot be made is not tried again. */
function openSessions(locations: JsonObject): {
  readonly get: (connection: string) => Promise<Opened>;
  readonly close: () => Promise<void>;
} {
  const opened = new Map<string, Promise<Opened>>();
  const open = async (connection: string): Promise<Opened> => {
    const location = locations[connection] as unknown as DatabaseLocation;
    return { location, session: await told('', () => openStatementSession(location)) };
  };
  return {
    get: (connection) => {
      const known = opened.get(connection) ?? open(connection);
      opened.set(connection, known);
      return known;
    },
    close: async () => {
      for (const result of await Promise.allSettled(opened.values())) {
        if (result.status === 'fulfilled') {
          result.value.session.close();
        }
      }
    },
  };
}

/** Rows and bytes that are kept of an answer: enough to see that it is more than one number. */
const LIMITS = { rows: 2, bytes: 64 * 1024 };

async function ask(opened: Opened, signal: AbortSignal, sql: string): Promise<number> {
  const { session } = opened;
  const result = await endingWith(signal, opened, () =>
    told('', async () => {
      await session.begin();
      try {
        // The signal may have come while there was nothing yet that it could end.
        signal.throwIfAborted();
        return await session.execute({ sql, parameters: [], limits: LIMITS });
      } finally {
        // It is to tell a number, and to change nothing.
        await session.rollback();
      }
    }),
  );
  return numberIn(result);
}

const NUMERAL = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

function numberIn(result: StatementResult): number {
  const value = oneValueOf(result);
  // Decimals and large whole numbers come as text.
  const number = typeof value === 'string' && NUMERAL.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    throw new Error(`expected a number, got ${value === null ? 'NULL' : shown(value)}`);
  }
  return number;
}

function oneValueOf(result: StatementResult): JsonValue {
  if (result.kind === 'changed') {
    throw new Error('expected a statement that gives one row with one number, got one that gives none');
  }
  const [row, ...others] = result.rows;
  if (row === undefined || others.length > 0 || result.truncated) {
    const got = row === undefined && !result.truncated ? 'none' : 'more than that';
    throw new Error(`expected one row with one number, got ${got}`);
  }
  const [value, ...further] = Object.values(row);
  if (value === undefined || further.length > 0) {
    throw new Error(`expected one column, got ${Object.keys(row).length}`);
  }
  return value;
}

function lentOf(lent: JsonValue): LentToSimplestats {
  if (!isJsonObject(lent) || !isJsonObject(lent['numbers']) || !isJsonObject(lent['locations'])) {
    throw new Error(`expected to be lent numbers and databases, got ${shown(lent)}`);
  }
  return lent as unknown as LentToSimplestats;
}

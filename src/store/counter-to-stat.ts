import type { Instant } from '../core/instants.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { holdAskingRun } from './asking-run.ts';
import { jsonOf } from './cells.ts';
import { type CounterPart, lockCounter, sumOf, takeOff } from './counters.ts';
import type { Driver, Row, Statements } from './driver.ts';
import { failpoint } from './failpoint.ts';
import { exactNumber } from './result-rows.ts';
import { recordStats } from './stats.ts';

export type CounterReading = {
  /** The live run that does this: it does it once, whatever becomes of connections. */
  readonly token: string;
  readonly counter: string;
  readonly key: string;
  readonly at: Instant;
  /** Take off the counter what the statistic got. */
  readonly reset: boolean;
};

export type CounterWritten =
  /** `value` is the sum over all nodes. */
  | { readonly kind: 'written'; readonly value: bigint }
  /** An earlier attempt of the same slot has done it, and this is what it did; now nothing was changed. */
  | { readonly kind: 'done-before'; readonly result: JsonObject }
  /** The run has ended, or was given up: nothing was changed. */
  | { readonly kind: 'not-live' }
  /** What a statistic does not hold exactly is not taken off: nothing was changed. */
  | { readonly kind: 'too-large'; readonly value: bigint };

/** What a run that has written has as its result: a value that is too large for a number is text. */
export function resultOfCounter(value: bigint, { reset }: Pick<CounterReading, 'reset'>): JsonObject {
  return { value: exactNumber(String(value)), reset };
}

/**
 * Writes the sum of a counter over all nodes as a value of a statistic and, if asked, takes exactly that off the counter,
 * in one transaction: whatever others add is in this value or in the next, and never in both. A counter that nobody has
 * added to is 0.
 *
 * The result of the run is recorded with it. So a run does this once, even if a commit goes unanswered and comes late; so
 * does a slot, even if the runner dies and another attempt follows; and a run that was given up, in whose place another
 * may have come, does not do it at all.
 */
export async function writeCounter(driver: Driver, reading: CounterReading): Promise<CounterWritten> {
  const { token } = reading;
  const work = async (statements: Statements): Promise<CounterWritten> => {
    if (!(await holdAskingRun(statements, token))) {
      return { kind: 'not-live' };
    }
    const done = (await findOwn(statements, token)) ?? (await findEarlier(statements, token));
    if (done !== undefined) {
      return done;
    }
    const written = await move(driver, statements, reading);
    if (written.kind === 'written') {
      await recordResult(statements, token, resultOfCounter(written.value, reading));
      failpoint('counter.written');
    }
    return written;
  };
  const written = await driver.transaction(work, { confirm: (statements) => findOwn(statements, token) });
  failpoint('counter.committed');
  return written;
}

async function move(
  { engine }: Driver,
  statements: Statements,
  { counter, key, at, reset }: CounterReading,
): Promise<CounterWritten> {
  const parts: readonly CounterPart[] = await lockCounter(statements, engine, { name: counter });
  const value = sumOf(parts);
  const number = Number(value);
  if (reset && !Number.isSafeInteger(number)) {
    return { kind: 'too-large', value };
  }
  if (reset) {
    await takeOff(statements, counter, parts);
  }
  await recordStats(statements, [{ key, value: number, at }]);
  return { kind: 'written', value };
}

async function recordResult({ run }: Statements, token: string, result: JsonObject): Promise<void> {
  await run("UPDATE periodic_run SET result = ? WHERE token = ? AND status = 'running' AND result IS NULL", [
    JSON.stringify(result),
    token,
  ]);
}

/** What this run has written, as its row has it. */
async function findOwn({ all }: Statements, token: string): Promise<CounterWritten | undefined> {
  const [row] = await all('SELECT result FROM periodic_run WHERE token = ?', [token]);
  const result = resultOf(row);
  return result === undefined ? undefined : { kind: 'written', value: BigInt(String(result['value'])) };
}

/** What another attempt of the same slot has written. A run by hand without a slot is the first of its kind. */
async function findEarlier({ all }: Statements, token: string): Promise<CounterWritten | undefined> {
  const rows = await all(
    `SELECT earlier.result FROM periodic_run r
     JOIN periodic_run earlier ON earlier.task_id = r.task_id AND earlier.scope_key = r.scope_key AND earlier.slot = r.slot
     WHERE r.token = ? AND earlier.token <> r.token AND earlier.module = r.module AND earlier.result IS NOT NULL
     ORDER BY earlier.attempt DESC`,
    [token],
  );
  const result = rows.map(resultOf).find((found) => found !== undefined);
  return result === undefined ? undefined : { kind: 'done-before', result };
}

/** Another module than this one may have run for the slot, and have left anything. */
function resultOf(row: Row | undefined): JsonObject | undefined {
  const result = jsonOf(row?.['result']);
  return isJsonObject(result) && /^-?\d+$/.test(String(result['value'])) ? result : undefined;
}

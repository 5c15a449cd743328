import type { Instant } from '../core/instants.ts';
import { type CounterPart, lockCounter, sumOf, takeOff } from './counters.ts';
import type { Driver, Statements } from './driver.ts';
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
  /** The run has ended, or was given up, or has done this already: nothing was changed. */
  | { readonly kind: 'not-live' }
  /** What a statistic does not hold exactly is not taken off: nothing was changed. */
  | { readonly kind: 'too-large'; readonly value: bigint };

/**
 * Writes the sum of a counter over all nodes as a value of a statistic and, if asked, takes exactly that off the counter,
 * in one transaction: whatever others add is in this value or in the next, and never in both. A counter that nobody has
 * added to is 0.
 *
 * The row of the run takes note of it as progress, 1 of 1. So a run does this once, even if a commit goes unanswered and
 * comes late; and a run that was given up, in whose place another may have come, does not do it at all.
 */
export function writeCounter(driver: Driver, reading: CounterReading): Promise<CounterWritten> {
  let last: CounterWritten = { kind: 'not-live' };
  const work = async (statements: Statements): Promise<CounterWritten> => {
    if (await markDone(statements, reading.token)) {
      last = await move(driver, statements, reading);
      return last;
    }
    return { kind: 'not-live' };
  };
  return driver.transaction(work, {
    // What the marked transaction did is what this call did last that found the run unmarked.
    confirm: async (statements) => ((await isDone(statements, reading.token)) ? last : undefined),
  });
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

async function markDone({ run }: Pick<Statements, 'run'>, token: string): Promise<boolean> {
  const changed = await run(
    `UPDATE periodic_run SET progress_done = 1, progress_total = 1
     WHERE token = ? AND status = 'running' AND progress_done IS NULL`,
    [token],
  );
  return changed === 1;
}

async function isDone({ all }: Pick<Statements, 'all'>, token: string): Promise<boolean> {
  const rows = await all('SELECT id FROM periodic_run WHERE token = ? AND progress_done = 1', [token]);
  return rows.length > 0;
}

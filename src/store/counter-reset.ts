import { type Instant, toText } from '../core/instants.ts';
import { type CounterPart, lockCounter, takeOff } from './counters.ts';
import type { Driver, Statements } from './driver.ts';

export type CounterReset = {
  readonly name: string;
  /** Only what this node has counted. */
  readonly node: string | undefined;
  readonly at: Instant;
  /** Who asks, for the audit. */
  readonly actor: string;
  /** Its rows go, too: nobody is told of it any more. */
  readonly remove: boolean;
};

/**
 * Sets a counter to 0, or what one node has counted, or removes that, and records who did it. Returns what it was, node by node; empty, and
 * nothing is recorded, if there is none. What others add meanwhile is counted either among that or from 0 on.
 */
export function resetCounter(driver: Driver, reset: CounterReset): Promise<readonly CounterPart[]> {
  let taken: readonly CounterPart[] = [];
  const work = async (statements: Statements): Promise<readonly CounterPart[]> => {
    const parts = await lockCounter(statements, driver.engine, reset);
    if (parts.length > 0) {
      await takeOff(statements, reset.name, parts);
      if (reset.remove) {
        await removeRows(statements, reset.name, parts);
      }
      await insertAudit(statements, reset, parts);
      taken = parts;
    }
    return parts;
  };
  return driver.transaction(work, {
    // Else the second try would tell of what was counted since the first.
    confirm: async (statements) => ((await isAudited(statements, reset, taken)) ? taken : undefined),
  });
}

/** The rows are locked, so that nobody has added to them since they became 0. */
async function removeRows(
  { run }: Pick<Statements, 'run'>,
  name: string,
  parts: readonly CounterPart[],
): Promise<void> {
  for (const { node } of parts) {
    await run('DELETE FROM periodic_counter WHERE name = ? AND node = ?', [name, node]);
  }
}

function actionOf({ remove }: CounterReset): string {
  return remove ? 'counter removed' : 'counter reset';
}

function insertAudit(
  { run }: Pick<Statements, 'run'>,
  reset: CounterReset,
  parts: readonly CounterPart[],
): Promise<number> {
  return run(
    'INSERT INTO periodic_audit (changed_at, actor, action, "before", "after") VALUES (?, ?, ?, ?, ?)',
    [toText(reset.at), reset.actor, actionOf(reset), textOf(reset.name, parts), afterOf(reset)],
  );
}

async function isAudited(
  { all }: Pick<Statements, 'all'>,
  reset: CounterReset,
  parts: readonly CounterPart[],
): Promise<boolean> {
  const rows = await all(
    'SELECT id FROM periodic_audit WHERE changed_at = ? AND actor = ? AND action = ? AND "before" = ?',
    [toText(reset.at), reset.actor, actionOf(reset), textOf(reset.name, parts)],
  );
  return rows.length > 0;
}

function afterOf({ remove }: CounterReset): string | null {
  return remove ? null : JSON.stringify({ value: 0 });
}

function textOf(name: string, parts: readonly CounterPart[]): string {
  // Texts, since the numbers of JSON are exact only up to 2^53 for many who read them.
  const nodes = Object.fromEntries(parts.map(({ node, value }) => [node, String(value)]));
  return JSON.stringify({ counter: name, nodes });
}

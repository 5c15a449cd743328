import { DatabaseError } from '../core/errors.ts';
import type { Driver, Engine, Row, Statements } from './driver.ts';
import { isOutOfRange } from './server-errors.ts';

/** A sum that many runs add to, under one name. Each node has a row of its own, so that nodes never wait for each other. */
export type Increment = { readonly name: string; readonly node: string; readonly by: number };

/** What one node has counted. */
export type CounterPart = { readonly node: string; readonly value: bigint };

/** A counter as it stands: the sum over its nodes, and what each of them has counted, by node. */
export type Counter = {
  readonly name: string;
  readonly value: bigint;
  readonly parts: readonly CounterPart[];
};

/**
 * Adds a whole number to a counter of a node, which begins at 0. When the connection breaks before the answer comes, it
 * is added once more: then what was counted may be there twice, but never not at all.
 *
 * @throws DatabaseError when the sum would leave what 64 bits hold, and like every call of the driver
 */
export async function incrementCounter(driver: Driver, increment: Increment): Promise<void> {
  const { name, node, by } = increment;
  // As a whole number for the driver too: beyond 2^53 the sum of a floating-point number would be another.
  const changed = await driver
    .run(INCREMENT[driver.engine], [name, node, BigInt(by)])
    .catch((error: unknown) => {
      throw isOutOfRange(error) ? tooLarge(increment, error) : error;
    });
  if (changed === 0) {
    throw tooLarge(increment);
  }
}

function tooLarge({ name, node, by }: Increment, cause?: unknown): DatabaseError {
  return new DatabaseError(
    `counter ${JSON.stringify(name)} of node ${JSON.stringify(node)}: expected a sum of at most 64 bits, got one beyond after adding ${by}`,
    { cause },
  );
}

const INCREMENT: Readonly<Record<Engine, string>> = {
  // SQLite makes a floating-point number of a sum that is too large; the servers refuse it.
  sqlite: `INSERT INTO periodic_counter (name, node, value) VALUES (?, ?, ?)
    ON CONFLICT (name, node) DO UPDATE SET value = periodic_counter.value + excluded.value
    WHERE typeof(periodic_counter.value + excluded.value) = 'integer'`,
  postgres: `INSERT INTO periodic_counter (name, node, value) VALUES (?, ?, ?)
    ON CONFLICT (name, node) DO UPDATE SET value = periodic_counter.value + excluded.value`,
  mariadb: `INSERT INTO periodic_counter (name, node, value) VALUES (?, ?, ?)
    ON DUPLICATE KEY UPDATE value = value + VALUES(value)`,
};

type Reading = Pick<Statements, 'all'> & { readonly engine: Engine };

/** Every counter, or the one with this name in its normal form, by name. The sums are exact, however large. */
export async function listCounters(driver: Reading, name?: string): Promise<readonly Counter[]> {
  const rows = await driver.all(
    `SELECT name, ${PART_COLUMNS[driver.engine]} FROM periodic_counter
     ${name === undefined ? '' : 'WHERE name = ?'} ORDER BY name, node`,
    name === undefined ? [] : [name],
  );
  const byName = new Map<string, CounterPart[]>();
  for (const row of rows) {
    const key = String(row['name']);
    byName.set(key, [...(byName.get(key) ?? []), partOf(row)]);
  }
  return [...byName].map(([key, parts]) => ({ name: key, value: sumOf(parts), parts }));
}

/**
 * Reads what the nodes have counted, or one of them, and keeps others from these rows until the transaction ends; a row
 * that a node adds meanwhile is not among them. Always in the order of the nodes, so that two who do this never wait for
 * each other.
 */
export async function lockCounter(
  statements: Statements,
  engine: Engine,
  { name, node }: { readonly name: string; readonly node?: string | undefined },
): Promise<readonly CounterPart[]> {
  const rows = await statements.all(
    `SELECT ${PART_COLUMNS[engine]} FROM periodic_counter
     WHERE name = ? ${node === undefined ? '' : 'AND node = ?'} ORDER BY node
     ${engine === 'sqlite' ? '' : 'FOR UPDATE'}`,
    node === undefined ? [name] : [name, node],
  );
  return rows.map(partOf);
}

/** Takes exactly what was read off the rows of a counter, in the transaction that {@link lockCounter locked} them. */
export async function takeOff(
  { run }: Pick<Statements, 'run'>,
  name: string,
  parts: readonly CounterPart[],
): Promise<void> {
  for (const { node, value } of parts.filter((part) => part.value !== 0n)) {
    await run('UPDATE periodic_counter SET value = value - ? WHERE name = ? AND node = ?', [
      value,
      name,
      node,
    ]);
  }
}

/** The sum of what nodes have counted. */
export function sumOf(parts: readonly CounterPart[]): bigint {
  return parts.reduce((sum, { value }) => sum + value, 0n);
}

// As text: the drivers hand over numbers, which hold whole ones only up to 2^53.
const PART_COLUMNS: Readonly<Record<Engine, string>> = {
  sqlite: 'node, CAST(value AS TEXT) AS value',
  postgres: 'node, CAST(value AS text) AS value',
  mariadb: 'node, CAST(value AS char) AS value',
};

function partOf(row: Row): CounterPart {
  return { node: String(row['node']), value: BigInt(String(row['value'])) };
}

import type { Knex } from 'knex';
import type { DatabaseLocation } from '../config/config.ts';
import { type Instant, toText } from '../core/instants.ts';
import { instantOf, numberOf, numberOrNull, textOf } from './cells.ts';
import type { Driver, Row } from './driver.ts';
import { withKnex } from './knex.ts';

/** One call of run_scheduled on a node. */
export type TickRow = {
  readonly node: string;
  readonly tickNo: number;
  readonly tickAt: Instant;
  readonly startedAt: Instant;
  /** Null while it is busy, and for ever if it was killed. */
  readonly endedAt: Instant | null;
  readonly started: number;
  readonly exitCode: number | null;
  /** Which of several servers it used; null for a file. */
  readonly server: string | null;
  /** How far the machine's clock was ahead of the database's; null where they are one. */
  readonly clockOffsetMs: number | null;
};

/** The newest ticks of a node, newest first. */
export function recentTicks(
  database: DatabaseLocation,
  node: string,
  limit: number,
): Promise<readonly TickRow[]> {
  return withKnex(database, async (knex) => {
    const rows: readonly Row[] = await knex('periodic_tick')
      .where({ node })
      .orderBy('tick_no', 'desc')
      .limit(limit);
    return rows.map(tickOf);
  });
}

export type TicksAround = { readonly before: TickRow | undefined; readonly after: TickRow | undefined };

/**
 * The last tick before a slot and the first one that could take it. Without nodes, the ticks of all nodes count, as they
 * do for a state that all of them share.
 */
export function ticksAround(
  database: DatabaseLocation,
  slot: Instant,
  nodes: readonly string[] | undefined,
): Promise<TicksAround> {
  return withKnex(database, async (knex) => {
    const before: Row | undefined = await ticksOf(knex, nodes)
      .where('tick_at', '<', toText(slot))
      .orderBy('tick_at', 'desc')
      .first();
    const after: Row | undefined = await ticksOf(knex, nodes)
      .where('tick_at', '>=', toText(slot))
      .orderBy('tick_at')
      .first();
    return {
      before: before === undefined ? undefined : tickOf(before),
      after: after === undefined ? undefined : tickOf(after),
    };
  });
}

/** The last tick up to the instant, of these nodes or of any. */
export function lastTickUpTo(
  database: DatabaseLocation,
  at: Instant,
  nodes: readonly string[] | undefined,
): Promise<TickRow | undefined> {
  return withKnex(database, async (knex) => {
    const row: Row | undefined = await ticksOf(knex, nodes)
      .where('tick_at', '<=', toText(at))
      .orderBy('tick_at', 'desc')
      .orderBy('id', 'desc')
      .first();
    return row === undefined ? undefined : tickOf(row);
  });
}

function ticksOf(knex: Knex, nodes: readonly string[] | undefined): Knex.QueryBuilder {
  const query = knex('periodic_tick');
  return nodes === undefined ? query : query.whereIn('node', [...nodes]);
}

function tickOf(row: Row): TickRow {
  return {
    node: String(row['node']),
    tickNo: numberOf(row['tick_no']),
    tickAt: instantOf(row['tick_at']) ?? 0,
    startedAt: instantOf(row['started_at']) ?? 0,
    endedAt: instantOf(row['ended_at']),
    started: numberOf(row['started']),
    exitCode: numberOrNull(row['exit_code']),
    server: textOf(row['server']),
    clockOffsetMs: numberOrNull(row['clock_offset_ms']),
  };
}

/** What SQLite says of the file itself. */
export type SqliteFacts = {
  readonly version: string;
  /** `wal`, unless the file system cannot keep one. */
  readonly journalMode: string;
  /** What its check of the whole file found wrong; empty for a sound file. */
  readonly damages: readonly string[];
  /** Triggers that make changes by plain SQL count. */
  readonly triggers: readonly string[];
};

/** Asks SQLite for the facts of its file. Reads the whole file, so it takes its time with a large one. */
export async function sqliteFacts(driver: Driver): Promise<SqliteFacts> {
  const [version] = await driver.all('SELECT sqlite_version() AS version');
  const [journal] = await driver.all('PRAGMA journal_mode');
  const checked = await driver.all('PRAGMA quick_check(5)');
  const triggers = await driver.all("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name");
  return {
    version: String(version?.['version']),
    journalMode: String(journal?.['journal_mode']),
    damages: checked.map((row) => String(row['quick_check'])).filter((line) => line !== 'ok'),
    triggers: triggers.map((row) => String(row['name'])),
  };
}

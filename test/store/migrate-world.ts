import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DatabaseLocation } from '../../src/config/config.ts';
import type { Engine, Row } from '../../src/store/driver.ts';
import { takeBackMigration } from '../../src/store/migrate.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { testedEngine } from '../support/engines.ts';
import { createServerDatabase } from '../support/server-databases.ts';
import type { SqlParam } from '../support/sync-client.ts';
import { connectOperator, sqliteAt } from '../support/virtual-database.ts';

/** A database without any table, and plain SQL on it. */
export type EmptyDatabase = {
  readonly engine: Engine;
  readonly location: DatabaseLocation;
  // biome-ignore lint/suspicious/noExplicitAny: rows are compared with literals.
  readonly ask: (sql: string, ...params: readonly SqlParam[]) => any[];
  readonly tell: (sql: string) => void;
};

/** Opens one that is removed with the test. */
export function openEmptyDatabase(engine: Engine = testedEngine): EmptyDatabase {
  const location = emptyLocation(engine);
  const { sql } = connectOperator(location, { now: Date.now() });
  return {
    engine,
    location,
    ask: (text, ...params) => sql.prepare(text).all(...params),
    tell: (text) => {
      sql.exec(text);
    },
  };
}

function emptyLocation(engine: Engine): DatabaseLocation {
  if (engine !== 'sqlite') {
    const database = createServerDatabase(engine);
    onTestFinished(database.drop);
    return database.location;
  }
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-migrate-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tasks.sqlite');
  writeFileSync(path, '');
  return sqliteAt(path);
}

/** Takes migrations back until the schema has a version. */
export async function takeBackTo(location: DatabaseLocation, version: number): Promise<void> {
  for (let newest = MIGRATIONS.length; newest > version; newest -= 1) {
    await takeBackMigration(location);
  }
}

/** All that the schema of a database consists of, in an order of its own; what keeps the book of migrations as well. */
export function schemaOf({ engine, ask }: EmptyDatabase): readonly (readonly Row[])[] {
  return SCHEMA_QUERIES[engine].map((query) => ask(query));
}

const SCHEMA_QUERIES: Readonly<Record<Engine, readonly string[]>> = {
  sqlite: [
    "SELECT type, name, sql FROM sqlite_master WHERE sql <> '' AND type <> 'table' ORDER BY type, name",
  ],
  postgres: [
    `SELECT table_name, column_name, data_type, character_maximum_length, collation_name, is_nullable, column_default
     FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`,
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    `SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace ORDER BY 1`,
    'SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1',
    "SELECT pg_get_functiondef(oid) AS definition FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
  ],
  mariadb: [
    `SELECT table_name AS tab, column_name AS col, ordinal_position, column_type, collation_name, is_nullable,
       column_default, extra
     FROM information_schema.columns WHERE table_schema = database() ORDER BY 1, 3`,
    `SELECT table_name AS tab, index_name AS ind, seq_in_index, column_name AS col, non_unique
     FROM information_schema.statistics WHERE table_schema = database() ORDER BY 1, 2, 3`,
    `SELECT table_name AS tab, constraint_name AS con, referenced_table_name, delete_rule
     FROM information_schema.referential_constraints WHERE constraint_schema = database() ORDER BY 1, 2`,
    `SELECT table_name AS tab, engine, table_collation FROM information_schema.tables
     WHERE table_schema = database() ORDER BY 1`,
    `SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement
     FROM information_schema.triggers WHERE trigger_schema = database() ORDER BY 1`,
  ],
};

/** The columns of each table of the program, by its name. */
export function columnsOf({ engine, ask }: EmptyDatabase): Readonly<Record<string, readonly string[]>> {
  const columns: Record<string, string[]> = {};
  for (const { tab, col } of ask(COLUMN_QUERIES[engine])) {
    columns[tab] = [...(columns[tab] ?? []), col];
  }
  return columns;
}

const COLUMN_QUERIES: Readonly<Record<Engine, string>> = {
  sqlite: `SELECT m.name AS tab, c.name AS col FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name LIKE 'periodic%' AND m.name NOT LIKE 'periodic_migration%' ORDER BY 1, 2`,
  postgres: `SELECT table_name AS tab, column_name AS col FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE 'periodic_migration%' ORDER BY 1, 2`,
  mariadb: `SELECT table_name AS tab, column_name AS col FROM information_schema.columns
    WHERE table_schema = database() AND table_name NOT LIKE 'periodic_migration%' ORDER BY 1, 2`,
};

/** The rows of each table, of the columns given. */
export function contentOf(
  { engine, ask }: EmptyDatabase,
  columns: ReturnType<typeof columnsOf>,
): Readonly<Record<string, readonly Row[]>> {
  const quote = (name: string) => (engine === 'mariadb' ? `\`${name}\`` : `"${name}"`);
  return Object.fromEntries(
    Object.entries(columns).map(([table, names]) => {
      const list = names.filter((name) => name !== 'migrated_at').map(quote);
      // States are marked as the schema changes, which must not change their order.
      const order =
        table === 'periodic_task_state' ? ['task_id', 'scope_key'] : list.map((_, index) => index + 1);
      return [table, ask(`SELECT ${list.join(', ')} FROM ${table} ORDER BY ${order.join(', ')}`)];
    }),
  );
}

/** Fills a schema of the second version: every table, and what is easily lost on the way to another engine or type. */
export function stock({ tell }: EmptyDatabase): void {
  for (const statement of STOCK) {
    tell(statement);
  }
}

const STOCK = [
  `INSERT INTO periodic_node (name, tick_no, timezone) VALUES ('alpha', 41, 'UTC'), ('beta', 4000000000, 'UTC')`,
  `INSERT INTO periodic_task (id, name, module, schedule_kind, schedule, scope, ordering, active, options) VALUES
     (10, 'backup', 'command', 'every', '5m', 'each', 3, TRUE, '{"command":"true"}'),
     (11, 'Büro 🕰', 'command', 'cron', '0 * * * *', 'one', -1, FALSE, '{"command":"echo ''a?b''"}')`,
  "INSERT INTO periodic_task_node (task_id, node) VALUES (10, 'alpha'), (10, 'beta'), (11, '*')",
  "INSERT INTO periodic_task_tag (task_id, tag) VALUES (10, 'nightly'), (11, 'Nightly')",
  'DELETE FROM periodic_task_state',
  `INSERT INTO periodic_task_state (task_id, scope_key, epoch, counted_from, handled_slot, earliest_start, module_state) VALUES
     (1, '*', 0, '2026-01-01T00:00:00.000Z', NULL, '', NULL),
     (10, 'alpha', 9007199254740989, '2026-01-01T00:00:00.000Z', '2026-11-21T08:00:00.000Z', NULL, '{"a":1}'),
     (10, 'beta', 7, '2026-01-01T00:00:00.000Z', NULL, '', NULL),
     (11, '*', 8, '2026-01-01T00:00:00.000Z', NULL, '2026-11-21T08:00:00.000Z', NULL)`,
  `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, live_node, trigger_kind, slot, status, created_at, output) VALUES
     ('t-1', 10, 'backup', 'command', 'alpha', 'alpha', NULL, 'schedule', '2026-11-21T08:00:00.000Z', 'failed', '2026-11-21T08:00:01.000Z', 'no\n€'),
     ('t-2', 11, 'Büro 🕰', 'command', '*', 'beta', 'beta', 'manual', NULL, 'running', '2026-11-21T08:00:02.000Z', NULL)`,
  `INSERT INTO periodic_tick (node, tick_no, tick_at, started_at)
     VALUES ('alpha', 41, '2026-11-21T08:00:00.000Z', '2026-11-21T08:00:01.000Z')`,
  'DELETE FROM periodic_audit',
  `INSERT INTO periodic_audit (changed_at, actor, action, task_id, task_name)
     VALUES ('2026-11-21T08:00:00.000Z', 'alice', 'created', 10, 'backup')`,
];

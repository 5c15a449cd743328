import { afterAll, onTestFinished } from 'vitest';
import { serverSql, tableNames } from './operator-sql.ts';
import { createMigratedDatabase, type ServerDatabase } from './server-databases.ts';
import type { ServerEngine } from './servers.ts';
import { openSyncClient, type SyncClient } from './sync-client.ts';

/** A migrated database without tasks, and an operator's connection to it. */
export type EmptiedDatabase = { readonly database: ServerDatabase; readonly client: SyncClient };

type Kept = EmptiedDatabase & { readonly engine: ServerEngine; readonly fresh: Fresh };

/** What a database was like before the first test. */
type Fresh = {
  readonly tables: readonly string[];
  readonly counters: ReadonlyMap<string, number>;
  readonly schema: string;
};

const databases = new Set<Kept>();
const free = new Set<Kept>();

// Making a database takes longer than most tests, so those of a file share it, one after the other.
afterAll(() => {
  for (const kept of databases) {
    drop(kept);
  }
});

/**
 * Lends a database to the test, as if it were new: without tasks, without history, its ids counting from the start.
 *
 * MariaDB now and then drops a connection that looks at the catalogue while another database is dropped beside it: then
 * another database is made.
 */
export async function borrowDatabase(engine: ServerEngine): Promise<EmptiedDatabase> {
  const known = [...free].find((kept) => kept.engine === engine);
  const kept = known ?? (await keepNew(engine).catch(() => keepNew(engine)));
  free.delete(kept);
  onTestFinished(() => {
    giveBack(kept);
  });
  return kept;
}

async function keepNew(engine: ServerEngine): Promise<Kept> {
  const database = await createMigratedDatabase(engine);
  const client = openSyncClient(database.url);
  if (engine === 'postgres') {
    client.ask(POSTGRES_CLOCK);
    client.ask(`ALTER TABLE periodic_task ALTER created_at SET DEFAULT periodic_now(),
      ALTER updated_at SET DEFAULT periodic_now()`);
  }
  // What the migration sets up counts from the real now, which no test may depend on.
  client.ask('DELETE FROM periodic_task');
  client.ask('DELETE FROM periodic_audit');
  const kept = { engine, database, client, fresh: lookAt(engine, client) };
  databases.add(kept);
  return kept;
}

/** The triggers read the session's clock, if it has one. */
const POSTGRES_CLOCK = `CREATE OR REPLACE FUNCTION periodic_now() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT COALESCE(NULLIF(current_setting('periodic_cron_test.now', true), ''),
    to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) $$`;

function giveBack(kept: Kept): void {
  try {
    kept.client.ask('ROLLBACK');
    endOthers(kept);
    if (schemaOf(kept.engine, kept.client) === kept.fresh.schema) {
      makeFresh(kept);
      free.add(kept);
      return;
    }
  } catch {
    // A test may have ended the operator's connection with all others: the next test gets another database.
  }
  drop(kept);
}

/** Ends what a process that the test killed has left open: it would hold locks. */
function endOthers({ engine, client }: Kept): void {
  if (engine === 'postgres') {
    client.ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    return;
  }
  client.ask('SET timestamp = DEFAULT');
  // Whoever asks for the triggers of a server is shown, while that reads ours, as connected to our database.
  const { rows } = client.ask(
    `SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()
     AND COALESCE(info, '') NOT LIKE '%information_schema%'`,
  );
  for (const { id } of rows) {
    // It may have gone by itself meanwhile.
    client.ask(`BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; KILL ${id}; END`);
  }
}

function drop(kept: Kept): void {
  databases.delete(kept);
  try {
    kept.client.close();
  } finally {
    kept.database.drop();
  }
}

function lookAt(engine: ServerEngine, client: SyncClient): Fresh {
  const names = tableNames(engine, serverSql(engine, client));
  const isEmpty = (table: string) => client.ask(`SELECT 1 FROM ${table} LIMIT 1`).rows.length === 0;
  return {
    // What the schema and the migrations know of themselves stays. Deleting tasks takes most along, and is recorded.
    tables: ['periodic_task', ...names.filter((name) => !['periodic_task', 'periodic_audit'].includes(name))]
      .filter(isEmpty)
      .concat('periodic_audit'),
    counters: countersOf(engine, client),
    schema: schemaOf(engine, client),
  };
}

function makeFresh({ engine, client, fresh }: Kept): void {
  client.ask('BEGIN');
  for (const table of fresh.tables) {
    client.ask(`DELETE FROM ${table}`);
  }
  client.ask('COMMIT');
  for (const [name, next] of countersOf(engine, client)) {
    const first = fresh.counters.get(name);
    if (first !== undefined && first !== next) {
      client.ask(
        engine === 'postgres'
          ? `SELECT setval('${name}', ${first}, false)`
          : `ALTER TABLE ${name} AUTO_INCREMENT = ${first}`,
      );
    }
  }
}

/** The next id of each table that counts its rows. */
function countersOf(engine: ServerEngine, client: SyncClient): ReadonlyMap<string, number> {
  const { rows } = client.ask(
    engine === 'postgres'
      ? 'SELECT sequencename AS name, COALESCE(last_value + 1, 1) AS next FROM pg_sequences WHERE schemaname = current_schema()'
      : `SELECT table_name AS name, auto_increment AS next FROM information_schema.tables
         WHERE table_schema = database() AND auto_increment IS NOT NULL`,
  );
  return new Map(rows.map((row) => [String(row['name']), Number(row['next'])]));
}

/** Changes when a test adds or drops a table, a column or a trigger. */
function schemaOf(engine: ServerEngine, client: SyncClient): string {
  const schema = engine === 'postgres' ? 'current_schema()' : 'database()';
  const { rows } = client.ask(
    `SELECT (SELECT count(*) FROM information_schema.columns WHERE table_schema = ${schema}) AS columns_there,
       (SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = ${schema}) AS triggers_there`,
  );
  return JSON.stringify(rows);
}

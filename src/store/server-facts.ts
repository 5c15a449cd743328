import { numberOf } from './cells.ts';
import type { Driver, Row } from './driver.ts';

/** What a server says of itself, as far as what is promised depends on it. */
export type ServerFacts = {
  /** MySQL is not MariaDB, and speaks its language. */
  readonly product: 'PostgreSQL' | 'MariaDB' | 'MySQL';
  /** As the server says it, such as `10.11.6`. */
  readonly version: string;
  /** The character set in which the tables store text. */
  readonly encodings: readonly string[];
  /** The triggers of the tables that this user may see. */
  readonly triggers: readonly string[];
  /** Settings by name, as the server says them; those that it does not know are missing. */
  readonly settings: ReadonlyMap<string, string>;
  /** Replicates from another server at present, and can be written to itself. */
  readonly isWritableReplica: boolean;
  /** Undefined outside a Galera cluster. */
  readonly cluster: ClusterFacts | undefined;
};

export type ClusterFacts = {
  /** How many servers it has now. */
  readonly size: number;
  /** `Primary`, or what a server says that was cut off from the others. */
  readonly status: string;
};

/**
 * Asks a server for the facts.
 *
 * @throws DatabaseError
 */
export function readServerFacts(driver: Driver): Promise<ServerFacts> {
  return driver.engine === 'postgres' ? readPostgres(driver) : readMariadb(driver);
}

/** Name and version of the engine, such as `PostgreSQL 15.4`. */
export async function engineText(driver: Driver): Promise<string> {
  switch (driver.engine) {
    case 'sqlite': {
      const [row] = await driver.all('SELECT sqlite_version() AS version');
      return `SQLite ${row?.['version']}`;
    }
    case 'postgres':
      return `PostgreSQL ${await postgresVersion(driver)}`;
    case 'mariadb': {
      const { product, version } = await mariadbVersion(driver);
      return `${product} ${version}`;
    }
  }
}

/** `15.4 (Debian 15.4-1)` without what its packager adds. */
async function postgresVersion({ all }: Pick<Driver, 'all'>): Promise<string> {
  const [row] = await all("SELECT current_setting('server_version') AS version");
  return String(row?.['version']).split(' ')[0] ?? '';
}

/** `10.11.6-MariaDB-1~deb12u1` and `5.5.5-10.6.1-MariaDB` without what is around the version. */
async function mariadbVersion({
  all,
}: Pick<Driver, 'all'>): Promise<{ readonly product: 'MariaDB' | 'MySQL'; readonly version: string }> {
  const [row] = await all('SELECT version() AS version');
  const text = String(row?.['version']);
  const found = /(\d+\.\d+\.\d+)-MariaDB/i.exec(text)?.[1];
  return found === undefined
    ? { product: 'MySQL', version: text.split('-')[0] ?? text }
    : { product: 'MariaDB', version: found };
}

const POSTGRES_SETTINGS = ['server_encoding', 'fsync', 'full_page_writes', 'synchronous_commit'];

async function readPostgres(driver: Driver): Promise<ServerFacts> {
  const settings = await driver.all(
    `SELECT name, setting AS value FROM pg_settings WHERE name IN (${placeholders(POSTGRES_SETTINGS)})`,
    POSTGRES_SETTINGS,
  );
  const values = valuesByName(settings);
  const triggers = await driver.all(
    `SELECT t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relname LIKE 'periodic%'
       AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'periodic_task'::regclass)
     ORDER BY t.tgname`,
  );
  const [replicated] = await driver.all(
    `SELECT count(*) AS tables FROM pg_subscription_rel r JOIN pg_class c ON c.oid = r.srrelid
     WHERE c.relname LIKE 'periodic%'`,
  );
  return {
    product: 'PostgreSQL',
    version: await postgresVersion(driver),
    encodings: [values.get('server_encoding') ?? ''],
    triggers: triggers.map(({ name }) => String(name)),
    settings: values,
    isWritableReplica: numberOf(replicated?.['tables']) > 0,
    cluster: undefined,
  };
}

const MARIADB_SETTINGS = [
  'innodb_flush_log_at_trx_commit',
  'innodb_doublewrite',
  'log_bin',
  'sync_binlog',
  'read_only',
  'wsrep_on',
];
const MARIADB_STATUS = ['slave_running', 'slaves_running', 'wsrep_cluster_size', 'wsrep_cluster_status'];

async function readMariadb(driver: Driver): Promise<ServerFacts> {
  const settings = valuesByName(
    await driver.all(
      `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${placeholders(MARIADB_SETTINGS)})`,
      MARIADB_SETTINGS,
    ),
  );
  const status = valuesByName(
    await driver.all(
      `SHOW GLOBAL STATUS WHERE Variable_name IN (${placeholders(MARIADB_STATUS)})`,
      MARIADB_STATUS,
    ),
  );
  const triggers = await driver.all(
    `SELECT trigger_name AS name FROM information_schema.triggers
     WHERE trigger_schema = database() AND event_object_table LIKE 'periodic%' ORDER BY trigger_name`,
  );
  const collations = await driver.all(
    `SELECT DISTINCT table_collation AS name FROM information_schema.tables
     WHERE table_schema = database() AND table_name LIKE 'periodic%' AND table_collation IS NOT NULL`,
  );
  const replicates = isOn(status.get('slave_running')) || Number(status.get('slaves_running') ?? 0) > 0;
  return {
    ...(await mariadbVersion(driver)),
    encodings: [...new Set(collations.map(({ name }) => String(name).split('_')[0] ?? ''))],
    triggers: triggers.map(({ name }) => String(name)),
    settings,
    isWritableReplica: replicates && !isOn(settings.get('read_only')),
    cluster: isOn(settings.get('wsrep_on'))
      ? {
          size: Number(status.get('wsrep_cluster_size') ?? 0),
          status: status.get('wsrep_cluster_status') ?? 'unknown',
        }
      : undefined,
  };
}

function isOn(value: string | undefined): boolean {
  return value === 'ON' || value === '1';
}

function placeholders(values: readonly string[]): string {
  return values.map(() => '?').join(', ');
}

/** SHOW names its columns in its own way, and variables in lower case or not. */
function valuesByName(rows: readonly Row[]): ReadonlyMap<string, string> {
  return new Map(
    rows.map((row) => [
      String(row['name'] ?? row['Variable_name']).toLowerCase(),
      String(row['value'] ?? row['Value']),
    ]),
  );
}

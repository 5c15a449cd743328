import type { Engine } from '../../src/store/driver.ts';

export type ServerEngine = Exclude<Engine, 'sqlite'>;

export const SERVER_ENGINES: readonly ServerEngine[] = ['postgres', 'mariadb'];

/** Why the tests cannot use a server, by its engine; those that they can use are not among them. */
export type Unreachable = Readonly<Partial<Record<ServerEngine, string>>>;

const PROBE_LIMIT_MS = 3_000;
/** Hands what was found on to the processes in which tests run. */
const FOUND = 'TEST_PERIODIC_CRON_UNREACHABLE';

const VARIABLES = {
  postgres: 'TEST_PERIODIC_CRON_POSTGRES_URL',
  mariadb: 'TEST_PERIODIC_CRON_MARIADB_URL',
} as const;
const DEFAULT_URLS = {
  postgres: 'postgres://postgres@127.0.0.1:5432/postgres',
  mariadb: 'mariadb://root@127.0.0.1:3306/mysql',
} as const;

/** Where the tests may create databases, as a user who may; it may hold a password. */
export function adminUrl(engine: ServerEngine): URL {
  return new URL(process.env[VARIABLES[engine]] ?? DEFAULT_URLS[engine]);
}

/** Finds out, once for a run of the tests, which servers there are. */
export async function findUnreachable(): Promise<Unreachable> {
  const found = process.env[FOUND];
  if (found !== undefined) {
    return JSON.parse(found) as Unreachable;
  }
  const faults = await Promise.all(
    SERVER_ENGINES.map(async (engine) => {
      const fault = await faultOf(engine);
      return fault === undefined ? [] : [[engine, fault] as const];
    }),
  );
  const unreachable: Unreachable = Object.fromEntries(faults.flat());
  process.env[FOUND] = JSON.stringify(unreachable);
  return unreachable;
}

/** What cannot be reached, in one line that shows no password; undefined when all can. */
export function tellUnreachable(unreachable: Unreachable): string | undefined {
  const parts = Object.entries(unreachable).map(([engine, fault]) => {
    const { host, pathname } = adminUrl(engine as ServerEngine);
    return `${engine} at ${host}${pathname} (${fault}; named by ${VARIABLES[engine as ServerEngine]})`;
  });
  return parts.length === 0 ? undefined : `engines that the tests cannot reach: ${parts.join(', ')}`;
}

async function faultOf(engine: ServerEngine): Promise<string | undefined> {
  try {
    await (engine === 'postgres' ? probePostgres() : probeMariadb());
    return undefined;
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    return String(code ?? message).split('\n')[0];
  }
}

async function probePostgres(): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    connectionString: adminUrl('postgres').href,
    connectionTimeoutMillis: PROBE_LIMIT_MS,
  });
  client.on('error', () => undefined);
  await client.connect();
  await client.end();
}

async function probeMariadb(): Promise<void> {
  const { createConnection } = await import('mysql2/promise');
  const uri = adminUrl('mariadb').href.replace(/^mariadb:/, 'mysql:');
  const connection = await createConnection({ uri, connectTimeout: PROBE_LIMIT_MS });
  await connection.end();
}

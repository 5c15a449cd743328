import type { Socket } from 'node:net';
import { userInfo } from 'node:os';
import type { Client, QueryResult } from 'pg';
import type { ServerHost, ServerLocation } from '../config/config.ts';
import type { Row, SqlValue } from './driver.ts';
import { type Attempt, connectToFirst } from './hosts.ts';
import type { KnexServer } from './knex.ts';
import { passwordOf, postgresToolsPassword } from './password.ts';
import { programNameOf } from './program-name.ts';
import {
  IDLE_LIMIT_S,
  LOCK_LIMIT_S,
  type ServerConnection,
  type ServerEngine,
  type SessionOptions,
  STATEMENT_LIMIT_S,
} from './server-driver.ts';
import {
  codeOf,
  databaseErrorWith,
  type ErrorKind,
  isTlsError,
  leadOf,
  networkKindOf,
  ReadOnlyServerError,
  wordsOf,
} from './server-errors.ts';
import { tlsOptionsOf } from './tls.ts';

/** PostgreSQL, as the thin driver talks to it. */
export function postgresEngine(location: ServerLocation, session: SessionOptions): ServerEngine {
  return {
    engine: 'postgres',
    connect: async () => connectionOver(await connectPostgres(location, session), session.readOnly),
    kindOf,
    errorOf: (error) => postgresErrorOf(error, location),
  };
}

/**
 * Connects to the first server that can be written to, or to any that can be read. Nothing is set for the session, since
 * a pooler may give every transaction another one.
 *
 * @throws whatever the driver throws; see {@link postgresErrorOf}
 */
export async function connectPostgres(location: ServerLocation, session: SessionOptions): Promise<Client> {
  const { default: pg } = await import('pg');
  const tls = await tlsOptionsOf(location);
  const begin = (host: ServerHost): Attempt<Client> => {
    const client = new pg.Client({
      ...addressOf(host),
      user: userOf(location),
      database: location.database,
      password: () => passwordFor(location, host),
      ssl: tls === undefined ? false : { ...tls, ...identityCheck(location) },
      application_name: programNameOf(session),
      keepAlive: true,
      types: { getTypeParser: parserOf },
    });
    // An error between two statements would end the process; the next statement tells of it.
    client.on('error', () => undefined);
    return { made: prepare(client, session), destroy: () => destroy(client) };
  };
  return connectToFirst(location, { begin, kindOf });
}

async function prepare(client: Client, { readOnly }: SessionOptions): Promise<Client> {
  await client.connect();
  if (!readOnly) {
    const { rows } = await client.query("SELECT current_setting('transaction_read_only') AS answer");
    if (rows[0]?.answer === 'on') {
      throw new ReadOnlyServerError('the server only reads');
    }
  }
  return client;
}

/** Asked for when the server wants one. Without any it is empty, which the server refuses in words of its own. */
async function passwordFor(location: ServerLocation, host: ServerHost): Promise<string> {
  const user = userOf(location);
  return (await passwordOf(location)) ?? (await postgresToolsPassword(location, host, user)) ?? '';
}

/**
 * A connection for the query builder, without the time limits of a tick.
 *
 * @throws DatabaseError
 */
export async function postgresForKnex(
  location: ServerLocation,
  { readOnly = false } = {},
): Promise<KnexServer> {
  const errorOf = (error: unknown) => postgresErrorOf(error, location);
  const client = await connectPostgres(location, { readOnly }).catch((error: unknown) => {
    throw errorOf(error);
  });
  const pooled = Object.assign(client, { release: () => undefined });
  return {
    client: 'pg',
    pool: { connect: () => Promise.resolve(pooled) } as unknown as KnexServer['pool'],
    mayHelp: (error) => kindOf(error) === 'repeat',
    errorOf,
    close: () => Promise.resolve(goodbye(client)),
  };
}

/** Under cron the environment names no user, so the system is asked. */
function userOf({ user }: ServerLocation): string {
  return user ?? process.env['PGUSER'] ?? userInfo().username;
}

/** The address of a server, or the folder in which its socket lies. */
function addressOf(host: ServerHost): { readonly host: string; readonly port: number } {
  return 'socket' in host ? { host: host.socket, port: host.port } : host;
}

/** `verify-ca` leaves the name in the certificate alone. */
function identityCheck({ tls }: ServerLocation): { readonly checkServerIdentity?: () => undefined } {
  return tls.mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined };
}

const BOOL = 16;
/** int8, int2, int4, oid, float4, float8, numeric. */
const NUMBERS: ReadonlySet<number> = new Set([20, 21, 23, 26, 700, 701, 1700]);

/** Rows read as they do from every engine: numbers as numbers, truth as 1 and 0. */
function parserOf(oid: number): (text: string) => string | number {
  if (oid === BOOL) {
    return (text) => (text === 't' ? 1 : 0);
  }
  return NUMBERS.has(oid) ? Number : (text) => text;
}

const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED';
const LIMITS = `SET LOCAL statement_timeout = '${STATEMENT_LIMIT_S}s';
  SET LOCAL lock_timeout = '${LOCK_LIMIT_S}s';
  SET LOCAL idle_in_transaction_session_timeout = '${IDLE_LIMIT_S}s'`;

function connectionOver(client: Client, readOnly: boolean): ServerConnection {
  const query = (sql: string, params: readonly SqlValue[]): Promise<QueryResult> =>
    client.query(numbered(sql), [...params]);
  const say = async (sql: string): Promise<void> => {
    await client.query(sql);
  };
  return {
    all: async (sql, params) => (await query(sql, params)).rows as readonly Row[],
    run: async (sql, params) => {
      if (readOnly) {
        throw new Error(`expected no write on a connection for reading, got: ${sql}`);
      }
      return (await query(sql, params)).rowCount ?? 0;
    },
    begin: () => say(`${BEGIN} ${readOnly ? 'READ ONLY' : 'READ WRITE'}; ${LIMITS}`),
    commit: async () => {
      // A transaction that failed before answers COMMIT with ROLLBACK, and no error.
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') {
        throw new Error(`expected COMMIT to commit, got ${command}`);
      }
    },
    rollback: () => say('ROLLBACK'),
    end: () => goodbye(client),
    destroy: () => destroy(client),
  };
}

/** The driver would wait for the server to close its side, which one that is cut off never does. */
function goodbye(client: Client): void {
  void client.end().catch(() => undefined);
  socketOf(client)?.destroySoon();
}

function destroy(client: Client): void {
  void client.end().catch(() => undefined);
  socketOf(client)?.destroy();
}

function socketOf(client: Client): Socket | undefined {
  return (client as unknown as { readonly connection?: { readonly stream?: Socket } }).connection?.stream;
}

const numberedTexts = new Map<string, string>();

/** The statement with `$1`, `$2` for its placeholders. Statements hold no question mark in a literal. */
function numbered(sql: string): string {
  const known = numberedTexts.get(sql);
  if (known !== undefined) {
    return known;
  }
  let count = 0;
  const text = sql.replaceAll('?', () => {
    count += 1;
    return `$${count}`;
  });
  numberedTexts.set(sql, text);
  return text;
}

/** Serialization, deadlock, lock wait, cancelled. */
const REPEAT = new Set(['40001', '40P01', '55P03', '57014']);
/** Shut down, crashed, starting or recovering, idle for too long, read-only, result unknown, too many connections. */
const RECONNECT = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '25006', '40003', '53300']);

function kindOf(error: unknown): ErrorKind {
  const code = codeOf(error);
  if (REPEAT.has(code)) {
    return 'repeat';
  }
  // Class 08 is the connection's.
  if (RECONNECT.has(code) || code.startsWith('08')) {
    return 'reconnect';
  }
  return networkKindOf(error) ?? (isDriverGone(error) ? 'reconnect' : 'fault');
}

// The driver has no codes for these.
const GONE = /^Connection terminated|^Client (?:was closed|has encountered)|^Received unexpected/;

function isDriverGone(error: unknown): boolean {
  const lead = leadOf(error);
  return lead instanceof Error && GONE.test(lead.message);
}

/**
 * An error of PostgreSQL, or of the way to it, as the user sees it: one line with the database and the remedy. What
 * complains about a statement of ours comes back as it is.
 */
export function postgresErrorOf(error: unknown, location: ServerLocation): unknown {
  return databaseErrorWith(error, location, remedyOf(error, location));
}

function remedyOf(error: unknown, { database, user }: ServerLocation): string | undefined {
  const code = leadOf(error) instanceof ReadOnlyServerError ? '25006' : codeOf(error);
  const known = REMEDIES[code];
  if (known !== undefined) {
    return known;
  }
  if (code === '3D000') {
    return `create it, for example with "createdb ${database}"`;
  }
  if (code === '42501') {
    return `grant the user ${user ?? 'of the connection'} the rights that a runner needs (docs/many-nodes.md lists them)`;
  }
  if (code.startsWith('28') || /^SASL|client password/.test(wordsOf(leadOf(error)))) {
    return 'check user and password, and that pg_hba.conf lets this machine in';
  }
  if (isTlsError(error)) {
    return 'check the certificate, its authority (sslrootcert), and that the server speaks TLS';
  }
  return kindOf(error) === 'fault' ? undefined : 'check that the server runs and can be reached from here';
}

const BUSY = 'too many others write at the same time; try again later';

const REMEDIES: Readonly<Record<string, string>> = {
  '40001': BUSY,
  '40P01': BUSY,
  '55P03':
    'another session holds a lock for too long; look at pg_stat_activity for one that is idle in a transaction',
  '57014': 'the statement took too long; look at the load of the server',
  '53100': 'the disk of the server is full: free space there',
  '53200': 'the server has no memory left: look at its load',
  '53300': 'the server has no connection left: raise max_connections, or use a pooler',
  '25006': 'no server of the URL can be written to now; wait for the failover, or name the primary',
};

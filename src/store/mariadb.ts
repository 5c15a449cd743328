import type { Socket } from 'node:net';
import { userInfo } from 'node:os';
import type { Connection, ConnectionOptions, ResultSetHeader } from 'mysql2';
import type { ServerHost, ServerLocation } from '../config/config.ts';
import type { Row, SqlValue } from './driver.ts';
import { type Attempt, connectToFirst } from './hosts.ts';
import type { KnexServer } from './knex.ts';
import { watchIdentity } from './mariadb-identity.ts';
import { passwordOf } from './password.ts';
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
} from './server-errors.ts';
import { type TlsOptions, tlsOptionsOf } from './tls.ts';

/** MariaDB, alone or as a Galera cluster, as the thin driver talks to it. */
export function mariadbEngine(location: ServerLocation, session: SessionOptions): ServerEngine {
  return {
    engine: 'mariadb',
    connect: async () => connectionOver(await connectMariadb(location, { ...session, hasLimits: true })),
    kindOf,
    errorOf: (error) => mariadbErrorOf(error, location),
  };
}

export type MariadbSession = SessionOptions & {
  /** Give statements the time limits of a tick. */
  readonly hasLimits: boolean;
};

/**
 * Connects to the first server that can be written to, or to any that can be read, and sets the session up so that it
 * reads SQL as the other engines do.
 *
 * @throws whatever the driver throws; see {@link mariadbErrorOf}
 */
export async function connectMariadb(location: ServerLocation, session: MariadbSession): Promise<Connection> {
  const { default: mysql } = await import('mysql2');
  const tls = await tlsOptionsOf(location);
  const password = await passwordOf(location);
  const begin = (host: ServerHost): Attempt<Connection> => {
    const common = optionsOf(location, { password, tls });
    const connection = mysql.createConnection({
      ...common,
      ...('socket' in host ? { socketPath: host.socket } : host),
      connectAttributes: { program_name: programNameOf(session) },
    });
    // An error between two statements would end the process; the next statement tells of it.
    connection.on('error', () => undefined);
    return { made: prepare(connection, { location, host, session }), destroy: () => destroy(connection) };
  };
  return connectToFirst(location, { begin, kindOf });
}

type Preparing = {
  readonly location: ServerLocation;
  readonly host: ServerHost;
  readonly session: MariadbSession;
};

async function prepare(connection: Connection, { location, host, session }: Preparing): Promise<Connection> {
  const identity = location.tls.mode === 'verify-full' ? watchIdentity(connection, host) : undefined;
  await called<void>((done) => connection.connect(done));
  identity?.assertSeen();
  await setUp(connection, session);
  return connection;
}

/** The driver would wait for the server to close its side, which one that is cut off never does. */
function goodbye(connection: Connection): void {
  connection.end(() => undefined);
  socketOf(connection).destroySoon();
}

function destroy(connection: Connection): void {
  connection.destroy();
  socketOf(connection).destroy();
}

function socketOf(connection: Connection): Socket {
  return (connection as unknown as { readonly stream: Socket }).stream;
}

/**
 * A connection for the query builder, without the time limits of a tick.
 *
 * @throws DatabaseError
 */
export async function mariadbForKnex(
  location: ServerLocation,
  { readOnly = false } = {},
): Promise<KnexServer> {
  const errorOf = (error: unknown) => mariadbErrorOf(error, location);
  const connection = await connectMariadb(location, { readOnly, hasLimits: false }).catch(
    (error: unknown) => {
      throw errorOf(error);
    },
  );
  const pooled = Object.assign(connection, { release: () => undefined });
  return {
    client: 'mysql2',
    pool: {
      getConnection: (done: (error: null, connection: unknown) => void) => done(null, pooled),
    } as unknown as KnexServer['pool'],
    mayHelp: (error) => kindOf(error) === 'repeat',
    errorOf,
    close: () => Promise.resolve(goodbye(connection)),
  };
}

function optionsOf(
  { user, database }: ServerLocation,
  { password, tls }: { readonly password: string | undefined; readonly tls: TlsOptions | undefined },
): ConnectionOptions {
  return {
    user: user ?? userInfo().username,
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { ssl: { ...tls } }),
    database,
    // All that making a connection takes has one limit, which is not the driver's.
    connectTimeout: 0,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    enableKeepAlive: true,
  };
}

/** Names in double quotes and `||` as in the other engines; what does not fit a column is an error. */
const SQL_MODE = 'ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION';

const MARIADB_LIMITS = `max_statement_time = ${STATEMENT_LIMIT_S}, idle_transaction_timeout = ${IDLE_LIMIT_S}`;
const MYSQL_LIMITS = `max_execution_time = ${STATEMENT_LIMIT_S * 1_000}`;

async function setUp(connection: Connection, { readOnly, hasLimits }: MariadbSession): Promise<void> {
  const [row] = await rowsOf(connection, 'SELECT @@read_only AS is_read_only, version() AS version');
  if (!readOnly && !['0', 'OFF'].includes(String(row?.['is_read_only']))) {
    throw new ReadOnlyServerError('the server only reads');
  }
  const limit = String(row?.['version']).includes('MariaDB') ? MARIADB_LIMITS : MYSQL_LIMITS;
  await joinCluster(connection);
  await rowsOf(
    connection,
    `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, ${readOnly ? 'READ ONLY' : 'READ WRITE'}`,
  );
  await rowsOf(
    connection,
    `SET SESSION autocommit = 1, sql_mode = '${SQL_MODE}', time_zone = '+00:00'${
      hasLimits ? `, innodb_lock_wait_timeout = ${LOCK_LIMIT_S}, ${limit}` : ''
    }`,
  );
}

/**
 * A server of a cluster that is out of its quorum takes connections and refuses every table: another one has to be found.
 * Any other may be a moment behind the rest, so what was committed before this connection is waited for.
 */
async function joinCluster(connection: Connection): Promise<void> {
  const rows = await rowsOf(
    connection,
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_provider_name', 'wsrep_ready')",
  );
  const status = new Map(rows.map((row) => [row['Variable_name'], row['Value']]));
  if ((status.get('wsrep_provider_name') ?? '') === '') {
    return;
  }
  if (status.get('wsrep_ready') !== 'ON') {
    throw Object.assign(new Error('the server is not ready'), { errno: 1047 });
  }
  await rowsOf(connection, 'SET STATEMENT wsrep_sync_wait = 1 FOR SELECT 1');
}

function connectionOver(connection: Connection): ServerConnection {
  const say = async (sql: string): Promise<void> => {
    await rowsOf(connection, sql);
  };
  return {
    all: (sql, params) => rowsOf(connection, sql, params),
    run: async (sql, params) => {
      const header = await called<ResultSetHeader>((done) =>
        connection.query<ResultSetHeader>(sql, [...params], done),
      );
      return header.affectedRows;
    },
    begin: () => say('START TRANSACTION'),
    commit: () => say('COMMIT'),
    rollback: () => say('ROLLBACK'),
    end: () => goodbye(connection),
    destroy: () => destroy(connection),
  };
}

function rowsOf(
  connection: Connection,
  sql: string,
  params: readonly SqlValue[] = [],
): Promise<readonly Row[]> {
  return called<readonly Row[]>((done) =>
    connection.query(sql, [...params], (error, rows) => done(error, rows as unknown as readonly Row[])),
  );
}

type Done<T> = (error: Error | null, result?: T) => void;

function called<T>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error === null || error === undefined ? resolve(result as T) : reject(error)));
  });
}

/** Deadlock, lock wait, changed since it was read or on another node of the cluster, cancelled, statement time. */
const REPEAT = new Set([1213, 1205, 1020, 1614, 1317, 1969, 3024]);
/** Not a part of its cluster, read-only, too many connections. */
const NOT_NOW = [1047, 1290, 1836, 1040, 1203, 1226];
/** Shut down, killed, gone, lost, idle for too long, network. */
const GONE = [1053, 1927, 2006, 2013, 4031, 1152, 1158, 1159, 1160, 1161, 1184];
const RECONNECT = new Set([...NOT_NOW, ...GONE]);

function kindOf(error: unknown): ErrorKind {
  const number = numberOf(error);
  if (REPEAT.has(number)) {
    return 'repeat';
  }
  if (RECONNECT.has(number) || isGone(error)) {
    return 'reconnect';
  }
  return networkKindOf(error) ?? 'fault';
}

/** The number that the server gave an error; NaN if it gave none. */
function numberOf(error: unknown): number {
  const lead = leadOf(error);
  return lead instanceof Error && 'errno' in lead ? Number(lead.errno) : Number.NaN;
}

function isGone(error: unknown): boolean {
  const lead = leadOf(error);
  const isLost = /^PROTOCOL_(?:CONNECTION_LOST|ERROR)/.test(codeOf(error));
  return isLost || (lead instanceof Error && /in closed state|after (?:fatal|invoking)/.test(lead.message));
}

/**
 * An error of MariaDB, or of the way to it, as the user sees it: one line with the database and the remedy. What
 * complains about a statement of ours comes back as it is.
 */
export function mariadbErrorOf(error: unknown, location: ServerLocation): unknown {
  return databaseErrorWith(error, location, remedyOf(error, location));
}

function remedyOf(error: unknown, { database, user }: ServerLocation): string | undefined {
  const number = numberOf(error);
  const known = leadOf(error) instanceof ReadOnlyServerError ? READ_ONLY : REMEDIES[number];
  if (known !== undefined) {
    return known;
  }
  if (number === 1049) {
    return `create it, for example with "CREATE DATABASE ${database} CHARACTER SET utf8mb4"`;
  }
  if (NO_RIGHT.has(number)) {
    return `grant the user ${user ?? 'of the connection'} the rights that a runner needs (docs/many-nodes.md lists them)`;
  }
  if (isTlsError(error)) {
    return 'check the certificate, its authority (ssl-ca), and that the server speaks TLS';
  }
  return kindOf(error) === 'fault' ? undefined : 'check that the server runs and can be reached from here';
}

/** On a table, a column, a routine, and for something that needs an administrator. */
const NO_RIGHT = new Set([1142, 1143, 1227, 1370]);

const LOGIN = 'check user and password, and that the user may log in from this machine';
const BUSY = 'too many others write at the same time; try again later';
const SLOW = 'the statement took too long; look at the load of the server';
const READ_ONLY = 'no server of the URL can be written to now; wait for the failover, or name the primary';
const FULL = 'the disk of the server is full: free space there';

const REMEDIES: Readonly<Record<number, string>> = {
  1044: LOGIN,
  1045: LOGIN,
  1130: LOGIN,
  1251: LOGIN,
  1698: LOGIN,
  1129: 'the server refuses this machine after too many broken connections: run FLUSH HOSTS there',
  1213: BUSY,
  1020: BUSY,
  1205: 'another session holds a lock for too long; look at SHOW FULL PROCESSLIST for one that sleeps in a transaction',
  1317: SLOW,
  1969: SLOW,
  3024: SLOW,
  1040: 'the server has no connection left: raise max_connections',
  1203: 'the user has no connection left: raise max_user_connections',
  1226: 'the user has used up what the server grants him: raise his limits',
  1047: 'the server is no part of its cluster now; wait until it is, or name another one as well',
  1153: 'raise max_allowed_packet of the server, or lower output_limit',
  1290: READ_ONLY,
  1836: READ_ONLY,
  1021: FULL,
  1114: FULL,
};

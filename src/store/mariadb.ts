import type { Socket } from 'node:net';
import { userInfo } from 'node:os';
import type { Connection, ConnectionOptions, ResultSetHeader } from 'mysql2';
import type { ServerHost, ServerLocation } from '../config/config.ts';
import type { Row, SqlValue } from './driver.ts';
import { type Attempt, connectToFirst } from './hosts.ts';
import type { KnexServer } from './knex.ts';
import { kindOf, mariadbErrorOf } from './mariadb-errors.ts';
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
import { ReadOnlyServerError } from './server-errors.ts';
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

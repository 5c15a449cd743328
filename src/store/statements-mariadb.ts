import type { Connection, ResultSetHeader } from 'mysql2';
import type { ServerHost, ServerLocation } from '../config/config.ts';
import { connectMariadb } from './mariadb.ts';
import { mariadbErrorOf } from './mariadb-errors.ts';
import { collectRows } from './result-rows.ts';
import { leadOf, ReadOnlyServerError } from './server-errors.ts';
import type { Parameter, StatementRequest, StatementResult, StatementSession } from './statement-session.ts';

/**
 * A connection to MariaDB with the SQL mode and the time zone of the server, at READ COMMITTED.
 *
 * @throws DatabaseError
 */
export async function openMariadbStatements(location: ServerLocation): Promise<StatementSession> {
  const connection = await connect(location);
  return {
    execute: (request) => execute(connection, request),
    begin: () => say(connection, 'START TRANSACTION'),
    commit: () => say(connection, 'COMMIT'),
    rollback: () => say(connection, 'ROLLBACK'),
    cancel: () => cancel(location, connection),
    close: () => connection.destroy(),
  };
}

async function connect(location: ServerLocation): Promise<Connection> {
  try {
    const connection = await connectAs(location, false).catch((error: unknown) => {
      if (leadOf(error) instanceof ReadOnlyServerError) {
        return connectAs(location, true);
      }
      throw error;
    });
    // Statements of others mean what they mean to everybody else at this server.
    await say(connection, 'SET SESSION sql_mode = DEFAULT, time_zone = DEFAULT');
    await say(connection, 'SET NAMES utf8mb4');
    return connection;
  } catch (error) {
    throw mariadbErrorOf(error, location);
  }
}

function connectAs(location: ServerLocation, readOnly: boolean): Promise<Connection> {
  return connectMariadb(location, { readOnly, hasLimits: false });
}

async function say(connection: Connection, sql: string): Promise<void> {
  await execute(connection, { sql, parameters: [], limits: { rows: 0, bytes: 0 } });
}

/**
 * Rows are looked at as they come. Those beyond the limits are read and forgotten, since the server knows no other way
 * to leave them out than to end the statement. Of a procedure with several results the first one counts.
 */
async function execute(
  connection: Connection,
  { sql, parameters, limits }: StatementRequest,
): Promise<StatementResult> {
  const collector = collectRows(limits);
  const { seen, rowsAffected } = await watched(connection, (fail) => {
    // Not every statement can be prepared, and one without parameters need not be.
    const query =
      parameters.length === 0 ? connection.query(sql) : connection.execute(sql, parameters.map(boundValue));
    query.on('error', fail);
    return summed(query, (row) => void collector.add(row));
  });
  return seen > 0 ? collector.result() : { kind: 'changed', rowsAffected };
}

/** Waits for a statement. What breaks the connection meanwhile is told to the connection, not to the statement. */
async function watched<T>(
  connection: Connection,
  begin: (fail: (error: Error) => void) => Promise<T>,
): Promise<T> {
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  connection.on('error', fail);
  try {
    return await Promise.race([failed, begin(fail)]);
  } finally {
    connection.removeListener('error', fail);
  }
}

type Summed = {
  /** How many sets of rows there were. */
  readonly seen: number;
  readonly rowsAffected: number;
};

function summed(
  query: ReturnType<Connection['query']>,
  take: (row: Readonly<Record<string, unknown>>) => void,
): Promise<Summed> {
  return new Promise((resolve) => {
    let seen = 0;
    let rowsAffected = 0;
    // It also comes, without any, before what is no rows.
    query.on('fields', (fields: unknown) => {
      seen += fields === undefined ? 0 : 1;
    });
    query.on('result', (row: unknown) => {
      if (isHeader(row)) {
        rowsAffected += row.affectedRows;
      } else if (seen <= 1) {
        take(row as Readonly<Record<string, unknown>>);
      }
    });
    // It follows an error as well, which has been told by then.
    query.on('end', () => resolve({ seen, rowsAffected }));
  });
}

function isHeader(row: unknown): row is ResultSetHeader {
  // A column may be called `constructor`, so the row itself is not asked.
  return typeof row === 'object' && Object.getPrototypeOf(row)?.constructor.name === 'ResultSetHeader';
}

/** The driver sends every number as a floating one, which `LIMIT ?` refuses; text is converted by the server. */
function boundValue(value: Parameter): string | number | boolean | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
}

/** What the driver knows of a connection, and its types leave out. */
type Connected = {
  readonly stream: { readonly destroy: () => void };
  readonly config: { readonly host?: string; readonly port?: number; readonly socketPath?: string };
};

async function cancel(location: ServerLocation, connection: Connection): Promise<void> {
  const { config } = connection as unknown as Connected;
  const server = location.hosts.find((one) => isAt(one, config));
  try {
    const hosts = server === undefined ? location.hosts : [server];
    const other = await connectAs({ ...location, hosts }, true);
    try {
      await say(other, `KILL QUERY ${Number(connection.threadId)}`);
    } finally {
      other.destroy();
    }
  } catch {
    // Other than a connection that is closed from here, one that breaks ends its statement with an error.
    (connection as unknown as Connected).stream.destroy();
  }
}

function isAt(server: ServerHost, { host, port, socketPath }: Connected['config']): boolean {
  return 'socket' in server ? server.socket === socketPath : server.host === host && server.port === port;
}

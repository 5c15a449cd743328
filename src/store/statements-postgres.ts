import type { Client, QueryResult, Submittable } from 'pg';
import type { ServerHost, ServerLocation } from '../config/config.ts';
import { connectPostgres, postgresErrorOf } from './postgres.ts';
import { collectRows, exactNumber } from './result-rows.ts';
import { leadOf, ReadOnlyServerError } from './server-errors.ts';
import type { StatementRequest, StatementResult, StatementSession } from './statement-session.ts';

/**
 * A connection to PostgreSQL with the settings of the server and of its user.
 *
 * @throws DatabaseError
 */
export async function openPostgresStatements(location: ServerLocation): Promise<StatementSession> {
  const client = await connect(location);
  const { default: pg } = await import('pg');
  const say = async (sql: string): Promise<void> => {
    await client.query(sql);
  };
  return {
    execute: (request) => execute(client, pg.Query as unknown as QueryClass, request),
    begin: () => say('BEGIN'),
    commit: async () => {
      // A transaction that failed before answers COMMIT with ROLLBACK, and no error.
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') {
        throw new Error(`expected COMMIT to commit, got ${command}`);
      }
    },
    rollback: () => say('ROLLBACK'),
    cancel: () => cancel(location, client),
    close: () => drop(client),
  };
}

async function connect(location: ServerLocation): Promise<Client> {
  try {
    return await connectPostgres(location, { readOnly: false }).catch((error: unknown) => {
      if (leadOf(error) instanceof ReadOnlyServerError) {
        return connectPostgres(location, { readOnly: true });
      }
      throw error;
    });
  } catch (error) {
    throw postgresErrorOf(error, location);
  }
}

/** The driver's own query, with what its types leave out. */
type PortalQuery = Submittable & {
  readonly portal: string;
  _getRows: (connection: Wire) => void;
  handlePortalSuspended: () => void;
  handleCopyInResponse: (connection: Wire) => void;
  readonly on: ((event: 'row', listener: (row: Record<string, unknown>) => void) => void) &
    ((event: 'error', listener: (error: Error) => void) => void) &
    ((event: 'end', listener: (result: QueryResult) => void) => void);
};
type Wire = {
  readonly execute: (request: { readonly portal: string; readonly rows: number }) => void;
  readonly sync: () => void;
  readonly sendCopyFail: (message: string) => void;
};
type QueryClass = new (config: {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Even a statement without values is prepared, and so can be only one. */
  readonly queryMode: 'extended';
  readonly types: { readonly getTypeParser: (oid: number) => (text: string) => unknown };
}) => PortalQuery;

/** Asks for one row more than is wanted and then lets go of the rest, which the server does not even work out. */
function execute(
  client: Client,
  Query: QueryClass,
  { sql, parameters, limits }: StatementRequest,
): Promise<StatementResult> {
  return new Promise((resolve, reject) => {
    const collector = collectRows(limits);
    const types = { getTypeParser: parserOf };
    const query = new Query({ text: sql, values: parameters, queryMode: 'extended', types });
    query._getRows = (connection) => {
      connection.execute({ portal: query.portal, rows: limits.rows + 1 });
      connection.sync();
    };
    query.handlePortalSuspended = collector.cut;
    query.handleCopyInResponse = (connection) => {
      connection.sendCopyFail('there is no input for a statement here');
      // The server has passed over the sync that followed the statement, and would wait for another for ever.
      connection.sync();
    };
    query.on('row', (row) => void collector.add(row));
    query.on('error', reject);
    query.on('end', ({ fields, rowCount }) =>
      resolve(fields.length > 0 ? collector.result() : { kind: 'changed', rowsAffected: rowCount ?? 0 }),
    );
    client.query(query);
  });
}

const BOOL = 16;
/** int8, and the small ones: int2, int4, oid, float4, float8. What is numeric stays exact as text. */
const INT8 = 20;
const NUMBERS: ReadonlySet<number> = new Set([21, 23, 26, 700, 701]);

function parserOf(oid: number): (text: string) => string | number | boolean {
  if (oid === BOOL) {
    return (text) => text === 't';
  }
  if (oid === INT8) {
    return exactNumber;
  }
  return NUMBERS.has(oid) ? Number : (text) => text;
}

/** What the driver knows of a connection, and its types leave out. */
type Connected = {
  readonly processID?: number;
  readonly host?: string;
  readonly port?: number;
  readonly connection?: { readonly stream?: { readonly destroy: () => void } };
};

async function cancel(location: ServerLocation, client: Client): Promise<void> {
  const { processID, host, port } = client as unknown as Connected;
  const server = location.hosts.find((one) => isAt(one, host, port));
  try {
    const hosts = server === undefined ? location.hosts : [server];
    const other = await connectPostgres({ ...location, hosts }, { readOnly: true });
    try {
      await other.query('SELECT pg_cancel_backend($1)', [processID]);
    } finally {
      drop(other);
    }
  } catch {
    drop(client);
  }
}

function isAt(server: ServerHost, host: string | undefined, port: number | undefined): boolean {
  return ('socket' in server ? server.socket : server.host) === host && server.port === port;
}

/** Does not wait for the server, which may be cut off. */
function drop(client: Client): void {
  void client.end().catch(() => undefined);
  (client as unknown as Connected).connection?.stream?.destroy();
}

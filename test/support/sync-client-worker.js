import { workerData } from 'node:worker_threads';

// Answers a thread that stands still until the answer is there: see sync-client.ts.

/**
 * @typedef {{ sql: string, params: ReadonlyArray<string | number | null> }} Request
 * @typedef {{ rows: object[], changes: number }} Result
 * @typedef {{ ask: (request: Request) => Promise<Result>, close: () => Promise<void> }} Connection
 * @typedef {import('mysql2').RowDataPacket[] | import('mysql2').ResultSetHeader} MariadbResult
 */

/** Double quotes name things and `||` joins texts, as in the other engines. */
const MARIADB_SETTINGS = `SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ANSI_QUOTES,PIPES_AS_CONCAT',
  time_zone = '+00:00', lock_wait_timeout = 20, innodb_lock_wait_timeout = 20,
  tx_isolation = 'READ-COMMITTED'`;
const POSTGRES_SETTINGS =
  "SET timezone = 'UTC'; SET lock_timeout = '20s'; SET client_min_messages = 'warning'";

/** @type {{ url: string, port: import('node:worker_threads').MessagePort, answered: Int32Array<SharedArrayBuffer> }} */
const { url, port, answered } = workerData;
/** @type {Promise<Connection> | undefined} */
let connecting;

port.on('message', async (/** @type {Request | 'close'} */ request) => {
  port.postMessage(await answerTo(request));
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
});

/** @param {Request | 'close'} request */
async function answerTo(request) {
  try {
    connecting ??= url.startsWith('postgres') ? connectPostgres() : connectMariadb();
    const connection = await connecting;
    if (request === 'close') {
      await connection.close();
      return { rows: [], changes: 0 };
    }
    return await connection.ask(request);
  } catch (error) {
    const { message, code } = /** @type {{ message: string, code?: string }} */ (error);
    return { message, code };
  }
}

/** @returns {Promise<Connection>} */
async function connectPostgres() {
  const { default: pg } = await import('pg');
  /** @type {Readonly<Record<number, (text: string) => number>>} */
  const parsers = {
    [pg.types.builtins.BOOL]: (text) => (text === 't' ? 1 : 0),
    [pg.types.builtins.INT8]: Number,
    [pg.types.builtins.NUMERIC]: Number,
  };
  const client = new pg.Client({
    connectionString: url,
    application_name: 'periodic-cron test',
    connectionTimeoutMillis: 10_000,
    types: { getTypeParser: (id, format) => parsers[id] ?? pg.types.getTypeParser(id, format) },
  });
  // A connection that is ended from elsewhere shows at its next statement.
  client.on('error', () => undefined);
  await client.connect();
  await client.query(POSTGRES_SETTINGS);
  return {
    ask: async ({ sql, params }) => {
      const { rows, rowCount } = await client.query(params.length === 0 ? sql : numbered(sql), [...params]);
      return { rows: rows ?? [], changes: rowCount ?? 0 };
    },
    close: () => client.end(),
  };
}

/**
 * Placeholders as PostgreSQL writes them.
 *
 * @param {string} sql
 */
function numbered(sql) {
  let count = 0;
  return sql.replaceAll(/'(?:[^']|'')*'|"[^"]*"|\?/g, (part) => {
    if (part !== '?') {
      return part;
    }
    count += 1;
    return `$${count}`;
  });
}

/** @returns {Promise<Connection>} */
async function connectMariadb() {
  const { createConnection } = await import('mysql2/promise');
  const connection = await createConnection({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    charset: 'utf8mb4_bin',
    multipleStatements: true,
    decimalNumbers: true,
    dateStrings: true,
    connectTimeout: 10_000,
  });
  connection.on('error', () => undefined);
  await connection.query(MARIADB_SETTINGS);
  return {
    ask: async ({ sql, params }) => {
      // Without parameters there may be several statements.
      const [result] =
        params.length === 0 ? await connection.query(sql) : await connection.execute(sql, [...params]);
      return Array.isArray(result)
        ? { rows: result.map((row) => ({ ...row })), changes: 0 }
        : { rows: [], changes: result.affectedRows };
    },
    close: () => connection.end(),
  };
}

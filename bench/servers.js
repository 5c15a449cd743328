/**
 * A database of the bench's own on a server.
 *
 * @typedef {{
 *   url: string,
 *   run: (sql: string) => Promise<unknown>,
 *   numberOf: (sql: string) => Promise<number>,
 *   drop: () => Promise<void>,
 * }} Server
 */

const ADMIN_URLS = {
  postgres: process.env['PERIODIC_CRON_TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  mariadb: process.env['PERIODIC_CRON_TEST_MARIADB_URL'] ?? 'mariadb://root@127.0.0.1:3306/mysql',
};
const CONNECT_LIMIT_MS = 3_000;

/**
 * Makes a database on the server that the tests use. A reason where there is none.
 *
 * @param {'postgres' | 'mariadb'} engine
 * @returns {Promise<Server | { reason: string }>}
 */
export async function openServer(engine) {
  const name = `pc_bench_${process.pid}`;
  const admin = new URL(ADMIN_URLS[engine]);
  const own = new URL(admin.href);
  own.pathname = `/${name}`;
  const connect = engine === 'postgres' ? connectPostgres : connectMariadb;
  try {
    const first = await connect(admin.href);
    await first.ask(`CREATE DATABASE ${name}${engine === 'postgres' ? '' : ' CHARACTER SET utf8mb4'}`);
    await first.end();
  } catch (error) {
    return { reason: `${engine} at ${admin.host}: ${error instanceof Error ? error.message : error}` };
  }
  const { ask, end } = await connect(own.href);
  return {
    url: own.href,
    run: ask,
    numberOf: async (sql) => Number(Object.values((await ask(sql))[0] ?? {})[0]),
    drop: async () => {
      await end();
      const last = await connect(admin.href);
      await last.ask(`DROP DATABASE ${name}`);
      await last.end();
    },
  };
}

/**
 * @typedef {{ ask: (sql: string) => Promise<Record<string, unknown>[]>, end: () => Promise<void> }} Connection
 * @param {string} connectionString
 * @returns {Promise<Connection>}
 */
async function connectPostgres(connectionString) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_LIMIT_MS });
  await client.connect();
  return { ask: async (sql) => (await client.query(sql)).rows, end: () => client.end() };
}

/**
 * @param {string} url
 * @returns {Promise<Connection>}
 */
async function connectMariadb(url) {
  const { createConnection } = await import('mysql2/promise');
  const uri = url.replace(/^mariadb:/, 'mysql:');
  const connection = await createConnection({ uri, connectTimeout: CONNECT_LIMIT_MS });
  return {
    ask: async (sql) => /** @type {Record<string, unknown>[]} */ ((await connection.query(sql))[0]),
    end: () => connection.end(),
  };
}

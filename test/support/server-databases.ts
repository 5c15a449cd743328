import { randomBytes } from 'node:crypto';
import type { ServerLocation } from '../../src/config/config.ts';
import { parseServerUrl } from '../../src/config/server-url.ts';
import { migrateDatabase } from '../../src/store/migrate.ts';
import { adminUrl, type ServerEngine } from './servers.ts';
import { openSyncClient, type SyncClient } from './sync-client.ts';

/** A database of its own on a server. */
export type ServerDatabase = {
  readonly engine: ServerEngine;
  readonly name: string;
  /** As the configuration takes it; it may hold a password. */
  readonly url: string;
  readonly location: ServerLocation;
  readonly drop: () => void;
};

/** Every name begins with this and the id of the process that made it. */
const PREFIX = 'pc_test_';

/** Creates an empty database. It goes with its `drop`, or with the next run of the tests. */
export function createServerDatabase(engine: ServerEngine): ServerDatabase {
  const name = `${PREFIX}${process.pid}_${randomBytes(4).toString('hex')}`;
  asAdmin(engine, ({ ask }) => {
    ask(
      engine === 'postgres'
        ? `CREATE DATABASE ${name} ENCODING 'UTF8' TEMPLATE template0`
        : `CREATE DATABASE ${name} CHARACTER SET utf8mb4`,
    );
  });
  const url = adminUrl(engine);
  url.pathname = `/${name}`;
  return {
    engine,
    name,
    url: url.href,
    location: {
      ...parseServerUrl(engine, url.href.slice(url.protocol.length), process.cwd()),
      origin: 'the tests',
    },
    drop: () => asAdmin(engine, (admin) => dropDatabase(engine, admin, name)),
  };
}

/** The same with the schema of this program, as a new database has it. */
export async function createMigratedDatabase(engine: ServerEngine): Promise<ServerDatabase> {
  const database = createServerDatabase(engine);
  await migrateDatabase(database.location);
  return database;
}

/** The URL of a server with the password, if that stood in the URL. */
export function fullUrlOf({ url, password }: ServerLocation): string {
  const full = new URL(url);
  if (password?.kind === 'literal') {
    full.password = encodeURIComponent(password.text);
  }
  return full.href;
}

/** Drops what runs of the tests that died have left behind: nobody is connected, and its process is gone. */
export function dropLeftovers(engine: ServerEngine): void {
  asAdmin(engine, (admin) => {
    const { rows } = admin.ask(LEFT_ALONE[engine]);
    for (const name of rows.map((row) => String(row['name']))) {
      if (!isAlive(Number(name.slice(PREFIX.length).split('_')[0]))) {
        dropDatabase(engine, admin, name);
      }
    }
  });
}

/** The databases of tests to which nobody is connected. */
const LEFT_ALONE = {
  postgres: `SELECT datname AS name FROM pg_database
    WHERE datname LIKE 'pc\\_test\\_%' AND datname NOT IN (SELECT datname FROM pg_stat_activity WHERE datname IS NOT NULL)`,
  mariadb: `SELECT schema_name AS name FROM information_schema.schemata
    WHERE schema_name LIKE 'pc\\_test\\_%' AND schema_name NOT IN (SELECT db FROM information_schema.processlist WHERE db IS NOT NULL)`,
};

function dropDatabase(engine: ServerEngine, { ask }: SyncClient, name: string): void {
  // FORCE ends connections that a test left open.
  ask(`DROP DATABASE IF EXISTS ${name}${engine === 'postgres' ? ' WITH (FORCE)' : ''}`);
}

function asAdmin<T>(engine: ServerEngine, work: (admin: SyncClient) => T): T {
  const admin = openSyncClient(adminUrl(engine).href);
  try {
    return work(admin);
  } finally {
    admin.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

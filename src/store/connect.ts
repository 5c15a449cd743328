import type { DatabaseLocation, ServerLocation } from '../config/config.ts';
import type { Driver } from './driver.ts';
import type { SessionOptions } from './server-driver.ts';
import { openSqlite, type SqliteOptions } from './sqlite.ts';

export type ConnectOptions = SqliteOptions & {
  /** The node for which the connection is made: a server's list of sessions shows it. */
  readonly node?: string | undefined;
};

/**
 * Opens a database. The options say how to deal with a SQLite file that is not there; a server has its databases made by
 * whoever runs it.
 *
 * @throws DatabaseError that names the database and the remedy
 */
export function connectTo(location: DatabaseLocation, options: ConnectOptions): Promise<Driver> {
  return location.engine === 'sqlite'
    ? openSqlite(location.path, options)
    : openServer(location, { readOnly: options.readOnly === true, node: options.node });
}

// What opens one engine does not load the others.
async function openServer(location: ServerLocation, session: SessionOptions): Promise<Driver> {
  const { openServerDriver } = await import('./server-driver.ts');
  if (location.engine === 'postgres') {
    const { postgresEngine } = await import('./postgres.ts');
    return openServerDriver(postgresEngine(location, session));
  }
  const { mariadbEngine } = await import('./mariadb.ts');
  return openServerDriver(mariadbEngine(location, session));
}

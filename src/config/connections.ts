import { ConfigError } from '../core/errors.ts';
import type { Connections, DatabaseLocation } from './config.ts';
import { passwordAt } from './database-password.ts';
import { parseDatabaseUrl } from './database-url.ts';

/** What a connection may be called. */
export const CONNECTION_NAME = /^[A-Za-z][\w.-]{0,62}$/;
/** The same in words. */
export const CONNECTION_NAME_FORM =
  'a letter, then up to 62 letters, digits, "_", "." and "-" for a connection';

/** A connection as the configuration file has it. */
export type ConnectionEntry = { readonly url: string; readonly password?: string | undefined };

/**
 * The databases that the key `connections` names. The password of one comes from its URL or its key `password` and, other
 * than that of the program's own database, from no variable that is not named. Relative paths count from `folder`.
 *
 * @throws ConfigError that names the file, `path`, and the key
 */
export function connectionsOf(
  entries: Readonly<Record<string, ConnectionEntry>>,
  { path, folder }: { readonly path: string; readonly folder: string },
): Connections {
  const read = Object.entries(entries).map(([name, entry]) => {
    const location = locationOf(name, entry, folder);
    if (typeof location === 'string') {
      throw new ConfigError(`${path}: connections.${name}.${location}`);
    }
    return [name, location] as const;
  });
  return Object.fromEntries(read);
}

/** The database, or what is wrong with the entry: the key, and the fault. */
function locationOf(
  name: string,
  { url, password }: ConnectionEntry,
  folder: string,
): DatabaseLocation | string {
  const parsed = parseDatabaseUrl(url, folder);
  const origin = `connection ${name}`;
  switch (parsed.kind) {
    case 'fault':
      return `url: ${parsed.message}`;
    case 'sqlite':
      return password === undefined
        ? { engine: 'sqlite', url: `sqlite:${parsed.path}`, path: parsed.path, origin }
        : 'password: expected the URL of a server beside it, got a file of SQLite, which has no password';
    case 'server': {
      const { server } = parsed;
      if (password === undefined) {
        return { ...server, origin };
      }
      return server.password === undefined
        ? { ...server, password: passwordAt(password, folder), origin }
        : 'password: expected the only password, got another one in the URL; remove one';
    }
  }
}

/** The variables of the environment from which passwords of connections come. */
export function connectionVariables(connections: Connections): readonly string[] {
  return Object.values(connections).flatMap((location) => {
    const password = location.engine === 'sqlite' ? undefined : location.password;
    const reference = password?.kind === 'reference' ? password.reference : '';
    return /^env:(.+)$/.exec(reference)?.[1] ?? [];
  });
}

import { ConfigError } from '../core/errors.ts';
import type { ServerHost, ServerLocation } from './config.ts';
import { decoded, decodedSecret, ENCODING } from './percent.ts';
import { parametersOf, type ServerEngine, type ServerParameters } from './server-parameters.ts';

/** All of a location that a URL can tell. Its password is the one that stands in the URL. */
export type ServerUrl = Omit<ServerLocation, 'origin'>;

const FORMS = {
  postgres: 'postgres://USER@HOST/DATABASE',
  mariadb: 'mariadb://USER@HOST/DATABASE',
} as const;
const DEFAULT_PORTS = { postgres: 5_432, mariadb: 3_306 } as const;

/**
 * Reads what stands after `postgres:` or `mariadb:`. By hand, since the URL class knows one host only, and its errors
 * quote the text. Relative paths of certificates count from `folder`.
 *
 * @throws ConfigError that shows nothing of user, password, hosts and database: in a text that cannot be read, any part
 *   may be one of the password
 */
export function parseServerUrl(engine: ServerEngine, text: string, folder: string): ServerUrl {
  const { login, hosts, database, query } = partsOf(engine, text);
  const parameters = parametersOf(engine, query, folder);
  const { user, password } = loginOf(login);
  const parts = {
    hosts: hostsOf(engine, hosts, parameters),
    database: decoded(database, 'the database'),
    user,
  };
  return {
    engine,
    ...parts,
    url: shownUrl(engine, parts, parameters),
    password: password === undefined ? undefined : { kind: 'literal', text: password },
    tls: parameters.tls,
    connectTimeoutMs: parameters.connectTimeoutMs,
  };
}

type Parts = {
  readonly login: string | undefined;
  readonly hosts: string;
  readonly database: string;
  readonly query: string;
};

/** The parts as they are written, percent signs and all. */
function partsOf(engine: ServerEngine, text: string): Parts {
  const [, authority = '', database = '', query = ''] =
    /^\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text) ?? [];
  const fault =
    faultOfCharacters(text) ?? faultOfSigns({ authority, query, database }) ?? faultOfDatabase(database);
  if (fault !== undefined) {
    throw unreadable(engine, fault);
  }
  const [hosts = '', login] = authority.split('@').reverse();
  return { login, hosts, database, query };
}

function faultOfCharacters(text: string): string | undefined {
  if (/[\s\p{Cc}\p{Cs}]/u.test(text)) {
    return `white space or another character that does not stand in a URL (${ENCODING})`;
  }
  if (text.includes('#')) {
    return `a "#" (${ENCODING})`;
  }
  return text.startsWith('//') ? undefined : 'no "//" after the scheme';
}

// In both cases the password most likely has such a sign in it, and what follows is a part of the password.
function faultOfSigns({ authority, ...rest }: Record<'authority' | 'database' | 'query', string>) {
  if (authority.split('@').length > 2) {
    return `more than one "@" (${ENCODING}; several hosts share one user)`;
  }
  return Object.values(rest).some((part) => part.includes('@'))
    ? `an "@" after a "/" or a "?" (${ENCODING})`
    : undefined;
}

function faultOfDatabase(database: string): string | undefined {
  if (database === '') {
    return 'no database';
  }
  return database.includes('/') ? `a database with a "/" (${ENCODING})` : undefined;
}

function unreadable(engine: ServerEngine, got: string): ConfigError {
  return new ConfigError(`expected ${FORMS[engine]}, got ${got}`);
}

function loginOf(login: string | undefined): {
  readonly user: string | undefined;
  readonly password: string | undefined;
} {
  const [, user = '', password] = /^([^:]*)(?::(.*))?$/.exec(login ?? '') ?? [];
  return {
    user: user === '' ? undefined : decoded(user, 'the user'),
    password: password === undefined ? undefined : decodedSecret(password, 'the password'),
  };
}

function hostsOf(
  engine: ServerEngine,
  text: string,
  { socket, port }: ServerParameters,
): readonly ServerHost[] {
  if (text !== '' && (socket ?? port) !== undefined) {
    throw new ConfigError(
      'expected either a host before "/DATABASE" or the parameter of a socket or port, got both',
    );
  }
  const defaultPort = port ?? DEFAULT_PORTS[engine];
  if (socket !== undefined) {
    return [{ socket, port: defaultPort }];
  }
  return text === ''
    ? [{ host: 'localhost', port: defaultPort }]
    : text.split(',').map((host) => hostOf(engine, host));
}

const HOST = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(\d+))?$/;
const HOST_NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M}._-]*)$/u;
const IPV6_ADDRESS = /^(?=.*:)[\da-f:.]+(?:%[\w.-]+)?$/i;

function hostOf(engine: ServerEngine, text: string): ServerHost {
  const [, address, name, digits] = HOST.exec(text) ?? [];
  const host = decoded(address ?? name ?? '', 'the host');
  if (!(address === undefined ? HOST_NAME : IPV6_ADDRESS).test(host)) {
    throw unreadable(
      engine,
      `a host that is none of HOST, HOST:PORT and [IPv6]:PORT (several stand with "," between them; ${ENCODING})`,
    );
  }
  const port = digits === undefined ? DEFAULT_PORTS[engine] : Number(digits);
  if (port < 1 || port > 65_535) {
    throw unreadable(engine, 'a port that is not from 1 to 65535');
  }
  return { host, port };
}

/** The URL in one form for all its spellings, without the password. Read again, it gives the same location. */
function shownUrl(
  engine: ServerEngine,
  { hosts, database, user }: Pick<ServerUrl, 'hosts' | 'database' | 'user'>,
  { shown }: ServerParameters,
): string {
  const login = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  const addresses = hosts.map((host) => ('host' in host ? shownHost(engine, host) : '')).join(',');
  const query = shown.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`);
  const parameters = query.length === 0 ? '' : `?${query.join('&')}`;
  return `${engine}://${login}${addresses}/${encodeURIComponent(database)}${parameters}`;
}

function shownHost(engine: ServerEngine, { host, port }: { host: string; port: number }): string {
  const name = host.includes(':') ? `[${host.replace('%', '%25')}]` : host;
  return port === DEFAULT_PORTS[engine] ? name : `${name}:${port}`;
}

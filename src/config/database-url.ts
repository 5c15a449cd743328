import { resolve } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import { didYouMean } from './near-miss.ts';
import type { ServerEngine } from './server-parameters.ts';
import { parseServerUrl, type ServerUrl } from './server-url.ts';

const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
const ENGINES: ReadonlyMap<string, 'sqlite' | ServerEngine> = new Map([
  ['sqlite', 'sqlite'],
  ['postgres', 'postgres'],
  ['postgresql', 'postgres'],
  ['mariadb', 'mariadb'],
  ['mysql', 'mariadb'],
]);

/** The forms of a URL, in the words of a message. */
export const URL_FORMS = 'sqlite:PATH, postgres://USER@HOST/DATABASE or mariadb://USER@HOST/DATABASE';

/** The file or the server that a database URL names, or what is wrong with the URL. */
export type DatabaseUrl =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'server'; readonly server: ServerUrl }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Reads `sqlite:PATH`, `sqlite:///PATH`, or `postgres://`, `postgresql://`, `mariadb://`, `mysql://` with
 * `[USER[:PASSWORD]@][HOST[:PORT],…]/DATABASE[?NAME=VALUE&…]`. A relative path counts from `folder`. The message of a
 * fault shows no more of a URL than its scheme and its parameters, since the rest may hold a password.
 */
export function parseDatabaseUrl(url: string, folder: string): DatabaseUrl {
  const scheme = SCHEME.exec(url)?.[1] ?? '';
  const engine = ENGINES.get(scheme.toLowerCase());
  const rest = url.slice(scheme.length + 1);
  if (engine === undefined) {
    return { kind: 'fault', message: faultOfScheme(url, scheme) };
  }
  return engine === 'sqlite' ? parseSqlitePath(rest, folder) : parseServer(engine, rest, folder);
}

function parseServer(engine: ServerEngine, rest: string, folder: string): DatabaseUrl {
  try {
    return { kind: 'server', server: parseServerUrl(engine, rest, folder) };
  } catch (error) {
    if (error instanceof ConfigError) {
      return { kind: 'fault', message: error.message };
    }
    throw error;
  }
}

function parseSqlitePath(text: string, folder: string): DatabaseUrl {
  const path = text.startsWith('///') ? text.slice(2) : text;
  const fault = faultOfPath(path);
  return fault === undefined
    ? { kind: 'sqlite', path: resolve(folder, path) }
    : { kind: 'fault', message: fault };
}

function faultOfPath(path: string): string | undefined {
  if (path.trim() === '') {
    return 'expected sqlite:PATH, got no path';
  }
  if (/^(\/\/)?:memory:/.test(path)) {
    return 'expected sqlite:PATH, got :memory: (a tick needs a file)';
  }
  if (path.startsWith('//')) {
    return 'expected sqlite:PATH or sqlite:///PATH, got a URL with a host';
  }
  if (path.includes('?')) {
    return 'expected sqlite:PATH, got parameters after "?"';
  }
  return path.includes('\0') ? 'expected sqlite:PATH, got a path with a NUL character' : undefined;
}

function faultOfScheme(url: string, scheme: string): string {
  if (url.trim() === '') {
    return `expected ${URL_FORMS}, got an empty text`;
  }
  if (scheme !== '') {
    const hint = didYouMean(scheme, ENGINES.keys());
    return `expected ${URL_FORMS}, got the unknown scheme ${JSON.stringify(scheme)}${hint}`;
  }
  // What looks more like a URL than like a path may hold a password.
  return /^\/\/|[@:?&=]/.test(url)
    ? `expected ${URL_FORMS}, got a text without a scheme`
    : `expected ${URL_FORMS}, got ${JSON.stringify(url)} (did you mean sqlite:${url}?)`;
}

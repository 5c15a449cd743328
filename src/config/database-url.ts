import { resolve } from 'node:path';

const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
const SERVER_ENGINES = new Set(['postgres', 'postgresql', 'mysql', 'mariadb']);

/** The file that a database URL names, or what is wrong with the URL. */
export type DatabaseUrl =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Reads `sqlite:PATH` or `sqlite:///PATH`; a relative path counts from `folder`. The message of a fault never shows
 * more of a URL than its scheme, since the rest may hold a password.
 */
export function parseDatabaseUrl(url: string, folder: string): DatabaseUrl {
  const scheme = SCHEME.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'sqlite') {
    return parseSqlitePath(url.slice('sqlite:'.length), folder);
  }
  return { kind: 'fault', message: faultOfScheme(url, scheme) };
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

function faultOfScheme(url: string, scheme: string | undefined): string {
  if (url.trim() === '') {
    return 'expected sqlite:PATH, got an empty text';
  }
  if (scheme === undefined) {
    return `expected sqlite:PATH, got ${JSON.stringify(url)} (did you mean sqlite:${url}?)`;
  }
  if (SERVER_ENGINES.has(scheme)) {
    return `expected sqlite:PATH, got ${scheme}:… (this version has only the embedded engine, SQLite)`;
  }
  return `expected sqlite:PATH, got the unknown scheme ${JSON.stringify(scheme)}`;
}

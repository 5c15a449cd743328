import { readFile } from 'node:fs/promises';
import { messageOf } from '../../core/errors.ts';
import type { Way } from './http-exchange.ts';
import type { HttpOptions } from './http-options.ts';
import type { HttpRequest } from './http-redirects.ts';

const CREDENTIALS = ['authorization', 'cookie', 'host'];

/** The first request that the options ask for. */
export function requestOf(options: HttpOptions): HttpRequest {
  const { text, type } = bodyOf(options.body);
  const given = lowered(options.headers);
  const isCredential = ([name]: readonly [string, string]) => CREDENTIALS.includes(name);
  return {
    method: options.method,
    url: new URL(options.url),
    headers: Object.fromEntries([
      ['user-agent', 'periodic-cron'],
      ...(type === undefined ? [] : [['content-type', type] as const]),
      ...given.filter((header) => !isCredential(header)),
    ]),
    credentials: Object.fromEntries([
      ...given.filter(isCredential),
      ...lowered(options.secret_headers),
      ...authorizationOf(options),
    ]),
    body: text,
    isOwnOrigin: true,
  };
}

type Body = { readonly text: string | undefined; readonly type: string | undefined };

function bodyOf(body: unknown): Body {
  if (body === undefined) {
    return { text: undefined, type: undefined };
  }
  return typeof body === 'string'
    ? { text: body, type: 'text/plain; charset=utf-8' }
    : { text: JSON.stringify(body), type: 'application/json' };
}

function lowered(headers: Readonly<Record<string, string>>): ReadonlyArray<readonly [string, string]> {
  return Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
}

function authorizationOf({ bearer_token, basic_user, basic_password }: HttpOptions) {
  if (bearer_token !== undefined) {
    return [['authorization', `Bearer ${bearer_token}`] as const];
  }
  if (basic_user === undefined) {
    return [];
  }
  const login = Buffer.from(`${basic_user}:${basic_password ?? ''}`).toString('base64');
  return [['authorization', `Basic ${login}`] as const];
}

/**
 * Reads the files that the options name for TLS.
 *
 * @throws Error that names the file which cannot be read, or which is none
 */
export async function tlsOf({ verify, ca, cert, key }: HttpOptions): Promise<Way['tls']> {
  const files = { ca, cert, key };
  const read = await Promise.all(
    Object.entries(files).flatMap(([name, path]) =>
      path === undefined ? [] : [pem(path).then((text) => [name, text])],
    ),
  );
  return { verify, ...Object.fromEntries(read) };
}

async function pem(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    throw new Error(`expected a readable PEM file at ${path}, got ${messageOf(thrown)}`);
  });
  if (!text.includes('-----BEGIN ')) {
    throw new Error(`expected a PEM file at ${path}, got another one`);
  }
  return text;
}

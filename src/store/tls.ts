import { readFile } from 'node:fs/promises';
import type { ServerLocation } from '../config/config.ts';
import { ConfigError, messageOf } from '../core/errors.ts';

/** What both drivers hand to Node's TLS; undefined where the connection is not encrypted. */
export type TlsOptions = {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
};

/**
 * Reads the certificates that a location names.
 *
 * @throws ConfigError that names the file which cannot be read
 */
export async function tlsOptionsOf(location: ServerLocation): Promise<TlsOptions | undefined> {
  const { mode, ca, cert, key } = location.tls;
  if (mode === 'off') {
    return undefined;
  }
  const files = { ca, cert, key };
  const read = await Promise.all(
    Object.entries(files).flatMap(([name, path]) =>
      path === undefined ? [] : [pem(location, path).then((text) => [name, text])],
    ),
  );
  return { rejectUnauthorized: mode !== 'require', ...Object.fromEntries(read) };
}

async function pem({ url }: ServerLocation, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `database ${url}: expected a readable PEM file at ${path}, got ${messageOf(error)}`,
      { cause: error },
    );
  }
}

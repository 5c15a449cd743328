import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ServerHost, ServerLocation } from '../config/config.ts';
import { resolveReference } from '../config/references.ts';
import { ConfigError } from '../core/errors.ts';

/**
 * The password of a server's user, read when a connection is made, since it may have changed. Undefined where the
 * location names none.
 *
 * @throws ConfigError that names the reference which leads nowhere
 */
export async function passwordOf({ url, password }: ServerLocation): Promise<string | undefined> {
  if (password === undefined || password.kind === 'literal') {
    return password?.text;
  }
  const resolved = await resolveReference(password.reference, process.env);
  if (resolved.kind === 'fault') {
    throw new ConfigError(`the password of database ${url}: ${resolved.message}`);
  }
  return resolved.text;
}

const OTHERS_MAY_READ = 0o077;

/**
 * The password that PostgreSQL's own tools would use: that of `PGPASSWORD`, else the first line of `PGPASSFILE`, or of
 * `~/.pgpass`, that fits. Undefined where there is none; a file that others may read is left alone, as those tools do.
 */
export async function postgresToolsPassword(
  { database }: Pick<ServerLocation, 'database'>,
  host: ServerHost,
  user: string,
): Promise<string | undefined> {
  const { PGPASSWORD, PGPASSFILE } = process.env;
  if (PGPASSWORD !== undefined && PGPASSWORD !== '') {
    return PGPASSWORD;
  }
  const lines = await linesOf(PGPASSFILE ?? join(homedir(), '.pgpass'));
  // A socket goes by the name of this machine there.
  const name = 'socket' in host ? 'localhost' : host.host;
  return passwordFor(lines, [name, String(host.port), database, user]);
}

async function linesOf(path: string): Promise<readonly string[]> {
  try {
    const { mode } = await stat(path);
    return (mode & OTHERS_MAY_READ) === 0 ? (await readFile(path, 'utf8')).split(/\r?\n/) : [];
  } catch {
    return [];
  }
}

/** A line is `host:port:database:user:password`; `*` fits anything, `\` keeps `:` and itself from meaning anything. */
function passwordFor(lines: readonly string[], wanted: readonly string[]): string | undefined {
  for (const line of lines.filter((text) => !text.startsWith('#'))) {
    const fields = (line.match(/(?:\\.|[^:\\])*(?::|$)/gu) ?? []).map((field) =>
      field.replace(/:$/u, '').replaceAll(/\\(.)/gu, '$1'),
    );
    const [password] = fields.slice(wanted.length);
    if (password !== undefined && wanted.every((text, index) => [text, '*'].includes(fields[index] ?? ''))) {
      return password;
    }
  }
  return undefined;
}

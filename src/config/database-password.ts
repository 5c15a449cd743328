import { resolve } from 'node:path';
import type { DatabaseLocation, PasswordSource } from './config.ts';
import type { ServerUrl } from './server-url.ts';

const OWN_VARIABLE = 'PERIODIC_CRON_DATABASE_PASSWORD';
// PostgreSQL's own variables are read by its driver, MariaDB's driver reads none.
const VARIABLES = { postgres: [OWN_VARIABLE], mariadb: [OWN_VARIABLE, 'MYSQL_PWD'] } as const;

const REFERENCE = /^(?:env:[A-Za-z_]\w*|file:[^\0]+)$/;

/** What is wrong with the value of the key `database_password`; undefined for `env:NAME` and `file:PATH`. */
export function faultOfPasswordReference(value: unknown): string | undefined {
  if (typeof value === 'string' && REFERENCE.test(value)) {
    return undefined;
  }
  const got = value === null || value === undefined ? 'nothing' : 'something else';
  return `expected env:NAME or file:PATH, got ${got} (a configuration file is copied and read by many, so no password stands here)`;
}

export type PasswordInput = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The value of the key `database_password`, and the folder from which a relative path in it counts. */
  readonly reference: string | undefined;
  readonly folder: string;
};

/**
 * Where the password for a server comes from: its URL, the key of the configuration file, or a variable, the first that
 * there is. Nothing is read here, so a variable or file that is missing is not noticed.
 */
export function passwordOf(
  { engine, password }: ServerUrl,
  { env, reference, folder }: PasswordInput,
): PasswordSource | undefined {
  if (password !== undefined) {
    return password;
  }
  if (reference !== undefined) {
    return passwordAt(reference, folder);
  }
  const variable = VARIABLES[engine].find((name) => env[name] !== undefined);
  return variable === undefined ? undefined : { kind: 'reference', reference: `env:${variable}` };
}

/** The password to which `env:NAME` or `file:PATH` leads; a relative path counts from `folder`. */
export function passwordAt(reference: string, folder: string): PasswordSource {
  return { kind: 'reference', reference: absolute(reference, folder) };
}

function absolute(reference: string, folder: string): string {
  const path = /^file:(.*)$/s.exec(reference)?.[1];
  return path === undefined ? reference : `file:${resolve(folder, path)}`;
}

/** The variables of the environment from which the password of a database comes, or may come. */
export function secretVariables(database: DatabaseLocation): readonly string[] {
  if (database.engine === 'sqlite') {
    return [];
  }
  const { password } = database;
  const named = password?.kind === 'reference' ? /^env:(.+)$/.exec(password.reference)?.[1] : undefined;
  const drivers = database.engine === 'postgres' && password === undefined ? ['PGPASSWORD'] : [];
  return [...(named === undefined ? [] : [named]), ...drivers];
}

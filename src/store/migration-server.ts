import type { Knex } from 'knex';
import type { ServerLocation } from '../config/config.ts';
import { DatabaseError, messageOf, PeriodicCronError } from '../core/errors.ts';
import { codeOf } from './server-errors.ts';

/** What a server says of itself and of the user. */
export type ServerFacts = {
  readonly version: string;
  readonly encoding: string;
  /** Where tables would be created. */
  readonly schema: string | null;
  /** The user as a GRANT names it. */
  readonly user: string;
};

/**
 * Asks a server what it is, and refuses one that cannot hold the schema, before anything is made.
 *
 * @throws DatabaseError
 */
export async function checkServer(knex: Knex, location: ServerLocation): Promise<ServerFacts> {
  const facts = await (location.engine === 'postgres' ? askPostgres(knex) : askMariadb(knex));
  const fault = faultOf(location, facts);
  if (fault !== undefined) {
    throw new DatabaseError(`database ${location.url}: ${fault}`);
  }
  return facts;
}

async function askPostgres(knex: Knex): Promise<ServerFacts> {
  const { rows } = await knex.raw(
    `SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
       current_schema() AS schema, quote_ident(current_user) AS user`,
  );
  return rows[0];
}

async function askMariadb(knex: Knex): Promise<ServerFacts> {
  const [rows] = await knex.raw(
    'SELECT version() AS version, database() AS `schema`, current_user() AS `user`',
  );
  const { version, schema, user } = rows[0];
  const [, name, host] = /^(.*)@(.*)$/.exec(user) ?? [];
  // The tables bring their own encoding along.
  return { version, encoding: 'UTF8', schema, user: `'${name}'@'${host}'` };
}

/** What keeps a server from holding the schema; undefined when nothing does. */
export function faultOf(
  { engine, database }: Pick<ServerLocation, 'engine' | 'database'>,
  { version, encoding, schema, user }: ServerFacts,
): string | undefined {
  const tooOld = engine === 'postgres' ? ageOfPostgres(version) : ageOfMariadb(version);
  if (tooOld !== undefined) {
    return tooOld;
  }
  if (encoding !== 'UTF8') {
    return `its encoding is ${encoding}; periodic-cron needs UTF8: create another one, for example with "createdb --encoding=UTF8 --template=template0 NAME"`;
  }
  if (schema === null) {
    return `there is no schema in which the user ${user} could create tables: run "GRANT USAGE, CREATE ON SCHEMA public TO ${user}" in the database ${database}, or set the search_path of the user`;
  }
  return undefined;
}

function ageOfPostgres(version: string): string | undefined {
  return Number.parseInt(version, 10) < 13
    ? `its server is PostgreSQL ${version}; periodic-cron needs PostgreSQL 13 or later`
    : undefined;
}

function ageOfMariadb(text: string): string | undefined {
  // Some servers put an older number before their own, for old clients.
  const version = text.replace(/^5\.5\.5-/, '');
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  if (text.includes('MariaDB')) {
    return major > 10 || (major === 10 && minor >= 6)
      ? undefined
      : `its server is MariaDB ${version}; periodic-cron needs MariaDB 10.6 or later`;
  }
  return major >= 8
    ? undefined
    : `its server is MySQL ${version}; periodic-cron needs MariaDB 10.6 or later, or MySQL 8`;
}

/**
 * The error of a migration as the user sees it: a right that is missing is named with the statement that grants it.
 * Anything else comes back as it is.
 */
export function explainRights(
  error: unknown,
  { engine, url, database }: ServerLocation,
  { schema, user }: ServerFacts,
): unknown {
  if (error instanceof PeriodicCronError) {
    return error;
  }
  const number = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
  const remedy =
    engine === 'postgres'
      ? codeOf(error) === '42501' && postgresGrant(schema, user)
      : mariadbGrant(number, database, user);
  return remedy
    ? new DatabaseError(`database ${url}: ${serverWords(error)}: ${remedy}`, { cause: error })
    : error;
}

function postgresGrant(schema: string | null, user: string): string {
  return `migrate creates tables and changes those that are there, so run it as the user that owns them; for a new database run "GRANT USAGE, CREATE ON SCHEMA ${schema ?? 'public'} TO ${user}" before. Nothing was changed`;
}

const NOTHING_LOST = 'then run migrate again, which goes on where this stopped: nothing is lost';

function mariadbGrant(number: number, database: string, user: string): string | undefined {
  switch (number) {
    case 1227:
    case 1419:
      return `triggers need more where the binary log is on: run "SET GLOBAL log_bin_trust_function_creators = 1" on the server, or run migrate this once as a user with the right SUPER; ${NOTHING_LOST}`;
    case 1044:
    case 1142:
    case 1143:
      return `migrate needs more rights than a runner: run "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, TRIGGER ON \`${database}\`.* TO ${user}"; ${NOTHING_LOST}`;
    default:
      return undefined;
  }
}

/** What the server said, without the statement that the query builder puts before it. */
function serverWords(error: unknown): string {
  return error instanceof Error && 'sqlMessage' in error
    ? String(error.sqlMessage)
    : (messageOf(error).split(' - ').at(-1) ?? '');
}

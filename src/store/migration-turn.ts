import type { Knex } from 'knex';
import type { ServerLocation } from '../config/config.ts';
import { DatabaseError } from '../core/errors.ts';
import { codeOf } from './server-errors.ts';

/** How a call that migrates waits for others. */
export type Waiting = {
  /** How long for another call that migrates the same database, in seconds. */
  readonly turnSeconds: number;
  /** How long for a table that somebody else uses, in seconds. All who come after wait as well, so it is short. */
  readonly tableSeconds: number;
};

/** Any number will do, as long as every program takes the same. */
const LOCK_NUMBER = 7_043_180_117;

/**
 * Waits until no other program migrates the database, and holds that until the transaction ends, which works through a
 * pooler as well.
 *
 * @throws DatabaseError that names the connection that is at it
 */
export async function takeTurnOnPostgres(
  transaction: Knex.Transaction,
  location: ServerLocation,
  { turnSeconds, tableSeconds }: Waiting,
): Promise<void> {
  try {
    await transaction.transaction(async (attempt) => {
      await attempt.raw(`SET LOCAL lock_timeout = '${turnSeconds}s'`);
      await attempt.raw('SELECT pg_advisory_xact_lock(?)', [LOCK_NUMBER]);
    });
  } catch (error) {
    if (codeOf(error) !== '55P03') {
      throw error;
    }
    throw await inUse(location, turnSeconds, () => holderOnPostgres(transaction));
  }
  await transaction.raw(`SET LOCAL lock_timeout = '${tableSeconds}s'`);
}

/**
 * Waits until no other program migrates the database, and holds that for as long as the connection lives: one that is
 * killed in the middle of a statement holds it until the server is through with that statement.
 *
 * On a Galera cluster each server has such locks of its own, or none. Two programs that migrate through different
 * servers meet in the journal, whose keys hold for the whole cluster, and one of them ends with an error.
 *
 * @throws DatabaseError that names the connection that is at it
 */
export async function takeTurnOnMariadb(
  knex: Knex,
  location: ServerLocation,
  { turnSeconds, tableSeconds }: Waiting,
): Promise<void> {
  await knex.raw(
    `SET SESSION autocommit = 1, foreign_key_checks = 1, default_storage_engine = InnoDB, lock_wait_timeout = ${tableSeconds}`,
  );
  const isShared = await isInCluster(knex);
  if (isShared) {
    // What other servers have committed is read, however late this one is.
    await knex.raw('SET SESSION wsrep_sync_wait = 15');
  }
  if (!(await getLock(knex, turnSeconds, isShared))) {
    throw await inUse(location, turnSeconds, () => holderOnMariadb(knex));
  }
}

const NOT_SUPPORTED = 1235;

async function getLock(knex: Knex, seconds: number, isShared: boolean): Promise<boolean> {
  try {
    const [answers] = await knex.raw(`SELECT GET_LOCK(${LOCK_NAME}, ?) AS got`, [seconds]);
    return Number(answers[0]?.got) === 1;
  } catch (error) {
    if (isShared && error instanceof Error && 'errno' in error && error.errno === NOT_SUPPORTED) {
      return true;
    }
    throw error;
  }
}

/** Such locks hold for the whole server; their names have up to 64 characters. */
const LOCK_NAME = "CONCAT('periodic-cron migrate ', MD5(DATABASE()))";

async function isInCluster(knex: Knex): Promise<boolean> {
  const [rows] = await knex.raw("SHOW SESSION VARIABLES LIKE 'wsrep_on'");
  return rows[0]?.Value === 'ON';
}

async function holderOnPostgres(knex: Knex): Promise<string | undefined> {
  const { rows } = await knex.raw(
    `SELECT a.pid, a.usename, COALESCE(host(a.client_addr), 'a socket') AS host
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
     WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32) + l.objid::bigint = ?`,
    [LOCK_NUMBER],
  );
  const [holder] = rows;
  return holder === undefined
    ? undefined
    : `process ${holder.pid} of user ${holder.usename} from ${holder.host}: if it is stuck, end it with "SELECT pg_terminate_backend(${holder.pid})"`;
}

async function holderOnMariadb(knex: Knex): Promise<string | undefined> {
  const [locks] = await knex.raw(`SELECT IS_USED_LOCK(${LOCK_NAME}) AS id`);
  const id = locks[0]?.id;
  if (id === null || id === undefined) {
    return undefined;
  }
  const [owners] = await knex.raw('SELECT user, host FROM information_schema.processlist WHERE id = ?', [id]);
  // Who may not see the connections of others gets the number alone.
  const owner = owners[0] === undefined ? '' : ` of user ${owners[0].user} from ${owners[0].host}`;
  return `connection ${id}${owner}: if it is stuck, end it with "KILL ${id}"`;
}

async function inUse(
  { url }: ServerLocation,
  seconds: number,
  findHolder: () => Promise<string | undefined>,
): Promise<DatabaseError> {
  const holder = (await findHolder()) ?? 'another program, which has just ended: try again';
  return new DatabaseError(
    `database ${url} is being migrated by another program, for which this one waited ${seconds} s: ${holder}`,
  );
}

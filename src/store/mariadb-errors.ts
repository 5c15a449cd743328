import type { ServerLocation } from '../config/config.ts';
import {
  codeOf,
  databaseErrorWith,
  type ErrorKind,
  isTlsError,
  leadOf,
  networkKindOf,
  ReadOnlyServerError,
} from './server-errors.ts';

/** Deadlock, lock wait, changed since it was read or on another node of the cluster, cancelled, statement time. */
const REPEAT = new Set([1213, 1205, 1020, 1614, 1317, 1969, 3024]);

/** Not a part of its cluster, read-only, too many connections. */
const NOT_NOW = [1047, 1290, 1836, 1040, 1203, 1226];

/** Shut down, killed, gone, lost, idle for too long, network. */
const GONE = [1053, 1927, 2006, 2013, 4031, 1152, 1158, 1159, 1160, 1161, 1184];

const RECONNECT = new Set([...NOT_NOW, ...GONE]);

export function kindOf(error: unknown): ErrorKind {
  const number = numberOf(error);
  if (REPEAT.has(number)) {
    return 'repeat';
  }
  if (RECONNECT.has(number) || isGone(error)) {
    return 'reconnect';
  }
  return networkKindOf(error) ?? 'fault';
}

/** The number that the server gave an error; NaN if it gave none. */
function numberOf(error: unknown): number {
  const lead = leadOf(error);
  return lead instanceof Error && 'errno' in lead ? Number(lead.errno) : Number.NaN;
}

function isGone(error: unknown): boolean {
  const lead = leadOf(error);
  const isLost = /^PROTOCOL_(?:CONNECTION_LOST|ERROR)/.test(codeOf(error));
  return isLost || (lead instanceof Error && /in closed state|after (?:fatal|invoking)/.test(lead.message));
}

/**
 * An error of MariaDB, or of the way to it, as the user sees it: one line with the database and the remedy. What
 * complains about a statement of ours comes back as it is.
 */
export function mariadbErrorOf(error: unknown, location: ServerLocation): unknown {
  return databaseErrorWith(error, location, remedyOf(error, location));
}

function remedyOf(error: unknown, { database, user }: ServerLocation): string | undefined {
  const number = numberOf(error);
  const known = leadOf(error) instanceof ReadOnlyServerError ? READ_ONLY : REMEDIES[number];
  if (known !== undefined) {
    return known;
  }
  if (number === 1049) {
    return `create it, for example with "CREATE DATABASE ${database} CHARACTER SET utf8mb4"`;
  }
  if (NO_RIGHT.has(number)) {
    return `grant the user ${user ?? 'of the connection'} the rights that a runner needs (docs/many-nodes.md lists them)`;
  }
  if (isTlsError(error)) {
    return 'check the certificate, its authority (ssl-ca), and that the server speaks TLS';
  }
  return kindOf(error) === 'fault' ? undefined : 'check that the server runs and can be reached from here';
}

/** On a table, a column, a routine, and for something that needs an administrator. */
const NO_RIGHT = new Set([1142, 1143, 1227, 1370]);

const LOGIN = 'check user and password, and that the user may log in from this machine';

const BUSY = 'too many others write at the same time; try again later';

const SLOW = 'the statement took too long; look at the load of the server';

const READ_ONLY = 'no server of the URL can be written to now; wait for the failover, or name the primary';

const FULL = 'the disk of the server is full: free space there';

const REMEDIES: Readonly<Record<number, string>> = {
  1044: LOGIN,
  1045: LOGIN,
  1130: LOGIN,
  1251: LOGIN,
  1698: LOGIN,
  1129: 'the server refuses this machine after too many broken connections: run FLUSH HOSTS there',
  1213: BUSY,
  1020: BUSY,
  1205: 'another session holds a lock for too long; look at SHOW FULL PROCESSLIST for one that sleeps in a transaction',
  1317: SLOW,
  1969: SLOW,
  3024: SLOW,
  1040: 'the server has no connection left: raise max_connections',
  1203: 'the user has no connection left: raise max_user_connections',
  1226: 'the user has used up what the server grants him: raise his limits',
  1047: 'the server is no part of its cluster now; wait until it is, or name another one as well',
  1153: 'raise max_allowed_packet of the server, or lower output_limit',
  1290: READ_ONLY,
  1836: READ_ONLY,
  1021: FULL,
  1114: FULL,
};

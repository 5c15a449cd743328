import type { ServerLocation } from '../config/config.ts';
import { DatabaseError, messageOf, PeriodicCronError } from '../core/errors.ts';
import { UnansweredError } from './answered.ts';

/**
 * What an error of an engine calls for. `repeat`: a deadlock or a lost race, the transaction as a whole. `reconnect`: the
 * connection is gone, or its server cannot write any more. `unreachable`: there is no server to connect to. `fault`:
 * doing it again would not help.
 */
export type ErrorKind = 'repeat' | 'reconnect' | 'unreachable' | 'fault';

/** No server of a location could be connected to. The first of its errors is the one that says most. */
export class ConnectError extends AggregateError {
  override readonly name = 'ConnectError';
}

/** A server that answers, and that nobody can write to: one that is not the primary any more, or not yet. */
export class ReadOnlyServerError extends Error {
  override readonly name = 'ReadOnlyServerError';
}

/** The error that decides: several servers, or several addresses of one, have one each. */
export function leadOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? leadOf(error.errors[0]) : error;
}

/** The code that a driver, the server or the system gave an error; empty if none did. */
export function codeOf(error: unknown): string {
  const lead = leadOf(error);
  return lead instanceof Error && 'code' in lead && typeof lead.code === 'string' ? lead.code : '';
}

/**
 * What was wrong, in words: an error of several addresses has none of its own. What the server itself said comes before
 * a message into which the query builder put the statement.
 */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map(wordsOf))].join(', ');
  }
  return error instanceof Error && 'sqlMessage' in error && typeof error.sqlMessage === 'string'
    ? error.sqlMessage
    : messageOf(error);
}

/** Whether a server refused a row because another has the same value of the unique key with this name. */
export function isDuplicateKey(error: unknown, key: string): boolean {
  if (codeOf(error) === 'ER_DUP_ENTRY') {
    // The value, which may hold anything, stands before the key, and MySQL puts the table before the name of that. The
    // other words are in the language of the server.
    const [, named] = /'(?:[^'.]*\.)?([^'.]*)'[^']*$/.exec(wordsOf(leadOf(error))) ?? [];
    return named === key;
  }
  return (
    error instanceof Error && 'constraint' in error && codeOf(error) === '23505' && error.constraint === key
  );
}

/** Whether a server refused a number that is beyond what the type of its column holds. */
export function isOutOfRange(error: unknown): boolean {
  return OUT_OF_RANGE.has(codeOf(error));
}

/** PostgreSQL's, and those of MariaDB for a sum and for a value. */
const OUT_OF_RANGE: ReadonlySet<string> = new Set([
  '22003',
  'ER_DATA_OUT_OF_RANGE',
  'ER_WARN_DATA_OUT_OF_RANGE',
]);

/** Errors of the network that say that there is no server to talk to. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EACCES',
  'ETIMEDOUT',
]);

/** Errors of the network that break a connection which there was. */
const BROKEN: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ENOTCONN']);

/** What an error of the network, or of this project's own, calls for; undefined for one of the engine's. */
export function networkKindOf(error: unknown): ErrorKind | undefined {
  if (error instanceof ConnectError && error.errors[0] instanceof UnansweredError) {
    return 'unreachable';
  }
  const lead = leadOf(error);
  if (lead instanceof UnansweredError || lead instanceof ReadOnlyServerError) {
    return 'reconnect';
  }
  const code = codeOf(lead);
  if (BROKEN.has(code)) {
    return 'reconnect';
  }
  return UNREACHABLE.has(code) ? 'unreachable' : undefined;
}

/** The certificate or the encryption was not what the URL asks for. */
export function isTlsError(error: unknown): boolean {
  return TLS_CODE.test(codeOf(error)) || /does not support SSL|establishing an SSL/.test(wordsOf(error));
}

const TLS_CODE =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|HANDSHAKE_)/;

/** An error of an engine as the user sees it; `remedy` is undefined for what is a fault of this program. */
export function databaseErrorWith(
  error: unknown,
  { url }: ServerLocation,
  remedy: string | undefined,
): unknown {
  const advice = remedy ?? (error instanceof ConnectError ? LOOK_AT_URL : undefined);
  if (error instanceof PeriodicCronError || advice === undefined) {
    return error;
  }
  const words = wordsOf(error).replace(/\s+/g, ' ');
  return new DatabaseError(`database ${url}: ${words}: ${advice}`, { cause: error });
}

const LOOK_AT_URL = 'check the URL and what the log of the server says';

import { messageOf } from '../../core/errors.ts';
import { REFUSED_ADDRESS } from './http-addresses.ts';

/** A URL as messages show it: without a user, and without the query, which may hold a secret. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/** Why no answer came, in one line without the request: its headers and its query hold secrets. */
export function wordsOfFailure(thrown: unknown, { host }: URL): string {
  const error = firstOf(thrown);
  const code = codeOf(error);
  if (code === REFUSED_ADDRESS) {
    return messageOf(error);
  }
  const known = WORDS[code];
  if (known !== undefined) {
    return `${host} ${known}`;
  }
  if (TLS_CODE.test(code)) {
    return `the certificate or the encryption of ${host} is not accepted: ${reasonOf(error)}`;
  }
  if (code.startsWith('HPE_')) {
    return `expected an answer of HTTP from ${host}, got something else (${code})`;
  }
  return `the connection to ${host} failed${code === '' ? '' : ` (${code})`}`;
}

/** The code that the system or Node gave an error; empty if none did. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'is not known: its name resolves to no address',
  EAI_AGAIN: 'cannot be found now: the name service does not answer',
  ECONNREFUSED: 'refuses the connection: nothing listens there',
  ECONNRESET: 'ended the connection before its answer was complete',
  EPIPE: 'ended the connection before it took the whole request',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached from here',
  ENETUNREACH: 'cannot be reached from here',
  EHOSTDOWN: 'is down',
  ENETDOWN: 'cannot be reached: the network is down',
  EACCES: 'may not be connected to by this user',
  HPE_HEADER_OVERFLOW: 'answered with headers that are too long',
};

const TLS_CODE =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_|HANDSHAKE_)/;

/** What TLS complains about speaks of certificates alone. OpenSSL's own words come with places in its source. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && 'reason' in error && typeof error.reason === 'string') {
    return error.reason.replaceAll(/\s+/g, ' ');
  }
  return messageOf(error).split('\n')[0]?.trim() ?? '';
}

/** Several addresses of one host have an error each. */
function firstOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? firstOf(error.errors[0]) : error;
}

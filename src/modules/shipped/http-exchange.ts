import type { IncomingMessage, RequestOptions } from 'node:http';
import { isIP } from 'node:net';
import type { HttpSettings } from '../../config/config.ts';
import { checkedLookup, faultOfAddress, REFUSED_ADDRESS, type Resolver } from './http-addresses.ts';
import type { HttpRequest } from './http-redirects.ts';

/** What connections are made with. */
export type Way = {
  readonly allowed: HttpSettings;
  readonly resolve: Resolver;
  readonly connectTimeoutMs: number;
  /** Ends the connection, whatever it is doing. */
  readonly signal: AbortSignal;
  /** PEM texts, and whether the certificate of a server counts. */
  readonly tls: {
    readonly verify: boolean;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
};

/** The code of the error when no connection came about in time. */
export const CONNECT_TIMEOUT = 'E_CONNECT_TIMEOUT';

/**
 * Sends one request over a connection of its own and returns the answer as soon as its headers are there. The address is
 * checked where the connection is made; variables that name a proxy change nothing.
 *
 * @throws whatever Node throws, or an error whose code is `REFUSED_ADDRESS` or `CONNECT_TIMEOUT`
 */
export async function send(request: HttpRequest, way: Way): Promise<IncomingMessage> {
  const { url, body } = request;
  const isTls = url.protocol === 'https:';
  const options = isTls ? { ...optionsOf(request, way), ...tlsOf(request, way) } : optionsOf(request, way);
  const { request: ask } = await (isTls ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    const asked = ask(options);
    const giveUp = () => asked.destroy(errorWith(CONNECT_TIMEOUT, 'no connection'));
    const timer = setTimeout(giveUp, way.connectTimeoutMs);
    const stopTimer = () => clearTimeout(timer);
    asked.once('socket', (socket) => socket.once(isTls ? 'secureConnect' : 'connect', stopTimer));
    asked.once('close', stopTimer);
    asked.once('response', resolve);
    asked.on('error', reject);
    asked.end(body);
  });
}

function optionsOf({ method, url, headers, credentials, body }: HttpRequest, way: Way): RequestOptions {
  const host = hostOf(url);
  // What is an address already is not looked up.
  const fault = isIP(host) === 0 ? undefined : faultOfAddress(host, way.allowed);
  if (fault !== undefined) {
    throw errorWith(REFUSED_ADDRESS, fault);
  }
  return {
    method,
    protocol: url.protocol,
    hostname: host,
    port: url.port === '' ? null : url.port,
    path: `${url.pathname}${url.search}`,
    headers: { ...headers, ...credentials, ...lengthOf(body) },
    lookup: checkedLookup(way.resolve, way.allowed),
    signal: way.signal,
    agent: false,
  };
}

/** Node tells it only with methods that usually have a body; with others the server would take that for a request. */
function lengthOf(body: string | undefined): Readonly<Record<string, string>> {
  return body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

/** The certificate of this client goes to the origin for which it is meant, and to no other. */
function tlsOf({ url, isOwnOrigin }: HttpRequest, { tls: { verify, ca, cert, key } }: Way) {
  const host = hostOf(url);
  return {
    rejectUnauthorized: verify,
    // Otherwise a header Host would decide whose certificate is expected.
    servername: isIP(host) === 0 ? host : '',
    ...(ca === undefined ? {} : { ca }),
    ...(isOwnOrigin && cert !== undefined && key !== undefined ? { cert, key } : {}),
  };
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function errorWith(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

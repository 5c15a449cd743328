import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { send } from '../modules/shipped/http-exchange.ts';
import { codeOf, shownUrl, wordsOfFailure } from '../modules/shipped/http-faults.ts';
import { isExpected } from '../modules/shipped/http-status.ts';
import { limitText } from './interruption.ts';
import type { ProbeResult, ProbeSurroundings } from './probe.ts';
import type { ProbeTarget } from './probe-target.ts';

/** The faults of this machine, which say nothing of the other one. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EPERM', 'ENOBUFS']);

/** Opens a connection and closes it again: up where it opens, down where nobody answers in time. */
export async function probeTcp(
  { host, port }: Extract<ProbeTarget, { kind: 'tcp' }>,
  { cancel, timeoutMs }: ProbeSurroundings,
): Promise<ProbeResult> {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    await connected({ host, port, signal: AbortSignal.any([limit, cancel]) });
    return { state: 'up', why: `${place} takes connections` };
  } catch (thrown) {
    return failure(thrown, { url: new URL(`tcp://${place}`), limit, timeoutMs });
  }
}

function connected({
  host,
  port,
  signal,
}: {
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
}): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    // Stays for good: a connection that is given up may tell more than one fault.
    socket.on('error', reject);
  });
}

/**
 * Asks for a page: up where the status of the answer is an expected one, down where it is another or none comes in time.
 * Redirects are not followed. Every address is allowed: an operator has written it, and no task.
 */
export async function probeHttp(
  { url, expect }: Extract<ProbeTarget, { kind: 'http' }>,
  { cancel, timeoutMs }: ProbeSurroundings,
): Promise<ProbeResult> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response: IncomingMessage = await send(
      {
        method: 'GET',
        url,
        headers: { 'user-agent': 'periodic-cron' },
        credentials: {},
        body: undefined,
        isOwnOrigin: true,
      },
      {
        allowed: { allowLoopback: true, allowLinkLocal: true },
        resolve: (name) => lookup(name, { all: true }),
        connectTimeoutMs: timeoutMs,
        signal: AbortSignal.any([limit, cancel]),
        tls: { verify: true },
      },
    );
    const { statusCode = 0 } = response;
    response.destroy();
    const state = isExpected(statusCode, expect) ? 'up' : 'down';
    return { state, why: `${shownUrl(url)} answers ${statusCode}` };
  } catch (thrown) {
    return failure(thrown, { url, limit, timeoutMs });
  }
}

function failure(
  thrown: unknown,
  { url, limit, timeoutMs }: { readonly url: URL; readonly limit: AbortSignal; readonly timeoutMs: number },
): ProbeResult {
  if (limit.aborted || codeOf(thrown) === 'E_CONNECT_TIMEOUT') {
    return { state: 'down', why: `${url.host} does not answer within ${limitText(timeoutMs)}` };
  }
  if (codeOf(thrown) === 'ABORT_ERR') {
    return { state: 'undef', why: 'the look was given up, since the runner was told to end' };
  }
  return { state: OWN_FAULTS.has(codeOf(thrown)) ? 'undef' : 'down', why: wordsOfFailure(thrown, url) };
}

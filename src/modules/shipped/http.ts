import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HttpSettings } from '../../config/config.ts';
import { parseDuration } from '../../core/durations.ts';
import type { TaskContext } from '../module.ts';
import { defineShippedModule } from '../shipped-module.ts';
import type { Resolver } from './http-addresses.ts';
import { type KeptBody, linesOf, readBody } from './http-body.ts';
import { CONNECT_TIMEOUT, send, type Way } from './http-exchange.ts';
import { codeOf, shownUrl, wordsOfFailure } from './http-faults.ts';
import { type HttpOptions, httpOptions } from './http-options.ts';
import { type HttpRequest, isRedirect, redirected } from './http-redirects.ts';
import { requestOf, tlsOf } from './http-request.ts';
import { isExpected } from './http-status.ts';

/** What the runner lends this module: where requests may go. */
export type HttpService = HttpSettings & {
  /** How names are resolved; the system does it unless a test does. */
  readonly resolve?: Resolver;
};

/** Sends a request, and takes the status of the answer for success or failure. */
export const httpModule = defineShippedModule({
  id: 'http',
  description: 'Send a request by HTTP, and expect a status.',
  options: httpOptions,
  async run(options, context, services) {
    const started = process.hrtime.bigint();
    const limit = limitOf(options.timeout);
    const way = await wayOf(options, services['http'] as HttpService, [context.signal, limit]);
    const attempt: Attempt = { options, context, way, limit };
    if (!options.verify) {
      context.log.warn('the certificate of the server is not checked: anybody may answer in its place');
    }
    const { request, response, redirects } = await follow(attempt);
    const body = await exchanged(attempt, request, () => readBody(response, options.max_body));
    const status = response.statusCode ?? 0;
    await exchanged(attempt, request, () => tell(attempt, request, { status, body }));
    if (!isExpected(status, options.expected_status)) {
      const expected = options.expected_status.join(', ');
      throw new Error(`expected status ${expected}, got ${status} from ${shownUrl(request.url)}`);
    }
    return {
      status,
      url: shownUrl(request.url),
      redirects,
      bytes: body.bytes,
      duration_ms: Number((process.hrtime.bigint() - started) / 1_000_000n),
    };
  },
});

type Attempt = {
  readonly options: HttpOptions;
  readonly context: TaskContext;
  readonly way: Way;
  /** Aborted when all of it has taken too long. */
  readonly limit: AbortSignal;
};

type Followed = {
  readonly request: HttpRequest;
  readonly response: IncomingMessage;
  readonly redirects: number;
};

async function follow(attempt: Attempt): Promise<Followed> {
  const { options, context, way } = attempt;
  let request = requestOf(options);
  for (let redirects = 0; ; redirects += 1) {
    const current = request;
    const response = await exchanged(attempt, current, () => send(current, way));
    const { statusCode: status = 0, headers } = response;
    if (options.max_redirects === 0 || !isRedirect(status, headers.location)) {
      return { request, response, redirects };
    }
    response.destroy();
    request = redirected(request, status, headers.location);
    if (redirects === options.max_redirects) {
      const most = `at most ${redirects} redirect${redirects === 1 ? '' : 's'}`;
      throw new Error(`expected ${most}, got another one to ${shownUrl(request.url)}`);
    }
    context.log.info(`redirected by status ${status} to ${shownUrl(request.url)}`);
  }
}

/** Does a part of an exchange; what goes wrong in it is told in one line without a secret. */
async function exchanged<T>(
  { options, context, limit, way }: Attempt,
  { method, url }: HttpRequest,
  part: () => Promise<T>,
): Promise<T> {
  try {
    return await part();
  } catch (thrown) {
    const name = `${method} ${shownUrl(url)}`;
    if (context.signal.aborted) {
      throw new Error(`${name}: was ended before the answer was complete`);
    }
    if (limit.aborted) {
      throw new Error(`${name}: expected the whole answer within ${options.timeout}, got it not`);
    }
    if (codeOf(thrown) === CONNECT_TIMEOUT) {
      throw new Error(`${name}: expected a connection within ${way.connectTimeoutMs / 1_000} s, got none`);
    }
    throw new Error(`${name}: ${wordsOfFailure(thrown, url)}`);
  }
}

type Told = { readonly status: number; readonly body: KeptBody };

/** Others have their turn after so many lines: a body may be little but ends of lines, and all of a runner waits here. */
const LINES_A_TURN = 500;

async function tell(
  { options, context, way }: Attempt,
  { method, url }: HttpRequest,
  { status, body }: Told,
): Promise<void> {
  context.log.info(`${method} ${shownUrl(url)}: status ${status}, ${body.bytes} bytes`);
  let lines = 0;
  for (const line of linesOf(body.text)) {
    context.log.info(line);
    lines += 1;
    if (lines % LINES_A_TURN === 0) {
      await nextTurn();
      way.signal.throwIfAborted();
    }
  }
  if (body.bytes > options.max_body && options.max_body > 0) {
    context.log.info(`[${body.bytes - options.max_body} bytes left out]`);
  }
}

// A timer of Node takes no longer time.
const LONGEST_MS = 2 ** 31 - 1;

function limitOf(timeout: string | undefined): AbortSignal {
  return timeout === undefined ? new AbortController().signal : AbortSignal.timeout(millisecondsOf(timeout));
}

function millisecondsOf(duration: string): number {
  return Math.min(parseDuration(duration) * 1_000, LONGEST_MS);
}

async function wayOf(
  options: HttpOptions,
  { resolve = systemResolver, ...allowed }: HttpService,
  signals: AbortSignal[],
): Promise<Way> {
  return {
    allowed,
    resolve,
    connectTimeoutMs: millisecondsOf(options.connect_timeout),
    signal: AbortSignal.any(signals),
    tls: await tlsOf(options),
  };
}

const systemResolver: Resolver = (name) => lookup(name, { all: true });

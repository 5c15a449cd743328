import { shownUrl } from './http-faults.ts';

type Headers = Readonly<Record<string, string>>;

/** A request as it is to be sent, before or after a redirect. Names of headers are in lower case. */
export type HttpRequest = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  /** Headers that only the origin of the first request may see. */
  readonly credentials: Headers;
  readonly body: string | undefined;
  /** False once a redirect has left that origin. */
  readonly isOwnOrigin: boolean;
};

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const BODY_HEADERS = ['content-encoding', 'content-language', 'content-location', 'content-type'];

/** Whether an answer says where to ask instead. */
export function isRedirect(status: number, location: string | undefined): location is string {
  return REDIRECTS.has(status) && location !== undefined;
}

/**
 * The request that follows from a redirect. Credentials that were dropped on the way do not come back, even where it leads
 * to the first origin again.
 *
 * @throws Error where a redirect leads from https to http, or to what is no URL of either
 */
export function redirected(request: HttpRequest, status: number, location: string): HttpRequest {
  const url = targetOf(request.url, location);
  const isOwnOrigin = request.isOwnOrigin && url.origin === request.url.origin;
  const credentials = isOwnOrigin ? request.credentials : {};
  return turnsIntoGet(status, request.method)
    ? { method: 'GET', url, headers: withoutBody(request.headers), credentials, body: undefined, isOwnOrigin }
    : { ...request, url, credentials, isOwnOrigin };
}

function targetOf(from: URL, location: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error(`expected a redirect to http or https from ${shownUrl(from)}, got another one`);
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw new Error(
      `expected no redirect from https to http, got one from ${shownUrl(from)} to ${shownUrl(url)}`,
    );
  }
  url.username = '';
  url.password = '';
  return url;
}

// As browsers do it: for 301 and 302 against the letter of the standard, which they made it bend to.
function turnsIntoGet(status: number, method: string): boolean {
  return status === 303 ? method !== 'HEAD' : (status === 301 || status === 302) && method === 'POST';
}

function withoutBody(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !BODY_HEADERS.includes(name)));
}

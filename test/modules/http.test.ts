import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { execute } from '../../src/execute/execute.ts';
import type { ExecutionRequest } from '../../src/execute/execution.ts';
import { type HttpService, httpModule } from '../../src/modules/shipped/http.ts';
import { eventually, requestWith } from '../support/execution.ts';
import { serve, serveTls, textOf } from '../support/http-servers.ts';

const ALLOWED: HttpService = { allowLoopback: true, allowLinkLocal: false };

function requestFor(options: JsonObject, http: Partial<HttpService> = {}): ExecutionRequest {
  return requestWith({
    module: { kind: 'shipped', id: 'http', load: () => Promise.resolve(httpModule) },
    options,
    services: { http: { ...ALLOWED, ...http } },
  });
}

function run(options: JsonObject, http: Partial<HttpService> = {}) {
  return execute(requestFor(options, http));
}

async function failure(options: JsonObject, http: Partial<HttpService> = {}): Promise<string> {
  const { outcome } = await run(options, http);
  return outcome.kind === 'failed' ? outcome.message : `expected a failure, got ${outcome.kind}`;
}

const answering =
  (status: number, body = '', headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };

describe('a request', () => {
  test('is told by its status, its body stands in the output', async () => {
    const origin = await serve(answering(200, 'one\ntwo\n'));
    const { outcome, output } = await run({ url: `${origin}/a/b?token=hidden#part` });
    expect(outcome).toEqual({
      kind: 'succeeded',
      result: {
        status: 200,
        url: `${origin}/a/b`,
        redirects: 0,
        bytes: 8,
        duration_ms: expect.any(Number),
      },
    });
    expect(output.text).toBe(`info GET ${origin}/a/b: status 200, 8 bytes\ninfo one\ninfo two\n`);
  });

  test('fails with a status that was not expected, and shows no query', async () => {
    const origin = await serve(answering(503, 'down for now'));
    const { outcome, output } = await run({
      url: `${origin}/health?key=hidden`,
      expected_status: [204, '200-202'],
    });
    expect(outcome).toEqual({
      kind: 'failed',
      message: `expected status 204, 200-202, got 503 from ${origin}/health`,
    });
    expect(output.text).toContain('info down for now\n');
    expect((await run({ url: origin, expected_status: [503] })).outcome.kind).toBe('succeeded');
  });

  test('carries method, headers, secrets and a body', async () => {
    vi.stubEnv('HTTP_TEST_KEY', 'k7-secret');
    vi.stubEnv('HTTP_TEST_PASSWORD', 'pässword');
    onTestFinished(() => void vi.unstubAllEnvs());
    const seen: unknown[] = [];
    const origin = await serve((request, response) => {
      void textOf(request).then((text) => {
        const { method, url, headers } = request;
        seen.push({ method, url, text, headers });
        response.end();
      });
    });
    const { outcome, output } = await run({
      url: `${origin}/x?y=1`,
      method: 'PUT',
      headers: { 'X-Plain': 'p', 'User-Agent': 'me' },
      secret_headers: { 'X-Api-Key': 'env:HTTP_TEST_KEY' },
      basic_user: 'ann',
      basic_password: 'env:HTTP_TEST_PASSWORD',
      body: { a: ['ä', 1] },
    });
    expect(seen).toEqual([
      {
        method: 'PUT',
        url: '/x?y=1',
        text: '{"a":["ä",1]}',
        headers: expect.objectContaining({
          'x-plain': 'p',
          'x-api-key': 'k7-secret',
          'user-agent': 'me',
          'content-type': 'application/json',
          'content-length': '14',
          connection: 'close',
          authorization: `Basic ${Buffer.from('ann:pässword').toString('base64')}`,
        }),
      },
    ]);
    expect(JSON.stringify({ outcome, output })).not.toMatch(/k7-secret|pässword|YW5u/);
  });

  test('sends text as it is, and a token', async () => {
    vi.stubEnv('HTTP_TEST_TOKEN', 'tok');
    onTestFinished(() => void vi.unstubAllEnvs());
    const seen: unknown[] = [];
    const origin = await serve((request, response) => {
      void textOf(request).then((text) => {
        seen.push(text, request.headers['content-type'], request.headers.authorization);
        response.end();
      });
    });
    const body = { body: '<a/>', headers: { 'Content-Type': 'text/xml' } };
    await run({ url: origin, method: 'POST', bearer_token: 'env:HTTP_TEST_TOKEN', ...body });
    expect(seen).toEqual(['<a/>', 'text/xml', 'Bearer tok']);
  });

  test.each(['GET', 'DELETE', 'OPTIONS'])('tells the length of the body of a %s', async (method) => {
    const seen: unknown[] = [];
    const origin = await serve((request, response) => {
      void textOf(request).then((text) => {
        seen.push(text, request.headers['content-length']);
        response.end();
      });
    });
    await run({ url: origin, method, body: 'ä' });
    expect(seen).toEqual(['ä', '2']);
  });

  test('keeps the beginning of a long body, and counts all of it', async () => {
    const origin = await serve((_, response) => {
      response.write('abcdef');
      response.end(Buffer.alloc(3 * 1024 * 1024, 'x'));
    });
    const { outcome, output } = await run({ url: origin, max_body: 4 });
    expect(outcome).toMatchObject({ result: { bytes: 3_145_734 } });
    expect(output.text).toBe(
      `info GET ${origin}/: status 200, 3145734 bytes\ninfo abcd\ninfo [3145730 bytes left out]\n`,
    );
    expect((await run({ url: origin, max_body: 0 })).output.text).toBe(
      `info GET ${origin}/: status 200, 3145734 bytes\n`,
    );
  });

  test('tells the lines of a body as they are', async () => {
    const origin = await serve(answering(200, 'one\r\n\n\rtwo\nthree'));
    const { output } = await run({ url: origin });
    expect(output.text).toMatch(/ 16 bytes\ninfo one\ninfo \ninfo \rtwo\ninfo three\n$/);
  });

  test('lets others have their turn while it tells a body of many lines, and can be ended then', async () => {
    const origin = await serve(answering(200, '\n'.repeat(65_536)));
    const ending = new AbortController();
    const { outcome } = await execute({
      ...requestFor({ url: origin }),
      cancel: ending.signal,
      onOutput: (text) => {
        if (text.includes('65536 bytes')) {
          setImmediate(() => ending.abort('operator'));
        }
      },
    });
    expect(outcome.kind).toBe('cancelled');
  });

  test('goes past the proxies that variables name', async () => {
    const origin = await serve(answering(200));
    vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect((await run({ url: origin })).outcome.kind).toBe('succeeded');
  });
});

describe('a redirect', () => {
  /** A server whose path `/N` answers with the status N and leads to `/end`, which tells what came. */
  async function serveRedirects() {
    const seen: unknown[] = [];
    const origin = await serve((request, response) => {
      void textOf(request).then((text) => {
        const status = Number(request.url?.slice(1));
        if (Number.isNaN(status)) {
          seen.push([request.method, text, request.headers['content-type']]);
          response.end();
        } else {
          response.writeHead(status, { location: 'end' }).end();
        }
      });
    });
    return { origin, seen };
  }

  test.each([
    [301, 'POST', ['GET', '', undefined]],
    [302, 'POST', ['GET', '', undefined]],
    [303, 'PUT', ['GET', '', undefined]],
    [301, 'PUT', ['PUT', 'x', 'text/plain; charset=utf-8']],
    [307, 'POST', ['POST', 'x', 'text/plain; charset=utf-8']],
    [308, 'POST', ['POST', 'x', 'text/plain; charset=utf-8']],
  ])('by %i of %s is followed as browsers do', async (status, method, expected) => {
    const { origin, seen } = await serveRedirects();
    const { outcome, output } = await run({ url: `${origin}/${status}`, method, body: 'x' });
    expect(outcome).toMatchObject({ kind: 'succeeded', result: { redirects: 1, url: `${origin}/end` } });
    expect(seen).toEqual([expected]);
    expect(output.text).toContain(`info redirected by status ${status} to ${origin}/end\n`);
  });

  test('that never ends is given up at the bound', async () => {
    let count = 0;
    const origin = await serve((_, response) => {
      count += 1;
      response.writeHead(302, { location: '/again?key=hidden' }).end();
    });
    expect(await failure({ url: origin, max_redirects: 3 })).toBe(
      `expected at most 3 redirects, got another one to ${origin}/again`,
    );
    expect(count).toBe(4);
  });

  test('is an answer where none is followed, or where it leads nowhere', async () => {
    const origin = await serve(answering(302, '', { location: '/x' }));
    expect(await failure({ url: origin, max_redirects: 0 })).toMatch(/got 302 from/);
    const without = await serve(answering(304));
    expect(await failure({ url: without })).toMatch(/got 304 from/);
  });

  test('to another origin takes no credentials along, nor do later ones', async () => {
    vi.stubEnv('HTTP_TEST_KEY', 'k7');
    onTestFinished(() => void vi.unstubAllEnvs());
    const seen: unknown[] = [];
    const note: RequestListener = ({ url, headers }, _) => {
      seen.push([url, headers['x-key'], headers.cookie, headers['x-plain'], headers.authorization]);
    };
    const first = await serve((request, response) => {
      note(request, response);
      const location = request.url === '/' ? '/same' : `${second}/other`;
      response.writeHead(request.url === '/back' ? 200 : 307, { location }).end();
    });
    const second = await serve((request, response) => {
      note(request, response);
      response.writeHead(307, { location: `${first}/back` }).end();
    });
    const { outcome } = await run({
      url: first,
      headers: { 'X-Plain': 'p', Cookie: 'c=1' },
      secret_headers: { 'X-Key': 'env:HTTP_TEST_KEY' },
      bearer_token: 'env:HTTP_TEST_KEY',
    });
    expect(outcome).toMatchObject({ kind: 'succeeded', result: { redirects: 3, url: `${first}/back` } });
    expect(seen).toEqual([
      ['/', 'k7', 'c=1', 'p', 'Bearer k7'],
      ['/same', 'k7', 'c=1', 'p', 'Bearer k7'],
      ['/other', undefined, undefined, 'p', undefined],
      ['/back', undefined, undefined, 'p', undefined],
    ]);
  });

  test.each(['file:///etc/passwd', 'http://', 'gopher://h/'])('to %s is refused', async (location) => {
    const origin = await serve(answering(302, '', { location }));
    expect(await failure({ url: origin })).toBe(
      `expected a redirect to http or https from ${origin}/, got another one`,
    );
  });

  test('to an address that is refused is not followed', async () => {
    const origin = await serve(answering(302, '', { location: 'http://169.254.169.254/latest/meta-data' }));
    expect(await failure({ url: origin })).toBe(
      'GET http://169.254.169.254/latest/meta-data: expected an address that the configuration allows, got 169.254.169.254, a link-local address (http.allow_link_local allows those)',
    );
  });
});

describe('an address of this machine', () => {
  const REFUSED = { allowLoopback: false };

  test.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0',
    '127.0.0.1.',
  ])('is refused when it is written as %s', async (host) => {
    let count = 0;
    const origin = await serve((_, response) => {
      count += 1;
      response.end();
    });
    expect(await failure({ url: `http://${host}:${new URL(origin).port}/` }, REFUSED)).toMatch(
      /, a loopback address \(http\.allow_loopback allows those\)$/,
    );
    expect(count).toBe(0);
  });

  test('is refused when the name service gives it', async () => {
    expect(await failure({ url: 'http://localhost:9/' }, REFUSED)).toMatch(/, a loopback address/);
  });

  test('is refused when a name changes to it between two requests', async () => {
    let count = 0;
    const origin = await serve((_, response) => {
      count += 1;
      response.writeHead(302, { location: '/next' }).end();
    });
    const { port } = new URL(origin);
    // The first answer passes for one of another machine, since that is what an allowed address would do.
    const asked: string[] = [];
    const resolve = (name: string) => {
      asked.push(name);
      return Promise.resolve([{ address: asked.length === 1 ? '127.0.0.1' : '169.254.1.1', family: 4 }]);
    };
    expect(await failure({ url: `http://inner.example:${port}/` }, { resolve })).toMatch(
      /\/next: expected an address that the configuration allows, got 169\.254\.1\.1, a link-local address/,
    );
    expect([asked, count]).toEqual([['inner.example', 'inner.example'], 1]);
  });

  test('is used as the lookup gave it', async () => {
    const origin = await serve((request, response) => response.end(request.headers.host));
    const { port } = new URL(origin);
    const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    const { output } = await run({ url: `http://inner.example:${port}/` }, { resolve });
    expect(output.text).toContain(`info inner.example:${port}\n`);
  });
});

describe('what goes wrong on the way', () => {
  test('a port at which nothing listens', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const address = closed.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await new Promise((resolve) => closed.close(resolve));
    expect(await failure({ url: `http://127.0.0.1:${port}/x?key=hidden` })).toBe(
      `GET http://127.0.0.1:${port}/x: 127.0.0.1:${port} refuses the connection: nothing listens there`,
    );
  });

  test('a name without an address', async () => {
    const resolve = () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));
    expect(await failure({ url: 'http://no.example/' }, { resolve })).toBe(
      'GET http://no.example/: no.example is not known: its name resolves to no address',
    );
  });

  test('a connection that does not come about', async () => {
    const resolve = () => new Promise<never>(() => undefined);
    expect(await failure({ url: 'http://slow.example/', connect_timeout: '1s' }, { resolve })).toBe(
      'GET http://slow.example/: expected a connection within 1 s, got none',
    );
  });

  test('an answer that takes too long, before and within its body', async () => {
    const silent = await serve(() => undefined);
    expect(await failure({ url: silent, timeout: '1s' })).toBe(
      `GET ${silent}/: expected the whole answer within 1s, got it not`,
    );
    const halting = await serve((_, response) => void response.write('a'));
    expect(await failure({ url: halting, timeout: '1s' })).toMatch(/within 1s, got it not$/);
  });

  test('an answer that breaks off', async () => {
    const origin = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('abc', () => response.destroy());
    });
    expect(await failure({ url: origin })).toMatch(/ended the connection before its answer was complete$/);
  });

  test('an answer that is not of HTTP', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-x\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    expect(await failure({ url: `http://127.0.0.1:${port}/` })).toMatch(
      /: expected an answer of HTTP from .*, got something else \(HPE_/,
    );
  });

  test('a secret that is not there is named, not shown', async () => {
    expect(await failure({ url: 'http://h.example/', bearer_token: 'env:HTTP_TEST_NONE' })).toBe(
      'options.bearer_token: expected the variable HTTP_TEST_NONE in the environment, got none',
    );
  });
});

test('a run that is cancelled ends its request at once', async () => {
  let isClosed = false;
  const cancel = new AbortController();
  const origin = await serve((request) => {
    request.socket.once('close', () => {
      isClosed = true;
    });
    cancel.abort('cancelled');
  });
  const { outcome } = await execute({
    ...requestFor({ url: origin }),
    cancel: cancel.signal,
    graceMs: 60_000,
  });
  expect(outcome.kind).toBe('cancelled');
  await eventually('the connection to be closed', () => isClosed);
});

describe('TLS', () => {
  /** A certificate of the test's own, which is its own authority. */
  function newCertificate(names: string) {
    const folder = mkdtempSync(join(tmpdir(), 'http-tls-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
        ],
        ...['-subj', '/CN=test', '-addext', `subjectAltName=${names}`, '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    return { cert, key, pem: { cert: readFileSync(cert), key: readFileSync(key) } };
  }

  test('takes a certificate only of an authority that is known, and for its host', async () => {
    const { cert, pem } = newCertificate('DNS:localhost');
    const port = await serveTls(pem, answering(200));
    expect((await run({ url: `https://localhost:${port}/`, ca: cert })).outcome.kind).toBe('succeeded');
    expect(await failure({ url: `https://localhost:${port}/` })).toMatch(/is not accepted: self.signed/);
    expect(await failure({ url: `https://127.0.0.1:${port}/`, ca: cert })).toMatch(
      /is not accepted: IP: 127/,
    );
    expect(await failure({ url: `https://localhost:${port}/`, ca: '/no/such.pem' })).toMatch(
      /^expected a readable PEM file at \/no\/such\.pem, got ENOENT/,
    );
    expect(await failure({ url: `http://localhost:${port}/` })).toMatch(/^GET http:/);
  });

  test('without a check says so', async () => {
    const port = await serveTls(newCertificate('DNS:other').pem, answering(200));
    const { outcome, output } = await run({ url: `https://127.0.0.1:${port}/`, verify: false });
    expect(outcome.kind).toBe('succeeded');
    expect(output.text).toMatch(/^warn the certificate of the server is not checked/);
  });

  test('shows the certificate of the client to its own origin only', async () => {
    const { cert, key, pem } = newCertificate('DNS:localhost');
    const seen: string[] = [];
    const options = { ...pem, requestCert: true, rejectUnauthorized: false };
    const note: RequestListener = (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      seen.push(`${request.url} ${subject?.CN ?? 'none'}`);
      const location = request.url === '/' ? `https://localhost:${second}/other` : '/end';
      response.writeHead(request.url === '/end' ? 200 : 302, { location }).end();
    };
    const second = await serveTls(options, note);
    const first = await serveTls(options, note);
    const { outcome } = await run({ url: `https://localhost:${first}/`, ca: cert, cert, key });
    expect(outcome.kind).toBe('succeeded');
    expect(seen).toEqual(['/ test', '/other none', '/end none']);
  });

  test('is not left by a redirect', async () => {
    const { cert, pem } = newCertificate('DNS:localhost');
    const port = await serveTls(pem, answering(302, '', { location: 'http://localhost/x?y' }));
    expect(await failure({ url: `https://localhost:${port}/`, ca: cert })).toBe(
      `expected no redirect from https to http, got one from https://localhost:${port}/ to http://localhost/x`,
    );
  });
});

import { describe, expect, test } from 'vitest';
import { checkOptions, parseOptions } from '../../src/modules/options.ts';
import { httpOptions } from '../../src/modules/shipped/http-options.ts';
import { isExpected } from '../../src/modules/shipped/http-status.ts';

const URL_ONLY = { url: 'https://api.example/v1' };

test('only the URL is needed', async () => {
  expect(await checkOptions(httpOptions, URL_ONLY)).toEqual([]);
  expect(await parseOptions(httpOptions, URL_ONLY)).toMatchObject({
    kind: 'valid',
    options: {
      method: 'GET',
      expected_status: ['200-299'],
      connect_timeout: '10s',
      max_redirects: 5,
      verify: true,
    },
  });
});

test('secrets are references, in headers too', async () => {
  const options = {
    ...URL_ONLY,
    secret_headers: { 'X-Api-Key': 'env:API_KEY' },
    basic_user: 'ann',
    basic_password: 'file:/etc/secret',
    body: { a: [1, null] },
    expected_status: [204, '300-399'],
  };
  expect(await checkOptions(httpOptions, options)).toEqual([]);
  expect(await checkOptions(httpOptions, { ...URL_ONLY, secret_headers: { 'X-Api-Key': 'k7' } })).toEqual([
    {
      field: 'options.secret_headers.X-Api-Key',
      message: 'expected a reference such as env:NAME or file:/path, got another value',
    },
  ]);
});

describe('options that are refused', () => {
  test.each([
    [{ url: 'ftp://h/x' }, 'options.url', /^expected a URL such as https:\/\/host\/path, got another text$/],
    [{ url: 'https://ann:pw@h/' }, 'options.url', /without a user .*use basic_user and basic_password$/],
    [{ url: 'https://ann@h/' }, 'options.url', /without a user/],
    [{ method: 'CONNECT' }, 'options.method', /^expected "GET" or /],
    [{ headers: { 'a b': 'x' } }, 'options.headers', /^expected names of headers, got "a b"$/],
    [{ headers: { 'Transfer-Encoding': 'x' } }, 'options.headers', /got "Transfer-Encoding"$/],
    [{ headers: { a: 'x\r\nb: y' } }, 'options.headers.a', /^expected text like/],
    [{ headers: { Authorization: 'Basic x' } }, 'options.headers', /among secret_headers$/],
    [
      { headers: { a: '1' }, secret_headers: { A: 'env:A' } },
      'options.headers',
      /^expected each header once/,
    ],
    [{ secret_headers: { Connection: 'env:A' } }, 'options.secret_headers', /got "Connection"$/],
    [{ bearer_token: 'env:T', basic_user: 'u', basic_password: 'env:P' }, 'options.basic_user', /one login/],
    [{ basic_password: 'env:P' }, 'options.basic_user', /^expected it beside basic_password$/],
    [{ basic_user: 'a:b', basic_password: 'env:P' }, 'options.basic_user', /^expected text like/],
    [{ expected_status: ['200-199'] }, 'options.expected_status[0]', /^expected a range such as "200-299"/],
    [{ expected_status: [] }, 'options.expected_status', /^expected at least 1 items/],
    [{ connect_timeout: '10' }, 'options.connect_timeout', /^expected a duration such as/],
    [{ timeout: '0' }, 'options.timeout', /^expected a duration of at least 1s, got "0"$/],
    [{ cert: '/a.pem' }, 'options.cert', /^expected it beside key$/],
    [{ ca: 'a.pem' }, 'options.ca', /^expected an absolute path, got "a.pem"$/],
    [{ max_redirects: -1 }, 'options.max_redirects', /^expected at least 0/],
    [{ uri: 'x' }, 'options.uri', /did you mean url\?/],
  ])('%j', async (changes, field, message) => {
    const faults = await checkOptions(httpOptions, { ...URL_ONLY, ...changes });
    expect(faults).toEqual([{ field, message: expect.stringMatching(message) }]);
    expect(JSON.stringify(faults)).not.toMatch(/pw|Basic x/);
  });
});

test.each([
  [200, ['200-299'], true],
  [299, ['200-299'], true],
  [300, ['200-299'], false],
  [404, ['200-299', 404], true],
  [404, [403], false],
])('status %i among %j: %s', (status, expected, answer) => {
  expect(isExpected(status, expected)).toBe(answer);
});

import { isAbsolute } from 'node:path';
import * as z from 'zod';
import { parseDuration } from '../../core/durations.ts';
import { messageOf } from '../../core/errors.ts';
import { isStatusRange } from './http-status.ts';

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TOKEN = /^[\x21-\x7e]+$/;

// These frame the message and rule the connection.
const OWN_HEADERS = [
  'connection',
  'content-length',
  'expect',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const SECRET_HEADERS = ['authorization', 'proxy-authorization'];

/** Adds a fault that does not show the value, which may hold a secret. */
type Fault = { readonly code: 'custom'; readonly message: string; readonly input: undefined };
const faultWith = (message: string): Fault => ({ code: 'custom', message, input: undefined });

const url = () =>
  z.string().check((context) => {
    const fault = faultOfUrl(context.value);
    if (fault !== undefined) {
      context.issues.push(faultWith(fault));
    }
  });

const duration = () =>
  z.string().check((context) => {
    const fault = faultOfDuration(context.value);
    if (fault !== undefined) {
      context.issues.push(faultWith(fault));
    }
  });

const path = () =>
  z.string().refine((value) => isAbsolute(value) && !value.includes('\0'), 'expected an absolute path');

const headers = <Value extends z.ZodType>(value: Value) =>
  z.record(z.string(), value).check((context) => {
    for (const name of Object.keys(context.value)) {
      const fault = faultOfHeader(name);
      if (fault !== undefined) {
        context.issues.push(faultWith(fault));
      }
    }
  });

/** What tasks of the module `http` may say. */
export const httpOptions = z
  .strictObject({
    url: url().describe('where to send the request, http or https'),
    method: z
      .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      .default('GET')
      .describe('how to ask'),
    headers: headers(z.string().regex(HEADER_VALUE)).default({}).describe('headers to send, by name'),
    secret_headers: headers(z.string().regex(HEADER_VALUE).meta({ secret: true }))
      .default({})
      .describe('headers with secret values: a reference, env:NAME or file:/path, by name'),
    bearer_token: z
      .string()
      .regex(TOKEN)
      .optional()
      .meta({ secret: true })
      .describe('sent as Authorization: Bearer'),
    basic_user: z
      .string()
      .min(1)
      .regex(/^[^:]*$/)
      .optional()
      .describe('user for Authorization: Basic'),
    basic_password: z.string().optional().meta({ secret: true }).describe('password for basic_user'),
    body: z.unknown().optional().describe('text to send, or any other JSON, sent as application/json'),
    expected_status: z
      .array(
        z.union([
          z.int().min(100).max(599),
          z.string().refine(isStatusRange, 'expected a range such as "200-299"'),
        ]),
      )
      .min(1)
      .default(['200-299'])
      .describe('statuses of success: numbers, and ranges such as "200-299"'),
    connect_timeout: duration().default('10s').describe('how long a connection may take'),
    timeout: duration().optional().describe('how long all of it may take; else as long as the task'),
    max_redirects: z.int().min(0).max(50).default(5).describe('how many redirects to follow'),
    ca: path().optional().describe('PEM file with the authorities to trust instead of the usual ones'),
    cert: path().optional().describe('PEM file with a certificate of this client'),
    key: path().optional().describe('PEM file with the key of cert'),
    verify: z.boolean().default(true).describe('check the certificate of the server'),
    max_body: z
      .int()
      .min(0)
      .max(16 * 1024 * 1024)
      .default(65_536)
      .describe('how many bytes of the answer go to the output'),
  })
  .check((context) => {
    for (const [field, message] of faultsBetween(context.value)) {
      context.issues.push({ ...faultWith(message), path: [field] });
    }
  });

export type HttpOptions = z.output<typeof httpOptions>;

function faultOfHeader(name: string): string | undefined {
  if (!HEADER_NAME.test(name)) {
    return `expected names of headers, got ${JSON.stringify(name)}`;
  }
  return OWN_HEADERS.includes(name.toLowerCase())
    ? `expected headers that the request does not need for itself, got ${JSON.stringify(name)}`
    : undefined;
}

function faultOfUrl(text: string): string | undefined {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    return 'expected a URL such as https://host/path, got another text';
  }
  return parsed.username === '' && parsed.password === ''
    ? undefined
    : 'expected a URL without a user and a password; use basic_user and basic_password';
}

function faultOfDuration(text: string): string | undefined {
  try {
    return parseDuration(text) > 0 ? undefined : `expected a duration of at least 1s, got "${text}"`;
  } catch (error) {
    return messageOf(error);
  }
}

type Checked = Pick<
  HttpOptions,
  'headers' | 'secret_headers' | 'bearer_token' | 'basic_user' | 'basic_password' | 'cert' | 'key'
>;

function faultsBetween(options: Checked): ReadonlyArray<readonly [field: string, message: string]> {
  const plain = Object.keys(options.headers).map((name) => name.toLowerCase());
  const secret = Object.keys(options.secret_headers).map((name) => name.toLowerCase());
  const isSecret = (name: string) => SECRET_HEADERS.includes(name);
  const logins = [
    options.bearer_token === undefined ? [] : ['bearer_token'],
    options.basic_user === undefined ? [] : ['basic_user'],
    secret.includes('authorization') ? ['secret_headers'] : [],
  ].flat();
  const faults: ReadonlyArray<readonly [boolean, string, string]> = [
    [plain.some(isSecret), 'headers', `expected ${SECRET_HEADERS.join(' and ')} among secret_headers`],
    [hasTwice([...plain, ...secret]), 'headers', 'expected each header once, got one twice'],
    [logins.length > 1, logins[1] ?? '', `expected one login, got ${logins.join(' and ')}`],
    [isOneOf(options.basic_user, options.basic_password), 'basic_user', 'expected it beside basic_password'],
    [isOneOf(options.cert, options.key), 'cert', 'expected it beside key'],
  ];
  return faults.flatMap(([isFault, field, message]) => (isFault ? [[field, message] as const] : []));
}

function hasTwice(names: readonly string[]): boolean {
  return new Set(names).size < names.length;
}

function isOneOf(one: unknown, other: unknown): boolean {
  return (one === undefined) !== (other === undefined);
}

import * as z from 'zod/mini';
import { parseDuration } from '../core/durations.ts';
import { type Fault, ScheduleError } from '../core/errors.ts';
import { faultOfName, normalizeName } from '../core/names.ts';
import { parseByteSize } from './byte-size.ts';
import { LOG_LEVELS } from './config.ts';
import { CONNECTION_NAME, CONNECTION_NAME_FORM } from './connections.ts';
import { faultOfPasswordReference } from './database-password.ts';
import { parseDatabaseUrl, URL_FORMS } from './database-url.ts';
import { didYouMean } from './near-miss.ts';

const OUTPUT_LIMIT_BYTES = { min: 1_024, max: 64 * 1_024 * 1_024 };

const trueOrFalse = () => z.optional(z.boolean(expected('true or false')));

const connectionSchema = z.strictObject(
  { url: read(databaseUrl), password: z.optional(read(passwordReference)) },
  expected('the keys url and password'),
);

const text = (what: string) => z.string(expected(what)).check(z.trim(), z.minLength(1, expected(what)));

/** Every key of a configuration file. A key that is absent leaves the default of `DEFAULT_SETTINGS`. */
export const configFileSchema = z.strictObject(
  {
    database: z.optional(read(databaseUrl)),
    database_password: z.optional(read(passwordReference)),
    node: z.optional(read(nodeName)),
    state_directory: z.optional(text('a path')),
    tick_every: z.optional(read((value) => seconds(value, { min: 1 }))),
    max_running: z.optional(read((value) => count(value, { min: 1, max: 1_000 }))),
    default_timeout: z.optional(read((value) => seconds(value, { min: 0 }))),
    default_spacing: z.optional(read((value) => seconds(value, { min: 1 }))),
    output_limit: z.optional(read(outputLimit)),
    modules: z.optional(
      z.strictObject(
        {
          folders: z.optional(z.array(text('a path'), expected('a list of folders'))),
          packages: z.optional(z.array(text('the name of a package'), expected('a list of packages'))),
        },
        expected('the keys folders and packages'),
      ),
    ),
    connections: z.optional(
      z.record(
        z.string().check(z.regex(CONNECTION_NAME, `expected a name of ${CONNECTION_NAME_FORM}`)),
        connectionSchema,
        expected('names of connections'),
      ),
    ),
    http: z.optional(
      z.strictObject(
        { allow_loopback: trueOrFalse(), allow_link_local: trueOrFalse() },
        expected('the keys allow_loopback and allow_link_local'),
      ),
    ),
    systemd_scope: trueOrFalse(),
    log: z.optional(
      z.strictObject(
        {
          file: text('a path'),
          level: z.optional(z.enum(LOG_LEVELS, expected('debug, info or warn'))),
        },
        expected('the keys file and level'),
      ),
    ),
  },
  expected('keys with values'),
);

export type ConfigFile = z.infer<typeof configFileSchema>;

export type ConfigFileReading =
  | { readonly kind: 'valid'; readonly values: ConfigFile }
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] };

/** Checks what was read from a configuration file. An empty file is valid; every fault is reported. */
export function readConfigFile(content: unknown): ConfigFileReading {
  const result = z.safeParse(configFileSchema, content ?? {}, { jitless: true });
  return result.success
    ? { kind: 'valid', values: result.data }
    : { kind: 'invalid', faults: result.error.issues.flatMap(faultsOfIssue) };
}

function faultsOfIssue(issue: z.core.$ZodIssue): readonly Fault[] {
  const path = issue.path.map(String);
  if (issue.code === 'invalid_key') {
    return [{ field: path.join('.'), message: issue.issues[0]?.message ?? issue.message }];
  }
  if (issue.code !== 'unrecognized_keys') {
    return [{ field: path.join('.'), message: issue.message }];
  }
  const known = Object.keys(shapeAt(path[0]));
  return issue.keys.map((key) => ({
    field: [...path, key].join('.'),
    message: `unknown key${didYouMean(key, known)}`,
  }));
}

/** The keys that may stand at the top of a file, or in one of its keys. */
function shapeAt(key: string | undefined): object {
  const { modules, http, log } = configFileSchema.shape;
  switch (key) {
    case 'modules':
      return modules._zod.def.innerType.shape;
    case 'connections':
      return connectionSchema.shape;
    case 'http':
      return http._zod.def.innerType.shape;
    case 'log':
      return log._zod.def.innerType.shape;
    default:
      return configFileSchema.shape;
  }
}

/** A value, or the words that follow "expected" in the message. */
type Reading<T> = { readonly value: T } | { readonly expected: string } | { readonly fault: string };

function read<T>(reading: (value: unknown) => Reading<T>) {
  return z.pipe(
    z.unknown(),
    z.transform((input, context): T => {
      const result = reading(input);
      if ('value' in result) {
        return result.value;
      }
      const message = 'fault' in result ? result.fault : `expected ${result.expected}, got ${shown(input)}`;
      context.issues.push({ code: 'custom', message, input });
      return z.NEVER;
    }),
  );
}

function expected(what: string) {
  return { error: (issue: { readonly input?: unknown }) => `expected ${what}, got ${shown(issue.input)}` };
}

function shown(value: unknown): string {
  if (value === null || value === undefined) {
    return 'nothing';
  }
  if (typeof value === 'object') {
    return Array.isArray(value) ? 'a list' : 'keys with values';
  }
  // A URL in a wrong place may hold a password all the same.
  const isUrl = typeof value === 'string' && /:\/\/|@/.test(value);
  return isUrl ? 'a URL' : (JSON.stringify(value) ?? String(value));
}

// The path is resolved later, from the folder of the file; here only the form of the URL matters.
function databaseUrl(value: unknown): Reading<string> {
  if (typeof value !== 'string') {
    return { expected: URL_FORMS };
  }
  const url = parseDatabaseUrl(value, '/');
  return url.kind === 'fault' ? { fault: url.message } : { value };
}

function passwordReference(value: unknown): Reading<string> {
  const fault = faultOfPasswordReference(value);
  return fault === undefined ? { value: String(value) } : { fault };
}

function nodeName(value: unknown): Reading<string> {
  if (typeof value !== 'string') {
    return { expected: 'a name' };
  }
  const name = normalizeName(value);
  const fault = faultOfName(name);
  return fault === undefined ? { value: name } : { fault };
}

function count(value: unknown, { min, max }: { min: number; max: number }): Reading<number> {
  const fits = Number.isInteger(value) && typeof value === 'number' && value >= min && value <= max;
  return fits ? { value } : { expected: `a whole number from ${min} to ${max}` };
}

function seconds(value: unknown, { min }: { min: number }): Reading<number> {
  if (value === 0 && min === 0) {
    return { value };
  }
  if (typeof value !== 'string') {
    return { expected: 'a duration such as 90s, 15m, 1h30m or 2d' };
  }
  const duration = durationOf(value);
  if ('value' in duration && duration.value < min) {
    return { expected: `a duration of at least ${min}s` };
  }
  return duration;
}

function durationOf(value: string): Reading<number> {
  try {
    return { value: parseDuration(value) };
  } catch (error) {
    if (error instanceof ScheduleError) {
      return { fault: error.message };
    }
    throw error;
  }
}

function outputLimit(value: unknown): Reading<number> {
  const bytes = parseByteSize(value);
  const { min, max } = OUTPUT_LIMIT_BYTES;
  const fits = bytes !== undefined && bytes >= min && bytes <= max;
  return fits ? { value: bytes } : { expected: 'a size from 1KiB to 64MiB (bytes, or such as 64KiB)' };
}

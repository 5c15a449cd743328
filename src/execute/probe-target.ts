import { isAbsolute } from 'node:path';
import { type Fault, messageOf } from '../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { RESOURCE_STATES, type ResourceState } from '../core/requires.ts';
import { splitShellWords } from '../modules/shell-words.ts';
import { type ExpectedStatus, isStatusRange } from '../modules/shipped/http-status.ts';
import { MOST_TIMEOUT_S, PROBES, type Probe, type Resource } from '../store/resources.ts';

/** What a probe looks at, read from what is stored of it. */
export type ProbeTarget =
  | {
      readonly kind: 'command';
      readonly argv: readonly [string, ...string[]];
      readonly retcodes: RetcodeStates;
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'http'; readonly url: URL; readonly expect: readonly ExpectedStatus[] }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'none' };

/** What the exit status of a probe says: 0 is up and any other is down where it says nothing. */
export type RetcodeStates = ReadonlyMap<number | 'other', ResourceState>;

/** A target, or what is wrong with it. */
export type ReadTarget =
  | { readonly kind: 'target'; readonly target: ProbeTarget }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] };

/**
 * Reads what a resource looks at, with the limit of a look: plain SQL may have written anything. The faults name the
 * columns, or the part of the target.
 */
export function readProbe({ probe, target, timeoutSeconds }: Resource): ReadTarget {
  const known = PROBES.find((one) => one === probe);
  if (known === undefined) {
    const message = `expected one of the probes ${PROBES.join(', ')}, got ${JSON.stringify(probe)}`;
    return { kind: 'faults', faults: [{ field: 'probe', message }] };
  }
  const read = readTarget(known, target);
  if (Number.isInteger(timeoutSeconds) && timeoutSeconds >= 1 && timeoutSeconds <= MOST_TIMEOUT_S) {
    return read;
  }
  const message = `expected a whole number of seconds from 1 to ${MOST_TIMEOUT_S}, got ${timeoutSeconds}`;
  const others = read.kind === 'faults' ? read.faults : [];
  return { kind: 'faults', faults: [...others, { field: 'timeout_s', message }] };
}

/** A fault of one field, thrown within this file. */
class TargetFault extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** Reads what a probe of this kind looks at. */
export function readTarget(probe: Probe, target: JsonObject): ReadTarget {
  try {
    return { kind: 'target', target: READERS[probe](target) };
  } catch (thrown) {
    const field = thrown instanceof TargetFault ? thrown.field : 'target';
    return { kind: 'faults', faults: [{ field, message: messageOf(thrown) }] };
  }
}

const READERS: Readonly<Record<Probe, (target: JsonObject) => ProbeTarget>> = {
  command: ({ command, retcodes }) => ({
    kind: 'command',
    argv: readArgv(command),
    retcodes: readRetcodes(retcodes),
  }),
  tcp: ({ host, port }) => ({ kind: 'tcp', host: readHost(host), port: readPort(port) }),
  http: ({ url, expect }) => ({ kind: 'http', url: readUrl(url), expect: readExpected(expect) }),
  file: ({ path }) => ({ kind: 'file', path: readPath(path) }),
  none: () => ({ kind: 'none' }),
};

function readArgv(command: JsonValue | undefined): readonly [string, ...string[]] {
  const [program, ...rest] = wordsOf(command);
  if (program === undefined || program === '') {
    throw new TargetFault('command', `expected a command, got ${shown(command)}`);
  }
  if ([program, ...rest].some((word) => word.includes('\0'))) {
    throw new TargetFault('command', `expected no NUL character, got ${shown(command)}`);
  }
  return [program, ...rest];
}

function wordsOf(command: JsonValue | undefined): readonly string[] {
  if (Array.isArray(command) && command.every((word) => typeof word === 'string')) {
    return command;
  }
  if (typeof command !== 'string') {
    throw new TargetFault('command', `expected a command, got ${shown(command)}`);
  }
  const split = splitShellWords(command);
  if (split.kind === 'fault') {
    throw new TargetFault('command', `${split.message} (at character ${split.position})`);
  }
  return split.words;
}

const LAST_STATUS = 255;

function readRetcodes(retcodes: JsonValue | undefined): RetcodeStates {
  if (retcodes === undefined) {
    return new Map();
  }
  if (!isJsonObject(retcodes)) {
    throw new TargetFault('retcodes', `expected an object such as {"3": "warn"}, got ${shown(retcodes)}`);
  }
  return new Map(
    Object.entries(retcodes).map(([key, word]) => {
      const state = RESOURCE_STATES.find((known) => known === word);
      if (state === undefined) {
        throw new TargetFault(
          `retcodes.${key}`,
          `expected one of the states ${RESOURCE_STATES.join(', ')}, got ${shown(word)}`,
        );
      }
      return [readStatus(key), state] as const;
    }),
  );
}

function readStatus(key: string): number | 'other' {
  if (key === 'other') {
    return key;
  }
  const status = /^\d{1,3}$/.test(key) ? Number(key) : Number.NaN;
  if (!(status <= LAST_STATUS)) {
    throw new TargetFault(
      'retcodes',
      `expected an exit status from 0 to ${LAST_STATUS}, or other, got ${shown(key)}`,
    );
  }
  return status;
}

function readHost(host: JsonValue | undefined): string {
  if (typeof host !== 'string' || !/^[\w.:-]{1,253}$/.test(host)) {
    throw new TargetFault('host', `expected the name or address of a host, got ${shown(host)}`);
  }
  return host;
}

function readPort(port: JsonValue | undefined): number {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new TargetFault('port', `expected a whole number from 1 to 65535, got ${shown(port)}`);
  }
  return port;
}

function readUrl(text: JsonValue | undefined): URL {
  const url = typeof text === 'string' ? URL.parse(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new TargetFault(
      'url',
      `expected a URL that begins with http:// or https://, got ${shown(withoutUser(text))}`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    // It is stored and shown: what is in it is no secret.
    throw new TargetFault('url', 'expected a URL without a user and a password, got one');
  }
  return url;
}

/** A text that is no URL may hold a password all the same: it is taken for what stands before an @. */
function withoutUser(text: JsonValue | undefined): JsonValue | undefined {
  return typeof text === 'string' ? text.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1***@') : text;
}

const DEFAULT_EXPECT: readonly ExpectedStatus[] = ['200-299'];

function readExpected(expect: JsonValue | undefined): readonly ExpectedStatus[] {
  if (expect === undefined) {
    return DEFAULT_EXPECT;
  }
  const list = Array.isArray(expect) ? expect : [expect];
  return list.map((one) => {
    const isStatus = typeof one === 'number' && Number.isInteger(one) && one >= 100 && one <= 599;
    if (isStatus || (typeof one === 'string' && isStatusRange(one))) {
      return one;
    }
    throw new TargetFault('expect', `expected a status such as 200, or 200-299, got ${shown(one)}`);
  });
}

function readPath(path: JsonValue | undefined): string {
  if (typeof path !== 'string' || !isAbsolute(path) || path.includes('\0')) {
    throw new TargetFault('path', `expected an absolute path, got ${shown(path)}`);
  }
  return path;
}

function shown(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

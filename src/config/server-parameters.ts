import { resolve } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import type { ServerLocation, TlsMode, TlsSettings } from './config.ts';
import { didYouMean } from './near-miss.ts';
import { decoded } from './percent.ts';

export type ServerEngine = ServerLocation['engine'];

/** What stands after the `?` of a server's URL. */
export type ServerParameters = {
  readonly tls: TlsSettings;
  readonly connectTimeoutMs: number;
  /** Absolute path; for PostgreSQL of the folder in which the socket lies. */
  readonly socket: string | undefined;
  /** The port of a parameter, not that beside a host. */
  readonly port: number | undefined;
  /** Names and values in one form for all their spellings, without those that change nothing. */
  readonly shown: ReadonlyArray<readonly [name: string, value: string]>;
};

/**
 * Reads the parameters, of which there may be none. The names of either engine's own tools are known for what both
 * engines have.
 *
 * @throws ConfigError with the name and, of a known parameter, the value of the first one that is not valid
 */
export function parametersOf(engine: ServerEngine, query: string, folder: string): ServerParameters {
  const given = givenIn(engine, query);
  const names = NAMES[engine];
  const tls = tlsOf(engine, given, folder);
  const seconds = secondsOf(given.get('timeout'));
  const socket = socketOf(given);
  const port = portOf(given.get('port'));
  const shown = [
    ['socket', socket],
    ['port', socket === undefined ? undefined : port],
    ['mode', tls.mode === 'off' ? undefined : MODE_NAMES[engine][tls.mode]],
    ['ca', tls.ca],
    ['cert', tls.cert],
    ['key', tls.key],
    ['timeout', seconds],
  ] as const;
  return {
    tls,
    connectTimeoutMs: (seconds ?? DEFAULT_TIMEOUT_SECONDS) * 1_000,
    socket,
    port,
    shown: shown.flatMap(([meaning, value]) => {
      const name = names[meaning];
      return name === undefined || value === undefined ? [] : [[name, String(value)] as const];
    }),
  };
}

type Meaning = 'mode' | 'ca' | 'cert' | 'key' | 'timeout' | 'socket' | 'port';

/** A parameter as it was written, its value decoded. */
type Given = { readonly name: string; readonly value: string };

const NAMES: Readonly<Record<ServerEngine, Readonly<Partial<Record<Meaning, string>>>>> = {
  postgres: {
    mode: 'sslmode',
    ca: 'sslrootcert',
    cert: 'sslcert',
    key: 'sslkey',
    timeout: 'connect_timeout',
    socket: 'host',
    port: 'port',
  },
  mariadb: {
    mode: 'ssl-mode',
    ca: 'ssl-ca',
    cert: 'ssl-cert',
    key: 'ssl-key',
    timeout: 'connect-timeout',
    socket: 'socket',
  },
};

// By their names without "-" and "_", in which the engines' own tools differ most.
const SHARED_MEANINGS: Readonly<Record<string, Meaning>> = {
  sslmode: 'mode',
  sslrootcert: 'ca',
  sslca: 'ca',
  sslcert: 'cert',
  sslkey: 'key',
  connecttimeout: 'timeout',
};
const OWN_MEANINGS: Readonly<Record<ServerEngine, Readonly<Record<string, Meaning>>>> = {
  postgres: { host: 'socket', port: 'port' },
  mariadb: { socket: 'socket' },
};

function givenIn(engine: ServerEngine, query: string): ReadonlyMap<Meaning, Given> {
  const meanings = new Map(Object.entries({ ...SHARED_MEANINGS, ...OWN_MEANINGS[engine] }));
  const given = new Map<Meaning, Given>();
  for (const entry of query.split('&').filter((part) => part !== '')) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/.exec(entry) ?? [];
    const meaning = meanings.get(name.toLowerCase().replaceAll(/[-_]/g, ''));
    if (meaning === undefined || value === undefined) {
      throw new ConfigError(unknownParameter(engine, name, value));
    }
    if (given.has(meaning)) {
      throw new ConfigError(`parameter ${name}: expected it once, got it twice`);
    }
    given.set(meaning, { name, value: decoded(value, `parameter ${name}`) });
  }
  return given;
}

// Only what looks like a name is shown: anything else may be a part of a password.
function unknownParameter(engine: ServerEngine, name: string, value: string | undefined): string {
  const known = Object.values(NAMES[engine]);
  const expected = `expected parameters NAME=VALUE of ${known.join(', ')}`;
  return value === undefined || !/^[a-z][\w.-]{0,39}$/i.test(name)
    ? `${expected}, got something else after "?"`
    : `${expected}, got ${name}=…${didYouMean(name, known)}`;
}

const MODES: Readonly<Record<string, TlsMode>> = {
  disable: 'off',
  disabled: 'off',
  require: 'require',
  required: 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
  'verify-identity': 'verify-full',
};
const MODE_NAMES: Readonly<Record<ServerEngine, Readonly<Record<TlsMode, string>>>> = {
  postgres: {
    off: 'disable',
    require: 'require',
    'verify-ca': 'verify-ca',
    'verify-full': 'verify-full',
  },
  mariadb: {
    off: 'DISABLED',
    require: 'REQUIRED',
    'verify-ca': 'VERIFY_CA',
    'verify-full': 'VERIFY_IDENTITY',
  },
};
const HALF_MODES = new Set(['prefer', 'preferred', 'allow']);

function tlsOf(engine: ServerEngine, given: ReadonlyMap<Meaning, Given>, folder: string): TlsSettings {
  const [ca, cert, key] = [given.get('ca'), given.get('cert'), given.get('key')];
  const files = [ca, cert, key].filter((file) => file !== undefined);
  const named = given.get('mode');
  const mode = named === undefined ? modeWithout(files) : modeOf(engine, named);
  const fault = faultOfSocket(given, mode) ?? faultOfFiles(mode, { ca, cert, key });
  if (fault !== undefined) {
    throw new ConfigError(fault);
  }
  return { mode, ca: pathOf(ca, folder), cert: pathOf(cert, folder), key: pathOf(key, folder) };
}

// Who names a certificate wants it to count: with less than the full check anybody could stand between.
function modeWithout(files: readonly Given[]): TlsMode {
  return files.length === 0 ? 'off' : 'verify-full';
}

function modeOf(engine: ServerEngine, { name, value }: Given): TlsMode {
  const text = value.toLowerCase().replaceAll('_', '-');
  const mode = new Map(Object.entries(MODES)).get(text);
  if (mode !== undefined) {
    return mode;
  }
  const known = Object.values(MODE_NAMES[engine]);
  const remark = HALF_MODES.has(text)
    ? ' (it may silently be without encryption; say which it shall be)'
    : didYouMean(value, known);
  const expected = `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;
  throw new ConfigError(`parameter ${name}: expected ${expected}, got ${JSON.stringify(value)}${remark}`);
}

function faultOfSocket(given: ReadonlyMap<Meaning, Given>, mode: TlsMode): string | undefined {
  const socket = given.get('socket');
  return socket === undefined || mode === 'off'
    ? undefined
    : `parameter ${socket.name}: expected no TLS beside it (a socket does not leave the machine), got the mode ${mode}`;
}

type Files = Readonly<Record<'ca' | 'cert' | 'key', Given | undefined>>;

function faultOfFiles(mode: TlsMode, { ca, cert, key }: Files): string | undefined {
  const file = ca ?? cert ?? key;
  if (mode === 'off' && file !== undefined) {
    return `parameter ${file.name}: expected a mode with TLS beside it, got one that switches it off`;
  }
  if (mode === 'require' && ca !== undefined) {
    return `parameter ${ca.name}: expected a mode that looks at certificates beside it, verify-ca or verify-full, got require`;
  }
  if ((cert === undefined) !== (key === undefined)) {
    return `parameter ${(cert ?? key)?.name}: expected a certificate and its key, got one of the two`;
  }
  return undefined;
}

function pathOf(file: Given | undefined, folder: string): string | undefined {
  if (file === undefined) {
    return undefined;
  }
  if (file.value === '') {
    throw new ConfigError(`parameter ${file.name}: expected the path of a PEM file, got an empty text`);
  }
  return resolve(folder, file.value);
}

const DEFAULT_TIMEOUT_SECONDS = 10;
const MAX_TIMEOUT_SECONDS = 60;

function secondsOf(given: Given | undefined): number | undefined {
  return given === undefined
    ? undefined
    : wholeNumber(given, MAX_TIMEOUT_SECONDS, `seconds from 1 to ${MAX_TIMEOUT_SECONDS}`);
}

function portOf(given: Given | undefined): number | undefined {
  return given === undefined ? undefined : wholeNumber(given, 65_535, 'a port from 1 to 65535');
}

function wholeNumber({ name, value }: Given, max: number, expected: string): number {
  const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (number < 1 || number > max) {
    throw new ConfigError(`parameter ${name}: expected ${expected}, got ${JSON.stringify(value)}`);
  }
  return number;
}

function socketOf(given: ReadonlyMap<Meaning, Given>): string | undefined {
  const socket = given.get('socket');
  if (socket !== undefined && !socket.value.startsWith('/')) {
    const remark = socket.name.toLowerCase() === 'host' ? '; a host stands before "/DATABASE"' : '';
    throw new ConfigError(
      `parameter ${socket.name}: expected an absolute path, got ${JSON.stringify(socket.value)}${remark}`,
    );
  }
  return socket?.value;
}

import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { ConfigError, messageOf } from '../core/errors.ts';
import { faultOfName, normalizeName } from '../core/names.ts';
import {
  type Config,
  type DatabaseLocation,
  DEFAULT_SETTINGS,
  type LogSettings,
  type Settings,
} from './config.ts';
import { connectionsOf } from './connections.ts';
import { passwordOf } from './database-password.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { parseDocument } from './document.ts';
import type { ConfigFile } from './schema.ts';
import type { ServerUrl } from './server-url.ts';

const LOCAL_NAMES = ['periodic-cron.yaml', 'periodic-cron.json'] as const;
const SYSTEM_FILE = '/etc/periodic-cron/config.yaml';
const ROOT_STATE_DIRECTORY = '/var/lib/periodic-cron';
const DATABASE_NAME = 'periodic-cron.sqlite';
const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

export type ConfigInput = {
  readonly flags: {
    readonly config?: string | undefined;
    readonly database?: string | undefined;
    readonly node?: string | undefined;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Absent where the system has no user ids. */
  readonly uid: number | undefined;
  readonly hostName: string;
  /** Reads a file as UTF-8 text and throws as `node:fs` does. */
  readonly readFile?: (path: string) => string;
};

/**
 * Works out the configuration. What is named wins over what is found: flag, variable, file, default. The file is the
 * one of `--config`, of `PERIODIC_CRON_CONFIG`, `periodic-cron.yaml` (or `.json`) in the working folder, or
 * `/etc/periodic-cron/config.yaml`, the first that there is.
 *
 * @throws ConfigError with every fault of the file, or the fault of a flag or variable
 */
export async function loadConfig(input: ConfigInput): Promise<Config> {
  const source = findFile(input);
  const file: LoadedFile = source === undefined ? NO_FILE : await readFile(source);
  const database = databaseOf(input, file);
  const settings = settingsOf(file);
  const used = [...Object.values(settings.connections), database].map(usesOf);
  refuseUsedFile(settings.log, Object.assign({}, ...used, { [file.path]: 'this file itself' }), file);
  return {
    ...settings,
    ...nodeOf(input, file),
    database,
    stateDirectory: stateDirectoryOf(input, file, database),
    file: source?.path,
  };
}

type FileSource = { readonly path: string; readonly text: string };
type LoadedFile = { readonly path: string; readonly folder: string; readonly values: ConfigFile };

const NO_FILE: LoadedFile = { path: '', folder: '', values: {} };

function findFile(input: ConfigInput): FileSource | undefined {
  const named = namedFile(input);
  if (named !== undefined) {
    const path = resolve(input.cwd, named.value);
    const text = readIfPresent(input, path, named.origin);
    if (text === undefined) {
      throw new ConfigError(
        `${named.origin}: expected a configuration file, got ${path}, which does not exist`,
      );
    }
    return { path, text };
  }
  return localFile(input) ?? presentFile(input, SYSTEM_FILE);
}

function namedFile({ flags, env }: ConfigInput): Named | undefined {
  const named = firstNamed(
    ['flag --config', flags.config],
    ['PERIODIC_CRON_CONFIG', env['PERIODIC_CRON_CONFIG']],
  );
  if (named?.value.trim() === '') {
    throw new ConfigError(`${named.origin}: expected the path of a configuration file, got an empty text`);
  }
  return named;
}

function localFile(input: ConfigInput): FileSource | undefined {
  const present = LOCAL_NAMES.flatMap((name) => presentFile(input, resolve(input.cwd, name)) ?? []);
  if (present.length > 1) {
    const paths = present.map((file) => file.path).join(' and ');
    throw new ConfigError(
      `expected one configuration file, got ${paths}; remove one or name one with --config`,
    );
  }
  return present[0];
}

function presentFile(input: ConfigInput, path: string): FileSource | undefined {
  const text = readIfPresent(input, path, 'configuration');
  return text === undefined ? undefined : { path, text };
}

function readIfPresent(
  { readFile: read = readText }: ConfigInput,
  path: string,
  origin: string,
): string | undefined {
  try {
    return read(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && ABSENT.has(String(error.code))) {
      return undefined;
    }
    throw new ConfigError(`${origin}: cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

async function readFile({ path, text }: FileSource): Promise<LoadedFile> {
  const content = await parseDocument(text, path);
  // Loaded here, since a call without a configuration file must not pay for the schema.
  const { readConfigFile } = await import('./schema.ts');
  const reading = readConfigFile(content);
  if (reading.kind === 'invalid') {
    const faults = reading.faults.map(({ field, message }) =>
      field === '' ? message : `${field}: ${message}`,
    );
    throw new ConfigError(`${path}: ${faults.join('; ')}`);
  }
  return { path, folder: dirname(path), values: reading.values };
}

/** Lines of a log in the midst of a database would be the end of it. */
function refuseUsedFile(
  { file }: LogSettings,
  used: Readonly<Record<string, string>>,
  { path }: LoadedFile,
): void {
  const use = file === undefined ? undefined : used[file];
  if (use !== undefined) {
    throw new ConfigError(`${path}: log.file: expected a file for the log alone, got ${use}`);
  }
}

/** Files that belong to the database, and what they are to it. */
function usesOf(database: DatabaseLocation): Readonly<Record<string, string>> {
  if (database.engine === 'sqlite') {
    return { [database.path]: 'the database' };
  }
  const { tls, password } = database;
  const reference = password?.kind === 'reference' ? password.reference : '';
  const files = [tls.ca, tls.cert, tls.key, /^file:(.*)$/s.exec(reference)?.[1]].flatMap(
    (path) => path ?? [],
  );
  return Object.fromEntries(files.map((path) => [path, 'a file of the connection to the database']));
}

function settingsOf({ path, folder, values }: LoadedFile): Settings {
  const { modules, http, log } = values;
  return {
    tickEverySeconds: values.tick_every ?? DEFAULT_SETTINGS.tickEverySeconds,
    maxRunning: values.max_running ?? DEFAULT_SETTINGS.maxRunning,
    defaultTimeoutSeconds: values.default_timeout ?? DEFAULT_SETTINGS.defaultTimeoutSeconds,
    defaultSpacingSeconds: values.default_spacing ?? DEFAULT_SETTINGS.defaultSpacingSeconds,
    outputLimitBytes: values.output_limit ?? DEFAULT_SETTINGS.outputLimitBytes,
    modules: {
      folders: modules?.folders?.map((path) => resolve(folder, path)) ?? DEFAULT_SETTINGS.modules.folders,
      packages: modules?.packages ?? DEFAULT_SETTINGS.modules.packages,
    },
    connections: connectionsOf(values.connections ?? {}, { path, folder }),
    http: {
      allowLoopback: http?.allow_loopback ?? DEFAULT_SETTINGS.http.allowLoopback,
      allowLinkLocal: http?.allow_link_local ?? DEFAULT_SETTINGS.http.allowLinkLocal,
    },
    systemdScope: values.systemd_scope ?? DEFAULT_SETTINGS.systemdScope,
    log: logOf(log, folder),
  };
}

function logOf(log: ConfigFile['log'], folder: string): LogSettings {
  return log === undefined
    ? DEFAULT_SETTINGS.log
    : { file: resolve(folder, log.file), level: log.level ?? DEFAULT_SETTINGS.log.level };
}

type Named = { readonly origin: string; readonly value: string };

function firstNamed(...candidates: ReadonlyArray<readonly [string, string | undefined]>): Named | undefined {
  for (const [origin, value] of candidates) {
    if (value !== undefined) {
      return { origin, value };
    }
  }
  return undefined;
}

function databaseOf(input: ConfigInput, file: LoadedFile): DatabaseLocation {
  const named = firstNamed(
    ['flag --database', input.flags.database],
    ['PERIODIC_CRON_DATABASE_URL', input.env['PERIODIC_CRON_DATABASE_URL']],
    [file.path, file.values.database],
  );
  if (named === undefined) {
    return defaultDatabase(input, file);
  }
  const { origin, value } = named;
  const isOfFile = origin === file.path;
  const url = parseDatabaseUrl(value, isOfFile ? file.folder : input.cwd);
  if (url.kind === 'fault') {
    throw new ConfigError(`${origin}: ${url.message}`);
  }
  if (isOfFile) {
    refuseNeedlessPassword(file, url);
  }
  return url.kind === 'sqlite' ? sqliteAt(url.path, origin) : serverAt(url.server, origin, { input, file });
}

function defaultDatabase(input: ConfigInput, file: LoadedFile): DatabaseLocation {
  const { path, folder, values } = file;
  refuseNeedlessPassword(file, { kind: 'sqlite' });
  return values.state_directory === undefined
    ? sqliteAt(join(defaultStateDirectory(input), DATABASE_NAME), 'default')
    : sqliteAt(resolve(folder, values.state_directory, DATABASE_NAME), path);
}

/** For the database that the file itself leads to: the key also serves the URL of a flag or variable. */
function refuseNeedlessPassword(
  { path, values }: LoadedFile,
  url: { readonly kind: 'sqlite' } | { readonly kind: 'server'; readonly server: ServerUrl },
): void {
  if (values.database_password === undefined) {
    return;
  }
  if (url.kind === 'sqlite') {
    throw new ConfigError(
      `${path}: database_password: expected the URL of a server in the key database, got a file of SQLite, which has no password`,
    );
  }
  if (url.server.password !== undefined) {
    throw new ConfigError(
      `${path}: database_password: expected the only password, got another one in the URL of the key database; remove one`,
    );
  }
}

function sqliteAt(path: string, origin: string): DatabaseLocation {
  return { engine: 'sqlite', url: `sqlite:${path}`, path, origin };
}

function serverAt(
  server: ServerUrl,
  origin: string,
  { input, file }: { readonly input: ConfigInput; readonly file: LoadedFile },
): DatabaseLocation {
  const reference = file.values.database_password;
  return {
    ...server,
    password: passwordOf(server, { env: input.env, reference, folder: file.folder }),
    origin,
  };
}

function stateDirectoryOf(
  input: ConfigInput,
  { folder, values }: LoadedFile,
  database: DatabaseLocation,
): string {
  if (values.state_directory !== undefined) {
    return resolve(folder, values.state_directory);
  }
  return database.engine === 'sqlite' ? dirname(database.path) : defaultStateDirectory(input);
}

function defaultStateDirectory({ uid, env }: ConfigInput): string {
  if (uid === 0) {
    return ROOT_STATE_DIRECTORY;
  }
  const stateHome = env['XDG_STATE_HOME'];
  // The XDG base directory specification has relative paths ignored.
  if (stateHome !== undefined && isAbsolute(stateHome)) {
    return join(stateHome, 'periodic-cron');
  }
  const home = env['HOME'];
  if (home === undefined || !isAbsolute(home)) {
    throw new ConfigError(
      'expected the home directory in HOME, to keep the state of this node there, got none; name a folder with the key state_directory of a configuration file, or a database file with --database or PERIODIC_CRON_DATABASE_URL',
    );
  }
  return join(home, '.local', 'state', 'periodic-cron');
}

function nodeOf(
  input: ConfigInput,
  file: LoadedFile,
): { readonly node: string; readonly nodeOrigin: string } {
  const { origin, value } = firstNamed(
    ['flag --node', input.flags.node],
    ['PERIODIC_CRON_NODE', input.env['PERIODIC_CRON_NODE']],
    [file.path, file.values.node],
  ) ?? { origin: 'host name', value: input.hostName };
  const node = normalizeName(value);
  const fault =
    node === '*' ? 'expected the name of a machine, got "*", which stands for all' : faultOfName(node);
  if (fault !== undefined) {
    throw new ConfigError(`${origin}: name of the node: ${fault}`);
  }
  return { node, nodeOrigin: origin };
}

/** What a program call goes by, whatever it came from: flags, environment, configuration file, defaults. */
export type Config = Settings & {
  readonly database: DatabaseLocation;
  /** The name of this machine. */
  readonly node: string;
  /** Where the name came from, in words for people. */
  readonly nodeOrigin: string;
  /** Absolute path of the folder for what a node keeps beside the database. */
  readonly stateDirectory: string;
  /** Absolute path of the configuration file in use. */
  readonly file: string | undefined;
};

/** A file of this machine, or a server that many nodes share. */
export type DatabaseLocation = SqliteLocation | ServerLocation;

export type SqliteLocation = {
  readonly engine: 'sqlite';
  /** `sqlite:` and the absolute path. */
  readonly url: string;
  /** Absolute path of the database file. */
  readonly path: string;
  /** Where the URL came from, in words for people: `flag --database`, a variable, a file, or `default`. */
  readonly origin: string;
};

export type ServerLocation = {
  readonly engine: 'postgres' | 'mariadb';
  /** The URL as people may see it: without a password. */
  readonly url: string;
  /** One server, or several of which the first writable one is used. */
  readonly hosts: readonly ServerHost[];
  readonly database: string;
  /** Undefined leaves it to the driver, which takes that of the system's user. */
  readonly user: string | undefined;
  /** Undefined leaves it to the driver: `PGPASSWORD`, `PGPASSFILE`, `~/.pgpass`; for MariaDB none. */
  readonly password: PasswordSource | undefined;
  readonly tls: TlsSettings;
  readonly connectTimeoutMs: number;
  readonly origin: string;
};

/** A TCP address, or the path of a socket (for PostgreSQL the folder in which it lies). */
export type ServerHost =
  | { readonly host: string; readonly port: number }
  | { readonly socket: string; readonly port: number };

/** A password is kept where it was found, and read when a connection is made: it may change in between. */
export type PasswordSource =
  | { readonly kind: 'literal'; readonly text: string }
  /** `env:NAME` or `file:/absolute/path`. */
  | { readonly kind: 'reference'; readonly reference: string };

/**
 * `off`: never encrypted. `require`: encrypted, without a look at the certificate. `verify-ca`: the certificate is one of
 * the authority's. `verify-full`: and it is that of the host.
 */
export type TlsMode = 'off' | 'require' | 'verify-ca' | 'verify-full';

export type TlsSettings = {
  readonly mode: TlsMode;
  /** Absolute paths of PEM files. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
};

/** What people call the database: the path of its file, or its URL without a password. */
export function databaseName(location: DatabaseLocation): string {
  return location.engine === 'sqlite' ? location.path : location.url;
}

/** The settings that only a configuration file can change. */
export type Settings = {
  /** The rhythm that the crontab promises; unknown means that it is measured. */
  readonly tickEverySeconds: number | undefined;
  readonly maxRunning: number;
  /** For a task that names no time limit; 0 is none. */
  readonly defaultTimeoutSeconds: number;
  /** What `every 0` stands for. */
  readonly defaultSpacingSeconds: number;
  /** How much of a run's output is kept. */
  readonly outputLimitBytes: number;
  readonly modules: ModuleSources;
  readonly connections: Connections;
  readonly http: HttpSettings;
  /** Whether each command runs in a scope of systemd, so that nothing of it can escape. */
  readonly systemdScope: boolean;
  readonly log: LogSettings;
};

export type ModuleSources = {
  /** Absolute paths. */
  readonly folders: readonly string[];
  readonly packages: readonly string[];
};

/** The databases that tasks of the module `sql` work on, by the names that tasks give them. */
export type Connections = { readonly [name: string]: DatabaseLocation };

/** Where tasks of the module `http` may send requests besides the addresses of others. */
export type HttpSettings = {
  /** To this machine itself. */
  readonly allowLoopback: boolean;
  /** To what shares its link, the metadata service of a cloud among it. */
  readonly allowLinkLocal: boolean;
};

/** How much the log file holds, from all to what is wrong only. */
export const LOG_LEVELS = ['debug', 'info', 'warn'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogSettings = {
  /** Absolute path of the log file; without one nothing is written. */
  readonly file: string | undefined;
  readonly level: LogLevel;
};

// They do not stand in the schema: a call without a configuration file must not pay for loading that.
export const DEFAULT_SETTINGS: Settings = {
  tickEverySeconds: undefined,
  maxRunning: 4,
  defaultTimeoutSeconds: 3_600,
  defaultSpacingSeconds: 300,
  outputLimitBytes: 65_536,
  modules: { folders: [], packages: [] },
  connections: {},
  http: { allowLoopback: false, allowLinkLocal: false },
  systemdScope: false,
  log: { file: undefined, level: 'info' },
};

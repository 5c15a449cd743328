import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ConfigInput, loadConfig } from '../../src/config/sources.ts';
import { ConfigError } from '../../src/core/errors.ts';

type Changes = Partial<Omit<ConfigInput, 'readFile'>> & { readonly files?: Readonly<Record<string, string>> };

/** Loads with the files given and no others. */
function load({ files = {}, ...changes }: Changes = {}) {
  return loadConfig({
    flags: {},
    env: { HOME: '/home/ann' },
    cwd: '/srv',
    uid: 1000,
    hostName: 'alpha',
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) {
        throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      }
      return text;
    },
    ...changes,
  });
}

test('without any source everything has its default', async () => {
  expect(await load()).toEqual({
    database: {
      engine: 'sqlite',
      url: 'sqlite:/home/ann/.local/state/periodic-cron/periodic-cron.sqlite',
      path: '/home/ann/.local/state/periodic-cron/periodic-cron.sqlite',
      origin: 'default',
    },
    node: 'alpha',
    nodeOrigin: 'host name',
    stateDirectory: '/home/ann/.local/state/periodic-cron',
    file: undefined,
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
  });
});

test('a file sets everything, its relative paths from its own folder', async () => {
  const text = `
database: sqlite:data/tasks.sqlite
node: beta
state_directory: state
tick_every: 5m
max_running: 2
default_timeout: 0
default_spacing: 10m
output_limit: 1MiB
modules:
  folders: [modules, /opt/modules]
  packages: [periodic-cron-backup]
connections:
  local: { url: 'sqlite:data/other.sqlite' }
  warehouse: { url: 'postgres://ann@h/x', password: 'file:secrets/warehouse' }
http:
  allow_loopback: true
systemd_scope: true
log:
  file: log/events.json
  level: debug
`;
  expect(await load({ files: { '/etc/periodic-cron/config.yaml': text } })).toEqual({
    database: {
      engine: 'sqlite',
      url: 'sqlite:/etc/periodic-cron/data/tasks.sqlite',
      path: '/etc/periodic-cron/data/tasks.sqlite',
      origin: '/etc/periodic-cron/config.yaml',
    },
    node: 'beta',
    nodeOrigin: '/etc/periodic-cron/config.yaml',
    stateDirectory: '/etc/periodic-cron/state',
    file: '/etc/periodic-cron/config.yaml',
    tickEverySeconds: 300,
    maxRunning: 2,
    defaultTimeoutSeconds: 0,
    defaultSpacingSeconds: 600,
    outputLimitBytes: 1_048_576,
    modules: { folders: ['/etc/periodic-cron/modules', '/opt/modules'], packages: ['periodic-cron-backup'] },
    connections: {
      local: {
        engine: 'sqlite',
        url: 'sqlite:/etc/periodic-cron/data/other.sqlite',
        path: '/etc/periodic-cron/data/other.sqlite',
        origin: 'connection local',
      },
      warehouse: expect.objectContaining({
        engine: 'postgres',
        url: 'postgres://ann@h/x',
        password: { kind: 'reference', reference: 'file:/etc/periodic-cron/secrets/warehouse' },
        origin: 'connection warehouse',
      }),
    },
    http: { allowLoopback: true, allowLinkLocal: false },
    systemdScope: true,
    log: { file: '/etc/periodic-cron/log/events.json', level: 'debug' },
  });
});

describe('the configuration file', () => {
  const files = {
    '/srv/flag.yaml': 'max_running: 11',
    '/srv/variable.yaml': 'max_running: 12',
    '/srv/periodic-cron.yaml': 'max_running: 13',
    '/etc/periodic-cron/config.yaml': 'max_running: 14',
  };
  const env = { HOME: '/home/ann', PERIODIC_CRON_CONFIG: 'variable.yaml' };

  test('of the flag wins', async () => {
    expect(await load({ files, env, flags: { config: 'flag.yaml' } })).toMatchObject({
      file: '/srv/flag.yaml',
      maxRunning: 11,
    });
  });

  test('of the variable comes second', async () => {
    expect(await load({ files, env })).toMatchObject({ file: '/srv/variable.yaml', maxRunning: 12 });
  });

  test('of the working folder comes third', async () => {
    expect(await load({ files })).toMatchObject({ file: '/srv/periodic-cron.yaml', maxRunning: 13 });
  });

  test('of the system comes last', async () => {
    expect(await load({ files, cwd: '/elsewhere' })).toMatchObject({
      file: '/etc/periodic-cron/config.yaml',
      maxRunning: 14,
    });
  });

  test('may be JSON', async () => {
    expect(await load({ files: { '/srv/periodic-cron.json': '{"max_running": 5}' } })).toMatchObject({
      file: '/srv/periodic-cron.json',
      maxRunning: 5,
    });
  });

  test.each([
    [
      'that the flag names must exist',
      { flags: { config: 'no.yaml' } },
      'flag --config: expected a configuration file, got /srv/no.yaml, which does not exist',
    ],
    [
      'that the variable names must exist',
      { env: { PERIODIC_CRON_CONFIG: '/no.yaml' } },
      'PERIODIC_CRON_CONFIG: expected a configuration file, got /no.yaml, which does not exist',
    ],
    [
      'must have a name',
      { env: { PERIODIC_CRON_CONFIG: '' } },
      'PERIODIC_CRON_CONFIG: expected the path of a configuration file, got an empty text',
    ],
    [
      'of the working folder must be one',
      { files: { '/srv/periodic-cron.yaml': '', '/srv/periodic-cron.json': '{}' } },
      'expected one configuration file, got /srv/periodic-cron.yaml and /srv/periodic-cron.json; remove one or name one with --config',
    ],
    [
      'must be YAML',
      { files: { '/srv/periodic-cron.yaml': 'max_running: 4\nmodules: {' } },
      '/srv/periodic-cron.yaml: line 2, column 11: expected YAML: Flow map in block collection must be sufficiently indented and end with a }',
    ],
    [
      'must be JSON by its name',
      { files: { '/srv/periodic-cron.json': 'max_running: 4' } },
      '/srv/periodic-cron.json: line 1, column 1: expected JSON, got "m"',
    ],
    [
      'tells all its faults at once',
      { files: { '/srv/periodic-cron.yaml': 'max_running: none\nnod: alpha' } },
      '/srv/periodic-cron.yaml: max_running: expected a whole number from 1 to 1000, got "none"; nod: unknown key (did you mean node?)',
    ],
    [
      'must hold keys',
      { files: { '/srv/periodic-cron.yaml': 'just text' } },
      '/srv/periodic-cron.yaml: expected keys with values, got "just text"',
    ],
  ] satisfies [string, Changes, string][])('%s', async (_case, changes, message) => {
    await expect(load(changes)).rejects.toThrow(new ConfigError(message));
  });
});

describe('a configuration file on disk', () => {
  test('is read, and one that cannot be read is told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-config-'));
    try {
      const file = join(folder, 'periodic-cron.yaml');
      writeFileSync(file, 'node: gamma\ndatabase: sqlite:t.sqlite\n');
      const input = { flags: {}, env: {}, cwd: folder, uid: 1000, hostName: 'alpha' };
      expect(await loadConfig(input)).toMatchObject({
        file,
        node: 'gamma',
        database: { path: join(folder, 't.sqlite'), origin: file },
        stateDirectory: folder,
      });
      rmSync(file);
      mkdirSync(file);
      await expect(loadConfig(input)).rejects.toThrow(
        new ConfigError(`configuration: cannot read ${file}: EISDIR: illegal operation on a directory, read`),
      );
    } finally {
      chmodSync(folder, 0o700);
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the database', () => {
  const files = { '/etc/periodic-cron/config.yaml': 'database: sqlite:file.sqlite' };
  const env = { HOME: '/home/ann', PERIODIC_CRON_DATABASE_URL: 'sqlite:variable.sqlite' };

  test.each([
    [
      'of the flag wins, and counts from the working folder',
      { files, env, flags: { database: 'sqlite:flag.sqlite' } },
      { path: '/srv/flag.sqlite', origin: 'flag --database' },
    ],
    [
      'of the variable comes second',
      { files, env },
      { path: '/srv/variable.sqlite', origin: 'PERIODIC_CRON_DATABASE_URL' },
    ],
    [
      'of the file comes third',
      { files },
      { path: '/etc/periodic-cron/file.sqlite', origin: '/etc/periodic-cron/config.yaml' },
    ],
    [
      'is in the state directory of the file',
      { files: { '/etc/periodic-cron/config.yaml': 'state_directory: /srv/state' } },
      { path: '/srv/state/periodic-cron.sqlite', origin: '/etc/periodic-cron/config.yaml' },
    ],
    [
      'of root is in /var/lib',
      { uid: 0, env: { HOME: '/root', XDG_STATE_HOME: '/x' } },
      { path: '/var/lib/periodic-cron/periodic-cron.sqlite', origin: 'default' },
    ],
    [
      'follows XDG_STATE_HOME',
      { env: { HOME: '/home/ann', XDG_STATE_HOME: '/x' } },
      { path: '/x/periodic-cron/periodic-cron.sqlite', origin: 'default' },
    ],
    [
      'ignores a relative XDG_STATE_HOME',
      { env: { HOME: '/home/ann', XDG_STATE_HOME: 'x' } },
      { path: '/home/ann/.local/state/periodic-cron/periodic-cron.sqlite', origin: 'default' },
    ],
  ] satisfies [string, Changes, object][])('%s', async (_case, changes, expected) => {
    expect((await load(changes)).database).toEqual({
      engine: 'sqlite',
      url: `sqlite:${expected.path}`,
      ...expected,
    });
  });

  test.each([
    [
      'needs a known scheme',
      { flags: { database: 'oracle://x' } },
      'flag --database: expected sqlite:PATH, postgres://USER@HOST/DATABASE or mariadb://USER@HOST/DATABASE, got the unknown scheme "oracle"',
    ],
    [
      'on a server has a name, and no password is shown',
      { env: { PERIODIC_CRON_DATABASE_URL: 'postgres://ann:secret@h' } },
      'PERIODIC_CRON_DATABASE_URL: expected postgres://USER@HOST/DATABASE, got no database',
    ],
    [
      'of an empty variable is a fault, not the default',
      { env: { PERIODIC_CRON_DATABASE_URL: '' } },
      'PERIODIC_CRON_DATABASE_URL: expected sqlite:PATH, postgres://USER@HOST/DATABASE or mariadb://USER@HOST/DATABASE, got an empty text',
    ],
    [
      'without a home must be named',
      { env: {} },
      'expected the home directory in HOME, to keep the state of this node there, got none; name a folder with the key state_directory of a configuration file, or a database file with --database or PERIODIC_CRON_DATABASE_URL',
    ],
  ] satisfies [string, Changes, string][])('%s', async (_case, changes, message) => {
    await expect(load(changes)).rejects.toThrow(new ConfigError(message));
  });
});

describe('a server', () => {
  const fileOf = (text: string) => ({ '/etc/periodic-cron/config.yaml': text });

  test('has its place, and a node keeps its own things in the default folder', async () => {
    const text = 'database: mysql://ann@h1,h2/x?ssl-ca=tls/ca.pem';
    expect(await load({ files: fileOf(text) })).toMatchObject({
      database: {
        engine: 'mariadb',
        url: 'mariadb://ann@h1,h2/x?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/periodic-cron/tls/ca.pem',
        hosts: [
          { host: 'h1', port: 3_306 },
          { host: 'h2', port: 3_306 },
        ],
        database: 'x',
        user: 'ann',
        password: undefined,
        tls: { mode: 'verify-full', ca: '/etc/periodic-cron/tls/ca.pem' },
        connectTimeoutMs: 10_000,
        origin: '/etc/periodic-cron/config.yaml',
      },
      stateDirectory: '/home/ann/.local/state/periodic-cron',
    });
  });

  test.each([
    ['of root', { uid: 0, env: {} }, '/var/lib/periodic-cron'],
    ['of XDG_STATE_HOME', { env: { XDG_STATE_HOME: '/x' } }, '/x/periodic-cron'],
    ['of the file', { env: {}, files: fileOf('state_directory: state') }, '/etc/periodic-cron/state'],
  ] satisfies [string, Changes, string][])(
    'leaves the state directory %s',
    async (_case, changes, folder) => {
      const config = await load({ ...changes, flags: { database: 'postgres://h/x' } });
      expect(config).toMatchObject({ stateDirectory: folder, database: { origin: 'flag --database' } });
    },
  );

  test('of a flag has relative certificates in the working folder', async () => {
    const { database } = await load({ flags: { database: 'postgres://h/x?sslrootcert=ca.pem' } });
    expect(database).toMatchObject({ tls: { ca: '/srv/ca.pem' } });
  });

  test('without a home needs a state directory', async () => {
    await expect(load({ env: {}, flags: { database: 'postgres://h/x' } })).rejects.toThrow(
      'expected the home directory in HOME, to keep the state of this node there, got none; name a folder with the key state_directory of a configuration file',
    );
  });
});

describe('the password for a server', () => {
  const own = { HOME: '/home/ann', PERIODIC_CRON_DATABASE_PASSWORD: 'secret' };
  const engines = { ...own, MYSQL_PWD: 'secret', PGPASSWORD: 'secret' };
  const drivers = { HOME: '/home/ann', MYSQL_PWD: 'secret', PGPASSWORD: 'secret' };
  const key = { '/etc/periodic-cron/config.yaml': 'database_password: file:secret/database' };
  const literal = { kind: 'literal', text: 's/1' };
  const file = { kind: 'reference', reference: 'file:/etc/periodic-cron/secret/database' };
  const variable = { kind: 'reference', reference: 'env:PERIODIC_CRON_DATABASE_PASSWORD' };

  test.each([
    ['of the URL wins', 'postgres://a:s%2F1@h/x', { files: key, env: engines }, literal],
    ['of the URL may be empty', 'postgres://a:@h/x', { env: engines }, { kind: 'literal', text: '' }],
    ['of the file comes second', 'postgres://a@h/x', { files: key, env: engines }, file],
    ['of the variable comes third', 'postgres://a@h/x', { env: engines }, variable],
    ['of the variable comes third', 'mysql://a@h/x', { env: engines }, variable],
    ['of PostgreSQL is left to its driver', 'postgres://a@h/x', { env: drivers }, undefined],
    [
      'of MariaDB comes last',
      'mariadb://a@h/x',
      { env: drivers },
      { kind: 'reference', reference: 'env:MYSQL_PWD' },
    ],
    ['may be none', 'mariadb://a@h/x', {}, undefined],
  ] satisfies [string, string, Changes, object | undefined][])(
    '%s: %s',
    async (...[, url, changes, password]) => {
      const { database } = await load({ ...changes, flags: { database: url } });
      expect(database).toEqual(expect.objectContaining({ password }));
      expect(JSON.stringify(database)).not.toContain('"secret"');
    },
  );

  test.each([
    ['env:CRON_PASSWORD', 'env:CRON_PASSWORD'],
    ['file:/run/secret', 'file:/run/secret'],
    ['file:../secret', 'file:/etc/secret'],
  ])('of the key %s counts from the folder of the file', async (reference, expected) => {
    const text = `database: postgres://a@h/x\ndatabase_password: ${reference}\n`;
    const { database } = await load({ files: { '/etc/periodic-cron/config.yaml': text } });
    expect(database).toMatchObject({ password: { kind: 'reference', reference: expected } });
  });

  test.each([
    [
      'is named once',
      'database: postgres://a:secret@h/x\ndatabase_password: env:A',
      'database_password: expected the only password, got another one in the URL of the key database; remove one',
    ],
    [
      'is not for a file',
      'database: sqlite:x\ndatabase_password: env:A',
      'database_password: expected the URL of a server in the key database, got a file of SQLite, which has no password',
    ],
    [
      'is not for the default',
      'database_password: env:A',
      'database_password: expected the URL of a server in the key database, got a file of SQLite, which has no password',
    ],
  ])('%s', async (_case, text, message) => {
    const file = '/etc/periodic-cron/config.yaml';
    await expect(load({ files: { [file]: text } })).rejects.toThrow(new ConfigError(`${file}: ${message}`));
  });

  test('of the file does not hinder a flag that names a file of SQLite', async () => {
    const files = { '/etc/periodic-cron/config.yaml': 'database: mysql://a@h/x\ndatabase_password: env:A' };
    const { database } = await load({ files, flags: { database: 'sqlite:x' } });
    expect(database).toMatchObject({ engine: 'sqlite', path: '/srv/x' });
  });
});

describe('the log', () => {
  const logTo = (file: string) => ({ '/etc/periodic-cron/config.yaml': `log: { file: ${file} }` });

  test('has the level info unless the file says otherwise', async () => {
    expect((await load({ files: logTo('/var/log/x.log') })).log).toEqual({
      file: '/var/log/x.log',
      level: 'info',
    });
  });

  test.each([
    ['the database', logTo('/srv/tasks.sqlite'), 'the database'],
    ['the configuration file', logTo('config.yaml'), 'this file itself'],
  ])('is not written into %s', async (_case, files, got) => {
    await expect(load({ files, flags: { database: 'sqlite:tasks.sqlite' } })).rejects.toThrow(
      new ConfigError(
        `/etc/periodic-cron/config.yaml: log.file: expected a file for the log alone, got ${got}`,
      ),
    );
  });
});

describe('the log beside a server', () => {
  test.each([
    ['postgres://h/x?sslrootcert=/srv/x.log', ''],
    ['mysql://h/x?ssl-cert=/srv/c&ssl-key=/srv/x.log', ''],
    ['postgres://h/x', 'database_password: file:/srv/x.log'],
  ])('is not written into a file of the connection: %s %s', async (url, key) => {
    const text = `log: { file: /srv/x.log }\ndatabase: ${url}\n${key}`;
    await expect(load({ files: { '/srv/periodic-cron.yaml': text } })).rejects.toThrow(
      'log.file: expected a file for the log alone, got a file of the connection to the database',
    );
  });
});

describe('the node', () => {
  const files = { '/etc/periodic-cron/config.yaml': 'node: file' };
  const env = { HOME: '/home/ann', PERIODIC_CRON_NODE: ' variable ' };

  test.each([
    ['of the flag wins', { files, env, flags: { node: 'flag' } }, 'flag', 'flag --node'],
    ['of the variable comes second', { files, env }, 'variable', 'PERIODIC_CRON_NODE'],
    ['of the file comes third', { files }, 'file', '/etc/periodic-cron/config.yaml'],
    ['is the host else', {}, 'alpha', 'host name'],
  ] satisfies [string, Changes, string, string][])('%s', async (...[, changes, node, nodeOrigin]) => {
    expect(await load(changes)).toMatchObject({ node, nodeOrigin });
  });

  test.each([
    [{ flags: { node: '' } }, 'flag --node: name of the node: expected 1 to 255 characters, got none'],
    [
      { env: { HOME: '/h', PERIODIC_CRON_NODE: 'a\nb' } },
      'PERIODIC_CRON_NODE: name of the node: expected no control characters, got "a\\nb"',
    ],
  ] satisfies [Changes, string][])('that is no name is refused: %j', async (changes, message) => {
    await expect(load(changes)).rejects.toThrow(new ConfigError(message));
  });
});

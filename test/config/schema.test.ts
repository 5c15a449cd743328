import { describe, expect, test } from 'vitest';
import { formatByteSize, parseByteSize } from '../../src/config/byte-size.ts';
import { readConfigFile } from '../../src/config/schema.ts';

const REFERENCE = 'expected env:NAME or file:PATH, got ';
const REASON = '(a configuration file is copied and read by many, so no password stands here)';

describe('a configuration file', () => {
  test('that is empty is valid', () => {
    expect(readConfigFile(null)).toEqual({ kind: 'valid', values: {} });
    expect(readConfigFile({})).toEqual({ kind: 'valid', values: {} });
  });

  test('has units in its values and none in what is read', () => {
    expect(
      readConfigFile({
        database: 'sqlite:x.sqlite',
        node: ' alpha ',
        state_directory: 'state',
        tick_every: '5m',
        max_running: 8,
        default_timeout: '1h30m',
        default_spacing: '90s',
        output_limit: '1MiB',
        modules: { folders: ['modules'], packages: ['periodic-cron-backup'] },
        log: { file: 'log/events.json', level: 'warn' },
      }),
    ).toEqual({
      kind: 'valid',
      values: {
        database: 'sqlite:x.sqlite',
        node: 'alpha',
        state_directory: 'state',
        tick_every: 300,
        max_running: 8,
        default_timeout: 5_400,
        default_spacing: 90,
        output_limit: 1_048_576,
        modules: { folders: ['modules'], packages: ['periodic-cron-backup'] },
        log: { file: 'log/events.json', level: 'warn' },
      },
    });
  });

  test.each([
    { database: 'postgres://ann:secret@h1,h2/x?sslmode=require' },
    { database: 'mysql://ann@h/x', database_password: 'env:DATABASE_PASSWORD' },
    { database_password: 'file:secrets/database' },
  ])('may name a server: %j', (content) => {
    expect(readConfigFile(content)).toEqual({ kind: 'valid', values: content });
  });

  test.each([0, '0', '0s'])('may switch the time limit off with %j', (value) => {
    expect(readConfigFile({ default_timeout: value })).toEqual({
      kind: 'valid',
      values: { default_timeout: 0 },
    });
  });

  test.each([
    [{ max_runing: 4 }, 'max_runing', 'unknown key (did you mean max_running?)'],
    [{ colour: 'red' }, 'colour', 'unknown key'],
    [{ modules: { folder: [] } }, 'modules.folder', 'unknown key (did you mean folders?)'],
    [{ modules: { node: 'x' } }, 'modules.node', 'unknown key'],
    [{ modules: ['x'] }, 'modules', 'expected the keys folders and packages, got a list'],
    [{ modules: { folders: 'x' } }, 'modules.folders', 'expected a list of folders, got "x"'],
    [{ modules: { folders: ['a', 3] } }, 'modules.folders.1', 'expected a path, got 3'],
    [{ modules: { packages: [' '] } }, 'modules.packages.0', 'expected the name of a package, got ""'],
    [{ log: { files: 'x', file: 'x' } }, 'log.files', 'unknown key (did you mean file?)'],
    [{ log: { file: 'x', folders: [] } }, 'log.folders', 'unknown key'],
    [{ log: 'x.log' }, 'log', 'expected the keys file and level, got "x.log"'],
    [{ log: { level: 'warn' } }, 'log.file', 'expected a path, got nothing'],
    [{ log: { file: ' ' } }, 'log.file', 'expected a path, got ""'],
    [{ log: { file: 'x', level: 'loud' } }, 'log.level', 'expected debug, info or warn, got "loud"'],
    [{ log: { file: 'x', level: null } }, 'log.level', 'expected debug, info or warn, got nothing'],
    [
      { database: 3 },
      'database',
      'expected sqlite:PATH, postgres://USER@HOST/DATABASE or mariadb://USER@HOST/DATABASE, got 3',
    ],
    [
      { database: 'postgres://ann:secret@h' },
      'database',
      'expected postgres://USER@HOST/DATABASE, got no database',
    ],
    [{ database_pasword: 'secret' }, 'database_pasword', 'unknown key (did you mean database_password?)'],
    [{ database_password: 'secret' }, 'database_password', `${REFERENCE}something else ${REASON}`],
    [{ database_password: 'env:a-b' }, 'database_password', `${REFERENCE}something else ${REASON}`],
    [{ database_password: 'file:' }, 'database_password', `${REFERENCE}something else ${REASON}`],
    [{ database_password: 12345 }, 'database_password', `${REFERENCE}something else ${REASON}`],
    [{ database_password: null }, 'database_password', `${REFERENCE}nothing ${REASON}`],
    [
      { connections: ['postgres://ann:secret@h/x'] },
      'connections',
      'expected names of connections, got a list',
    ],
    [
      { connections: { '2nd': { url: 'sqlite:x' } } },
      'connections.2nd',
      'expected a name of a letter, then up to 62 letters, digits, "_", "." and "-" for a connection',
    ],
    [
      { connections: { a: 'postgres://ann:secret@h/x' } },
      'connections.a',
      'expected the keys url and password, got a URL',
    ],
    [
      { connections: { a: { url: 'postgres://ann:secret@h' } } },
      'connections.a.url',
      'expected postgres://USER@HOST/DATABASE, got no database',
    ],
    [
      { connections: { a: { url: 'postgres://h/x', password: 'secret' } } },
      'connections.a.password',
      `${REFERENCE}something else ${REASON}`,
    ],
    [
      { connections: { a: { url: 'sqlite:x', pasword: 'secret' } } },
      'connections.a.pasword',
      'unknown key (did you mean password?)',
    ],
    [{ http: { allow_loopback: 'yes' } }, 'http.allow_loopback', 'expected true or false, got "yes"'],
    [{ http: { allow_loopbak: true } }, 'http.allow_loopbak', 'unknown key (did you mean allow_loopback?)'],
    [{ node: 7 }, 'node', 'expected a name, got 7'],
    [{ node: ' ' }, 'node', 'expected 1 to 255 characters, got none'],
    [{ state_directory: null }, 'state_directory', 'expected a path, got nothing'],
    [{ tick_every: 300 }, 'tick_every', 'expected a duration such as 90s, 15m, 1h30m or 2d, got 300'],
    [{ tick_every: '0' }, 'tick_every', 'expected a duration of at least 1s, got "0"'],
    [{ tick_every: '-5m' }, 'tick_every', 'expected a duration of at least 1s, got "-5m"'],
    [
      { tick_every: '5 min' },
      'tick_every',
      'expected a duration such as 90s, 15m, 1h30m or 2d (units s, m, h, d, w, each once), got "5 min" (at character 1)',
    ],
    [{ default_timeout: '-1s' }, 'default_timeout', 'expected a duration of at least 0s, got "-1s"'],
    [{ max_running: 0 }, 'max_running', 'expected a whole number from 1 to 1000, got 0'],
    [{ max_running: 1001 }, 'max_running', 'expected a whole number from 1 to 1000, got 1001'],
    [{ max_running: 1.5 }, 'max_running', 'expected a whole number from 1 to 1000, got 1.5'],
    [{ max_running: '4' }, 'max_running', 'expected a whole number from 1 to 1000, got "4"'],
    [{ max_running: {} }, 'max_running', 'expected a whole number from 1 to 1000, got keys with values'],
    [
      { output_limit: '64KB' },
      'output_limit',
      'expected a size from 1KiB to 64MiB (bytes, or such as 64KiB), got "64KB"',
    ],
    [
      { output_limit: 1023 },
      'output_limit',
      'expected a size from 1KiB to 64MiB (bytes, or such as 64KiB), got 1023',
    ],
    [
      { output_limit: '65MiB' },
      'output_limit',
      'expected a size from 1KiB to 64MiB (bytes, or such as 64KiB), got "65MiB"',
    ],
    [['a'], '', 'expected keys with values, got a list'],
    ['text', '', 'expected keys with values, got "text"'],
    ['postgres://ann:secret@h/x', '', 'expected keys with values, got a URL'],
    [{ log: 'mysql://ann:secret@h/x' }, 'log', 'expected the keys file and level, got a URL'],
  ])('%j is refused', (content, field, message) => {
    expect(readConfigFile(content)).toEqual({ kind: 'invalid', faults: [{ field, message }] });
  });

  test('tells all its faults at once', () => {
    const reading = readConfigFile({
      max_running: 0,
      nod: 'a',
      tick_every: 'x',
      modules: { folders: 1, x: 1 },
    });
    const faults = reading.kind === 'invalid' ? reading.faults.map((fault) => fault.field) : [];
    expect(faults.toSorted()).toEqual(['max_running', 'modules.folders', 'modules.x', 'nod', 'tick_every']);
  });
});

test.each([
  [65_536, 65_536],
  ['65536', 65_536],
  ['10B', 10],
  ['64KiB', 65_536],
  ['1 MiB', 1_048_576],
  [1.5, undefined],
  [-1, undefined],
  ['1.5KiB', undefined],
  ['KiB', undefined],
  ['', undefined],
  [null, undefined],
])('the size %j is %s bytes', (value, bytes) => {
  expect(parseByteSize(value)).toBe(bytes);
});

test.each([
  [0, '0B'],
  [1_000, '1000B'],
  [65_536, '64KiB'],
  [1_048_576, '1MiB'],
])('%i bytes are written %s', (bytes, text) => {
  expect(formatByteSize(bytes)).toBe(text);
});

import { describe, expect, test } from 'vitest';
import { type DatabaseUrl, parseDatabaseUrl } from '../../src/config/database-url.ts';
import type { ServerUrl } from '../../src/config/server-url.ts';

const NO_TLS = { mode: 'off', ca: undefined, cert: undefined, key: undefined };
const ENCODING =
  'within a user, a password or a name write "@" as %40, "/" as %2F, "?" as %3F, "#" as %23, "%" as %25, a space as %20';

function serverOf(url: string): ServerUrl {
  const reading = parseDatabaseUrl(url, '/base');
  if (reading.kind !== 'server') {
    throw new Error(`expected a server, got ${JSON.stringify(reading)}`);
  }
  return reading.server;
}

function messageOf(reading: DatabaseUrl): string {
  return reading.kind === 'fault' ? reading.message : '';
}

describe('the URL of a server', () => {
  test('tells everything', () => {
    const parameters = 'sslmode=verify-ca&sslrootcert=ca.pem&sslcert=/c.pem&sslkey=k.pem&connect_timeout=3';
    expect(serverOf(`postgresql://ann:s%40cret@db.example:5433/tasks?${parameters}`)).toEqual({
      engine: 'postgres',
      url: 'postgres://ann@db.example:5433/tasks?sslmode=verify-ca&sslrootcert=/base/ca.pem&sslcert=/c.pem&sslkey=/base/k.pem&connect_timeout=3',
      hosts: [{ host: 'db.example', port: 5_433 }],
      database: 'tasks',
      user: 'ann',
      password: { kind: 'literal', text: 's@cret' },
      tls: { mode: 'verify-ca', ca: '/base/ca.pem', cert: '/c.pem', key: '/base/k.pem' },
      connectTimeoutMs: 3_000,
    });
  });

  test.each(['postgres', 'mariadb'])('needs no more than a database: %s', (engine) => {
    expect(serverOf(`${engine}:///tasks`)).toEqual({
      engine,
      url: `${engine}://localhost/tasks`,
      hosts: [{ host: 'localhost', port: engine === 'postgres' ? 5_432 : 3_306 }],
      database: 'tasks',
      user: undefined,
      password: undefined,
      tls: NO_TLS,
      connectTimeoutMs: 10_000,
    });
  });

  test.each([
    ['postgres', 'postgres'],
    ['postgresql', 'postgres'],
    ['PostgreSQL', 'postgres'],
    ['mariadb', 'mariadb'],
    ['mysql', 'mariadb'],
  ])('of the scheme %s is one of %s', (scheme, engine) => {
    expect(serverOf(`${scheme}://h/x`)).toMatchObject({ engine, url: `${engine}://h/x` });
  });

  test.each([
    [
      'postgres://h1,h2/x',
      [
        ['h1', 5_432],
        ['h2', 5_432],
      ],
      'postgres://h1,h2/x',
    ],
    [
      'postgres://u@h1:5432,h2:5433/x',
      [
        ['h1', 5_432],
        ['h2', 5_433],
      ],
      'postgres://u@h1,h2:5433/x',
    ],
    [
      'mysql://h1:3306,h2:1/x',
      [
        ['h1', 3_306],
        ['h2', 1],
      ],
      'mariadb://h1,h2:1/x',
    ],
    ['postgres://127.0.0.1:65535/x', [['127.0.0.1', 65_535]], 'postgres://127.0.0.1:65535/x'],
    ['postgres://[::1]/x', [['::1', 5_432]], 'postgres://[::1]/x'],
    [
      'postgres://u:p@[fe80::1%25eth0]:7,h/x',
      [
        ['fe80::1%eth0', 7],
        ['h', 5_432],
      ],
      'postgres://u@[fe80::1%25eth0]:7,h/x',
    ],
    ['postgres://db_1.my-net/x', [['db_1.my-net', 5_432]], 'postgres://db_1.my-net/x'],
    ['postgres://bücher.example/x', [['bücher.example', 5_432]], 'postgres://bücher.example/x'],
    ['postgres:///x?port=5433', [['localhost', 5_433]], 'postgres://localhost:5433/x'],
  ] satisfies [string, [string, number][], string][])('%s names its hosts', (url, hosts, shown) => {
    expect(serverOf(url)).toMatchObject({
      hosts: hosts.map(([host, port]) => ({ host, port })),
      url: shown,
    });
  });

  test.each([
    [
      'postgres://u@/x?host=/var/run/postgresql',
      '/var/run/postgresql',
      5_432,
      'postgres://u@/x?host=/var/run/postgresql',
    ],
    ['postgres:///x?port=5433&host=%2Ftmp', '/tmp', 5_433, 'postgres:///x?host=/tmp&port=5433'],
    [
      'mysql:///x?socket=/run/my%20sql/d.sock',
      '/run/my sql/d.sock',
      3_306,
      'mariadb:///x?socket=/run/my%20sql/d.sock',
    ],
  ])('%s names a socket', (url, socket, port, shown) => {
    expect(serverOf(url)).toMatchObject({ hosts: [{ socket, port }], tls: NO_TLS, url: shown });
  });

  test.each([
    ['ann', 'ann', undefined],
    ['ann:', 'ann', ''],
    ['ann:a:b', 'ann', 'a:b'],
    ['ann:%E2%82%AC%0A%F0%9F%94%91', 'ann', '€\n🔑'],
    ['ann:a,b!$&\'()*+;=[]\\"<>^`{|}~', 'ann', 'a,b!$&\'()*+;=[]\\"<>^`{|}~'],
    ['a%40b%2Fc%3Ad:%2F%3F%23%25%40%20', 'a@b/c:d', '/?#%@ '],
    ['дмитрий:пароль', 'дмитрий', 'пароль'],
    [':secret', undefined, 'secret'],
    ['', undefined, undefined],
  ])('has the user and password of %s', (login, user, password) => {
    const server = serverOf(`postgres://${login}@h/x`);
    expect(server).toMatchObject({ user, hosts: [{ host: 'h', port: 5_432 }] });
    expect(server.password).toEqual(password === undefined ? undefined : { kind: 'literal', text: password });
    expect(server.url).toBe(`postgres://${user === undefined ? '' : `${encodeURIComponent(user)}@`}h/x`);
  });

  test.each([
    ['a%20b%2Fc%40%F0%9F%94%91', 'a b/c@🔑'],
    ['TÄSKS', 'TÄSKS'],
    ['a:b,c', 'a:b,c'],
  ])('may name the database %s', (text, database) => {
    expect(serverOf(`mariadb://h/${text}`)).toMatchObject({
      database,
      url: `mariadb://h/${encodeURIComponent(database)}`,
    });
  });

  test.each([
    ['postgres', 'sslmode=disable', 'off', ''],
    ['postgres', 'sslmode=require', 'require', '?sslmode=require'],
    ['postgres', 'sslmode=verify-ca', 'verify-ca', '?sslmode=verify-ca'],
    ['postgres', 'sslmode=Verify_Full', 'verify-full', '?sslmode=verify-full'],
    ['postgres', 'ssl-mode=VERIFY_IDENTITY', 'verify-full', '?sslmode=verify-full'],
    ['postgres', 'connect_timeout=10', 'off', '?connect_timeout=10'],
    ['postgres', '', 'off', ''],
    ['mariadb', 'ssl-mode=DISABLED', 'off', ''],
    ['mariadb', 'ssl_mode=required', 'require', '?ssl-mode=REQUIRED'],
    ['mariadb', 'SSL-Mode=verify-ca', 'verify-ca', '?ssl-mode=VERIFY_CA'],
    ['mariadb', 'ssl-mode=VERIFY_IDENTITY', 'verify-full', '?ssl-mode=VERIFY_IDENTITY'],
    ['mariadb', 'sslmode=verify-full&', 'verify-full', '?ssl-mode=VERIFY_IDENTITY'],
  ])('%s://…?%s has the mode %s', (engine, query, mode, shown) => {
    expect(serverOf(`${engine}://h/x?${query}`)).toMatchObject({
      tls: { ...NO_TLS, mode },
      url: `${engine}://h/x${shown}`,
    });
  });

  test.each([
    ['postgres', 'sslrootcert=ca.pem', { ca: '/base/ca.pem' }],
    ['postgres', 'sslcert=../c.pem&sslkey=/k%20.pem', { cert: '/c.pem', key: '/k .pem' }],
    ['mariadb', 'ssl-ca=/ca.pem', { ca: '/ca.pem' }],
    ['mariadb', 'ssl_cert=c&ssl-key=k&sslrootcert=ca', { ca: '/base/ca', cert: '/base/c', key: '/base/k' }],
  ])('%s://…?%s has every check of certificates', (engine, query, files) => {
    expect(serverOf(`${engine}://h/x?${query}`).tls).toEqual({ ...NO_TLS, ...files, mode: 'verify-full' });
  });

  test.each([
    ['postgres', 'connect_timeout=1', 1_000],
    ['mariadb', 'connect-timeout=60', 60_000],
    ['mariadb', 'connect_timeout=05', 5_000],
  ])('%s://…?%s limits the time to connect', (engine, query, connectTimeoutMs) => {
    expect(serverOf(`${engine}://h/x?${query}`)).toMatchObject({ connectTimeoutMs });
  });

  test.each([
    'postgresql://a%40b:secret@h1:5432,[::1]:7/x%2Fy?sslmode=require&connect_timeout=07',
    'postgres://ann:secret@/x?host=/a%3Fb%26c&port=7',
    'postgres://ann:secret@/x?port=7',
    'mysql://ann:secret@h/x?sslca=c%23a.pem&ssl_cert=c&sslkey=k',
    'mysql://:secret@/x?socket=/a%25b',
  ])('as it is shown leads to the same place, without the password: %s', (url) => {
    const { password, ...location } = serverOf(url);
    expect(password).toEqual({ kind: 'literal', text: 'secret' });
    expect(location.url).not.toContain('secret');
    expect(serverOf(location.url)).toEqual({ ...location, password: undefined });
  });
});

describe('the URL of a server is refused', () => {
  const form = 'expected postgres://USER@HOST/DATABASE, got';
  const badHost = `${form} a host that is none of HOST, HOST:PORT and [IPv6]:PORT (several stand with "," between them; ${ENCODING})`;
  const badPort = `${form} a port that is not from 1 to 65535`;

  test.each([
    ['postgres:', `${form} no "//" after the scheme`],
    ['postgres:x', `${form} no "//" after the scheme`],
    ['postgres:/h/x', `${form} no "//" after the scheme`],
    ['postgres://', `${form} no database`],
    ['postgres://h', `${form} no database`],
    ['postgres://h/', `${form} no database`],
    ['postgres://h?sslmode=require', `${form} no database`],
    ['mysql://h/', 'expected mariadb://USER@HOST/DATABASE, got no database'],
    ['postgres://h/x/', `${form} a database with a "/" (${ENCODING})`],
    ['postgres://h/x#y', `${form} a "#" (${ENCODING})`],
    [
      'postgres://h/x y',
      `${form} white space or another character that does not stand in a URL (${ENCODING})`,
    ],
    [
      'postgres://h/x\n',
      `${form} white space or another character that does not stand in a URL (${ENCODING})`,
    ],
    [
      'postgres://h/\ud800',
      `${form} white space or another character that does not stand in a URL (${ENCODING})`,
    ],
    ['postgres://a@b@h/x', `${form} more than one "@" (${ENCODING}; several hosts share one user)`],
    ['postgres://a@h1,b@h2/x', `${form} more than one "@" (${ENCODING}; several hosts share one user)`],
    ['postgres://a:b/c@h/x', `${form} an "@" after a "/" or a "?" (${ENCODING})`],
    ['postgres://a:b?c@h/x', `${form} an "@" after a "/" or a "?" (${ENCODING})`],
    ['postgres://h1,/x', badHost],
    ['postgres://,h2/x', badHost],
    ['postgres://:5432/x', badHost],
    ['postgres://::1/x', badHost],
    ['postgres://[::1/x', badHost],
    ['postgres://[h]/x', badHost],
    ['postgres://[::1]x/x', badHost],
    ['postgres://h:/x', badHost],
    ['postgres://h:x/x', badHost],
    ['postgres://-h/x', badHost],
    ['postgres://a!b/x', badHost],
    ['postgres://%2Ftmp/x', badHost],
    ['postgres://h:0/x', badPort],
    ['postgres://h:65536/x', badPort],
    ['postgres://h:99999999999999999999/x', badPort],
    ['postgres://a%0Ab@h/x', 'the user: expected no control characters, got one'],
    ['postgres://h/x%00', 'the database: expected no control characters, got one'],
    ['postgres://a:b%00@h/x', 'the password: expected no NUL character, got one'],
    [
      'postgres://a:50%off@h/x',
      `the password: expected two hexadecimal digits of a UTF-8 byte after each "%", got something else (${ENCODING})`,
    ],
    [
      'postgres://a%ff@h/x',
      `the user: expected two hexadecimal digits of a UTF-8 byte after each "%", got something else (${ENCODING})`,
    ],
  ])('for its parts: %j', (url, message) => {
    expect(parseDatabaseUrl(url, '/base')).toEqual({ kind: 'fault', message });
  });

  const known = {
    postgres: 'sslmode, sslrootcert, sslcert, sslkey, connect_timeout, host, port',
    mariadb: 'ssl-mode, ssl-ca, ssl-cert, ssl-key, connect-timeout, socket',
  };
  const modes = {
    postgres: 'disable, require, verify-ca or verify-full',
    mariadb: 'DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY',
  };
  const halfMode = '(it may silently be without encryption; say which it shall be)';

  test.each([
    [
      'postgres',
      'sslmod=require',
      `expected parameters NAME=VALUE of ${known.postgres}, got sslmod=… (did you mean sslmode?)`,
    ],
    ['postgres', 'password=secret', `expected parameters NAME=VALUE of ${known.postgres}, got password=…`],
    ['postgres', 'socket=/x', `expected parameters NAME=VALUE of ${known.postgres}, got socket=…`],
    [
      'postgres',
      '__proto__=x',
      `expected parameters NAME=VALUE of ${known.postgres}, got something else after "?"`,
    ],
    ['postgres', 'constructor=x', `expected parameters NAME=VALUE of ${known.postgres}, got constructor=…`],
    [
      'mariadb',
      'ssl-cas=x',
      `expected parameters NAME=VALUE of ${known.mariadb}, got ssl-cas=… (did you mean ssl-ca?)`,
    ],
    ['mariadb', 'host=/x', `expected parameters NAME=VALUE of ${known.mariadb}, got host=…`],
    [
      'mariadb',
      'ssl-mode',
      `expected parameters NAME=VALUE of ${known.mariadb}, got something else after "?"`,
    ],
    ['mariadb', '=x', `expected parameters NAME=VALUE of ${known.mariadb}, got something else after "?"`],
    ['postgres', 'sslmode=prefer', `parameter sslmode: expected ${modes.postgres}, got "prefer" ${halfMode}`],
    ['postgres', 'sslmode=allow', `parameter sslmode: expected ${modes.postgres}, got "allow" ${halfMode}`],
    [
      'mariadb',
      'ssl-mode=PREFERRED',
      `parameter ssl-mode: expected ${modes.mariadb}, got "PREFERRED" ${halfMode}`,
    ],
    [
      'postgres',
      'sslmode=requir',
      `parameter sslmode: expected ${modes.postgres}, got "requir" (did you mean require?)`,
    ],
    ['mariadb', 'ssl-mode=VERIFY', `parameter ssl-mode: expected ${modes.mariadb}, got "VERIFY"`],
    ['postgres', 'sslmode=', `parameter sslmode: expected ${modes.postgres}, got ""`],
    ['postgres', 'sslmode=require&sslmode=disable', 'parameter sslmode: expected it once, got it twice'],
    ['postgres', 'sslmode=require&ssl-mode=require', 'parameter ssl-mode: expected it once, got it twice'],
    ['postgres', 'sslrootcert=', 'parameter sslrootcert: expected the path of a PEM file, got an empty text'],
    [
      'postgres',
      'sslrootcert=%zz',
      `parameter sslrootcert: expected two hexadecimal digits of a UTF-8 byte after each "%", got something else (${ENCODING})`,
    ],
    ['postgres', 'sslrootcert=a%00', 'parameter sslrootcert: expected no control characters, got one'],
    [
      'postgres',
      'sslmode=disable&sslrootcert=a',
      'parameter sslrootcert: expected a mode with TLS beside it, got one that switches it off',
    ],
    [
      'mariadb',
      'ssl-mode=disabled&ssl-cert=a&ssl-key=b',
      'parameter ssl-cert: expected a mode with TLS beside it, got one that switches it off',
    ],
    [
      'postgres',
      'sslmode=require&sslrootcert=a',
      'parameter sslrootcert: expected a mode that looks at certificates beside it, verify-ca or verify-full, got require',
    ],
    ['postgres', 'sslcert=a', 'parameter sslcert: expected a certificate and its key, got one of the two'],
    ['mariadb', 'sslkey=a', 'parameter sslkey: expected a certificate and its key, got one of the two'],
    ['postgres', 'connect_timeout=0', 'parameter connect_timeout: expected seconds from 1 to 60, got "0"'],
    ['postgres', 'connect_timeout=61', 'parameter connect_timeout: expected seconds from 1 to 60, got "61"'],
    ['mariadb', 'connect-timeout=5s', 'parameter connect-timeout: expected seconds from 1 to 60, got "5s"'],
  ] satisfies [keyof typeof known, string, string][])(
    'for its parameters: %s://…?%s',
    (...[engine, query, message]) => {
      expect(parseDatabaseUrl(`${engine}://h/x?${query}`, '/base')).toEqual({ kind: 'fault', message });
    },
  );

  test.each([
    ['postgres:///x?port=x', 'parameter port: expected a port from 1 to 65535, got "x"'],
    ['postgres:///x?port=65536', 'parameter port: expected a port from 1 to 65535, got "65536"'],
    [
      'postgres:///x?host=db.example',
      'parameter host: expected an absolute path, got "db.example"; a host stands before "/DATABASE"',
    ],
    ['mariadb:///x?socket=d.sock', 'parameter socket: expected an absolute path, got "d.sock"'],
    [
      'postgres://h/x?host=/tmp',
      'expected either a host before "/DATABASE" or the parameter of a socket or port, got both',
    ],
    [
      'postgres://h/x?port=1',
      'expected either a host before "/DATABASE" or the parameter of a socket or port, got both',
    ],
    [
      'postgres:///x?host=/tmp&sslmode=require',
      'parameter host: expected no TLS beside it (a socket does not leave the machine), got the mode require',
    ],
    [
      'mysql:///x?socket=/d&ssl-ca=a',
      'parameter socket: expected no TLS beside it (a socket does not leave the machine), got the mode verify-full',
    ],
  ])('for its address: %s', (url, message) => {
    expect(parseDatabaseUrl(url, '/base')).toEqual({ kind: 'fault', message });
  });
});

describe('a password', () => {
  const [head, tail] = ['qz1jx', 'vw7kq'];
  const signs = [
    '',
    ...'@/?#%:&=+,;[]\\"\'<>{}|^` \t\n\0!$*~.é🔑\ud800',
    '%2',
    '%zz',
    '%ff',
    '%00',
    '//',
    '@@',
    '/@',
    '?x=',
    '#@',
  ];
  const schemes = ['postgres', 'postgresql', 'mysql', 'mariadb', 'postgress', 'sqlite', 'oracle'];
  const frames = [
    (secret: string) => `//ann:${secret}@h/x`,
    (secret: string) => `//ann:${secret}@h:port/x`,
    (secret: string) => `//ann:${secret}@h:0,[x]/x`,
    (secret: string) => `//ann:${secret}@h/`,
    (secret: string) => `//ann:${secret}@h`,
    (secret: string) => `//ann:${secret}@`,
    (secret: string) => `//ann:${secret}`,
    (secret: string) => `//ann:${secret}/x`,
    (secret: string) => `//ann:${secret}@/x?host=h`,
    (secret: string) => `//ann:${secret}@h/x?sslmode=prefer`,
    (secret: string) => `//ann:${secret}@h/x?sslmod=require`,
    (secret: string) => `//ann:${secret}@h/x#y`,
    (secret: string) => `//ann:${secret}@h/x y`,
    (secret: string) => `//ann@b:${secret}@h/x`,
    (secret: string) => `//h1,ann:${secret}@h2/x`,
    (secret: string) => `//:${secret}@h/x`,
    (secret: string) => `/ann:${secret}@h/x`,
    (secret: string) => `ann:${secret}@h/x`,
    (secret: string) => `////ann:${secret}@h/x`,
    (secret: string) => `//h/x?user=ann&password=${secret}`,
    (secret: string) => `//h/x?sslpassword=${secret}`,
  ];
  const urls = schemes.flatMap((scheme) =>
    signs.flatMap((sign) =>
      frames.flatMap((frame) => {
        const rest = frame(`${head}${sign}${tail}`);
        return [`${scheme}:${rest}`, rest, ` ${scheme}:${rest}`];
      }),
    ),
  );

  test('appears in no message, whatever is wrong with its URL', () => {
    const readings = urls.map((url) => ({ url, message: messageOf(parseDatabaseUrl(url, '/base')) }));
    expect(readings.filter(({ message }) => message !== '').length).toBeGreaterThan(5_000);
    expect(readings.filter(({ message }) => message.includes(head) || message.includes(tail))).toEqual([]);
  });

  test('appears in no URL that is shown', () => {
    const shown = urls.flatMap((url) => {
      const reading = parseDatabaseUrl(url, '/base');
      // A password with "@" and no host after it reads as a password and a host.
      const isAnother = url.endsWith(`:${head}@${tail}/x`);
      return reading.kind === 'server' && !isAnother ? [reading.server.url] : [];
    });
    expect(shown.length).toBeGreaterThan(50);
    expect(shown.filter((url) => url.includes(head) || url.includes(tail))).toEqual([]);
  });
});

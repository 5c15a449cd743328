import { expect, test } from 'vitest';
import { connectionsOf, connectionVariables } from '../../src/config/connections.ts';
import { ConfigError } from '../../src/core/errors.ts';

const FILE = { path: '/etc/periodic-cron/config.yaml', folder: '/etc/periodic-cron' };

test('a connection keeps its password where it was found', () => {
  expect(
    connectionsOf(
      {
        literal: { url: 'mariadb://ann:s%40cret@h/x' },
        variable: { url: 'postgres://ann@h/x', password: 'env:PASSWORD_A' },
        none: { url: 'postgres://ann@h/x' },
      },
      FILE,
    ),
  ).toMatchObject({
    literal: { url: 'mariadb://ann@h/x', password: { kind: 'literal', text: 's@cret' } },
    variable: { password: { kind: 'reference', reference: 'env:PASSWORD_A' } },
    none: { password: undefined },
  });
});

test.each([
  [
    { url: 'sqlite:x', password: 'env:A' },
    'password: expected the URL of a server beside it, got a file of SQLite, which has no password',
  ],
  [
    { url: 'postgres://ann:secret@h/x', password: 'env:A' },
    'password: expected the only password, got another one in the URL; remove one',
  ],
  [{ url: 'postgres://ann:secret@h' }, 'url: expected postgres://USER@HOST/DATABASE, got no database'],
])('%j is refused', (entry, message) => {
  expect(() => connectionsOf({ it: entry }, FILE)).toThrow(
    new ConfigError(`/etc/periodic-cron/config.yaml: connections.it.${message}`),
  );
});

test('the variables with passwords of connections are those that are named', () => {
  const connections = connectionsOf(
    {
      a: { url: 'postgres://ann@h/x', password: 'env:PASSWORD_A' },
      b: { url: 'mariadb://ann@h/x', password: 'env:PASSWORD_B' },
      c: { url: 'postgres://ann@h/x', password: 'file:/etc/secret' },
      d: { url: 'postgres://ann:secret@h/x' },
      e: { url: 'postgres://h/x' },
      f: { url: 'sqlite:x' },
    },
    FILE,
  );
  expect(connectionVariables(connections)).toEqual(['PASSWORD_A', 'PASSWORD_B']);
});

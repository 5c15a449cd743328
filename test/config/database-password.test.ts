import { expect, test } from 'vitest';
import type { ServerLocation } from '../../src/config/config.ts';
import { secretVariables } from '../../src/config/database-password.ts';

const SERVER: ServerLocation = {
  engine: 'postgres',
  url: 'postgres://cron@db/cron',
  hosts: [{ host: 'db', port: 5432 }],
  database: 'cron',
  user: 'cron',
  password: undefined,
  tls: { mode: 'off', ca: undefined, cert: undefined, key: undefined },
  connectTimeoutMs: 10_000,
  origin: 'flag --database',
};

test('the variables that hold a password are known, so that no task gets them', () => {
  const reference = (text: string) => ({ kind: 'reference', reference: text }) as const;
  expect(secretVariables({ ...SERVER, password: reference('env:DB_SECRET') })).toEqual(['DB_SECRET']);
  expect(secretVariables({ ...SERVER, password: reference('file:/etc/secret') })).toEqual([]);
  expect(secretVariables(SERVER)).toEqual(['PGPASSWORD']);
  expect(secretVariables({ ...SERVER, engine: 'mariadb', password: reference('env:MYSQL_PWD') })).toEqual([
    'MYSQL_PWD',
  ]);
  expect(secretVariables({ engine: 'sqlite', url: 'sqlite:/x', path: '/x', origin: 'default' })).toEqual([]);
});

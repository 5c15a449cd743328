import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ServerHost } from '../../src/config/config.ts';
import { postgresToolsPassword } from '../../src/store/password.ts';

const LINES = `# host:port:database:user:password
other:5432:tasks:runner:of another host
db:5432:tasks:runner:with \\: and \\\\
db:5432:*:admin:of the admin
localhost:*:tasks:runner:of this machine
[::1]:5432:tasks:runner:never
*:*:*:everybody:of everybody

db:5432
`;
const DB = { host: 'db', port: 5_432 };

function passwordIn(
  text: string,
  options: { readonly mode?: number; readonly host?: ServerHost; readonly user?: string } = {},
) {
  const { mode = 0o600, host = DB, user = 'runner' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-pgpass-'));
  const file = join(folder, 'pgpass');
  writeFileSync(file, text);
  chmodSync(file, mode);
  vi.stubEnv('PGPASSFILE', file);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  return postgresToolsPassword({ database: 'tasks' }, host, user);
}

test.each([
  [DB, 'runner', 'with : and \\'],
  [DB, 'admin', 'of the admin'],
  [DB, 'everybody', 'of everybody'],
  [DB, 'nobody', undefined],
  [{ host: 'db', port: 5_433 }, 'runner', undefined],
  [{ socket: '/run/postgresql', port: 5_432 }, 'runner', 'of this machine'],
] as const)('the line for %o and user %s is found', async (host, user, password) => {
  expect(await passwordIn(LINES, { host, user })).toBe(password);
});

test('a file that others may read is left alone, and one that is not there is none', async () => {
  expect(await passwordIn(LINES, { mode: 0o640 })).toBeUndefined();
  vi.stubEnv('PGPASSFILE', '/no/such/file');
  expect(await postgresToolsPassword({ database: 'tasks' }, DB, 'runner')).toBeUndefined();
});

test('a variable with the password goes before the file', async () => {
  vi.stubEnv('PGPASSWORD', 'of the variable');
  expect(await passwordIn(LINES)).toBe('of the variable');
});

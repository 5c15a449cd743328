import { describe, expect, test } from 'vitest';
import { checkPasswordFile } from '../../../src/cli/doctor/check-password-file.ts';
import { systemWorld, type World } from '../../../src/cli/doctor/world.ts';
import { type Config, DEFAULT_SETTINGS, type ServerLocation } from '../../../src/config/config.ts';
import { fakeIo } from '../fake-io.ts';
import { LOCATION, problems } from './doctor-world.ts';

describe('a configuration file with the password of the database', () => {
  const FILE = '/etc/periodic-cron/config.yaml';

  function check(mode: number, changes: Partial<ServerLocation> = {}): readonly string[] {
    const config: Config = {
      ...DEFAULT_SETTINGS,
      database: { ...LOCATION, ...changes },
      node: 'alpha',
      nodeOrigin: 'host name',
      stateDirectory: '/var/lib/periodic-cron',
      file: FILE,
    };
    const world: World = {
      ...systemWorld(fakeIo()),
      fileFacts: () => ({ mode, uid: 0, isWritable: true }),
    };
    return problems(checkPasswordFile(config, world));
  }

  test('is told of where others may read it, without the password', () => {
    expect(check(0o644)).toEqual([
      `warn configuration: other users may read ${FILE} (mode 0644), which holds the password of the database`,
    ]);
    expect(check(0o640)).toHaveLength(1);
  });

  test.each<[string, number, Partial<ServerLocation>]>([
    ['is nobody else’s to read', 0o600, {}],
    ['holds no password', 0o644, { password: undefined }],
    ['only says where the password is', 0o644, { password: { kind: 'reference', reference: 'env:SECRET' } }],
    ['names another database than the call', 0o644, { origin: 'flag --database' }],
  ])('that %s is all right', (_title, mode, changes) => {
    expect(check(mode, changes)).toEqual([]);
  });
});

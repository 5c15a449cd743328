import { afterEach, describe, expect, test, vi } from 'vitest';
import { connectionsOf } from '../../src/config/connections.ts';
import { createRegistry, type Registry } from '../../src/modules/registry.ts';
import { childModulesOf } from '../../src/modules/shipped/child-modules.ts';

const CONNECTIONS = connectionsOf(
  {
    warehouse: { url: 'postgres://ann@h/x', password: 'env:SQL_TEST_PASSWORD' },
    local: { url: 'sqlite:/data/x.sqlite' },
  },
  { path: '/c.yaml', folder: '/' },
);
const asked = () => Promise.reject(new Error('asked a child'));

afterEach(() => {
  vi.unstubAllEnvs();
});

function registryWith(connections = CONNECTIONS): Registry {
  return createRegistry({
    sources: { folders: [], packages: [] },
    packageBases: [],
    inspector: { describe: asked, check: asked },
    cache: { find: asked, keep: asked, knowsValid: asked, keepValid: asked },
    shippedChildren: childModulesOf(connections),
  });
}

async function lentFor(options: { readonly connection: string }) {
  const module = await registryWith().resolve('sql');
  return module.kind === 'foreign' ? module.lend?.(options) : undefined;
}

describe('the module sql', () => {
  test('is shipped, and runs in a child', async () => {
    const { modules } = await registryWith().list();
    expect(modules.find(({ id }) => id === 'sql')).toMatchObject({
      place: 'child',
      description: 'Run SQL statements on a database of the configuration.',
      options: [{ name: 'connection', required: true }, { name: 'statements' }, {}, {}, {}],
    });
    expect(await registryWith().resolve('sql')).toMatchObject({
      kind: 'foreign',
      id: 'sql',
      file: expect.stringMatching(/\/dist\/sql\.js$/),
    });
  });

  test('knows the connections when a task is written', async () => {
    const check = (connection: unknown, registry = registryWith()) =>
      registry.checkOptions('sql', { connection, statements: 'SELECT 1' } as { connection: string });
    expect(await check('warehouse')).toEqual([]);
    expect(await check('warehose')).toEqual([
      {
        field: 'options.connection',
        message: 'expected one of warehouse, local, got "warehose" (did you mean warehouse?)',
      },
    ]);
    expect(await check('toString')).toMatchObject([{ field: 'options.connection' }]);
    expect(await check(7)).toEqual([{ field: 'options.connection', message: 'expected string, got 7' }]);
    expect(await check('x', registryWith({}))).toEqual([
      {
        field: 'options.connection',
        message: 'expected a connection, of which the configuration names none, got "x"',
      },
    ]);
  });

  test('is lent the one database that its options name, with the password', async () => {
    vi.stubEnv('SQL_TEST_PASSWORD', 'secret');
    expect(await lentFor({ connection: 'warehouse' })).toMatchObject({
      engine: 'postgres',
      hosts: [{ host: 'h', port: 5432 }],
      user: 'ann',
      password: { kind: 'literal', text: 'secret' },
    });
    expect(await lentFor({ connection: 'local' })).toEqual({
      engine: 'sqlite',
      url: 'sqlite:/data/x.sqlite',
      path: '/data/x.sqlite',
      origin: 'connection local',
    });
  });

  test('is lent nothing that is not there', async () => {
    await expect(lentFor({ connection: 'other' })).rejects.toThrow(
      'options.connection: expected one of warehouse, local, got "other"',
    );
    await expect(lentFor({ connection: 'warehouse' })).rejects.toThrow(
      'the password of database postgres://ann@h/x: expected the variable SQL_TEST_PASSWORD in the environment, got none',
    );
  });
});

import { afterAll, describe, expect, test } from 'vitest';
import { checkServer } from '../../../src/cli/doctor/check-server.ts';
import { connectTo } from '../../../src/store/connect.ts';
import { reachableEngines } from '../../support/engines.ts';
import { createMigratedDatabase, type ServerDatabase } from '../../support/server-databases.ts';

const databases: ServerDatabase[] = [];

afterAll(() => {
  for (const database of databases) {
    database.drop();
  }
});

const engines = reachableEngines().flatMap((engine) => (engine === 'sqlite' ? [] : [engine]));

describe.skipIf(engines.length === 0)('a real server', () => {
  test.each(engines)('%s with a migrated database lacks nothing that is looked for', async (engine) => {
    const database = await createMigratedDatabase(engine);
    databases.push(database);
    const driver = await connectTo(database.location, { create: false, readOnly: true });
    try {
      const findings = await checkServer({ driver }, database.location);
      // How the server is set up is its own affair; the triggers and the encoding are those of the migrations.
      expect(findings.filter(({ message }) => /trigger|UTF-8|expected/.test(message))).toEqual([]);
      expect(findings[0]).toMatchObject({ check: 'database', level: 'ok' });
    } finally {
      await driver.close();
    }
  });
});

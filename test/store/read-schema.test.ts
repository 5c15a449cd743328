import { expect, test } from 'vitest';
import { connectTo } from '../../src/store/connect.ts';
import { migrateDatabase } from '../../src/store/migrate.ts';
import { SCHEMA_VERSION } from '../../src/store/migrations.ts';
import { readSchema } from '../../src/store/open.ts';
import { openEmptyDatabase } from './migrate-world.ts';

test('a schema that another program makes while this one looks for it is read', async () => {
  const { location } = openEmptyDatabase();
  const driver = await connectTo(location, { create: false });
  let looks = 0;
  const schema = await readSchema({
    ...driver,
    all: async (sql, params) => {
      looks += 1;
      // Made after the first look has found nothing.
      if (looks === 2) {
        await migrateDatabase(location);
      }
      return driver.all(sql, params);
    },
  });
  await driver.close();
  expect(schema).toMatchObject({ version: SCHEMA_VERSION });
});

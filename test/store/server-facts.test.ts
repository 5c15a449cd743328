import { expect, test } from 'vitest';
import { engineText, readServerFacts } from '../../src/store/server-facts.ts';
import { testedEngine } from '../support/engines.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

test('an engine says its name and version', async () => {
  const driver = await openDriver(await openVirtualDatabase());
  const name = { sqlite: 'SQLite', postgres: 'PostgreSQL', mariadb: 'MariaDB' }[testedEngine];
  expect(await engineText(driver)).toMatch(new RegExp(`^${name} \\d+\\.\\d+[.\\d]*$`));
});

test.runIf(testedEngine !== 'sqlite')('a server says what is promised by it', async () => {
  const driver = await openDriver(await openVirtualDatabase());
  const facts = await readServerFacts(driver);
  expect(facts).toMatchObject({
    product: testedEngine === 'postgres' ? 'PostgreSQL' : 'MariaDB',
    encodings: [testedEngine === 'postgres' ? 'UTF8' : 'utf8mb4'],
    isWritableReplica: false,
    cluster: undefined,
  });
  expect(facts.triggers).toContain('periodic_task_updated');
  const setting = testedEngine === 'postgres' ? 'synchronous_commit' : 'innodb_flush_log_at_trx_commit';
  expect(facts.settings.has(setting)).toBe(true);
});

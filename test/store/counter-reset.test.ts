import { expect, test } from 'vitest';
import { resetCounter } from '../../src/store/counter-reset.ts';
import { incrementCounter, listCounters } from '../../src/store/counters.ts';
import type { Driver } from '../../src/store/driver.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';

const RESET = { name: 'seen', node: undefined, at: at('12:30'), actor: 'ann', remove: false };

async function openCounted(): Promise<{ readonly database: VirtualDatabase; readonly driver: Driver }> {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  await incrementCounter(driver, { name: 'seen', node: 'beta', by: 5 });
  await incrementCounter(driver, { name: 'seen', node: 'alpha', by: 7 });
  await incrementCounter(driver, { name: 'other', node: 'alpha', by: 1 });
  return { database, driver };
}

async function valuesIn(driver: Driver): Promise<readonly string[]> {
  const counters = await listCounters(driver);
  return counters.flatMap(({ name, parts }) => parts.map(({ node, value }) => `${name} ${node} ${value}`));
}

const audit = ({ sql }: VirtualDatabase) =>
  sql
    .prepare('SELECT changed_at, actor, action, "before", "after" FROM periodic_audit ORDER BY id')
    .all()
    .filter((row) => (row as { action: string }).action === 'counter reset');

test('a counter becomes 0 on all nodes, tells what it was, and the audit keeps who did it', async () => {
  const { database, driver } = await openCounted();
  expect(await resetCounter(driver, RESET)).toEqual([
    { node: 'alpha', value: 7n },
    { node: 'beta', value: 5n },
  ]);
  expect(await valuesIn(driver)).toEqual(['other alpha 1', 'seen alpha 0', 'seen beta 0']);
  expect(audit(database)).toEqual([
    {
      changed_at: '2026-03-10T12:30:00.000Z',
      actor: 'ann',
      action: 'counter reset',
      before: '{"counter":"seen","nodes":{"alpha":"7","beta":"5"}}',
      after: '{"value":0}',
    },
  ]);
});

test('one node alone can be reset, and what nobody has counted is not', async () => {
  const { database, driver } = await openCounted();
  expect(await resetCounter(driver, { ...RESET, node: 'beta' })).toEqual([{ node: 'beta', value: 5n }]);
  expect(await resetCounter(driver, { ...RESET, node: 'gamma' })).toEqual([]);
  expect(await resetCounter(driver, { ...RESET, name: 'unseen' })).toEqual([]);
  expect(await valuesIn(driver)).toEqual(['other alpha 1', 'seen alpha 7', 'seen beta 0']);
  expect(audit(database)).toHaveLength(1);
});

test('a reset whose commit went unanswered is not done again', async () => {
  const { database, driver } = await openCounted();
  const unanswering: Driver = {
    ...driver,
    transaction: async (work, options) => {
      await driver.transaction(work);
      await incrementCounter(driver, { name: 'seen', node: 'beta', by: 2 });
      return driver.transaction(
        async (statements) => (await options?.confirm?.(statements, 'before')) ?? work(statements),
      );
    },
  };
  expect(await resetCounter(unanswering, RESET)).toEqual([
    { node: 'alpha', value: 7n },
    { node: 'beta', value: 5n },
  ]);
  expect(await valuesIn(driver)).toEqual(['other alpha 1', 'seen alpha 0', 'seen beta 2']);
  expect(audit(database)).toHaveLength(1);
});

test('a counter that is removed is gone, and whoever adds to it makes it anew', async () => {
  const { driver } = await openCounted();
  expect(await resetCounter(driver, { ...RESET, remove: true })).toEqual([
    { node: 'alpha', value: 7n },
    { node: 'beta', value: 5n },
  ]);
  expect(await valuesIn(driver)).toEqual(['other alpha 1']);
  await incrementCounter(driver, { name: 'seen', node: 'beta', by: 2 });
  expect(await valuesIn(driver)).toEqual(['other alpha 1', 'seen beta 2']);
});

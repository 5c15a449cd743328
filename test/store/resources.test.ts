import { describe, expect, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import { listOfflineKeys } from '../../src/store/offline-states.ts';
import { addResource, changeResource, removeResource } from '../../src/store/resource-changes.ts';
import { recordLook } from '../../src/store/resource-looks.ts';
import { listResourceStates, listResources } from '../../src/store/resources.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { ADDRESS, BY, look, openWithAddress } from '../support/stored-resources.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, sqliteOf } from '../support/virtual-database.ts';
import { plansOf, queriesOf } from './asked-statements.ts';

async function stands(driver: Driver): Promise<readonly string[]> {
  const states = await listResourceStates(driver);
  return states.map(
    ({ node, state, since, checkedAt }) =>
      `${node} ${state} since ${new Date(since).toISOString().slice(11, 16)}, looked ${new Date(checkedAt).toISOString().slice(11, 16)}`,
  );
}

describe('a resource', () => {
  test('is defined once, changed, and removed with what is known of it', async () => {
    const { driver, database } = await openWithAddress();
    expect(await addResource(driver, { ...ADDRESS, ttlSeconds: 1 }, BY)).toBe(false);
    expect(await listResources(driver)).toEqual([ADDRESS]);
    await look(driver, 'up', '12:01');
    const changed = { ...ADDRESS, probe: 'none', target: {} };
    expect(await changeResource(driver, changed, BY)).toBe(true);
    expect(await listResources(driver, ['ip#0', 'other'])).toEqual([changed]);
    expect(await stands(driver)).toEqual([]);
    const found = { node: 'alpha', state: 'down', why: '', at: at('12:02') } as const;
    await recordLook(driver, { looked: changed, ...found });
    expect(await removeResource(driver, 'ip#0', BY)).toBe(true);
    expect(await removeResource(driver, 'ip#0', BY)).toBe(false);
    expect(await changeResource(driver, changed, BY)).toBe(false);
    expect(await stands(driver)).toEqual([]);
    expect(database.sql.prepare('SELECT action FROM periodic_audit ORDER BY id').pluck().all()).toEqual([
      'resource added',
      'resource changed',
      'resource removed',
    ]);
  });

  test('whose target is no object has an empty one', async () => {
    const { driver, database } = await openWithAddress();
    database.sql.exec("UPDATE periodic_resource SET target = 'nonsense'");
    expect(await listResources(driver)).toMatchObject([{ target: {} }]);
  });
});

test('a resource that several add at the same time is added by one of them', async () => {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const drivers = [driver, await openDriver(database), await openDriver(database)];
  for (let round = 0; round < 5; round += 1) {
    const name = `ip#${round}`;
    const told = await Promise.all(
      drivers.map((one, index) => addResource(one, { ...ADDRESS, name, ttlSeconds: index }, BY)),
    );
    expect(told.filter(Boolean)).toHaveLength(1);
    const [stored] = await listResources(driver, [name]);
    expect(stored?.ttlSeconds).toBe(told.indexOf(true));
  }
  expect(
    database.sql.prepare("SELECT count(*) FROM periodic_audit WHERE action = 'resource added'").pluck().get(),
  ).toBe(5);
});

test('a resource whose addition went unanswered is not told to be there already', async () => {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const unanswering: Driver = {
    ...driver,
    transaction: async (work, options) => {
      await driver.transaction(work);
      return (await options?.confirm?.(driver, 'before')) ?? driver.transaction(work);
    },
  };
  expect(await addResource(unanswering, ADDRESS, BY)).toBe(true);
  expect(await addResource(unanswering, { ...ADDRESS, ttlSeconds: 1 }, BY)).toBe(false);
});

test('the states of some resources on a node are read by the key', async () => {
  const { driver, database } = await openWithAddress();
  await addResource(driver, { ...ADDRESS, name: 'fs#0' }, BY);
  await look(driver, 'up', '12:01');
  await look(driver, 'down', '12:02', 'beta');
  const read = (names: readonly string[]) => listResourceStates(driver, { node: 'alpha', resources: names });
  expect(await read(['fs#0', 'ip#0'])).toMatchObject([{ resource: 'ip#0', node: 'alpha', state: 'up' }]);
  expect(await read([])).toEqual([]);
  if (testedEngine === 'sqlite') {
    const asked = await queriesOf(driver, (counted) =>
      listResourceStates(counted, { node: 'alpha', resources: ['fs#0', 'ip#0'] }),
    );
    expect(plansOf(sqliteOf(database), asked)).toEqual([
      expect.stringMatching(/^SEARCH periodic_resource_state USING INDEX .*resource=\? AND node=\?/),
    ]);
  }
});

test('the states that rest are those of the node, and the shared ones of its tasks', async () => {
  const { driver, database } = await openWithAddress();
  const columns = { offline: 'disable', offline_resource: 'ip#0' };
  database.addTask({ name: 'own', nodes: ['alpha', 'beta'], columns });
  database.addTask({ name: 'shared', nodes: ['*'], columns: { ...columns, scope: 'one', ordering: -1 } });
  database.addTask({ name: 'theirs', nodes: ['beta'], columns: { ...columns, scope: 'one' } });
  expect(await listOfflineKeys(driver, 'alpha')).toEqual([]);
  database.sql.exec("UPDATE periodic_task_state SET offline_disabled_at = '2026-03-10T12:00:00.000Z'");
  expect(
    (await listOfflineKeys(driver, 'alpha')).map(({ scopeKey, resource }) => [scopeKey, resource]),
  ).toEqual([
    ['*', 'ip#0'],
    ['alpha', 'ip#0'],
  ]);
});

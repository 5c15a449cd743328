import { describe, expect, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import { listOfflineKeys } from '../../src/store/offline-states.ts';
import { addResource, changeResource, removeResource } from '../../src/store/resource-changes.ts';
import { listResourceStates, listResources, recordLook } from '../../src/store/resources.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

const BY = { actor: 'root', at: at('12:00') };
const ADDRESS = {
  name: 'ip#0',
  probe: 'file',
  target: { path: '/run/ip' },
  ttlSeconds: 30,
  timeoutSeconds: 5,
};

async function openWithAddress() {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  expect(await addResource(driver, ADDRESS, BY)).toBe(true);
  return { database, driver };
}

const look = (driver: Driver, state: 'up' | 'down', time: string, node = 'alpha') =>
  recordLook(driver, { resource: 'ip#0', node, state, why: `${state} at ${time}`, at: at(time) });

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
    await look(driver, 'down', '12:02');
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

describe('a look', () => {
  test('keeps since when the state is so while it is the same, and tells of a change', async () => {
    const { driver } = await openWithAddress();
    const told = [
      await look(driver, 'up', '12:01'),
      await look(driver, 'up', '12:02'),
      await look(driver, 'down', '12:03'),
      await look(driver, 'down', '12:04'),
      await look(driver, 'up', '12:05', 'beta'),
    ];
    expect(told).toEqual([true, false, true, false, true]);
    expect(await stands(driver)).toEqual([
      'alpha down since 12:03, looked 12:04',
      'beta up since 12:05, looked 12:05',
    ]);
  });

  test('that is older than the recorded one changes nothing', async () => {
    const { driver } = await openWithAddress();
    await look(driver, 'up', '12:05');
    expect(await look(driver, 'down', '12:04')).toBe(false);
    expect(await stands(driver)).toEqual(['alpha up since 12:05, looked 12:05']);
  });

  test('takes the place of one that a wrong clock has recorded in the future', async () => {
    const { driver } = await openWithAddress();
    await look(driver, 'up', '18:00');
    expect(await look(driver, 'down', '12:05')).toBe(true);
    expect(await stands(driver)).toEqual(['alpha down since 12:05, looked 12:05']);
  });

  test('of which several find the same change is told once', async () => {
    const { driver, database } = await openWithAddress();
    await look(driver, 'up', '12:01');
    const others = [driver, await openDriver(database), await openDriver(database)];
    const told = await Promise.all(others.map((one) => look(one, 'down', '12:02')));
    expect(told.filter(Boolean)).toHaveLength(1);
  });

  test('at a resource that is gone leaves nothing behind', async () => {
    const { driver } = await openWithAddress();
    await removeResource(driver, 'ip#0', BY);
    expect(await look(driver, 'up', '12:01')).toBe(false);
    expect(await stands(driver)).toEqual([]);
  });
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

import { expect } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import { addResource } from '../../src/store/resource-changes.ts';
import { recordLook } from '../../src/store/resource-looks.ts';
import { at } from './builders.ts';
import { openDriver } from './stored-state.ts';
import { openVirtualDatabase } from './virtual-database.ts';

/** Who changes the resources of a test, and when. */
export const BY = { actor: 'root', at: at('12:00') };

export const ADDRESS = {
  name: 'ip#0',
  probe: 'file',
  target: { path: '/run/ip' },
  ttlSeconds: 30,
  timeoutSeconds: 5,
};

/** Opens a database of its own that holds the resource `ip#0`. */
export async function openWithAddress() {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  expect(await addResource(driver, ADDRESS, BY)).toBe(true);
  return { database, driver };
}

/** Records what a look at the address found. */
export const look = (driver: Driver, state: 'up' | 'down', time: string, node = 'alpha') =>
  recordLook(driver, { looked: ADDRESS, node, state, why: `${state} at ${time}`, at: at(time) });

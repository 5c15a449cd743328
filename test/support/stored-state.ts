import { onTestFinished } from 'vitest';
import type { TaskState } from '../../src/core/state.ts';
import { connectTo } from '../../src/store/connect.ts';
import type { Driver } from '../../src/store/driver.ts';

import { openVirtualDatabase, type VirtualDatabase } from './virtual-database.ts';
import { readState } from './virtual-runs.ts';

export type StoredState = {
  readonly database: VirtualDatabase;
  readonly driver: Driver;
  readonly state: TaskState;
};

/** A task `backup` every 5 minutes, and its state as a runner has read it. */
export async function openStoredState(): Promise<StoredState> {
  const database = await openVirtualDatabase();
  const id = database.addTask({ name: 'backup' });
  const driver = await openDriver(database);
  return { database, driver, state: await readState(driver, id) };
}

/** A runner's connection to the database, closed with the test. */
export async function openDriver({ location }: Pick<VirtualDatabase, 'location'>): Promise<Driver> {
  const driver = await connectTo(location, { create: false });
  onTestFinished(() => driver.close());
  return driver;
}

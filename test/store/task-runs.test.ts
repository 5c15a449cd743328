import { describe, expect, test } from 'vitest';
import { listAliveRuns } from '../../src/store/task-runs.ts';
import { testedEngine } from '../support/engines.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase, sqliteOf } from '../support/virtual-database.ts';
import { claimSlot } from '../support/virtual-runs.ts';
import { plansOf, queriesOf } from './asked-statements.ts';

async function openWorld() {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  return { database, driver };
}

describe('the runs that are alive', () => {
  test('are those of every task and node, or of one task, in the order of their start', async () => {
    const { database, driver } = await openWorld();
    const backup = database.addTask({ name: 'backup' });
    const mirror = database.addTask({ name: 'mirror' });
    const first = await claimSlot(driver, backup, '12:05', { node: 'beta' });
    const second = await claimSlot(driver, mirror, '12:05');
    const third = await claimSlot(driver, backup, '12:10');
    const over = await claimSlot(driver, backup, '12:15');
    await driver.run("UPDATE periodic_run SET live_node = NULL, status = 'succeeded' WHERE token = ?", [
      over,
    ]);
    expect((await listAliveRuns(driver)).map(({ token }) => token)).toEqual([first, second, third]);
    expect((await listAliveRuns(driver, backup)).map(({ token }) => token)).toEqual([first, third]);
  });

  test.runIf(testedEngine === 'sqlite').each([
    ['all', undefined, 'SEARCH periodic_run USING INDEX periodic_run_live_node_index (live_node>?)'],
    [
      'those of a task',
      1,
      'SEARCH periodic_run USING INDEX periodic_run_task_id_live_node_index (task_id=? AND live_node>?)',
    ],
  ])('are found without reading history: %s', async (_title, taskId, step) => {
    const { database, driver } = await openWorld();
    const asked = await queriesOf(driver, (spied) => listAliveRuns(spied, taskId));
    expect(plansOf(sqliteOf(database), asked)).toEqual([step]);
  });
});

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import { changeResource, removeResource } from '../../src/store/resource-changes.ts';
import { at } from '../support/builders.ts';
import { addResourceRow, resourceStates } from '../support/resources.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualWorld } from '../support/virtual-runner.ts';

const BY = { actor: 'root', at: at('12:05') };
const OTHER = { name: 'db', probe: 'none', target: {}, ttlSeconds: 60, timeoutSeconds: 5 };

test.each([
  ['changed', (driver: Driver) => changeResource(driver, OTHER, BY)],
  ['removed', (driver: Driver) => removeResource(driver, 'db', BY)],
])(
  'a resource that is %s while it is looked at is not known in that tick, and nothing else suffers',
  async (_, act) => {
    const world = await openVirtualWorld();
    const [begun, done] = [join(world.folder, 'begun'), join(world.folder, 'done')];
    const script = `touch ${begun}; until [ -e ${done} ]; do sleep 0.05; done`;
    addResourceRow(world, { name: 'db', probe: 'command', target: { command: ['sh', '-c', script] } });
    world.sql.exec('UPDATE periodic_resource SET timeout_s = 60');
    world.addTask({ name: 'sync', columns: { requires: 'db' } });
    world.addTask({ name: 'other', columns: { ordering: 9 } });
    const tick = world.tick('12:05');
    await expect.poll(() => existsSync(begun)).toBe(true);
    await act(await openDriver(world));
    writeFileSync(done, '');
    expect((await tick).notRun).toMatchObject([
      { task: 'sync', reason: expect.stringContaining('requires db up or stdby up, which is undef') },
    ]);
    expect(world.ledger()).toEqual(['other 12:05 succeeded']);
    expect(resourceStates(world)).toEqual([]);
    expect(world.events.filter(({ kind }) => kind === 'resource')).toEqual([]);
  },
);

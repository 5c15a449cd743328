import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Inspector } from '../../src/modules/description.ts';
import { createDescriptionCache } from '../../src/modules/description-cache.ts';
import { createRegistry, type Registry } from '../../src/modules/registry.ts';
import { previewTick } from '../../src/runner/preview.ts';
import { at } from '../support/builders.ts';
import { tableNames } from '../support/operator-sql.ts';
import { addSwitch } from '../support/resources.ts';
import { createGate } from '../support/virtual-modules.ts';
import { openVirtualWorld, type VirtualWorld } from '../support/virtual-runner.ts';

/** Everything that the database holds. */
function contentOf({ engine, sql }: VirtualWorld): unknown {
  return tableNames(engine, sql).map((name) => [name, sql.prepare(`SELECT * FROM ${name}`).all()]);
}

async function previewed(world: VirtualWorld, instant: string): Promise<readonly string[]> {
  const { runs, notRun } = await previewTick(world.runner, at(instant));
  return [
    ...runs.map(
      ({ task, missed, attempt, status }) => `${status} ${task} missed ${missed} attempt ${attempt}`,
    ),
    ...notRun.map(({ task, reason }) => `${task}: ${reason}`),
  ];
}

test('a preview decides as the tick would, and changes nothing', async () => {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'busy', columns: { module: 'call', run_immediately: 1, ordering: -1 } });
  const tick = world.tick('12:00');
  await gate.reached;
  world.addTask({ name: 'due' });
  world.addTask({ name: 'late', columns: { start_deadline_s: 60 } });
  world.addTask({ name: 'broken', columns: { module: 'missing' } });
  world.addTask({ name: 'asleep', columns: { active: 0 } });
  world.addTask({ name: 'waiting', columns: { schedule: '1h' } });
  world.addTask({ name: 'elsewhere', nodes: ['beta'] });
  const before = contentOf(world);
  expect(await previewed(world, '12:12:30')).toEqual([
    'would run due missed 1 attempt 1',
    'busy: still running; the slot stays due',
    'late: 2 slots would be skipped, too late: more than 1m late',
    expect.stringMatching(/^broken: invalid: module: expected a known module/),
    'waiting: not due yet',
  ]);
  expect(contentOf(world)).toEqual(before);
  gate.open();
  await tick;
});

test('a preview of another instant decides for that instant, with the states as they are', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup' });
  await world.tick('12:05');
  expect(await previewed(world, '12:09')).toEqual([]);
  expect(await previewed(world, '12:10')).toEqual(['would run backup missed 0 attempt 1']);
  expect(await previewed(world, '2026-03-17T12:05:00Z')).toEqual(['would run backup missed 2015 attempt 1']);
});

test('a preview shows a pending attempt, and a terminated task', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'bad', columns: { module: 'fail', retry_limit: 1 } });
  world.addTask({ name: 'over', columns: { module: 'stop' } });
  await world.tick('12:05');
  world.changeTask('over', { ordering: 1 });
  expect(await previewed(world, '12:06')).toEqual([
    'would run bad missed 0 attempt 2',
    'over: terminated: nothing left to do',
  ]);
});

test('a preview says how long nothing will be due', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup' });
  await world.tick('12:05');
  expect((await previewTick(world.runner, at('12:06:30'))).idleForSeconds).toBe(210);
});

test.each([
  { anchor: 'finish' },
  { anchor: 'start', backoff: 'every_run' },
  { schedule: '10m', backoff: 'on_failure' },
])(
  'a preview with %j says how long nothing will be due after what would run, as the tick does',
  async (columns) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup', columns });
    world.sql.exec('UPDATE periodic_task_state SET failures = 2, current_period_s = 2400');
    const foreseen = await previewTick(world.runner, at('12:40'));
    const { runs, idleForSeconds } = await world.tick('12:40');
    expect(runs).toHaveLength(1);
    expect(idleForSeconds).toBeGreaterThan(0);
    expect(foreseen.idleForSeconds).toBe(idleForSeconds);
  },
);

test('a preview says how long it is to the attempt that newer slots wait for, as the tick does', async () => {
  const world = await openVirtualWorld();
  world.addTask({
    name: 'stubborn',
    columns: { module: 'fail', retry_limit: 1, retry_delay_s: 420, retry_past_next: 1 },
  });
  world.addTask({ name: 'other', columns: { schedule: '1h' } });
  await world.tick('12:05');
  const foreseen = await previewTick(world.runner, at('12:10'));
  const { runs, notRun, idleForSeconds } = await world.tick('12:10');
  expect({ runs, notRun: notRun.length }).toEqual({ runs: [], notRun: 1 });
  expect(idleForSeconds).toBe(120);
  expect(foreseen.idleForSeconds).toBe(120);
});

test('a preview names no next slot of a period that counts from the end of a run that is alive', async () => {
  const world = await openVirtualWorld();
  const gate = createGate();
  world.script.call = gate.wait;
  world.addTask({ name: 'busy', columns: { module: 'call', run_immediately: 1, anchor: 'finish' } });
  const tick = world.tick('12:00');
  await gate.reached;
  world.changeTask('busy', { ordering: 1 });
  expect((await previewTick(world.runner, at('12:12'))).notRun).toMatchObject([
    { task: 'busy', reason: 'still running', nextSlotAt: null },
  ]);
  gate.open();
  await tick;
});

/** A registry whose only module is a foreign one, and what its inspector was asked. */
function registryWithForeign({ folder }: VirtualWorld): { registry: Registry; asked: string[] } {
  const modules = join(folder, 'modules');
  mkdirSync(modules);
  writeFileSync(join(modules, 'mine.js'), '');
  const asked: string[] = [];
  const inspector: Inspector = {
    describe: () => {
      asked.push('describe');
      return Promise.resolve({
        kind: 'described',
        modules: [{ id: 'mine', description: 'Mine.', options: [] }],
      });
    },
    check: () => {
      asked.push('check');
      return Promise.resolve([]);
    },
  };
  const cache = createDescriptionCache(join(folder, 'state'));
  const sources = { folders: [modules], packages: [] };
  return { registry: createRegistry({ sources, packageBases: [], inspector, cache, shipped: {} }), asked };
}

test('a preview writes no file, not even what it learned about a module', async () => {
  const world = await openVirtualWorld();
  const { registry, asked } = registryWithForeign(world);
  world.addTask({ name: 'foreign', columns: { module: 'mine' } });
  const runner = world.otherRunner({ registry: () => Promise.resolve(registry) });
  expect((await previewTick(runner, at('12:05'))).runs).toMatchObject([{ task: 'foreign' }]);
  expect(asked).toEqual(['describe', 'check']);
  expect(existsSync(join(world.folder, 'state'))).toBe(false);
});

test('a preview believes what is known about a module', async () => {
  const world = await openVirtualWorld();
  const { registry, asked } = registryWithForeign(world);
  world.addTask({ name: 'foreign', columns: { module: 'mine' } });
  await registry.checkOptions('mine', {});
  asked.splice(0);
  const runner = world.otherRunner({ registry: () => Promise.resolve(registry) });
  expect((await previewTick(runner, at('12:05'))).runs).toMatchObject([{ task: 'foreign' }]);
  expect(asked).toEqual([]);
});

test('a preview names what rests, and wakes what the tick would wake, by what is recorded', async () => {
  const world = await openVirtualWorld();
  const backEnd = addSwitch(world, 'db', { ttlSeconds: 60 });
  world.addTask({ name: 'sync', columns: { offline: 'disable', offline_resource: 'db' } });
  await world.tick('12:05');
  const found = `${join(world.folder, 'db.up')} does not exist; last look 2026-03-10T12:05:00Z`;
  expect(await previewed(world, '12:06')).toEqual([
    `sync: rests since 2026-03-10T12:05:00Z: its resource db is down since 2026-03-10T12:05:00Z (${found}); it wakes when that is known not to be down`,
  ]);
  world.sql.exec("UPDATE periodic_resource_state SET state = 'undef'");
  expect(await previewed(world, '12:06')).toEqual([expect.stringMatching(/^sync: rests since/)]);
  world.sql.exec("UPDATE periodic_resource_state SET state = 'warn'");
  expect(await previewed(world, '12:06')).toEqual([
    expect.stringMatching(/^sync: would count from now: its resource db is warn since/),
    'sync: not due yet',
  ]);
  backEnd.up();
  const foreseen = await previewTick(world.runner, at('12:07'));
  await world.tick('12:07');
  expect(world.stateRow('sync')['earliest_start']).toBe('2026-03-10T12:12:00.000Z');
  expect(foreseen.idleForSeconds).toBe(300);
});

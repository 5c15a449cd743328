import { expect, test } from 'vitest';
import { letPastRun } from '../../src/store/past-slot.ts';
import { at } from '../support/builders.ts';
import { openVirtualWorld, tickOf } from '../support/virtual-runner.ts';

const PAST = '2026-03-10T09:30:00Z';
const AT_PAST = { schedule_kind: 'at', schedule: PAST };

test('an instant before the creation of its task is not run by itself', async () => {
  const world = await openVirtualWorld();
  world.addTask({ name: 'backup', columns: AT_PAST });
  await world.tick('12:05');
  expect(world.ledger()).toEqual([]);
});

test('an instant that has passed and may run does so at the next tick, once', async () => {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'backup', columns: AT_PAST });
  await letPastRun(world.location, id, at(PAST));
  await world.tick('12:05');
  await world.tick('12:10');
  expect(world.ledger()).toEqual(['backup 09:30 succeeded']);
  expect(world.stateRow('backup')).toMatchObject({ terminated_reason: 'done: its only slot has run' });
});

test('it does so on every node, and for no other task', async () => {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'backup', nodes: ['alpha', 'beta'], columns: AT_PAST });
  world.addTask({ name: 'other', columns: AT_PAST });
  await letPastRun(world.location, id, at(PAST));
  await world.tick('12:05');
  await tickOf(world.otherRunner({ node: { ...world.runner.node, name: 'beta' } }), world, '12:05');
  expect(world.ledger()).toEqual(['backup 09:30 succeeded', 'backup 09:30 succeeded']);
  expect(world.runRows().map(({ node }) => node)).toEqual(['alpha', 'beta']);
});

test('a state that somebody has read before is read again: the epoch has moved', async () => {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'backup', columns: AT_PAST });
  await world.tick('12:05');
  const before = world.stateRow('backup');
  await letPastRun(world.location, id, at(PAST));
  expect(world.stateRow('backup')).toMatchObject({
    epoch: Number(before['epoch']) + 1,
    first_slot: '2026-03-10T09:30:00.000Z',
    earliest_start: '',
  });
});

test('retries of a past instant follow as for any other', async () => {
  const world = await openVirtualWorld();
  const columns = { ...AT_PAST, module: 'fail_at_first', options: '{"times":1}', retry_limit: 1 };
  const id = world.addTask({ name: 'backup', columns });
  await letPastRun(world.location, id, at(PAST));
  await world.tick('12:05');
  await world.tick('12:06');
  expect(world.ledger()).toEqual(['backup 09:30 failed (retry)', 'backup 09:30 #2 succeeded']);
});

test('a start deadline holds for a past instant too', async () => {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'backup', columns: { ...AT_PAST, start_deadline_s: 3_600 } });
  await letPastRun(world.location, id, at(PAST));
  await world.tick('12:05');
  expect(world.ledger()).toEqual(['backup 09:30 skipped (too_late)']);
});

test('a state that has handled a later slot runs it right after that, since handled slots only grow', async () => {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'backup' });
  await world.tick('12:05');
  world.changeTask('backup', AT_PAST);
  await letPastRun(world.location, id, at(PAST));
  await world.tick('12:06');
  await world.tick('12:07');
  expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:05:00.001Z succeeded']);
  expect(world.stateRow('backup')).toMatchObject({ terminated_reason: 'done: its only slot has run' });
});

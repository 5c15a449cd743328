import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EndPolicy } from '../../src/core/run-end.ts';
import { readSpooledEnd, type SpooledEnd } from '../../src/runner/spooled-end.ts';
import type { RunEnd } from '../../src/store/run-end-rows.ts';
import { at } from '../support/builders.ts';
import type { Columns } from '../support/virtual-database.ts';
import { openVirtualWorld, type VirtualWorld } from '../support/virtual-runner.ts';
import { claimSlot, endWith, NO_RETRY } from '../support/virtual-runs.ts';

/** All that the first version of the program knew of a policy. */
const OLDER_POLICY = {
  retryLimit: 2,
  retryDelaySeconds: 60,
  retryMaxDelaySeconds: 3_600,
  retryOn: ['failed', 'timed_out'],
};

const POLICY: EndPolicy = {
  ...NO_RETRY,
  deactivateAfter: '5 failures and 7 days',
  period: { periodSeconds: 600, anchor: 'finish', backoff: 'on_failure', maxPeriodSeconds: 3_600 },
  once: false,
  randomOffsetSeconds: 30,
};

const SPOOLED: SpooledEnd = {
  token: 'token',
  databaseId: 'database',
  task: 'backup',
  end: endWith(),
  policy: POLICY,
};

describe('a spooled end', () => {
  test('is read back as it was written', () => {
    const content: unknown = JSON.parse(JSON.stringify(SPOOLED));
    expect(readSpooledEnd(content)).toEqual({ kind: 'result', spooled: SPOOLED });
  });

  test('of an older version asks for nothing that this version did not know', () => {
    expect(readSpooledEnd({ ...SPOOLED, policy: OLDER_POLICY })).toEqual({
      kind: 'result',
      spooled: {
        ...SPOOLED,
        policy: { ...OLDER_POLICY, deactivateAfter: '', period: null, once: false, randomOffsetSeconds: 0 },
      },
    });
  });

  test('of a later version may hold more', () => {
    const spooled = { ...SPOOLED, policy: { ...POLICY, unheardOf: true }, more: 1 };
    expect(readSpooledEnd(spooled)).toMatchObject({ kind: 'result' });
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['policy.deactivateAfter', { deactivateAfter: 'often' }],
    ['policy.deactivateAfter', { deactivateAfter: 5 }],
    ['policy.once', { once: 1 }],
    ['policy.randomOffsetSeconds', { randomOffsetSeconds: -1 }],
    ['policy.period', { period: 600 }],
    ['policy.period', { period: {} }],
    ['policy.period', { period: { ...POLICY.period, periodSeconds: 1e15 } }],
    ['policy.period', { period: { ...POLICY.period, periodSeconds: '600' } }],
    ['policy.period', { period: { ...POLICY.period, anchor: 'middle' } }],
    ['policy.period', { period: { ...POLICY.period, backoff: 'sometimes' } }],
    ['policy.period', { period: { ...POLICY.period, maxPeriodSeconds: -1 } }],
    ['policy.retryOn', { retryOn: ['boredom'] }],
  ])('with a wrong %s is refused: %j', (field, wrong) => {
    expect(readSpooledEnd({ ...SPOOLED, policy: { ...POLICY, ...wrong } })).toEqual({
      kind: 'fault',
      message: `it does not hold a result: ${field} is missing or wrong`,
    });
  });

  test.each([[{}], [{ policy: null }], [{ policy: [] }], [{ policy: {} }]])(
    'without a policy is refused: %j',
    (changes) => {
      const { policy: _policy, ...rest } = SPOOLED;
      expect(readSpooledEnd({ ...rest, ...changes })).toMatchObject({ kind: 'fault' });
    },
  );
});

/** A live run of slot 12:05 whose end an older version has put into the spool. */
async function openOlderSpool(columns: Columns, end: Partial<RunEnd>): Promise<VirtualWorld> {
  const world = await openVirtualWorld();
  const id = world.addTask({ name: 'backup', columns });
  const { identity, driver } = world.runner;
  const token = await claimSlot(driver, id, '12:05', { runner: identity });
  mkdirSync(world.spoolFolder, { recursive: true, mode: 0o700 });
  const databaseId = world.runner.spool.databaseId;
  const content = { token, databaseId, task: 'backup', end: endWith(end), policy: OLDER_POLICY };
  writeFileSync(join(world.spoolFolder, `${token}.json`), JSON.stringify(content), { mode: 0o600 });
  return world;
}

describe('an end that an older version has spooled', () => {
  test('is recorded, and the next slot follows', async () => {
    const world = await openOlderSpool({}, {});
    await world.tick('12:07');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
    expect(readdirSync(world.spoolFolder)).toEqual([]);
    expect(world.warnings()).toEqual([]);
    await world.tick('12:10');
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'backup 12:10 succeeded']);
  });

  test('leaves the retry that its policy asks for', async () => {
    const world = await openOlderSpool({}, { status: 'failed', message: 'boom' });
    await world.tick('12:06');
    expect(world.ledger()).toEqual(['backup 12:05 failed (retry)']);
    expect(world.stateRow('backup')).toMatchObject({ retry_at: '2026-03-10T12:07:00.000Z' });
    await world.tick('12:07');
    expect(world.ledger()[1]).toBe('backup 12:05 #2 succeeded');
  });

  test('neither terminates the task nor makes its period longer', async () => {
    const columns = { backoff: 'on_failure', deactivate_after: '1 failures' };
    const world = await openOlderSpool(columns, { status: 'cancelled', reason: 'operator' });
    await world.tick('12:07');
    expect(world.stateRow('backup')).toMatchObject({
      terminated_at: null,
      current_period_s: null,
      next_slot: '2026-03-10T12:10:00.000Z',
    });
  });

  test('that stopped terminates the task all the same', async () => {
    const world = await openOlderSpool({}, { status: 'stopped', message: 'enough' });
    await world.tick('12:07');
    expect(world.stateRow('backup')).toMatchObject({ terminated_reason: 'enough', earliest_start: null });
  });
});

test('what this version spools holds all that follows from the end', async () => {
  const world = await openVirtualWorld({ busyLimitMs: 50 });
  const columns = { module: 'call', anchor: 'finish', backoff: 'on_failure', deactivate_after: '3 failures' };
  world.addTask({ name: 'backup', columns: { ...columns, schedule: '10m' } });
  world.script.call = () => {
    world.clock.now = at('12:12:30');
    world.lockWrites();
    throw new Error('boom');
  };
  expect((await world.tick('12:10')).runs).toMatchObject([{ status: 'failed', spooled: true }]);
  world.unlockWrites();
  const [file] = readdirSync(world.spoolFolder);
  const content: unknown = JSON.parse(readFileSync(join(world.spoolFolder, String(file)), 'utf8'));
  expect(content).toMatchObject({
    policy: {
      deactivateAfter: '3 failures',
      period: { periodSeconds: 600, anchor: 'finish', backoff: 'on_failure', maxPeriodSeconds: null },
      once: false,
      randomOffsetSeconds: 0,
    },
  });
  // The next slot counts from the end, not from the replay, and the period has doubled.
  await world.tick('12:20');
  expect(world.ledger()).toEqual(['backup 12:10 failed']);
  expect(world.stateRow('backup')).toMatchObject({
    anchored_at: '2026-03-10T12:12:00.000Z',
    next_slot: '2026-03-10T12:32:00.000Z',
    current_period_s: 1_200,
    failures: 1,
  });
  expect(existsSync(join(world.spoolFolder, String(file)))).toBe(false);
});

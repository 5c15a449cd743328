import { describe, expect, test } from 'vitest';
import { NO_TICK } from '../../src/core/slots.ts';
import type { Driver } from '../../src/store/driver.ts';
import { finishRun } from '../../src/store/finish.ts';
import { recordLateEnd } from '../../src/store/late-end.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';
import { createGate } from '../support/virtual-modules.ts';
import { claimSlot, endWith, NO_RETRY } from '../support/virtual-runs.ts';

const ONCE = { ...NO_RETRY, period: null, once: true };

/** A task that is to go when it is done, whose only slot runs on its nodes. */
async function openRunning(nodes: readonly string[]) {
  const database = await openVirtualDatabase();
  const drivers = await Promise.all(nodes.map(() => openDriver(database)));
  const columns = { schedule_kind: 'at', schedule: '2026-03-10T12:05:00.000Z', remove_when_done: 1 };
  const id = database.addTask({ name: 'backup', nodes, columns });
  const tokens: string[] = [];
  for (const [index, node] of nodes.entries()) {
    tokens.push(await claimSlot(drivers[index] as Driver, id, '12:05', { node, scopeKey: node }));
  }
  database.sql.prepare('UPDATE periodic_task_state SET counted_tick = ? WHERE task_id = ?').run(NO_TICK, id);
  return {
    database,
    drivers,
    tokens,
    names: () => database.sql.prepare('SELECT name FROM periodic_task').all(),
  };
}

test('a task goes with the last of two nodes that end it at the same time', async () => {
  const { database, drivers, tokens, names } = await openRunning(['alpha', 'beta']);
  const [alpha, beta] = drivers as [Driver, Driver];
  const [ofAlpha = '', ofBeta = ''] = tokens;
  const bothAreAtIt = createGate();
  // The first does not commit before the second asks for the task.
  const slow: Driver = {
    ...alpha,
    transaction: (work, options) =>
      alpha.transaction(async (statements) => {
        const result = await work(statements);
        await (database.engine === 'sqlite' ? undefined : bothAreAtIt.wait());
        return result;
      }, options),
  };
  const asking: Driver = {
    ...beta,
    transaction: (work, options) =>
      beta.transaction(
        (statements) =>
          work({
            ...statements,
            run: (sql, params) => {
              const asked = statements.run(sql, params);
              if (/periodic_task /.test(sql)) {
                bothAreAtIt.open();
              }
              return asked;
            },
          }),
        options,
      ),
  };
  const first = finishRun(slow, ofAlpha, endWith(), ONCE);
  await (database.engine === 'sqlite' ? first : bothAreAtIt.reached);
  const second = finishRun(asking, ofBeta, endWith(), ONCE);
  expect([await first, await second]).toMatchObject([
    { kind: 'recorded' },
    { kind: 'recorded', removed: true },
  ]);
  expect(await first).not.toHaveProperty('removed');
  expect(names()).toEqual([]);
});

describe('a result that comes late', () => {
  test('takes the task along when it undoes that the run was lost, and says so', async () => {
    const { database, drivers, tokens, names } = await openRunning(['alpha']);
    const [driver] = drivers as [Driver];
    const [token = ''] = tokens;
    const policy = { ...ONCE, retryLimit: 1, retryOn: ['lost'] as const };
    const lost = await finishRun(driver, token, endWith({ status: 'lost', endedAt: at('12:07') }), policy);
    expect(lost).toMatchObject({ kind: 'recorded', terminated: null });
    expect(await recordLateEnd(driver, token, endWith(), policy)).toMatchObject({
      kind: 'recorded',
      terminated: 'done: its only slot has run',
      removed: true,
    });
    expect(names()).toEqual([]);
    expect(database.ledger()).toEqual(['backup 12:05 succeeded']);
  });
});

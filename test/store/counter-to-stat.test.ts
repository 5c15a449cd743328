import { describe, expect, test } from 'vitest';
import { NO_FOLLOW_UP } from '../../src/core/run-end.ts';
import { type CounterReading, type CounterWritten, writeCounter } from '../../src/store/counter-to-stat.ts';
import { incrementCounter, listCounters } from '../../src/store/counters.ts';
import type { Driver } from '../../src/store/driver.ts';
import { finishRun } from '../../src/store/finish.ts';
import { valuesOfStat } from '../../src/store/stats.ts';
import { at } from '../support/builders.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';
import { claimSlot, endWith } from '../support/virtual-runs.ts';

const AT = at('12:30');

async function openWorld() {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const addRun = (token: string, status = 'running') => {
    database.sql
      .prepare(
        `INSERT INTO periodic_run (token, task_id, task_name, module, scope_key, node, trigger_kind, status, created_at)
         VALUES (?, 1, 'take', 'eventcounter', 'alpha', 'alpha', 'manual', ?, '2026-03-10T12:00:00.000Z')`,
      )
      .run(token, status);
  };
  addRun('live');
  const add = (node: string, by: number) => incrementCounter(driver, { name: 'seen', node, by });
  await add('beta', 5);
  await add('alpha', 7);
  return {
    database,
    driver,
    addRun,
    add,
    /** What the statistic says, and what is left of the counter. */
    seen: async () => ({
      stats: (await stats(driver)).map(({ value }) => value),
      left: (await listCounters(driver, 'seen'))[0]?.parts.map(({ node, value }) => `${node} ${value}`),
    }),
  };
}

const stats = (driver: Driver) =>
  valuesOfStat(driver, { key: 'seen_by', since: undefined, until: undefined, limit: 100 });

function reading(changes: Partial<CounterReading> = {}): CounterReading {
  return { token: 'live', counter: 'seen', key: 'seen_by', at: AT, reset: true, ...changes };
}

describe('a counter as a statistic', () => {
  test('is the sum over all nodes, which stays', async () => {
    const { driver, seen } = await openWorld();
    expect(await writeCounter(driver, reading({ reset: false }))).toEqual({ kind: 'written', value: 12n });
    expect(await seen()).toEqual({ stats: [12], left: ['alpha 7', 'beta 5'] });
    expect((await stats(driver)).map((value) => value.at)).toEqual([AT]);
  });

  test('is taken off the counter if asked, so that the next one tells what is new', async () => {
    const { driver, addRun, add, seen } = await openWorld();
    await writeCounter(driver, reading());
    expect(await seen()).toEqual({ stats: [12], left: ['alpha 0', 'beta 0'] });
    await add('beta', -2);
    addRun('next');
    await writeCounter(driver, reading({ token: 'next', at: AT + 1 }));
    expect(await seen()).toEqual({ stats: [12, -2], left: ['alpha 0', 'beta 0'] });
  });

  test('is 0 where nobody has counted', async () => {
    const { driver } = await openWorld();
    expect(await writeCounter(driver, reading({ counter: 'unseen' }))).toEqual({
      kind: 'written',
      value: 0n,
    });
    expect((await stats(driver)).map(({ value }) => value)).toEqual([0]);
  });

  test('is not taken off where a statistic would not hold it exactly', async () => {
    const { driver, addRun, add, seen } = await openWorld();
    await add('beta', Number.MAX_SAFE_INTEGER);
    const value = BigInt(Number.MAX_SAFE_INTEGER) + 12n;
    expect(await writeCounter(driver, reading())).toEqual({ kind: 'too-large', value });
    expect(await seen()).toEqual({ stats: [], left: ['alpha 7', `beta ${value - 7n}`] });
    addRun('next');
    expect(await writeCounter(driver, reading({ token: 'next', reset: false }))).toEqual({
      kind: 'written',
      value,
    });
  });

  test('is written once by a run, and not at all by one that was given up', async () => {
    const { driver, addRun, seen } = await openWorld();
    addRun('gone', 'lost');
    expect(await writeCounter(driver, reading({ token: 'gone' }))).toEqual({ kind: 'not-live' });
    expect(await seen()).toEqual({ stats: [], left: ['alpha 7', 'beta 5'] });
    const written = { kind: 'written', value: 12n };
    expect(await writeCounter(driver, reading({ reset: false }))).toEqual(written);
    expect(await writeCounter(driver, reading({ reset: false }))).toEqual(written);
    expect(await seen()).toEqual({ stats: [12], left: ['alpha 7', 'beta 5'] });
  });

  test('leaves the progress of the run alone, and is its result whatever its end is', async () => {
    const { database, driver, addRun, add } = await openWorld();
    await writeCounter(driver, reading());
    await finishRun(driver, 'live', endWith({ status: 'lost', reason: 'runner_died' }), NO_FOLLOW_UP);
    await add('beta', Number.MAX_SAFE_INTEGER);
    await add('beta', 1);
    addRun('large');
    expect(await writeCounter(driver, reading({ token: 'large' }))).toMatchObject({ kind: 'too-large' });
    await finishRun(driver, 'large', endWith({ status: 'failed' }), NO_FOLLOW_UP);
    expect(database.runRows()).toMatchObject([
      { status: 'lost', result: '{"value":12,"reset":true}', progress_done: null },
      { status: 'failed', result: null, progress_done: null },
    ]);
  });

  test('is written once for a slot, whatever became of the attempt that did it', async () => {
    const { database, driver, seen } = await openWorld();
    const id = database.addTask({ name: 'take', columns: { module: 'eventcounter' } });
    const [first, second, third] = [
      await claimSlot(driver, id, '12:05', { module: 'eventcounter' }),
      await claimSlot(driver, id, '12:05', { module: 'eventcounter', attempt: 2 }),
      await claimSlot(driver, id, '12:10', { module: 'eventcounter' }),
    ];
    expect(await writeCounter(driver, reading({ token: first }))).toEqual({ kind: 'written', value: 12n });
    await finishRun(driver, first, endWith({ status: 'lost' }), NO_FOLLOW_UP);
    expect(await writeCounter(driver, reading({ token: second }))).toEqual({
      kind: 'done-before',
      result: { value: 12, reset: true },
    });
    expect(await seen()).toEqual({ stats: [12], left: ['alpha 0', 'beta 0'] });
    expect(await writeCounter(driver, reading({ token: third }))).toEqual({ kind: 'written', value: 0n });
  });

  test('is written wholly or not at all', async () => {
    const { driver, seen } = await openWorld();
    const failing: Driver = {
      ...driver,
      transaction: (work) =>
        driver.transaction((statements) =>
          work({
            ...statements,
            run: (sql, params) =>
              sql.includes('periodic_stat')
                ? Promise.reject(new Error('no room'))
                : statements.run(sql, params),
          }),
        ),
    };
    await expect(writeCounter(failing, reading())).rejects.toThrow('no room');
    expect(await seen()).toEqual({ stats: [], left: ['alpha 7', 'beta 5'] });
    expect(await writeCounter(driver, reading())).toMatchObject({ kind: 'written' });
  });
});

describe('a commit that went unanswered', () => {
  const WRITTEN: CounterWritten = { kind: 'written', value: 12n };

  test('and was found after all, is not done again', async () => {
    const { driver, add, seen } = await openWorld();
    const unanswering: Driver = {
      ...driver,
      transaction: async (work, options) => {
        await driver.transaction(work);
        await add('alpha', 1);
        return driver.transaction(
          async (statements) => (await options?.confirm?.(statements, 'before')) ?? work(statements),
        );
      },
    };
    expect(await writeCounter(unanswering, reading())).toEqual(WRITTEN);
    expect(await seen()).toEqual({ stats: [12], left: ['alpha 1', 'beta 0'] });
  });

  test('and came while the work was done again, counts alone', async () => {
    const { driver, add, seen } = await openWorld();
    const late: Driver = {
      ...driver,
      transaction: async (work, options) => {
        await driver.transaction(work);
        await add('alpha', 1);
        return driver.transaction(async (statements) => {
          const again = await work(statements);
          return (await options?.confirm?.(statements, 'after')) ?? again;
        });
      },
    };
    expect(await writeCounter(late, reading())).toEqual(WRITTEN);
    expect(await seen()).toEqual({ stats: [12], left: ['alpha 1', 'beta 0'] });
  });

  test('and never came, is done again', async () => {
    const { driver, add, seen } = await openWorld();
    const lost: Driver = {
      ...driver,
      transaction: async (work, options) => {
        const rollBack = new Error('rolled back');
        await driver
          .transaction(async (statements) => {
            await work(statements);
            throw rollBack;
          })
          .catch((error: unknown) => expect(error).toBe(rollBack));
        await add('alpha', 1);
        return driver.transaction(async (statements) => {
          const before = await options?.confirm?.(statements, 'before');
          return before ?? work(statements);
        });
      },
    };
    expect(await writeCounter(lost, reading())).toEqual({ kind: 'written', value: 13n });
    expect(await seen()).toEqual({ stats: [13], left: ['alpha 0', 'beta 0'] });
  });
});

test('nothing is lost or counted twice while others add', async () => {
  const { database, driver, addRun, seen } = await openWorld();
  const others = [await openDriver(database), await openDriver(database)];
  const adding = others.map(async (other, index) => {
    for (let times = 0; times < 100; times += 1) {
      await incrementCounter(other, { name: 'seen', node: ['alpha', 'gamma'][index] ?? '', by: 1 });
    }
  });
  for (let times = 0; times < 20; times += 1) {
    addRun(`take ${times}`);
    await writeCounter(driver, reading({ token: `take ${times}` }));
  }
  await Promise.all(adding);
  const { stats: written, left = [] } = await seen();
  const rest = left.map((part) => Number(part.split(' ')[1]));
  expect([...written, ...rest].reduce((sum, value) => sum + value, 0)).toBe(212);
});

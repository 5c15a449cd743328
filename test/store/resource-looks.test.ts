import { describe, expect, test } from 'vitest';
import type { Driver } from '../../src/store/driver.ts';
import { changeResource, removeResource } from '../../src/store/resource-changes.ts';
import { type Recorded, recordLook, recordWord } from '../../src/store/resource-looks.ts';
import { listResourceStates } from '../../src/store/resources.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { ADDRESS, BY, look, openWithAddress } from '../support/stored-resources.ts';
import { openDriver } from '../support/stored-state.ts';
import type { VirtualDatabase } from '../support/virtual-database.ts';

const say = (driver: Driver, state: 'up' | 'down', time: string) =>
  recordWord(driver, { resource: 'ip#0', node: 'alpha', state, why: 'said', at: at(time) });

async function stands(driver: Driver): Promise<readonly string[]> {
  const states = await listResourceStates(driver);
  return states.map(
    ({ node, state, since, checkedAt }) =>
      `${node} ${state} since ${new Date(since).toISOString().slice(11, 16)}, looked ${new Date(checkedAt).toISOString().slice(11, 16)}`,
  );
}

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
    expect(told).toEqual(['changed', 'same', 'changed', 'same', 'changed']);
    expect(await stands(driver)).toEqual([
      'alpha down since 12:03, looked 12:04',
      'beta up since 12:05, looked 12:05',
    ]);
  });

  test('that finds what was found before is one statement', async () => {
    const { driver } = await openWithAddress();
    await look(driver, 'up', '12:01');
    let asked = 0;
    const counted: Driver = {
      ...driver,
      run: (sql, params) => {
        asked += 1;
        return driver.run(sql, params);
      },
      transaction: () => Promise.reject(new Error('expected no transaction, got one')),
    };
    expect(await look(counted, 'up', '12:02')).toBe('same');
    expect(asked).toBe(1);
  });

  test('that is older than the recorded one changes nothing', async () => {
    const { driver } = await openWithAddress();
    await look(driver, 'up', '12:05');
    expect(await look(driver, 'down', '12:04')).toBe('older');
    expect(await look(driver, 'up', '12:04')).toBe('older');
    expect(await stands(driver)).toEqual(['alpha up since 12:05, looked 12:05']);
  });

  test('takes the place of one that a wrong clock has recorded in the future', async () => {
    const { driver } = await openWithAddress();
    await look(driver, 'up', '18:00');
    expect(await look(driver, 'up', '12:04')).toBe('same');
    await look(driver, 'up', '18:00');
    expect(await look(driver, 'down', '12:05')).toBe('changed');
    expect(await stands(driver)).toEqual(['alpha down since 12:05, looked 12:05']);
  });

  test('of which several find the same change is told once', async () => {
    const { driver, database } = await openWithAddress();
    await look(driver, 'up', '12:01');
    const others = [driver, await openDriver(database), await openDriver(database)];
    const told = await Promise.all(others.map((one) => look(one, 'down', '12:02')));
    expect(told.toSorted()).toEqual(['changed', 'same', 'same']);
  });

  test('that is the first is told once by those who look at the same time', async () => {
    const { driver, database } = await openWithAddress();
    const others = [driver, await openDriver(database), await openDriver(database)];
    for (let round = 0; round < 5; round += 1) {
      database.sql.exec('DELETE FROM periodic_resource_state');
      const told = await Promise.all(others.map((one) => look(one, 'down', '12:02')));
      expect(told.toSorted()).toEqual(['changed', 'same', 'same']);
    }
  });

  test('at a resource that is gone leaves nothing behind', async () => {
    const { driver } = await openWithAddress();
    await removeResource(driver, 'ip#0', BY);
    expect(await look(driver, 'up', '12:01')).toBe('gone');
    expect(await stands(driver)).toEqual([]);
  });

  test.each([
    ['removed', (driver: Driver) => removeResource(driver, 'ip#0', BY)],
    ['changed', (driver: Driver) => changeResource(driver, { ...ADDRESS, target: { path: '/it' } }, BY)],
  ])('waits for what is being %s, and leaves nothing behind', async (_done, act) => {
    const { driver, database } = await openWithAddress();
    const other = await openDriver(database);
    let looked: Promise<Recorded> | undefined;
    // While the other one holds the resource, and what it does is not in the database yet.
    const holding: Driver = {
      ...driver,
      transaction: (work) =>
        driver.transaction(async (statements) => {
          const result = await work(statements);
          looked ??= look(other, 'up', '12:01');
          await isWaiting(database);
          return result;
        }),
    };
    await act(holding);
    expect(await looked).toBe('gone');
    expect(await stands(driver)).toEqual([]);
  });

  test('is not kept where the resource has another probe by then, and other limits are no other probe', async () => {
    const { driver } = await openWithAddress();
    await look(driver, 'up', '12:01');
    await changeResource(driver, { ...ADDRESS, ttlSeconds: 1, timeoutSeconds: 1 }, BY);
    expect(await look(driver, 'up', '12:02')).toBe('changed');
    await changeResource(driver, { ...ADDRESS, probe: 'none' }, BY);
    expect(await look(driver, 'up', '12:03')).toBe('gone');
    await changeResource(driver, { ...ADDRESS, target: { path: '/elsewhere' } }, BY);
    expect(await look(driver, 'up', '12:04')).toBe('gone');
    expect(await stands(driver)).toEqual([]);
  });

  test('does not stand for one at the probe that came after it, though both found the same', async () => {
    const { driver } = await openWithAddress();
    const changed = { ...ADDRESS, target: { path: '/elsewhere' } };
    await changeResource(driver, changed, BY);
    const found = { node: 'alpha', state: 'up', why: 'elsewhere', at: at('12:02') } as const;
    expect(await recordLook(driver, { looked: changed, ...found })).toBe('changed');
    expect(await look(driver, 'up', '12:03')).toBe('gone');
    expect(await listResourceStates(driver)).toMatchObject([{ why: 'elsewhere', checkedAt: at('12:02') }]);
  });

  test('at a target that plain SQL has written in words of its own is kept', async () => {
    const { driver, database } = await openWithAddress();
    database.sql.exec(`UPDATE periodic_resource SET target = '{ "path" : "/run/ip" }'`);
    expect(await look(driver, 'up', '12:01')).toBe('changed');
    expect(await look(driver, 'up', '12:02')).toBe('same');
    expect(await look(driver, 'up', '12:01')).toBe('older');
    expect(await stands(driver)).toEqual(['alpha up since 12:01, looked 12:02']);
  });
});

describe('what somebody says', () => {
  test('wins over what is recorded, at whatever instant that was', async () => {
    const { driver } = await openWithAddress();
    expect(await say(driver, 'up', '12:01')).toBe('changed');
    await look(driver, 'up', '12:05');
    expect(await say(driver, 'down', '12:04')).toBe('changed');
    expect(await stands(driver)).toEqual(['alpha down since 12:04, looked 12:04']);
    expect(await say(driver, 'down', '12:03')).toBe('same');
    expect(await stands(driver)).toEqual(['alpha down since 12:04, looked 12:03']);
  });

  test('of a resource that is gone is told as that', async () => {
    const { driver } = await openWithAddress();
    await removeResource(driver, 'ip#0', BY);
    expect(await say(driver, 'up', '12:01')).toBe('gone');
    expect(await stands(driver)).toEqual([]);
  });
});

/** Resolves when a statement waits for the lock of another; a file of SQLite does not tell of that. */
async function isWaiting({ sql }: VirtualDatabase): Promise<void> {
  if (testedEngine === 'sqlite') {
    return;
  }
  const waiting = sql.prepare(
    testedEngine === 'postgres'
      ? "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
      : `SELECT count(*) FROM information_schema.innodb_trx t
         JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
         WHERE p.db = database() AND t.trx_state = 'LOCK WAIT'`,
  );
  // MariaDB does not look anew for who asks more often than ten times a second.
  const bound = { interval: 200, timeout: 10_000 };
  await expect.poll(() => Number(waiting.pluck().get()), bound).toBeGreaterThan(0);
}

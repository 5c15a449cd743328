import { expect, test } from 'vitest';
import { DatabaseError, messageOf } from '../../src/core/errors.ts';
import { incrementCounter, listCounters } from '../../src/store/counters.ts';
import { openDriver } from '../support/stored-state.ts';
import { openVirtualDatabase } from '../support/virtual-database.ts';

test('a counter begins at 0, has a sum for each node, and takes what is added from several sides at once', async () => {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const drivers = [driver, await openDriver(database), await openDriver(database)];
  await Promise.all(
    drivers.flatMap((side) =>
      Array.from({ length: 20 }, () => incrementCounter(side, { name: 'seen', node: 'alpha', by: 2 })),
    ),
  );
  await incrementCounter(driver, { name: 'seen', node: 'beta', by: 4_000_000_000_000 });
  await incrementCounter(driver, { name: 'Seen', node: 'alpha', by: -5 });
  expect(await listCounters(driver)).toEqual([
    { name: 'Seen', value: -5n, parts: [{ node: 'alpha', value: -5n }] },
    {
      name: 'seen',
      value: 4_000_000_000_120n,
      parts: [
        { node: 'alpha', value: 120n },
        { node: 'beta', value: 4_000_000_000_000n },
      ],
    },
  ]);
  expect((await listCounters(driver, 'Seen')).map(({ name }) => name)).toEqual(['Seen']);
  expect(await listCounters(driver, 'SEEN')).toEqual([]);
});

test('sums are exact beyond what a number holds', async () => {
  const driver = await openDriver(await openVirtualDatabase());
  const most = Number.MAX_SAFE_INTEGER;
  for (const by of [most, most, 1, -4, 2]) {
    await incrementCounter(driver, { name: 'much', node: 'alpha', by });
  }
  for (let times = 0; times < 1_000; times += 1) {
    await incrementCounter(driver, { name: 'much', node: 'beta', by: most });
  }
  const [counter] = await listCounters(driver, 'much');
  expect(counter?.parts.map(({ value }) => value)).toEqual([2n * BigInt(most) - 1n, 1_000n * BigInt(most)]);
  expect(counter?.value).toBe(1_002n * BigInt(most) - 1n);
});

test.each([
  [1, 2n ** 63n - 1n],
  [-1, -(2n ** 63n)],
])('a sum of more than 64 bits, after adding %i, is refused, and the counter stays', async (by, most) => {
  const database = await openVirtualDatabase();
  const driver = await openDriver(database);
  const increment = () => incrementCounter(driver, { name: 'full', node: 'alpha', by });
  await increment();
  database.sql.prepare(`UPDATE periodic_counter SET value = ${most - BigInt(by)}`).run();
  await increment();
  const refused = await increment().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(DatabaseError);
  expect(messageOf(refused)).toBe(
    `counter "full" of node "alpha": expected a sum of at most 64 bits, got one beyond after adding ${by}`,
  );
  expect((await listCounters(driver))[0]?.value).toBe(most);
});

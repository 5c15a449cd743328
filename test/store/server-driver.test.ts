import { describe, expect, onTestFinished, test } from 'vitest';
import type { ServerLocation } from '../../src/config/config.ts';
import { DatabaseError } from '../../src/core/errors.ts';
import { claimRun } from '../../src/store/claim.ts';
import type { Driver } from '../../src/store/driver.ts';
import { finishRun } from '../../src/store/finish.ts';
import { mariadbEngine } from '../../src/store/mariadb.ts';
import { postgresEngine } from '../../src/store/postgres.ts';
import { openServerDriver } from '../../src/store/server-driver.ts';
import { at } from '../support/builders.ts';
import { testedEngine } from '../support/engines.ts';
import { addressOf, COMMIT, locationThrough, type Mischief, openTcpProxy } from '../support/tcp-proxy.ts';
import { openVirtualDatabase, type VirtualDatabase } from '../support/virtual-database.ts';
import { endWith, NO_RETRY, newRunOf, readState } from '../support/virtual-runs.ts';

const isPostgres = testedEngine === 'postgres';
const SHORT = { retryLimitMs: 100, answerLimitMs: 300 };

describe.skipIf(testedEngine === 'sqlite')('the driver of a server', () => {
  test('repeats both statements of a transaction that a deadlock has ended', async () => {
    const { database, first, second } = await openPair();
    database.sql.exec("INSERT INTO periodic_node (name) VALUES ('a'), ('b')");
    const meet = rendezvous(2);
    const raise = (driver: Driver, one: string, other: string) => {
      let tries = 0;
      return driver.transaction(async ({ run }) => {
        tries += 1;
        await run(RAISE, [one]);
        // Only the first tries meet with a lock each: what comes after finds its way.
        await (tries === 1 ? meet() : undefined);
        await run(RAISE, [other]);
        return tries;
      });
    };
    const tries = await Promise.all([raise(first, 'a', 'b'), raise(second, 'b', 'a')]);
    expect(tries.toSorted()).toEqual([1, 2]);
    expect(valuesIn(database)).toEqual({ a: 2, b: 2 });
  });

  test('repeats a transaction whose connection was killed half way, and nothing of the first try stays', async () => {
    const { database, first } = await openPair();
    let tries = 0;
    await first.transaction(async ({ run }) => {
      tries += 1;
      await run(INSERT, [`try ${tries}`]);
      if (tries === 1) {
        killSessions(database);
      }
      await run(INSERT, ['end']);
    });
    expect(tries).toBe(2);
    expect(Object.keys(valuesIn(database))).toEqual(['end', 'try 2']);
  });

  test('asks again on a new connection when the old one was killed between two statements', async () => {
    const { database, first } = await openPair();
    await first.run(INSERT, ['kept']);
    killSessions(database);
    expect(await first.all('SELECT name FROM periodic_node')).toEqual([{ name: 'kept' }]);
    killSessions(database);
    expect(await first.run(RAISE, ['kept'])).toBe(1);
  });

  test('rolls back what went before a wait for a lock that took too long, and waits again', async () => {
    const { database, first } = await openPair();
    database.sql.exec("INSERT INTO periodic_node (name) VALUES ('locked')");
    database.sql.exec('BEGIN');
    database.sql.prepare(RAISE).run('locked');
    let tries = 0;
    await first.transaction(async ({ run }) => {
      tries += 1;
      if (tries === 2) {
        database.sql.exec('COMMIT');
      }
      await run(isPostgres ? "SET LOCAL lock_timeout = '50ms'" : 'SET innodb_lock_wait_timeout = 1');
      await run(INSERT, [`try ${tries}`]);
      await run(RAISE, ['locked']);
    });
    expect(valuesIn(database)).toEqual({ locked: 2, 'try 2': 0 });
  });

  test.each([
    [
      'waits for a lock',
      isPostgres ? "SET LOCAL lock_timeout = '50ms'" : 'SET innodb_lock_wait_timeout = 1',
      RAISE_LOCKED,
      /another session holds a lock for too long/,
    ],
    [
      'takes too long',
      isPostgres ? "SET LOCAL statement_timeout = '50ms'" : 'SET max_statement_time = 0.05',
      isPostgres ? 'SELECT pg_sleep(5)' : 'SELECT count(*) FROM seq_1_to_100000000 WHERE seq % 7 = 1',
      /the statement took too long/,
    ],
  ] as const)(
    'gives up on a statement that %s in one line with the remedy',
    async (_, limit, sql, remedy) => {
      const { database, open } = await openPair();
      const driver = await open({ retryLimitMs: 100, answerLimitMs: 5_000 });
      database.sql.exec("INSERT INTO periodic_node (name) VALUES ('locked')");
      database.sql.exec('BEGIN');
      database.sql.prepare(RAISE).run('locked');
      const work = driver.transaction(async ({ run, all }) => {
        await run(limit);
        await (sql === RAISE_LOCKED ? run(sql) : all(sql));
      });
      const error = await work.catch((thrown: unknown) => thrown);
      database.sql.exec('ROLLBACK');
      expect(error).toBeInstanceOf(DatabaseError);
      expect((error as DatabaseError).message).toMatch(remedy);
      expect((error as DatabaseError).message).not.toContain('\n');
      expect(await driver.all('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
  );

  test('leaves an error of a statement as it is, rolls back, and goes on', async () => {
    const { database, first } = await openPair();
    const work = first.transaction(async ({ run }) => {
      await run(INSERT, ['half']);
      await run('UPDATE no_table_of_that_name SET value = 1');
    });
    await expect(work).rejects.toThrow(/no_table_of_that_name/);
    await expect(work).rejects.not.toBeInstanceOf(DatabaseError);
    expect(valuesIn(database)).toEqual({});
  });

  test('keeps the transactions of many callers apart', async () => {
    const { database, first } = await openPair();
    await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        first.transaction(async ({ run }) => {
          await run(INSERT, [`${index} first`]);
          await first.engine;
          if (index % 2 === 1) {
            throw new Error('no');
          }
          await run(INSERT, [`${index} second`]);
        }),
      ),
    );
    const names = Object.keys(valuesIn(database));
    expect(names).toHaveLength(20);
    expect(names.every((name) => Number.parseInt(name, 10) % 2 === 0)).toBe(true);
  });

  test('counts the rows that a statement finds, changed or not', async () => {
    const { first } = await openPair();
    await first.run(INSERT, ['a']);
    expect(await first.run("UPDATE periodic_node SET tick_no = 0 WHERE name = 'a'")).toBe(1);
    expect(await first.run("UPDATE periodic_node SET tick_no = 0 WHERE name = 'b'")).toBe(0);
  });

  test('refuses to write when it was opened for reading', async () => {
    const { database, open } = await openPair();
    const reader = await open(SHORT, { readOnly: true });
    await expect(reader.run(INSERT, ['no'])).rejects.toThrow();
    await expect(reader.transaction(({ run }) => run(INSERT, ['no']))).rejects.toThrow();
    expect(await reader.all('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(valuesIn(database)).toEqual({});
  });

  // MariaDB keeps the names of sessions only where performance_schema is on.
  test.runIf(isPostgres).each([
    [undefined, 'periodic-cron'],
    ['alpha', 'periodic-cron@alpha'],
    ['n'.repeat(80), `periodic-cron@${'n'.repeat(49)}`],
  ])('names its connection after the program and node %s', async (node, name) => {
    const { database, open } = await openPair();
    await open(SHORT, { node });
    const names = database.sql.prepare('SELECT application_name FROM pg_stat_activity');
    expect(names.pluck().all()).toContain(name);
  });
});

describe.skipIf(testedEngine === 'sqlite')('on a bad way to the server', () => {
  test.each<Mischief>(['lose-answer', 'lose-statement', 'stall'])(
    'a claim is recorded once, and won, when the network does this to its commit: %s',
    async (mischief) => {
      const { database, id, proxy, driver } = await openThroughProxy();
      const state = await readState(driver, id);
      proxy.at(COMMIT, mischief);
      const run = newRunOf(state);
      const claim = await claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 4 });
      expect(proxy.isDone()).toBe(true);
      expect(claim).toMatchObject({ kind: 'won', epoch: state.epoch + 1 });
      expect(database.runRows()).toMatchObject([{ token: run.token, status: 'running' }]);
      expect(database.stateRow('backup')).toMatchObject({ epoch: state.epoch + 1 });
    },
  );

  test('a claim is won when its commit reaches the server after the runner has tried again', async () => {
    const { database, id, proxy, driver } = await openThroughProxy(LOCKS);
    const state = await readState(driver, id);
    proxy.at(COMMIT, 'delay-statement');
    const run = newRunOf(state);
    const claim = claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 4 });
    await expect.poll(() => waitingForLocks(database), POLL).toBe(1);
    proxy.release();
    expect(await claim).toMatchObject({ kind: 'won', epoch: state.epoch + 1 });
    expect(database.runRows()).toMatchObject([{ token: run.token, status: 'running' }]);
    expect(database.stateRow('backup')).toMatchObject({ epoch: state.epoch + 1 });
  });

  test.each<Mischief>(['lose-answer', 'lose-statement', 'stall'])(
    'an end is recorded once when the network does this to its commit: %s',
    async (mischief) => {
      const { database, id, proxy, driver } = await openThroughProxy();
      const { token } = await claimed(driver, id);
      proxy.at(COMMIT, mischief);
      const end = endWith({ status: 'failed', message: 'broken' });
      expect(await finishRun(driver, token, end, NO_RETRY)).toMatchObject({
        kind: 'recorded',
        nextSlot: at('12:10'),
      });
      expect(proxy.isDone()).toBe(true);
      expect(database.runRows()).toMatchObject([{ token, status: 'failed', message: 'broken' }]);
      expect(database.stateRow('backup')).toMatchObject({ failures: 1, last_status: 'failed' });
    },
  );

  test('an end is recorded once when its commit reaches the server after the runner has tried again', async () => {
    const { database, id, proxy, driver } = await openThroughProxy(LOCKS);
    const { token } = await claimed(driver, id);
    proxy.at(COMMIT, 'delay-statement');
    const end = endWith({ status: 'failed', message: 'broken' });
    const finished = finishRun(driver, token, end, NO_RETRY);
    await expect.poll(() => waitingForLocks(database), POLL).toBe(1);
    proxy.release();
    expect(await finished).toMatchObject({ kind: 'recorded', nextSlot: at('12:10') });
    expect(database.runRows()).toMatchObject([{ token, status: 'failed', message: 'broken' }]);
    expect(database.stateRow('backup')).toMatchObject({ failures: 1 });
  });

  test('a claim is made again when the server gave up its transaction before the commit came', async () => {
    const { database, id, proxy, driver } = await openThroughProxy(LOCKS);
    const state = await readState(driver, id);
    proxy.at(COMMIT, 'delay-statement');
    const claim = claimRun(driver, { state, patch: HANDLE_1205, run: newRunOf(state), maxRunning: 4 });
    await expect.poll(() => waitingForLocks(database), POLL).toBe(1);
    // The server ends the session whose client is gone, and what it had not committed.
    killSessions(database, 'idle');
    const other = newRunOf(state);
    expect(await claim).toMatchObject({ kind: 'won' });
    const second = await claimRun(driver, { state, patch: HANDLE_1205, run: other, maxRunning: 4 });
    expect(second).toEqual({ kind: 'lost' });
    expect(database.runRows()).toHaveLength(1);
  });

  test('a statement that is never answered ends with one line, in time', async () => {
    const { proxy, driver } = await openThroughProxy({ connectTimeoutMs: 300 });
    proxy.stallAll();
    const error = await driver.all('SELECT 1 AS one').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DatabaseError);
    expect((error as Error).message).toMatch(/gave no answer for 0\.3 s: check that the server runs/);
  });

  test('a connection whose goodbye is never answered is left alone', async () => {
    const { proxy, driver } = await openThroughProxy();
    proxy.stallAll();
    await driver.close();
    await expect.poll(() => proxy.open()).toBe(0);
  });

  test('a second server takes over when the first has gone, within one call', async () => {
    const { database, proxy, open } = await openThroughProxy();
    const second = await openTcpProxy(addressOf(database.location as ServerLocation));
    const driver = await open([proxy, second]);
    expect(second.made()).toBe(0);
    await driver.run(INSERT, ['before']);
    await proxy.refuse();
    await driver.run(INSERT, ['after']);
    expect(second.made()).toBe(1);
    expect(Object.keys(valuesIn(database))).toEqual(['after', 'before']);
  });
});

/** InnoDB answers from a copy that stays for a tenth of a second, and longer if it is asked more often. */
const POLL = { timeout: 5_000, interval: 150 };
/** Longer than a wait for a lock. */
const LOCKS = { answerLimitMs: 5_000 };

const HANDLE_1205 = {
  handledSlot: at('12:05'),
  attempt: 1,
  retryAt: null,
  nextSlot: at('12:10'),
  earliestStart: at('12:10'),
};

const INSERT = 'INSERT INTO periodic_node (name) VALUES (?)';
const RAISE = 'UPDATE periodic_node SET tick_no = tick_no + 1 WHERE name = ?';
const RAISE_LOCKED = "UPDATE periodic_node SET tick_no = tick_no + 1 WHERE name = 'locked'";

type Limits = { readonly retryLimitMs?: number; readonly answerLimitMs?: number };
type Session = { readonly readOnly?: boolean; readonly node?: string | undefined };

async function connectedTo(
  location: ServerLocation,
  limits: Limits,
  { readOnly = false, node }: Session = {},
): Promise<Driver> {
  const engine = location.engine === 'postgres' ? postgresEngine : mariadbEngine;
  const driver = await openServerDriver(engine(location, { readOnly, node }), limits);
  onTestFinished(() => driver.close());
  return driver;
}

/** Two runners' connections to one database. */
async function openPair() {
  const database = await openVirtualDatabase();
  const location = serverOf(database);
  const open = (limits: Limits = {}, session?: Session) => connectedTo(location, limits, session);
  return { database, open, first: await open(), second: await open() };
}

/** A task `backup` every 5 minutes, and a runner's connection to it by a way on which a test may do mischief. */
async function openThroughProxy({ connectTimeoutMs = 2_000, answerLimitMs = 300 } = {}) {
  const database = await openVirtualDatabase();
  const id = database.addTask({ name: 'backup' });
  database.sql.exec("INSERT INTO periodic_node (name) VALUES ('alpha')");
  const proxy = await openTcpProxy(addressOf(serverOf(database)));
  const open = (proxies: Parameters<typeof locationThrough>[1]) =>
    connectedTo(
      { ...locationThrough(serverOf(database), proxies), connectTimeoutMs },
      { retryLimitMs: 5_000, answerLimitMs },
    );
  const driver = await open([proxy]);
  return { database, id, proxy, open, driver };
}

function serverOf({ location }: VirtualDatabase): ServerLocation {
  if (location.engine === 'sqlite') {
    throw new Error('expected a server, got a file');
  }
  return location;
}

async function claimed(driver: Driver, id: number): Promise<{ readonly token: string }> {
  const state = await readState(driver, id);
  const run = newRunOf(state);
  await claimRun(driver, { state, patch: HANDLE_1205, run, maxRunning: 4 });
  return run;
}

/** A place that opens when so many have come. */
function rendezvous(count: number): () => Promise<void> {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let missing = count;
  return () => {
    missing -= 1;
    if (missing === 0) {
      open();
    }
    return opened;
  };
}

function valuesIn({ sql }: VirtualDatabase): Readonly<Record<string, number>> {
  const rows = sql
    .prepare("SELECT name, tick_no FROM periodic_node WHERE name <> 'alpha' ORDER BY name")
    .all();
  return Object.fromEntries(
    (rows as { name: string; tick_no: number }[]).map((row) => [row.name, row.tick_no]),
  );
}

function waitingForLocks({ sql }: VirtualDatabase): number {
  const count = sql.prepare(
    isPostgres
      ? "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
      : `SELECT count(*) FROM information_schema.innodb_trx t
         JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
         WHERE p.db = database() AND t.trx_state = 'LOCK WAIT'`,
  );
  return Number(count.pluck().get());
}

/** Ends the sessions of runners, as an administrator does: all, or those that sleep in a transaction. */
function killSessions({ sql }: VirtualDatabase, which: 'all' | 'idle' = 'all'): void {
  if (isPostgres) {
    const state = which === 'all' ? '' : "AND state = 'idle in transaction'";
    sql.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name IN ('periodic-cron', 'periodic-cron@alpha') ${state}`);
    return;
  }
  const command = which === 'all' ? '' : "AND command = 'Sleep'";
  const ids = sql.prepare(
    `SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id() ${command}`,
  );
  for (const id of ids.pluck().all()) {
    sql.exec(`KILL ${id}`);
  }
}

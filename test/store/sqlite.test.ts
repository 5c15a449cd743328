import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DatabaseError } from '../../src/core/errors.ts';
import type { Driver } from '../../src/store/driver.ts';
import { openSqlite, type SqliteOptions } from '../../src/store/sqlite.ts';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-sqlite-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A new file with the table `note`, and a driver over it. */
async function openNotes(options: Partial<SqliteOptions> = {}) {
  const path = join(temporaryFolder(), 'notes.sqlite');
  const driver = await openDriver(path, options);
  await driver.run('CREATE TABLE note (text TEXT)');
  return { path, driver };
}

async function openDriver(path: string, options: Partial<SqliteOptions> = {}): Promise<Driver> {
  const driver = await openSqlite(path, { create: true, ...options });
  onTestFinished(() => driver.close());
  return driver;
}

/** Another process's connection that holds the write lock until it is released. */
function lock(path: string) {
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  onTestFinished(() => {
    other.close();
  });
  return { release: () => other.exec('COMMIT') };
}

async function notesOf(driver: Driver): Promise<readonly unknown[]> {
  const rows = await driver.all('SELECT text FROM note ORDER BY rowid');
  return rows.map(({ text }) => text);
}

describe('a file that is opened', () => {
  test('has the settings that the promises rest on', async () => {
    const { driver } = await openNotes();
    expect(await driver.all('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    expect(await driver.all('PRAGMA synchronous')).toEqual([{ synchronous: 2 }]);
    expect(await driver.all('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
  });

  test('is created for its owner alone, in a folder for its owner alone, and only once', async () => {
    const folder = join(temporaryFolder(), 'state', 'periodic-cron');
    const path = join(folder, 'notes.sqlite');
    const created: string[] = [];
    const options = { createFolder: true, onCreated: (file: string) => created.push(file) };
    await openDriver(path, options);
    await openDriver(path, options);
    expect(created).toEqual([path]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  test('for reading refuses every write', async () => {
    const { path } = await openNotes();
    const reader = await openDriver(path, { create: false, readOnly: true });
    expect(await notesOf(reader)).toEqual([]);
    await expect(reader.run("INSERT INTO note VALUES ('a')")).rejects.toThrow(DatabaseError);
  });
});

describe('a transaction', () => {
  test('is taken back as a whole when its work throws', async () => {
    const { driver } = await openNotes();
    const broken = driver.transaction(async ({ run }) => {
      await run("INSERT INTO note VALUES ('a')");
      throw new Error('changed my mind');
    });
    await expect(broken).rejects.toThrow('changed my mind');
    expect(await notesOf(driver)).toEqual([]);
  });

  test('mixes neither with another one nor with a statement outside', async () => {
    const { driver } = await openNotes();
    const slowly = (name: string) =>
      driver.transaction(async ({ run }) => {
        await run('INSERT INTO note VALUES (?)', [`${name} begins`]);
        await setImmediate();
        await run('INSERT INTO note VALUES (?)', [`${name} ends`]);
      });
    await Promise.all([slowly('one'), driver.run("INSERT INTO note VALUES ('outside')"), slowly('two')]);
    expect(await notesOf(driver)).toEqual(['one begins', 'one ends', 'outside', 'two begins', 'two ends']);
  });

  test('after a failed one goes its own way', async () => {
    const { driver } = await openNotes();
    const failed = driver.transaction(() => Promise.reject(new Error('no')));
    const good = driver.transaction(({ run }) => run("INSERT INTO note VALUES ('a')"));
    await expect(failed).rejects.toThrow('no');
    expect(await good).toBe(1);
    expect(await notesOf(driver)).toEqual(['a']);
  });

  test('holds the write lock from its start, so that what it reads stays true', async () => {
    const { path, driver } = await openNotes();
    const other = new Database(path, { timeout: 0 });
    onTestFinished(() => {
      other.close();
    });
    await driver.transaction(async ({ all, run }) => {
      await all('SELECT text FROM note');
      expect(() => other.exec("INSERT INTO note VALUES ('other')")).toThrow('database is locked');
      await run("INSERT INTO note VALUES ('a')");
    });
    expect(await notesOf(driver)).toEqual(['a']);
  });

  test('of one driver is seen by another only when it is done', async () => {
    const { path, driver } = await openNotes();
    const other = await openDriver(path);
    const seen: Array<readonly unknown[]> = [];
    await driver.transaction(async ({ run }) => {
      await run("INSERT INTO note VALUES ('a')");
      seen.push(await notesOf(other));
    });
    seen.push(await notesOf(other));
    expect(seen).toEqual([[], ['a']]);
  });
});

describe('a file that another process has locked', () => {
  test('is read meanwhile', async () => {
    const { path, driver } = await openNotes();
    lock(path);
    expect(await notesOf(driver)).toEqual([]);
  });

  test.each([
    ['a statement', (driver: Driver) => driver.run("INSERT INTO note VALUES ('a')")],
    [
      'a transaction',
      (driver: Driver) => driver.transaction(({ run }) => run("INSERT INTO note VALUES ('a')")),
    ],
  ])('is written by %s as soon as it is released', async (_title, write) => {
    const { path, driver } = await openNotes();
    const { release } = lock(path);
    const writing = write(driver);
    // The first attempt fails within this turn, and the next one comes after a pause.
    await setImmediate();
    release();
    expect(await writing).toBe(1);
    expect(await notesOf(driver)).toEqual(['a']);
  });

  test('for longer than the wait is a database error that names the file and the remedy', async () => {
    const { path, driver } = await openNotes({ busyLimitMs: 120 });
    lock(path);
    const error: unknown = await driver
      .run("INSERT INTO note VALUES ('a')")
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(`database ${path} stayed locked`),
    });
    expect(await notesOf(driver)).toEqual([]);
  });
});

test('a fault in a statement of the program is no database error', async () => {
  const { driver } = await openNotes();
  const error: unknown = await driver
    .run('INSERT INTO nowhere VALUES (1)')
    .catch((thrown: unknown) => thrown);
  expect(error).not.toBeInstanceOf(DatabaseError);
  expect(error).toMatchObject({ message: 'no such table: nowhere' });
});

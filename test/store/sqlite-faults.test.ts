import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DatabaseError, SchemaError } from '../../src/core/errors.ts';
import { listTasks } from '../../src/store/definitions.ts';
import { SCHEMA_VERSION } from '../../src/store/migrations.ts';
import { type OpenOptions, openStore } from '../../src/store/open.ts';
import { openVirtualDatabase, pathOf, sqliteAt, sqliteOf } from '../support/virtual-database.ts';

const CREATING: OpenOptions = { create: true, migrate: true };
const LOOKING: OpenOptions = { create: false, migrate: false, readOnly: true };

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-faults-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The error with which the database is not opened. */
async function faultOf(path: string, options = CREATING): Promise<unknown> {
  try {
    const { driver } = await openStore(sqliteAt(path), options);
    await driver.close();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe.each([
  ['to be created', CREATING],
  ['to be looked at', LOOKING],
])('a database %s', (_purpose, options) => {
  test('in a folder that does not exist', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'none', 'tasks.sqlite');
    expect(await faultOf(path, options)).toEqual(
      new DatabaseError(
        `the folder of database ${path} does not exist: create ${folder}/none, or correct the path`,
      ),
    );
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  test('below a file', async () => {
    const file = join(temporaryFolder(), 'notes.txt');
    writeFileSync(file, 'mine');
    const path = join(file, 'tasks.sqlite');
    expect(await faultOf(path, options)).toEqual(
      new DatabaseError(
        `database ${path} cannot be reached (ENOTDIR: not a directory, stat '${path}'): check the path and the rights on its folders`,
      ),
    );
  });

  test('that is a directory', async () => {
    const path = temporaryFolder();
    expect(await faultOf(path, options)).toEqual(
      new DatabaseError(
        `database ${path} is a directory: name a file in it, for example --database sqlite:${path}/periodic-cron.sqlite`,
      ),
    );
  });

  test('that is a text file stays as it was', async () => {
    const path = join(temporaryFolder(), 'notes.txt');
    writeFileSync(path, 'dear diary\n');
    expect(await faultOf(path, options)).toEqual(
      new DatabaseError(
        `${path} is not a SQLite database: name another file with --database sqlite:PATH, or move this one away`,
      ),
    );
    expect(readFileSync(path, 'utf8')).toBe('dear diary\n');
  });

  test('with a newer schema that this program may not touch', async () => {
    const database = await openVirtualDatabase();
    const sql = sqliteOf(database);
    const path = pathOf(database);
    sql.exec('UPDATE periodic_schema SET version = 99, oldest_version = 99');
    expect(await faultOf(path, options)).toEqual(
      new SchemaError(
        `database ${path} has schema version 99, which needs a program that knows version 99 or later; this one knows version ${SCHEMA_VERSION}: upgrade periodic-cron`,
      ),
    );
  });

  test('with a newer schema that knows this program works', async () => {
    const database = await openVirtualDatabase();
    const sql = sqliteOf(database);
    const path = pathOf(database);
    const { addTask } = database;
    addTask({ name: 'backup' });
    sql.exec('UPDATE periodic_schema SET version = 99, oldest_version = 1');
    expect(await faultOf(path, options)).toBeUndefined();
    expect(await listTasks(sqliteAt(path))).toMatchObject([{ record: { fields: { name: 'backup' } } }]);
  });
});

test('a database that does not exist is not created by looking', async () => {
  const path = join(temporaryFolder(), 'tasks.sqlite');
  expect(await faultOf(path, LOOKING)).toEqual(
    new DatabaseError(
      `there is no database ${path} yet: "periodic-cron add" or the first run_scheduled creates it`,
    ),
  );
  expect(existsSync(path)).toBe(false);
});

test('a file without a schema is a schema error with the remedy, and looking leaves it as it was', async () => {
  const path = join(temporaryFolder(), 'tasks.sqlite');
  writeFileSync(path, '');
  expect(await faultOf(path, LOOKING)).toEqual(
    new SchemaError(
      `database ${path} has no schema yet; this program needs version ${SCHEMA_VERSION}: run "periodic-cron migrate --database sqlite:${path}"`,
    ),
  );
  expect(readFileSync(path)).toHaveLength(0);
});

test('a default folder that cannot be created is named', async () => {
  const file = join(temporaryFolder(), 'notes.txt');
  writeFileSync(file, '');
  const path = join(file, 'state', 'tasks.sqlite');
  expect(await faultOf(path, { ...CREATING, createFolder: true })).toMatchObject({
    code: 'E_DATABASE',
    message: expect.stringContaining(path),
  });
});

describe('a folder or file that this user may not write to', () => {
  /** Takes the right to write away, also from root; says why where that is not possible. */
  function protect(path: string, mode: number): string | undefined {
    if (process.getuid?.() !== 0) {
      chmodSync(path, mode);
      onTestFinished(() => chmodSync(path, 0o700));
      return undefined;
    }
    const { status, stderr, error } = spawnSync('chattr', ['+i', path], { encoding: 'utf8' });
    onTestFinished(() => {
      spawnSync('chattr', ['-i', path]);
    });
    return status === 0 ? undefined : `root can be refused nothing here: ${stderr ?? error?.message}`;
  }

  test('takes no new database', async ({ skip }) => {
    const folder = join(temporaryFolder(), 'protected');
    mkdirSync(folder);
    const reason = protect(folder, 0o500);
    skip(reason !== undefined, reason);
    const path = join(folder, 'tasks.sqlite');
    const fault = await faultOf(path);
    expect(fault).toBeInstanceOf(DatabaseError);
    expect(String(fault)).toMatch(
      /database \S+ cannot be created \(E(?:PERM|ACCES): .*\): check that this user may write to \S+protected$/,
    );
  });

  test('is read, and keeps what it has', async ({ skip }) => {
    const database = await openVirtualDatabase();
    const sql = sqliteOf(database);
    const path = pathOf(database);
    const { addTask } = database;
    addTask({ name: 'backup' });
    sql.pragma('wal_checkpoint(TRUNCATE)');
    sql.close();
    const reason = protect(path, 0o400);
    skip(reason !== undefined, reason);
    const { driver } = await openStore(sqliteAt(path), CREATING);
    onTestFinished(() => driver.close());
    await expect(driver.run("UPDATE periodic_task SET name = 'mirror'")).rejects.toEqual(
      new DatabaseError(
        `database ${path} is not writable for this user: run as its owner, or change the owner of the file and its folder`,
      ),
    );
    expect(await driver.all('SELECT name FROM periodic_task')).toEqual([{ name: 'backup' }]);
  });
});

test('a database that stays locked for longer than the wait is named, and whole afterwards', async () => {
  const path = join(temporaryFolder(), 'tasks.sqlite');
  writeFileSync(path, '');
  const other = new Database(path);
  onTestFinished(() => {
    other.close();
  });
  other.exec('BEGIN EXCLUSIVE');
  expect(await faultOf(path, { ...CREATING, busyLimitMs: 100 })).toEqual(
    new DatabaseError(
      `database ${path} stayed locked by another process for too long: end that process (for example with "fuser ${path}") or try again later`,
    ),
  );
  other.exec('ROLLBACK');
  expect(await faultOf(path)).toBeUndefined();
});

test('a database that may not grow takes the whole transaction back, keeps its rows, and works once it may', async () => {
  const database = await openVirtualDatabase();
  const { addTask } = database;
  const path = pathOf(database);
  addTask({ name: 'backup' });
  const { driver } = await openStore(sqliteAt(path), CREATING);
  onTestFinished(() => driver.close());
  const [pages] = await driver.all('PRAGMA page_count');
  await driver.all(`PRAGMA max_page_count = ${pages?.['page_count']}`);
  const insert = () =>
    driver.transaction(async ({ run }) => {
      await run("UPDATE periodic_task SET ordering = 7 WHERE name = 'backup'");
      await run("UPDATE periodic_task SET options = ? WHERE name = 'backup'", ['x'.repeat(1_000_000)]);
    });
  const orderings = () => driver.all('SELECT name, ordering FROM periodic_task');
  await expect(insert()).rejects.toEqual(
    new DatabaseError(
      `database ${path} cannot grow, its disk (or page limit) is full: free space there, then try again`,
    ),
  );
  expect(await orderings()).toEqual([{ name: 'backup', ordering: 0 }]);
  await driver.all('PRAGMA max_page_count = 1000000');
  await insert();
  expect(await orderings()).toEqual([{ name: 'backup', ordering: 7 }]);
});

test('a damaged database is named with the ways to mend it', async () => {
  const database = await openVirtualDatabase();
  const sql = sqliteOf(database);
  const path = pathOf(database);
  const pageSize = Number(sql.pragma('page_size', { simple: true }));
  sql.pragma('wal_checkpoint(TRUNCATE)');
  sql.close();
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(pageSize - 100, 0x55), 0, pageSize - 100, 100);
  closeSync(file);
  const fault = await faultOf(path);
  expect(fault).toBeInstanceOf(DatabaseError);
  expect(String(fault)).toContain(`database ${path} is damaged (`);
  expect(String(fault)).toContain(`restore it from a backup, or run "sqlite3 ${path} .recover"`);
});

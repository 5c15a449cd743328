import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DatabaseLocation, ServerLocation } from '../../src/config/config.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { TaskContext } from '../../src/modules/module.ts';
import { parseOptions } from '../../src/modules/options.ts';
import { sqlModule } from '../../src/modules/shipped/sql.ts';
import { type SqlOptions, sqlOptions } from '../../src/modules/shipped/sql-options.ts';
import type { Engine } from '../../src/store/driver.ts';
import { newServerDatabase, reachableEngines } from '../support/engines.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';

/** A database of the test's own, as it is lent: after a way through JSON. */
async function newDatabase(engine: Engine): Promise<DatabaseLocation> {
  const location = engine === 'sqlite' ? newFile() : (await newServerDatabase(engine)).location;
  return JSON.parse(JSON.stringify(location));
}

function newFile(): DatabaseLocation {
  const folder = mkdtempSync(join(tmpdir(), 'sql-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'data.sqlite');
  writeFileSync(path, '');
  return { engine: 'sqlite', url: `sqlite:${path}`, path, origin: 'connection it' };
}

async function run(
  location: DatabaseLocation,
  options: JsonObject,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly statements: readonly JsonObject[]; readonly lines: readonly string[] }> {
  const parsed = await parseOptions(sqlOptions, { connection: 'it', ...options });
  if (parsed.kind === 'invalid') {
    throw new Error(JSON.stringify(parsed.faults));
  }
  const lines: string[] = [];
  const context = { signal, log: { info: (line: string) => lines.push(line) } } as unknown as TaskContext;
  const lent = location as unknown as JsonValue;
  const result = (await sqlModule.run(parsed.options as SqlOptions, context, lent)) as JsonObject;
  return { statements: result['statements'] as readonly JsonObject[], lines };
}

const PLACEHOLDERS = { sqlite: ['?', '?'], postgres: ['$1', '$2'], mariadb: ['?', '?'] };
const BLOB = { sqlite: "x'00ff'", postgres: "'\\x00ff'::bytea", mariadb: "x'00ff'" };
/** A statement that runs for about half a minute. */
const SLOW = { postgres: 'SELECT pg_sleep(30)', mariadb: 'SELECT sleep(30) FROM (SELECT 1) AS one' };

function numbersTo(engine: Engine, count: number): string {
  return engine === 'mariadb'
    ? `SELECT seq AS n FROM seq_1_to_${count}`
    : `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count}) SELECT n FROM numbers`;
}

describe.each(reachableEngines())('statements on %s', (engine) => {
  const [first = '', second = ''] = PLACEHOLDERS[engine];

  test('may name a column as what every object has', async () => {
    const location = await newDatabase(engine);
    const { statements } = await run(location, { statements: 'SELECT NULL AS constructor' });
    expect(statements).toEqual([{ rows: [{ constructor: null }], truncated: false }]);
  });

  test('are run in their order, and tell rows or how many they changed', async () => {
    const location = await newDatabase(engine);
    const { statements, lines } = await run(location, {
      statements: [
        'CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(20))',
        "INSERT INTO item VALUES (1, 'one'), (2, 'two'), (3, NULL)",
        "UPDATE item SET name = 'more' WHERE id > 1",
        'SELECT id, name FROM item ORDER BY id',
        'DELETE FROM item WHERE id = 9',
        'SELECT id FROM item WHERE id = 9',
      ],
    });
    expect(statements).toEqual([
      { rows_affected: 0 },
      { rows_affected: 3 },
      { rows_affected: 2 },
      {
        rows: [
          { id: 1, name: 'one' },
          { id: 2, name: 'more' },
          { id: 3, name: 'more' },
        ],
        truncated: false,
      },
      { rows_affected: 0 },
      { rows: [], truncated: false },
    ]);
    expect(lines.slice(2, 4)).toEqual(['statement 3: 2 rows affected', 'statement 4: 3 rows']);
  });

  test('take parameters that are bound, not spliced', async () => {
    const location = await newDatabase(engine);
    await run(location, { statements: 'CREATE TABLE item (id INT, name VARCHAR(40), flag INT)' });
    const insert = {
      statements: `INSERT INTO item (id, name) VALUES (${first}, ${second})`,
      parameters: [7, "'); DROP TABLE item; --"],
    };
    expect((await run(location, insert)).statements).toEqual([{ rows_affected: 1 }]);
    const read = { statements: `SELECT * FROM item WHERE id = ${first} LIMIT ${second}`, parameters: [7, 5] };
    expect((await run(location, read)).statements).toEqual([
      { rows: [{ id: 7, name: "'); DROP TABLE item; --", flag: null }], truncated: false },
    ]);
    const none = {
      statements: `UPDATE item SET name = ${first} WHERE id = ${second}`,
      parameters: [null, 8],
    };
    expect((await run(location, none)).statements).toEqual([{ rows_affected: 0 }]);
  });

  test('that fail undo all before them, unless each is for itself', async () => {
    const location = await newDatabase(engine);
    await run(location, { statements: 'CREATE TABLE item (id INT PRIMARY KEY)' });
    const statements = ['INSERT INTO item VALUES (1)', 'INSERT INTO item VALUES (1)'];
    await expect(run(location, { statements })).rejects.toThrow(/^statement 2: .*(?:duplicate|unique)/i);
    const count = async () => (await run(location, { statements: 'SELECT id FROM item' })).statements[0];
    expect(await count()).toEqual({ rows: [], truncated: false });
    await expect(run(location, { statements, transaction: false })).rejects.toThrow(/^statement 2: /);
    expect(await count()).toEqual({ rows: [{ id: 1 }], truncated: false });
  });

  test('are one each', async () => {
    const location = await newDatabase(engine);
    const error = await run(location, { statements: ['SELECT 1', 'SELECT 1; SELECT 2'] }).catch(
      (thrown) => thrown,
    );
    expect(error.message).toMatch(/^statement 2: /);
    expect(error.stack).toBe(error.message);
  });

  test('have their rows cut at the bound', async () => {
    const location = await newDatabase(engine);
    const bounded = await run(location, { statements: numbersTo(engine, 100_000), max_rows: 3 });
    expect(bounded.statements).toEqual([{ rows: [{ n: 1 }, { n: 2 }, { n: 3 }], truncated: true }]);
    expect(bounded.lines).toEqual(['statement 1: 3 rows, and more that are left out']);
    const exact = await run(location, { statements: numbersTo(engine, 3), max_rows: 3 });
    expect(exact.statements).toEqual([{ rows: [{ n: 1 }, { n: 2 }, { n: 3 }], truncated: false }]);
    const following = await run(location, {
      statements: [numbersTo(engine, 9), 'SELECT 5 AS n'],
      max_rows: 1,
    });
    expect(following.statements[1]).toEqual({ rows: [{ n: 5 }], truncated: false });
  });

  test('have their rows cut where a result would be too large', async () => {
    const location = await newDatabase(engine);
    const long = `'${'x'.repeat(300_000)}'`;
    const four = Array.from({ length: 4 }, () => `SELECT ${long} AS t`).join(' UNION ALL ');
    const { statements } = await run(location, {
      statements: [four, `SELECT ${long} AS t`, 'SELECT 1 AS n'],
    });
    expect(statements.map(({ rows, truncated }) => [(rows as readonly unknown[]).length, truncated])).toEqual(
      [
        [3, true],
        [0, true],
        [1, false],
      ],
    );
    expect(JSON.stringify(statements).length).toBeLessThan(1024 * 1024);
  });

  test('give values that JSON holds', async () => {
    const location = await newDatabase(engine);
    const { statements } = await run(location, {
      statements: `SELECT 9007199254740993 AS big, 1.5e0 AS real_number, ${BLOB[engine]} AS bytes, NULL AS missing, 'ä' AS letter`,
    });
    const bytes = engine === 'postgres' ? '\\x00ff' : '00ff';
    expect(statements).toEqual([
      {
        rows: [
          { big: '9007199254740993', real_number: expect.anything(), bytes, missing: null, letter: 'ä' },
        ],
        truncated: false,
      },
    ]);
  });
});

describe.each(reachableEngines().filter((engine) => engine !== 'sqlite'))('a run on %s', (engine) => {
  test('that is to end ends its statement on the server, and undoes what was before', async () => {
    const location = await newDatabase(engine);
    await run(location, { statements: 'CREATE TABLE item (id INT)' });
    const aborter = new AbortController();
    const slow = SLOW[engine as keyof typeof SLOW];
    const running = run(location, { statements: ['INSERT INTO item VALUES (1)', slow] }, aborter.signal);
    const ended = expect(running).rejects.toThrow(/^statement 2: /);
    await untilRunning(location, engine, 1);
    aborter.abort();
    await ended;
    await untilRunning(location, engine, 0);
    const { statements } = await run(location, { statements: 'SELECT id FROM item' });
    expect(statements).toEqual([{ rows: [], truncated: false }]);
  });

  async function untilRunning(location: DatabaseLocation, on: Engine, count: number): Promise<void> {
    const statements =
      on === 'postgres'
        ? "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(30)' AND state = 'active'"
        : "SELECT id FROM information_schema.processlist WHERE db = database() AND info LIKE 'SELECT sleep(30)%'";
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const { statements: told } = await run(location, { statements });
      if (JSON.stringify(told[0]).split('{').length - 2 === count) {
        return;
      }
    }
    throw new Error(`expected ${count} slow statements on the server`);
  }

  test('that is to end when its server is cut off drops the connection', async () => {
    const location = (await newDatabase(engine)) as ServerLocation;
    const [server] = location.hosts;
    if (server === undefined || !('host' in server)) {
      throw new Error('expected a server with a host');
    }
    const proxy = await openTcpProxy(server);
    const hosts = [{ host: '127.0.0.1', port: proxy.port }];
    const aborter = new AbortController();
    const slow = SLOW[engine as keyof typeof SLOW];
    const far = { ...location, hosts, connectTimeoutMs: 300 };
    const running = run(far, { statements: slow }, aborter.signal);
    const ended = expect(running).rejects.toThrow(/^statement 1: /);
    await untilRunning(location, engine, 1);
    proxy.stallAll();
    aborter.abort();
    await ended;
  });

  test('cannot log in: tells why, and shows no password', async () => {
    const location = await newDatabase(engine);
    const password = { kind: 'literal', text: 'wrong-secret' } as const;
    const wrong = { ...location, user: 'nobody-here', password } as DatabaseLocation;
    const error = await run(wrong, { statements: 'SELECT 1' }).catch((thrown) => thrown);
    expect(error.message).toMatch(/^database \S+: .*nobody-here/);
    expect(`${error.message}${error.stack}`).not.toContain('wrong-secret');
  });
});

describe('PostgreSQL', () => {
  test.runIf(reachableEngines().includes('postgres'))(
    'has no rows to be copied from, and says so',
    async () => {
      const location = await newDatabase('postgres');
      const statements = ['CREATE TEMP TABLE item (id INT)', 'COPY item FROM STDIN'];
      await expect(run(location, { statements })).rejects.toThrow(/^statement 2: COPY from stdin failed: /);
    },
  );
});

describe('MariaDB', () => {
  test.runIf(reachableEngines().includes('mariadb'))('reads statements as its server does', async () => {
    const location = await newDatabase('mariadb');
    const { statements } = await run(location, {
      statements: "SELECT \"text\" AS t, 1 || 0 AS n, 'a' = 'A' AS same",
    });
    expect(statements).toEqual([{ rows: [{ t: 'text', n: 1, same: 1 }], truncated: false }]);
  });
});

describe('a file of SQLite', () => {
  test('is never created', async () => {
    const location = newFile() as Extract<DatabaseLocation, { engine: 'sqlite' }>;
    const path = `${location.path}-none`;
    await expect(run({ ...location, path }, { statements: 'SELECT 1' })).rejects.toThrow(
      `connection it: expected a database file at ${path} that is there and can be read, got ENOENT`,
    );
    expect(existsSync(path)).toBe(false);
  });

  test('is one', async () => {
    const location = newFile() as Extract<DatabaseLocation, { engine: 'sqlite' }>;
    writeFileSync(location.path, 'x'.repeat(4_096));
    await expect(run(location, { statements: 'SELECT 1' })).rejects.toThrow(
      `database ${location.path} cannot be opened: file is not a database`,
    );
    const folder = `${location.path}-folder`;
    mkdirSync(folder);
    await expect(run({ ...location, path: folder }, { statements: 'SELECT 1' })).rejects.toThrow(
      /something else/,
    );
  });

  test('takes truth as a number', async () => {
    const { statements } = await run(newFile(), {
      statements: 'SELECT ? AS a, ? AS b',
      parameters: [true, 1.5],
    });
    expect(statements).toEqual([{ rows: [{ a: 1, b: 1.5 }], truncated: false }]);
  });
});

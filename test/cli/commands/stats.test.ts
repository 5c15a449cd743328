import { describe, expect, test } from 'vitest';
import { type CommandWorld, NOW, openWorld } from './command-world.ts';

const HOUR_MS = 3_600_000;

/** A world with a value for each of the last hours, the oldest first, and one other statistic. */
async function openStats(...values: readonly number[]): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('migrate');
  const insert = 'INSERT INTO periodic_stat (recorded_at, stat_key, value) VALUES (?, ?, ?)';
  for (const [index, value] of values.entries()) {
    const at = new Date(NOW - (values.length - index) * HOUR_MS).toISOString();
    world.sql(insert, at, 'logins', value);
  }
  world.sql(insert, '2026-11-20T12:00:00.000Z', 'errors\x1b[2J', 0.5);
  return world;
}

const valuesIn = ({ sql }: CommandWorld) =>
  sql("SELECT value FROM periodic_stat WHERE stat_key = 'logins' ORDER BY id").map(({ value }) => value);

describe('stats list', () => {
  test('tells of each statistic its values, their time and the latest', async () => {
    const { call } = await openStats(3, 4);
    expect((await call('stats', 'list')).out.split('\n')).toEqual([
      'STATISTIC      VALUES  FIRST                 LAST                  LATEST',
      'errors\\x1b[2J       1  2026-11-20 12:00:00Z  2026-11-20 12:00:00Z     0.5',
      'logins              2  2026-11-20 22:55:10Z  2026-11-20 23:55:10Z       4',
      '',
    ]);
    expect(JSON.parse((await call('stats', 'list', '--json')).out).stats[1]).toEqual({
      key: 'logins',
      count: 2,
      firstAt: '2026-11-20T22:55:10Z',
      lastAt: '2026-11-20T23:55:10Z',
      lastValue: 4,
    });
  });

  test('says that there are none', async () => {
    const { call } = openWorld();
    await call('migrate');
    expect(await call('stats', 'list')).toEqual({
      exitCode: 0,
      out: 'there are no statistics yet\n',
      err: '',
    });
  });
});

describe('stats show', () => {
  test('plots 80 columns where there is no terminal, and tells the bounds', async () => {
    const { call } = await openStats(1, 9, 5);
    const { exitCode, out, err } = await call('stats', 'show', 'logins');
    const lines = out.split('\n');
    expect([exitCode, err, lines.length]).toEqual([0, '', 14]);
    expect(lines[0]).toMatch(/^9 \| +\*$/);
    expect(lines[9]).toBe(`  +${'-'.repeat(77)}`);
    expect(lines.slice(11)).toEqual([
      'logins: 3 values from 2026-11-20 21:55:10Z to 2026-11-20 23:55:10Z',
      'least 1, greatest 9, latest 5',
      '',
    ]);
  });

  test('plots as wide as the terminal', async () => {
    const { callAs } = await openStats(1, 9, 5);
    const { out } = await callAs({ stdoutIsTerminal: true, columns: 50 }, 'stats', 'show', 'logins');
    expect(
      Math.max(
        ...out
          .split('\n')
          .slice(0, 11)
          .map((line) => line.length),
      ),
    ).toBe(50);
  });

  test.each([
    [
      ['--since', '2h'],
      [5, 7],
    ],
    [
      ['--until', '2026-11-20T22:55:10Z'],
      [1, 9, 5],
    ],
    [
      ['--since', '3h', '--until', '2h'],
      [9, 5],
    ],
    [['--last', '1'], [7]],
  ])('with %j tells of those alone', async (flags, expected) => {
    const { call } = await openStats(1, 9, 5, 7);
    const { out } = await call('stats', 'show', 'logins', '--json', ...flags);
    const { key, values, truncated } = JSON.parse(out);
    expect(values.map(({ value }: { value: number }) => value)).toEqual(expected);
    expect([key, truncated]).toEqual(['logins', flags.includes('--last')]);
  });

  test('prints the values with their instants as JSON', async () => {
    const { call } = await openStats(1.5);
    expect(JSON.parse((await call('stats', 'show', 'logins', '--json')).out)).toEqual({
      key: 'logins',
      values: [{ at: '2026-11-20T23:55:10Z', value: 1.5 }],
      truncated: false,
    });
  });

  test('shows a name that would harm a terminal harmlessly', async () => {
    const { call } = await openStats();
    const { out, err } = await call('stats', 'show', 'errors');
    expect(out + err).not.toContain('\x1b');
  });

  test.each([
    [['login'], 5, 'there is no statistic "login" (did you mean logins?)'],
    [['logins', '--until', '9d'], 5, 'statistic "logins" has no value of that time'],
    [['logins', '--last', '0'], 2, 'stats show: --last: expected a whole number from 1 to 1000000, got "0"'],
    [['logins', '--since', 'soon'], 2, 'stats show: --since: expected an instant'],
    [['logins', '--since', '1h', '--until', '2h'], 2, 'stats show: --since and --until: expected a span'],
  ])('answers %j with %d', async (words, code, message) => {
    const { call } = await openStats(1, 2, 3);
    const { exitCode, out, err } = await call('stats', 'show', ...words);
    expect([exitCode, out, err]).toEqual([code, '', expect.stringContaining(message)]);
  });
});

describe('an unknown statistic', () => {
  test('is told with the name that is near, among many', async () => {
    const world = await openStats(1);
    const insert = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
      INSERT INTO periodic_stat (recorded_at, stat_key, value)
      SELECT '2026-11-20T12:00:00.000Z', printf('s%04d', i), 1 FROM n`;
    world.sql(insert);
    const messageFor = async (key: string) => (await world.call('stats', 'show', key)).err;
    expect(await messageFor('login')).toBe(
      'periodic-cron: there is no statistic "login" (did you mean logins?)\n',
    );
    expect(await messageFor('nothing like it')).toBe(
      'periodic-cron: there is no statistic "nothing like it"\n',
    );
  });
});

describe('stats delete', () => {
  test('deletes what is older, tells how many, and leaves other statistics', async () => {
    const world = await openStats(1, 2, 3);
    expect(await world.call('stats', 'delete', 'logins', '--before', '150m')).toEqual({
      exitCode: 0,
      out: 'deleted 1 value of statistic "logins"\n',
      err: '',
    });
    expect(valuesIn(world)).toEqual([2, 3]);
    expect(JSON.parse((await world.call('stats', 'delete', 'logins', '--json')).out)).toEqual({
      key: 'logins',
      deleted: 2,
    });
    expect(world.sql('SELECT stat_key FROM periodic_stat')).toHaveLength(1);
  });

  test('finds nothing of that name; that nothing is old enough is no fault', async () => {
    const world = await openStats(1);
    expect(await world.call('stats', 'delete', 'login')).toMatchObject({ exitCode: 5, out: '' });
    expect(await world.call('stats', 'delete', 'logins', '--before', '5h')).toEqual({
      exitCode: 0,
      out: 'deleted 0 values of statistic "logins"\n',
      err: '',
    });
    expect(valuesIn(world)).toEqual([1]);
  });
});

import { describe, expect, test } from 'vitest';
import { type CommandWorld, insertRun, NOW, openWorld } from './command-world.ts';

const DAY_MS = 86_400_000;

/** A world whose ledger has runs that are so many days old, oldest first. */
async function worldWithRuns(...ages: readonly number[]): Promise<CommandWorld> {
  const world = openWorld();
  await world.call('add', 'backup', '--module', 'command', '-o', 'command=true', '--manual');
  for (const age of ages) {
    insertRun(world, 'backup', {
      created_at: new Date(NOW - age * DAY_MS).toISOString(),
      output: 'x'.repeat(400),
    });
  }
  return world;
}

function agesIn({ sql }: CommandWorld): readonly number[] {
  return sql('SELECT created_at FROM periodic_run ORDER BY id').map(
    ({ created_at: at }) => (NOW - Date.parse(at)) / DAY_MS,
  );
}

function setOptions({ sql }: CommandWorld, options: Readonly<Record<string, unknown>>): void {
  sql("UPDATE periodic_task SET options = ? WHERE name = 'prune_history'", JSON.stringify(options));
}

describe('prune', () => {
  test('deletes what is older than the 90 days that its task allows by default', async () => {
    const world = await worldWithRuns(200, 91, 89, 1);
    expect(await world.call('prune')).toEqual({
      exitCode: 0,
      out: 'deleted 2 runs, 0 ticks and 0 audit entries\n',
      err: '',
    });
    expect(agesIn(world)).toEqual([89, 1]);
  });

  test('keeps to the options of the task, and to a flag where one is given', async () => {
    const world = await worldWithRuns(50, 40, 30, 20, 10);
    setOptions(world, { max_age_days: 35, max_runs: 2 });
    const { out } = await world.call('prune', '--max-runs', '10', '--json');
    expect(JSON.parse(out)).toEqual({
      limits: { maxAgeDays: 35, maxStatAgeDays: null, maxRuns: 10, maxBytes: 268_435_456 },
      deleted: { runs: 2, ticks: 0, auditEntries: 0, statValues: 0, ageLeftOut: false },
    });
    expect(agesIn(world)).toEqual([30, 20, 10]);
    await world.call('prune');
    expect(agesIn(world)).toEqual([20, 10]);
  });

  test('lifts a limit for "none"', async () => {
    const world = await worldWithRuns(200, 1);
    const { out } = await world.call('prune', '--max-age-days', 'none', '--max-bytes', 'none', '--json');
    expect(JSON.parse(out)).toMatchObject({
      limits: { maxAgeDays: null, maxRuns: 100_000, maxBytes: null },
      deleted: { runs: 0 },
    });
    expect(agesIn(world)).toEqual([200, 1]);
  });

  test('takes bytes with a unit', async () => {
    const world = await worldWithRuns(4, 3, 2, 1);
    // A run counts as its output and 600 bytes for the rest: two of them fit.
    expect((await world.call('prune', '--max-bytes', '2KiB')).out).toBe(
      'deleted 2 runs, 0 ticks and 0 audit entries\n',
    );
    expect(agesIn(world)).toEqual([2, 1]);
  });

  test('deletes statistics where the task or a flag says how old they may be', async () => {
    const world = await worldWithRuns(1);
    const left = () => world.sql('SELECT value FROM periodic_stat ORDER BY id').map(({ value }) => value);
    for (const age of [500, 400, 300]) {
      const at = new Date(NOW - age * DAY_MS).toISOString();
      world.sql(
        'INSERT INTO periodic_stat (recorded_at, stat_key, value) VALUES (?, ?, ?)',
        at,
        'logins',
        age,
      );
    }
    await world.call('prune');
    expect(left()).toEqual([500, 400, 300]);
    expect(await world.call('prune', '--max-stat-age-days', '450')).toEqual({
      exitCode: 0,
      out: 'deleted 0 runs, 0 ticks, 0 audit entries and 1 values of statistics\n',
      err: '',
    });
    setOptions(world, { max_stat_age_days: 350 });
    await world.call('prune', '--max-stat-age-days', 'none');
    expect(left()).toEqual([400, 300]);
    const { limits, deleted } = JSON.parse((await world.call('prune', '--json')).out);
    expect([limits.maxStatAgeDays, deleted.statValues]).toEqual([350, 1]);
    expect(left()).toEqual([300]);
  });

  test('deletes them also when its task runs, and tells how many', async () => {
    const world = await worldWithRuns();
    setOptions(world, { max_stat_age_days: 350 });
    const at = new Date(NOW - 400 * DAY_MS).toISOString();
    world.sql('INSERT INTO periodic_stat (recorded_at, stat_key, value) VALUES (?, ?, ?)', at, 'logins', 1);
    expect((await world.call('run_manually', '-t', 'prune_history')).exitCode).toBe(0);
    const [run] = world.sql("SELECT result, output FROM periodic_run WHERE task_name = 'prune_history'");
    expect(JSON.parse(run.result)).toMatchObject({ statValues: 1 });
    expect(run.output).toContain('and 1 values of statistics');
  });

  test('uses the defaults of the module where there is no such task', async () => {
    const world = await worldWithRuns(91, 1);
    world.sql("DELETE FROM periodic_task WHERE name = 'prune_history'");
    await world.call('prune');
    expect(agesIn(world)).toEqual([1]);
  });

  test('leaves a live run', async () => {
    const world = await worldWithRuns(200);
    world.sql("UPDATE periodic_run SET live_node = 'alpha', status = 'running', ended_at = NULL");
    await world.call('prune');
    expect(agesIn(world)).toEqual([200]);
  });

  test('deletes nothing for its age when there was no tick for days, and says so', async () => {
    const world = await worldWithRuns(200);
    world.sql(
      "INSERT INTO periodic_tick (node, tick_no, tick_at, started_at) VALUES ('alpha', 1, '2026-11-10T00:00:00.000Z', '2026-11-10T00:00:00.000Z')",
    );
    expect(await world.call('prune')).toEqual({
      exitCode: 0,
      out: 'deleted 0 runs, 0 ticks and 0 audit entries\n',
      err: 'periodic-cron: deleted nothing for its age: by the clock there was no tick for days, which may be wrong\n',
    });
    expect(agesIn(world)).toEqual([200]);
  });

  test.each([
    ['--max-age-days', '0', 'expected a whole number from 1 to 36600, got "0"'],
    ['--max-age-days', '36601', 'expected a whole number from 1 to 36600, got "36601"'],
    ['--max-stat-age-days', '0', 'expected a whole number from 1 to 36600, got "0"'],
    ['--max-runs', 'all', 'expected a whole number from 1 to 9007199254740991, got "all"'],
    ['--max-bytes', '0', 'expected a size such as 1048576, 64KiB or 256MiB, or "none", got "0"'],
    ['--max-bytes', '12x', 'expected a size such as 1048576, 64KiB or 256MiB, or "none", got "12x"'],
  ])('refuses %s %s, and deletes nothing', async (flag, value, message) => {
    const world = await worldWithRuns(200);
    expect(await world.call('prune', flag, value)).toEqual({
      exitCode: 2,
      out: '',
      err: `periodic-cron: prune: ${flag}: ${message}\n`,
    });
    expect(agesIn(world)).toEqual([200]);
  });

  test('refuses limits that its task names wrongly, and deletes nothing', async () => {
    const world = await worldWithRuns(200);
    setOptions(world, { max_runs: 'many' });
    const { exitCode, out, err } = await world.call('prune');
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toMatch(
      /^periodic-cron: task "prune_history": options\.max_runs: expected .*, got "many"\n$/,
    );
    expect(agesIn(world)).toEqual([200]);
  });
});

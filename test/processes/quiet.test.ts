import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { armSlot, commandColumns, openProgramWorld, openStockedWorld } from '../support/processes.ts';
import { sqliteOf } from '../support/virtual-database.ts';

describe('run_scheduled -c', () => {
  test('prints nothing at all when all is well', async () => {
    const world = await openStockedWorld();
    world.addTask({ name: 'backup', columns: commandColumns(['echo', 'hello']) });
    const silent = { exitCode: 0, signal: null, out: '', err: '' };
    expect(await world.call('run_scheduled', '-c')).toEqual(silent);
    expect(await world.call('run_scheduled', '-c')).toEqual(silent);
    expect(world.runRows()).toMatchObject([{ status: 'succeeded', output: 'hello\n', exit_code: 0 }]);
  });

  test('prints one line on stderr for a task that failed', async () => {
    const world = await openStockedWorld();
    world.addTask({
      name: 'bad',
      columns: commandColumns(['sh', '-c', 'echo noise; echo more >&2; exit 3']),
    });
    expect(await world.call('run_scheduled', '-c')).toEqual({
      exitCode: 1,
      signal: null,
      out: '',
      err: 'periodic-cron: task "bad", slot 2024-01-01T00:00:00Z failed: exited with status 3\n',
    });
  });

  test('prints a fault of a definition once', async () => {
    const world = await openStockedWorld();
    world.addTask({ name: 'bad', columns: { schedule: 'soon' } });
    const first = await world.call('run_scheduled', '-c');
    expect(first).toMatchObject({ exitCode: 1, out: '' });
    expect(first.err).toMatch(/^periodic-cron: task "bad" is invalid: schedule: expected a duration .*\n$/);
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, signal: null, out: '', err: '' });
  });

  test('is silent while an attempt is pending, and while a slot is skipped', async () => {
    const world = await openStockedWorld();
    world.addTask({ name: 'flaky', columns: commandColumns(['false'], { retry_limit: 1 }) });
    world.addTask({ name: 'late', columns: commandColumns(['true'], { start_deadline_s: 60 }) });
    expect(await world.call('run_scheduled', '-c')).toEqual({ exitCode: 0, signal: null, out: '', err: '' });
    expect(world.ledger()).toEqual([
      'flaky 2024-01-01T00:00 failed (retry)',
      'late 2024-01-01T00:00 skipped (too_late)',
    ]);
  });
});

describe('run_scheduled --json', () => {
  test('prints one document that tells what ran and what comes next', async () => {
    const world = await openStockedWorld();
    world.addTask({ name: 'good', columns: commandColumns(['true']) });
    world.addTask({ name: 'bad', columns: commandColumns(['false']) });
    const { exitCode, out } = await world.call('run_scheduled', '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toEqual({
      node: 'alpha',
      tickAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/),
      runs: [
        {
          task: 'good',
          slotAt: '2024-01-01T00:00:00Z',
          missed: 0,
          status: 'succeeded',
          durationMs: expect.any(Number),
          error: null,
          warning: null,
        },
        expect.objectContaining({ task: 'bad', status: 'failed', error: 'exited with status 1' }),
      ],
      notRun: [],
      idleForSeconds: null,
    });
  });
});

describe('run_scheduled --dryrun', () => {
  function contentOf(folder: string): readonly string[] {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    return files
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`)
      .sort();
  }

  test('says what would run, starts nothing, and leaves every file as it was', async () => {
    const world = await openStockedWorld();
    world.addTask({ name: 'backup', columns: commandColumns(['touch', join(world.folder, 'ran')]) });
    world.addTask({ name: 'bad', columns: { schedule: 'soon' } });
    sqliteOf(world).close();
    const before = contentOf(world.folder);
    const { exitCode, out, err } = await world.call('run_scheduled', '--dryrun');
    expect(err).toBe('');
    expect(out).toContain('would run  "backup", slot 2024-01-01T00:00:00Z\n');
    expect(out).toContain('not run  "bad"  invalid: schedule: expected a duration');
    expect(exitCode).toBe(0);
    expect(contentOf(world.folder)).toEqual(before);
  });

  test('without a database creates none, and says so', async () => {
    const world = openProgramWorld();
    const { exitCode, err } = await world.call('run_scheduled', '-d');
    expect(exitCode).toBe(3);
    expect(err).toMatch(/^periodic-cron: there is no database .*tasks\.sqlite yet: .*\n$/);
    expect(existsSync(world.databasePath)).toBe(false);
  });
});

test('a reader that goes away ends a long output without a word', async () => {
  const world = await openStockedWorld();
  world.sql.transaction(() => {
    for (let number = 1; number <= 2_000; number += 1) {
      world.addTask({ name: `task ${number} ${'x'.repeat(100)}` });
    }
  })();
  const { exitCode, out, err } = await world.shell('set -o pipefail; $PROGRAM list --all | head -1');
  expect(err).toBe('');
  expect(exitCode).toBe(0);
  expect(out.trimEnd().split('\n')).toHaveLength(1);
});

test('the order of a real tick ascends, and a slot is not run twice', async () => {
  const world = await openStockedWorld();
  const log = join(world.folder, 'log');
  for (const [name, ordering] of [
    ['three', 3],
    ['one', 1],
    ['two', 2],
  ] as const) {
    world.addTask({ name, columns: commandColumns(['sh', '-c', `echo ${name} >> ${log}`], { ordering }) });
  }
  await world.call('run_scheduled', '-c');
  await world.call('run_scheduled', '-c');
  expect(readFileSync(log, 'utf8')).toBe('one\ntwo\nthree\n');
  armSlot(world, '2024-01-01T00:01:00Z');
  await world.call('run_scheduled', '-c');
  expect(readFileSync(log, 'utf8')).toBe('one\ntwo\nthree\none\ntwo\nthree\n');
});

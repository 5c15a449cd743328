import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DatabaseError } from '../../src/core/errors.ts';
import { openSpool, type SpooledEnd } from '../../src/runner/spool.ts';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../support/virtual-runner.ts';
import { endWith, NO_RETRY } from '../support/virtual-runs.ts';

const TOKEN = '01234567-89ab-4cde-8f01-23456789abcd';
const SPOOLED: SpooledEnd = {
  token: TOKEN,
  databaseId: 'database',
  task: 'backup',
  end: endWith({ output: { text: 'half a million rows\n', bytes: 20 }, moduleState: { last: 3 } }),
  policy: NO_RETRY,
};

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-spool-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('the spool', () => {
  test('keeps a result as it is, for its owner alone, until it is dropped', () => {
    const folder = join(temporaryFolder(), 'spool');
    const spool = openSpool([folder], 'database');
    expect(spool.list()).toEqual([]);
    spool.keep(SPOOLED);
    const file = join(folder, 'database', `${TOKEN}.json`);
    expect(spool.list()).toEqual([{ kind: 'result', file, spooled: SPOOLED }]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'database')).mode & 0o777).toBe(0o700);
    spool.drop(file);
    expect(spool.list()).toEqual([]);
    spool.drop(file);
  });

  test('of another database is not its business', () => {
    const folder = temporaryFolder();
    openSpool([folder], 'database').keep(SPOOLED);
    expect(openSpool([folder], 'another').list()).toEqual([]);
  });

  test('takes the first folder that works, and reads all', () => {
    const place = temporaryFolder();
    writeFileSync(join(place, 'no-folder'), '');
    const spool = openSpool([join(place, 'no-folder'), join(place, 'second')], 'database');
    spool.keep(SPOOLED);
    expect(spool.list()).toMatchObject([{ file: join(place, 'second', 'database', `${TOKEN}.json`) }]);
  });

  test('refuses a folder that is a link, which could be a trap in a shared place', () => {
    const place = temporaryFolder();
    mkdirSync(join(place, 'elsewhere'));
    mkdirSync(join(place, 'spool'));
    symlinkSync(join(place, 'elsewhere'), join(place, 'spool', 'database'));
    expect(() => openSpool([join(place, 'spool')], 'database').keep(SPOOLED)).toThrow(
      'no spool folder takes the result',
    );
    expect(readdirSync(join(place, 'elsewhere'))).toEqual([]);
  });

  test('names every folder that does not work', () => {
    const place = temporaryFolder();
    writeFileSync(join(place, 'one'), '');
    writeFileSync(join(place, 'two'), '');
    const spool = openSpool([join(place, 'one'), join(place, 'two')], 'database');
    expect(() => spool.keep(SPOOLED)).toThrow(/one\/database: .*two\/database: /);
  });

  test.each([
    ['no JSON', 'half a fi', 'JSON'],
    ['nothing', '', 'JSON'],
    ['something else', '{"token":"x"}', 'it does not hold a result'],
    [
      'a result with an end that is none',
      JSON.stringify({ ...SPOOLED, end: { ...SPOOLED.end, status: 'running' } }),
      'it does not hold a result',
    ],
    ['a result without a policy', JSON.stringify({ ...SPOOLED, policy: {} }), 'it does not hold a result'],
    [
      'a result without output',
      JSON.stringify({ ...SPOOLED, end: { status: 'failed', endedAt: 1 } }),
      'it does not hold a result',
    ],
    ['a result without an end', `{"token":"${TOKEN}","end":{},"policy":{}}`, 'it does not hold a result'],
  ])('shows a file that holds %s as unreadable', (_title, text, message) => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'database'));
    writeFileSync(join(folder, 'database', `${TOKEN}.json`), text);
    expect(openSpool([folder], 'database').list()).toEqual([
      {
        kind: 'unreadable',
        file: join(folder, 'database', `${TOKEN}.json`),
        message: expect.stringContaining(message),
      },
    ]);
  });

  test('overlooks files that are still being written', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'database'));
    writeFileSync(join(folder, 'database', `${TOKEN}.json.4711.tmp`), 'half a fi');
    expect(openSpool([folder], 'database').list()).toEqual([]);
  });
});

/** A world in which task `backup` locks the database while it runs, so that its result cannot be written. */
async function openLockedWorld(
  columns: Readonly<Record<string, string | number>> = {},
): Promise<VirtualWorld> {
  const world = await openVirtualWorld({ busyLimitMs: 100 });
  world.addTask({ name: 'backup', columns: { module: 'call', ...columns } });
  world.addTask({ name: 'next' });
  world.script.call = () => {
    world.sql.exec('BEGIN IMMEDIATE');
  };
  return world;
}

function unlock({ sql, script }: VirtualWorld): void {
  sql.exec('ROLLBACK');
  script.call = () => undefined;
}

describe('a result that the database does not take', () => {
  test('is spooled, ends the tick with a database error, and is recorded by the next tick', async () => {
    const world = await openLockedWorld();
    await expect(world.tick('12:05')).rejects.toThrow(DatabaseError);
    expect(world.script.started).toEqual(['backup']);
    expect(world.warnings()).toEqual([
      expect.stringMatching(
        /^the result of task "backup" \(succeeded\) waits for the next tick: database .* stayed locked/,
      ),
    ]);
    expect(readdirSync(world.spoolFolder)).toHaveLength(1);
    unlock(world);
    const report = await world.tick('12:06');
    expect(report.runs.map(({ task, status }) => `${task} ${status}`)).toEqual([
      'backup succeeded',
      'next succeeded',
    ]);
    expect(exitCodeOf(report)).toBe(0);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'next 12:05 succeeded']);
    expect(world.runRows()[0]).toMatchObject({
      message: 'reported late',
      ended_at: '2026-03-10T12:05:00.000Z',
    });
    expect(readdirSync(world.spoolFolder)).toEqual([]);
  });

  test('is recorded before its dead runner would be found lost', async () => {
    const world = await openLockedWorld();
    const dying = world.otherRunner({ identity: { ...world.runner.identity, pid: 2_000_000_000 } });
    await expect(tickOf(dying, world, '12:05')).rejects.toThrow(DatabaseError);
    unlock(world);
    await world.tick('12:06');
    expect(world.ledger()[0]).toBe('backup 12:05 succeeded');
  });

  test('leaves the retry that its policy asks for', async () => {
    const world = await openLockedWorld({ retry_limit: 1 });
    world.script.call = () => {
      world.sql.exec('BEGIN IMMEDIATE');
      throw new Error('boom');
    };
    await expect(world.tick('12:05')).rejects.toThrow(DatabaseError);
    unlock(world);
    await world.tick('12:05:30');
    expect(world.ledger()[0]).toBe('backup 12:05 failed (retry)');
    await world.tick('12:06');
    expect(world.ledger()).toContain('backup 12:05 #2 succeeded');
  });

  test('is said aloud when no spool takes it either, and the next tick calls the run lost', async () => {
    const world = await openLockedWorld();
    const noSpool = openSpool(['/dev/null/spool'], 'database');
    const unlucky = world.otherRunner({
      spool: noSpool,
      identity: { ...world.runner.identity, pid: 2_000_000_000 },
    });
    await expect(tickOf(unlucky, world, '12:05')).rejects.toThrow(DatabaseError);
    expect(world.warnings()).toEqual([expect.stringContaining('the next tick will call the run lost')]);
    unlock(world);
    await world.tick('12:06');
    expect(world.ledger()[0]).toBe('backup 12:05 lost (runner_died)');
  });
});

describe('the replay of the spool', () => {
  test('by several ticks at once records each result once', async () => {
    const world = await openLockedWorld();
    await expect(world.tick('12:05')).rejects.toThrow(DatabaseError);
    unlock(world);
    const reports = await Promise.all([world.tick('12:06'), world.tick('12:06'), world.tick('12:06')]);
    const replayed = reports.flatMap(({ runs }) => runs).filter(({ task }) => task === 'backup');
    expect(replayed).toHaveLength(1);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded', 'next 12:05 succeeded']);
    expect(world.warnings()).toHaveLength(1);
  });

  test('keeps a result beside the end of a run that was overtaken, and says so once', async () => {
    const world = await openLockedWorld();
    const dying = world.otherRunner({ identity: { ...world.runner.identity, pid: 2_000_000_000 } });
    await expect(tickOf(dying, world, '12:05')).rejects.toThrow(DatabaseError);
    unlock(world);
    // A node that does not see the spool declares the run lost, and the next slot runs.
    const blind = world.otherRunner({ spool: openSpool([join(world.folder, 'empty')], 'database') });
    await tickOf(blind, world, '12:10');
    await world.tick('12:11');
    await world.tick('12:12');
    expect(world.ledger()).toContain('backup 12:05 lost (runner_died)');
    expect(world.runRows()[0]?.['late_result']).toContain('"status":"succeeded"');
    expect(world.warnings().slice(1)).toEqual([
      'a late result of run 1 of task "backup" (succeeded) is kept beside its recorded end (lost)',
    ]);
  });

  test.each([
    ['that cannot be read', 'half a fi', 'JSON'],
    ['of a run that the ledger does not know', JSON.stringify(SPOOLED), `the ledger has no run ${TOKEN}`],
  ])('puts a file aside %s, says so once, and goes on', async (_title, text, why) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    const file = join(world.spoolFolder, `${TOKEN}.json`);
    mkdirSync(world.spoolFolder, { recursive: true });
    writeFileSync(file, text);
    await world.tick('12:05');
    await world.tick('12:06');
    expect(world.warnings()).toEqual([expect.stringContaining(why)]);
    expect(world.warnings()[0]).toContain(`it was put aside as ${file}.rejected`);
    expect(existsSync(`${file}.rejected`)).toBe(true);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
  });
});

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DatabaseError } from '../../src/core/errors.ts';
import { replaySpool } from '../../src/runner/replay.ts';
import { openSpool } from '../../src/runner/spool.ts';
import type { SpooledEnd } from '../../src/runner/spooled-end.ts';
import { exitCodeOf } from '../../src/runner/tick.ts';
import { at } from '../support/builders.ts';
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

  test('refuses a folder whose parent is a link', () => {
    const place = temporaryFolder();
    mkdirSync(join(place, 'elsewhere'), { mode: 0o700 });
    symlinkSync(join(place, 'elsewhere'), join(place, 'spool'));
    expect(() => openSpool([join(place, 'spool')], 'database').keep(SPOOLED)).toThrow(
      `${place}/spool is not a folder of this user`,
    );
    expect(readdirSync(join(place, 'elsewhere'))).toEqual([]);
  });

  test.each(['spool', 'spool/database'])(
    'refuses and does not read %s when others may write to it',
    (path) => {
      const place = temporaryFolder();
      const spool = openSpool([join(place, 'spool')], 'database');
      spool.keep(SPOOLED);
      chmodSync(join(place, path), 0o777);
      expect(spool.list()).toEqual([]);
      expect(() => spool.keep(SPOOLED)).toThrow(`others may write to ${place}/${path}`);
    },
  );

  test.runIf(process.getuid?.() === 0).each(['spool', 'spool/database'])(
    'refuses and does not read %s of another user',
    (path) => {
      const place = temporaryFolder();
      const spool = openSpool([join(place, 'spool')], 'database');
      spool.keep(SPOOLED);
      chownSync(join(place, path), 65_534, 65_534);
      expect(spool.list()).toEqual([]);
      expect(() => spool.keep(SPOOLED)).toThrow(`${place}/${path} is not a folder of this user`);
    },
  );

  test('does not read through a link', () => {
    const place = temporaryFolder();
    openSpool([join(place, 'elsewhere')], 'database').keep(SPOOLED);
    mkdirSync(join(place, 'database'), { mode: 0o700 });
    const file = join(place, 'database', `${TOKEN}.json`);
    symlinkSync(join(place, 'elsewhere', 'database', `${TOKEN}.json`), file);
    expect(openSpool([place], 'database').list()).toEqual([
      { kind: 'unreadable', file, message: 'it is not a file' },
    ]);
  });

  test('does not write through a link', () => {
    const place = temporaryFolder();
    mkdirSync(join(place, 'database'), { mode: 0o700 });
    writeFileSync(join(place, 'precious'), 'as it was');
    symlinkSync(join(place, 'precious'), join(place, 'database', `${TOKEN}.json.${process.pid}.tmp`));
    expect(() => openSpool([place], 'database').keep(SPOOLED)).toThrow('EEXIST');
    expect(readFileSync(join(place, 'precious'), 'utf8')).toBe('as it was');
  });

  test('leaves nothing behind when writing fails', () => {
    const place = temporaryFolder();
    const inTheWay = join(place, 'database', `${TOKEN}.json`);
    mkdirSync(join(place, 'database'), { mode: 0o700 });
    mkdirSync(inTheWay);
    expect(() => openSpool([place], 'database').keep(SPOOLED)).toThrow('no spool folder takes the result');
    expect(readdirSync(join(place, 'database'))).toEqual([`${TOKEN}.json`]);
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
    mkdirSync(join(folder, 'database'), { mode: 0o700 });
    writeFileSync(join(folder, 'database', `${TOKEN}.json`), text);
    expect(openSpool([folder], 'database').list()).toEqual([
      {
        kind: 'unreadable',
        file: join(folder, 'database', `${TOKEN}.json`),
        message: expect.stringContaining(message),
      },
    ]);
  });

  const { end, policy } = SPOOLED;
  test.each([
    ['token', { token: 7 }],
    ['databaseId', { databaseId: undefined }],
    ['task', { task: null }],
    ['end', { end: [] }],
    ['end.status', { end: { ...end, status: 'skipped' } }],
    ['end.reason', { end: { ...end, reason: undefined } }],
    ['end.message', { end: { ...end, message: 5 } }],
    ['end.byShutdown', { end: { ...end, byShutdown: 'no' } }],
    ['end.exitCode', { end: { ...end, exitCode: 1.5 } }],
    ['end.signal', { end: { ...end, signal: 9 } }],
    ['end.result', { end: { ...end, result: undefined } }],
    ['end.output', { end: { ...end, output: 'text' } }],
    ['end.output.bytes', { end: { ...end, output: { text: '', bytes: -1 } } }],
    ['end.endedAt', { end: { ...end, endedAt: 8_640_000_000_000_001 } }],
    ['end.endedAt', { end: { ...end, endedAt: at('9999-12-31T23:59:59.999Z') + 1 } }],
    ['end.endedAt', { end: { ...end, endedAt: -1 } }],
    ['end.durationMs', { end: { ...end, durationMs: undefined } }],
    ['policy', { policy: null }],
    ['policy.retryLimit', { policy: { retryOn: ['failed'] } }],
    ['policy.retryDelaySeconds', { policy: { ...policy, retryDelaySeconds: 1e12 } }],
    ['policy.retryMaxDelaySeconds', { policy: { ...policy, retryMaxDelaySeconds: '1h' } }],
    ['policy.retryOn', { policy: { ...policy, retryOn: ['always'] } }],
  ])('shows a result whose %s is missing or wrong as unreadable', (field, changes) => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'database'), { mode: 0o700 });
    const file = join(folder, 'database', `${TOKEN}.json`);
    writeFileSync(file, JSON.stringify({ ...SPOOLED, ...changes }));
    const message = `it does not hold a result: ${field} is missing or wrong`;
    expect(openSpool([folder], 'database').list()).toEqual([{ kind: 'unreadable', file, message }]);
  });

  test('overlooks files that are still being written', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'database'), { mode: 0o700 });
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
    world.lockWrites();
  };
  return world;
}

function unlock({ unlockWrites, script }: VirtualWorld): void {
  unlockWrites();
  script.call = () => undefined;
}

describe('a result that the database does not take', () => {
  test('is spooled, ends the tick with a database error, and is recorded by the next tick', async () => {
    const world = await openLockedWorld();
    await expect(world.tick('12:05')).rejects.toThrow(DatabaseError);
    expect(world.script.started).toEqual(['backup']);
    expect(world.warnings()).toEqual([
      expect.stringMatching(
        /^the result of task "backup" \(succeeded\) waits for the next tick: database .*lock/,
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
      world.lockWrites();
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
    [
      'of which a part is missing',
      JSON.stringify({ ...SPOOLED, policy: { retryOn: ['failed'] } }),
      'policy.retryLimit is missing or wrong',
    ],
    ['of a run that the ledger does not know', JSON.stringify(SPOOLED), `the ledger has no run ${TOKEN}`],
  ])('puts a file aside %s, says so once, and goes on', async (_title, text, why) => {
    const world = await openVirtualWorld();
    world.addTask({ name: 'backup' });
    const file = join(world.spoolFolder, `${TOKEN}.json`);
    mkdirSync(world.spoolFolder, { recursive: true, mode: 0o700 });
    writeFileSync(file, text);
    await world.tick('12:05');
    await world.tick('12:06');
    expect(world.warnings()).toEqual([expect.stringContaining(why)]);
    expect(world.warnings()[0]).toContain(`it was put aside as ${file}.rejected`);
    expect(existsSync(`${file}.rejected`)).toBe(true);
    expect(world.ledger()).toEqual(['backup 12:05 succeeded']);
  });

  test('puts a result aside whose recording fails for another reason than the database', async () => {
    const world = await openVirtualWorld();
    world.runner.spool.keep(SPOOLED);
    const fail = () => Promise.reject(new RangeError('Invalid time value'));
    const runner = world.otherRunner({ driver: { ...world.runner.driver, transaction: fail } });
    expect(await replaySpool(runner)).toEqual([]);
    const file = join(world.spoolFolder, `${TOKEN}.json`);
    expect(world.warnings()).toEqual([
      `a spooled result cannot be recorded (Invalid time value): it was put aside as ${file}.rejected`,
    ]);
    expect(world.runner.spool.list()).toEqual([]);
  });

  test('leaves the results where they are when the database cannot be used', async () => {
    const world = await openVirtualWorld();
    world.runner.spool.keep(SPOOLED);
    const fail = () => Promise.reject(new DatabaseError('the database is full'));
    const runner = world.otherRunner({ driver: { ...world.runner.driver, transaction: fail } });
    await expect(replaySpool(runner)).rejects.toThrow('the database is full');
    expect(world.runner.spool.list()).toHaveLength(1);
  });

  test('goes on when a file can neither be removed nor put aside', async () => {
    const world = await openLockedWorld();
    await expect(world.tick('12:05')).rejects.toThrow(DatabaseError);
    unlock(world);
    const refuse = () => {
      throw new Error('EACCES: permission denied');
    };
    const spool = { ...world.runner.spool, drop: refuse, reject: refuse };
    spool.keep({ ...SPOOLED, token: 'ffffffff-89ab-4cde-8f01-23456789abcd' });
    const report = await tickOf(world.otherRunner({ spool }), world, '12:06');
    expect(report.runs.map(({ task, status }) => `${task} ${status}`)).toEqual([
      'backup succeeded',
      'next succeeded',
    ]);
    expect(world.warnings().slice(1).toSorted()).toEqual([
      expect.stringMatching(
        /^a spooled result cannot be recorded \(the ledger has no run .*\): it cannot be put aside either, so remove .*\.json \(EACCES: permission denied\)$/,
      ),
      expect.stringMatching(
        /^a spooled result is recorded, but its file cannot be removed: remove .*\.json \(EACCES: permission denied\)$/,
      ),
    ]);
  });
});

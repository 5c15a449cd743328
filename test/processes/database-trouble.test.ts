import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  commandColumns,
  openProgramWorld,
  openStockedWorld,
  operatorIn,
  processesOfRun,
} from '../support/processes.ts';
import { pathOf, sqliteAt } from '../support/virtual-database.ts';

const BOUND = { timeout: 30_000 };

test('a database that stays locked ends the tick with exit status 3, one line, and nothing started', async () => {
  const world = await openStockedWorld();
  world.addTask({ name: 'backup', columns: commandColumns(['true']) });
  world.sql.exec('BEGIN IMMEDIATE');
  const end = await world.call('run_scheduled', '-c');
  world.sql.exec('ROLLBACK');
  expect(end).toEqual({
    exitCode: 3,
    signal: null,
    out: '',
    err: `periodic-cron: database ${pathOf(world)} stayed locked by another process for too long: end that process (for example with "fuser ${pathOf(world)}") or try again later\n`,
  });
  expect(world.ledger()).toEqual([]);
  expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0 });
  expect(world.ledger()).toEqual(['backup 2024-01-01T00:00 succeeded']);
}, 60_000);

test('a result that comes while the database is locked is recorded by the next tick', async () => {
  const world = await openStockedWorld();
  const go = join(world.folder, 'go');
  const script = `while [ ! -e ${go} ]; do sleep 0.05; done; echo done; exit 3`;
  world.addTask({ name: 'backup', columns: commandColumns(['sh', '-c', script]) });
  const runner = world.start('run_scheduled', '-c');
  await expect.poll(() => processesOfRun(world).length, BOUND).toBeGreaterThan(0);
  world.sql.exec('BEGIN IMMEDIATE');
  writeFileSync(go, '');
  const end = await runner.ended;
  world.sql.exec('ROLLBACK');
  expect(end).toMatchObject({ exitCode: 3, out: '' });
  expect(end.err).toContain('the result of task "backup" (failed) waits for the next tick: ');
  expect(world.ledger()).toEqual(['backup 2024-01-01T00:00 running']);
  const next = await world.call('run_scheduled', '-c');
  expect(next).toMatchObject({ exitCode: 1, out: '' });
  expect(next.err).toContain('task "backup", slot 2024-01-01T00:00:00Z failed: exited with status 3');
  expect(world.runRows()).toMatchObject([
    { status: 'failed', exit_code: 3, output: 'done\n', message: 'exited with status 3; reported late' },
  ]);
}, 120_000);

/** Mounts a tiny disk of its own, or says why that is not possible. */
function mountTinyDisk(folder: string): string | undefined {
  mkdirSync(folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { encoding: 'utf8' });
  if (mounted.status !== 0) {
    return `a tiny disk cannot be mounted: ${(mounted.stderr ?? mounted.error?.message ?? '').trim()}`;
  }
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', folder]);
  });
  return undefined;
}

test('a result that comes when the disk of the database is full is recorded once there is room', async ({
  skip,
}) => {
  const place = openProgramWorld();
  const disk = join(place.folder, 'disk');
  const reason = mountTinyDisk(disk);
  skip(reason !== undefined, reason);
  const world = openProgramWorld({}, sqliteAt(join(disk, 'tasks.sqlite')));
  await world.call('run_scheduled', '-c');
  const operator = operatorIn(world);
  const filler = join(disk, 'filler');
  // The command fills the disk to its last byte; what it prints has to be stored after that.
  const script = `cat /dev/zero > ${filler} 2> /dev/null; head -c 60000 /dev/zero | tr "\\0" x; exit 0`;
  operator.addTask({ name: 'greedy', columns: commandColumns(['sh', '-c', script]) });
  const end = await world.call('run_scheduled', '-c');
  expect(end).toMatchObject({ exitCode: 3, out: '' });
  expect(end.err).toContain('the result of task "greedy" (succeeded) waits for the next tick: ');
  expect(end.err).toContain('tasks.sqlite cannot');
  rmSync(filler);
  expect(await world.call('run_scheduled', '-c')).toMatchObject({ exitCode: 0 });
  expect(operator.runRows()).toMatchObject([
    { task_name: 'greedy', status: 'succeeded', output_bytes: 60_000, message: 'reported late' },
  ]);
});

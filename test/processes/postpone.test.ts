import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Row } from '../../src/store/driver.ts';
import { packageRoot } from '../../src/store/package-root.ts';
import {
  armSlot,
  openStockedWorld,
  type ProgramEnd,
  type ProgramWorld,
  processesOfRun,
} from '../support/processes.ts';

const BOUND = { timeout: 30_000 };
const SILENT: ProgramEnd = { exitCode: 0, signal: null, out: '', err: '' };
const LOG = 'life.jsonl';

/** One slot at the creation of the task, and none of its period for ten years. */
const ONCE_IN_TEN_YEARS = { schedule_kind: 'every', schedule: '3650d', run_immediately: 1 };
const TEN_YEARS_MS = 3_650 * 86_400_000;

/** What the log file tells of the task: the events, each as a line of the file holds it. */
function logOf({ folder }: ProgramWorld): readonly Row[] {
  return readFileSync(join(folder, LOG), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('a long command that is postponed from another process', () => {
  test.each([
    ['that obeys', 'sleep 300 & setsid sleep 300 & wait', 3],
    ['that does not', 'trap "" TERM; sleep 300; sleep 300', 2],
  ])('%s ends cancelled with all it started, and is not tried again', async (_title, script, processes) => {
    const world = await openStockedWorld({ log: { file: LOG } });
    world.addTask({
      name: 'backup',
      columns: {
        ...ONCE_IN_TEN_YEARS,
        module: 'command',
        options: JSON.stringify({ argv: ['sh', '-c', script] }),
        retry_limit: 3,
        retry_on: 'failed,timed_out,lost,shutdown',
        kill_grace_s: 1,
      },
    });
    const runner = world.start('run_scheduled', '-c');
    await expect.poll(() => processesOfRun(world).length, BOUND).toBe(processes);

    const postponed = await world.call('postpone', 'backup', '--json');
    expect(postponed).toMatchObject({ exitCode: 0, err: '' });
    const [{ id }] = world.runRows() as readonly [{ readonly id: number }];
    const [done] = JSON.parse(postponed.out).postponed;
    expect(done).toMatchObject({ scope: 'alpha', cancelRequested: [id], skippedSlots: 0 });

    expect(await runner.ended).toEqual({
      exitCode: 1,
      signal: null,
      out: '',
      err: 'periodic-cron: task "backup", slot 2024-01-01T00:00:00Z cancelled: the task was postponed\n',
    });
    expect(processesOfRun(world)).toEqual([]);
    expect(world.ledger()).toEqual(['backup 2024-01-01T00:00 cancelled (postponed)']);

    const row = world.stateRow('backup');
    const next = Date.parse(String(row['counted_from'])) + TEN_YEARS_MS;
    expect(row).toMatchObject({ retry_at: null, failures: 0, earliest_start: new Date(next).toISOString() });
    expect(Date.parse(done.nextSlotAt)).toBe(next);
    expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
    expect(world.ledger()).toHaveLength(1);
    expect(logOf(world).map(({ event, reason }) => [event, reason ?? null])).toEqual([
      ['claimed', null],
      ['started', null],
      ['postponed', null],
      ['cancelled', 'postponed'],
    ]);
  });
});

const COUNTDOWN = `
import { stop } from 'periodic-cron';
export const countdown = {
  id: 'countdown',
  description: 'Stops at once.',
  run() { return stop('reached zero', { left: 0 }); },
};`;

test('a module that stops is never run again by itself, until its task is reset', async () => {
  const world = await openStockedWorld({ modules: { folders: ['modules'] }, log: { file: LOG } });
  mkdirSync(join(world.folder, 'modules'));
  mkdirSync(join(world.folder, 'node_modules'));
  symlinkSync(packageRoot(), join(world.folder, 'node_modules', 'periodic-cron'));
  writeFileSync(join(world.folder, 'modules', 'countdown.mjs'), COUNTDOWN);
  world.addTask({ name: 'backup', columns: { ...ONCE_IN_TEN_YEARS, module: 'countdown' } });

  expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
  const stopped = ['backup 2024-01-01T00:00 stopped'];
  expect(world.ledger()).toEqual(stopped);
  expect(world.runRows()[0]).toMatchObject({ message: 'reached zero', result: '{"left":0}' });
  expect(world.stateRow('backup')).toMatchObject({ terminated_reason: 'reached zero', earliest_start: null });
  expect(logOf(world).slice(-2)).toMatchObject([
    { event: 'finished', status: 'stopped', reason: 'reached zero' },
    { event: 'terminated', reason: 'reached zero', slotAt: '2024-01-01T00:00:00Z' },
  ]);

  // Neither another tick, nor whatever is done to the definition brings it back.
  for (const words of [
    ['set', 'backup', '--every', '2h', '--run-immediately'],
    ['disable', 'backup'],
    ['enable', 'backup'],
    ['set', 'backup', '-n', 'beta', '-n', 'alpha'],
  ]) {
    expect(await world.call(...words)).toMatchObject({ exitCode: 0 });
    armSlot(world, '2024-01-01T00:05:00Z');
    expect(await world.call('run_scheduled', '-c')).toEqual(SILENT);
    expect(world.ledger()).toEqual(stopped);
    expect(world.stateRow('backup', 'alpha')).toMatchObject({ terminated_reason: 'reached zero' });
  }
  expect(await world.call('add', 'backup', '--module', 'countdown', '--every', '1h')).toMatchObject({
    exitCode: 2,
  });
  expect(await world.call('postpone', 'backup', '-n', 'alpha')).toMatchObject({ exitCode: 2 });

  expect(await world.call('reset', 'backup', '-n', 'alpha')).toMatchObject({ exitCode: 0 });
  expect(world.stateRow('backup', 'alpha')).toMatchObject({ terminated_at: null, terminated_reason: null });
  // A reset counts from the real now; the slot is laid before that.
  world.sql.exec("UPDATE periodic_task_state SET handled_slot = NULL WHERE scope_key = 'alpha'");
  armSlot(world, '2024-01-01T00:10:00Z');
  await world.call('run_scheduled', '-c');
  expect(world.ledger()).toHaveLength(2);
  expect(world.runRows()[1]).toMatchObject({ status: 'stopped' });
});

import { describe, expect, test } from 'vitest';
import { carriersOf } from '../../src/execute/processes.ts';
import { goOn, killAt, tickAll } from '../support/crash-ticks.ts';
import {
  addCrashTask,
  arm,
  type CrashWorld,
  endsOf,
  NEXT_SLOT,
  openCrashWorld,
  SCOPES,
} from '../support/crash-world.ts';
import { reachableEngines } from '../support/engines.ts';
import { processesOfRun } from '../support/processes.ts';

const RECOVER_POINTS = [
  'recover.proven',
  'recover.cleaned',
  'finish.ended',
  'finish.moved',
  'finish.marked',
  'recover.committed',
];

/** Hangs in its first attempt, beside a process that has left its session. */
const HANGING = `[ "$PERIODIC_CRON_ATTEMPT$PERIODIC_CRON_NODE$PERIODIC_CRON_SLOT" = 1alpha2024-01-01T00:00:00.000Z ] || exit 0
  setsid sleep 300 < /dev/null > /dev/null 2>&1 &
  exec sleep 300`;

describe.each(reachableEngines())('on %s', (engine) => {
  test.each(SCOPES)(
    'a dead run of scope %s is recovered once, wherever its recoverer dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      for (const failpoint of RECOVER_POINTS) {
        addCrashTask(world, { name: failpoint, scope, script: HANGING });
        const token = await killWhileItHangs(world);
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        expect(carriersOf('PERIODIC_CRON_RUN_ID', token), failpoint).toEqual([]);
        expect(endsOf(world, failpoint), failpoint).toEqual(['00:00 lost (runner_died)']);
      }
      arm(world, NEXT_SLOT);
      await goOn(world, 'the next slot');
      for (const name of RECOVER_POINTS) {
        expect(endsOf(world, name), name).toEqual(['00:00 lost (runner_died)', '00:01 succeeded']);
      }
    },
  );

  test.each(SCOPES)('a dead run of scope %s is retried once, wherever its recoverer dies', async (scope) => {
    const world = await openCrashWorld(engine);
    for (const failpoint of RECOVER_POINTS) {
      const columns = { retry_limit: 1, retry_on: 'lost' };
      addCrashTask(world, { name: failpoint, scope, script: HANGING, columns });
      const token = await killWhileItHangs(world);
      await killAt(world, failpoint);
      await goOn(world, failpoint);
      expect(carriersOf('PERIODIC_CRON_RUN_ID', token), failpoint).toEqual([]);
      const ends = ['00:00 lost (retry)', '00:00 #2 succeeded'];
      expect(endsOf(world, failpoint), failpoint).toEqual(ends);
    }
  });

  test('a run by hand is recovered, wherever its runner and its recoverer die', async () => {
    const world = await openCrashWorld(engine);
    for (const failpoint of ['finish.ended', 'recover.committed']) {
      addCrashTask(world, { name: failpoint, scope: 'each' });
      await tickAll(world);
      await killAt(world, 'run.performed', ['run_manually', '-t', failpoint]);
      await killAt(world, failpoint);
      await goOn(world, failpoint);
      expect(endsOf(world, failpoint), failpoint).toEqual(['00:00 succeeded', 'manual lost (runner_died)']);
    }
  });
});

/** A tick of the first node that is killed while the task that is due there hangs: which run that leaves. */
async function killWhileItHangs(world: CrashWorld): Promise<string> {
  const runner = world.start('run_scheduled', '-c');
  await expect.poll(() => processesOfRun(world).length, { timeout: 30_000 }).toBe(2);
  process.kill(runner.pid, 'SIGKILL');
  await runner.ended;
  expect(processesOfRun(world)).toHaveLength(2);
  return String(world.runRows().at(-1)?.['token']);
}

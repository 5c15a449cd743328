import { describe, expect, test } from 'vitest';
import { callOn, goOn, killAt, tickAll } from '../support/crash-ticks.ts';
import {
  addCrashTask,
  arm,
  type CrashTask,
  type CrashWorld,
  endsOf,
  hideSpool,
  NEXT_SLOT,
  openCrashWorld,
  refuseEnds,
  SCOPES,
  scopesOn,
} from '../support/crash-world.ts';
import { reachableEngines } from '../support/engines.ts';

const LOST = '00:00 lost (runner_died)';

describe.each(reachableEngines())('on %s', (engine) => {
  test.each(SCOPES)('a result of scope %s counts once it is in the spool', async (scope) => {
    const world = await openCrashWorld(engine);
    const points = [
      ['spool.opened', LOST],
      ['spool.written', '00:00 succeeded'],
      ['spool.renamed', '00:00 succeeded'],
      ['spool.synced', '00:00 succeeded'],
    ] as const;
    for (const [failpoint, end] of points) {
      addCrashTask(world, { name: failpoint, scope });
      const accept = refuseEnds(world, failpoint);
      await killAt(world, failpoint);
      accept();
      await goOn(world, failpoint);
      expect(endsOf(world, failpoint), failpoint).toEqual([end]);
    }
    await runNext(world);
  });

  test.each(scopesOn(engine))(
    'a spooled result of scope %s is recorded once, wherever its replay dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      for (const failpoint of [
        'replay.ended',
        'finish.moved',
        'finish.marked',
        'replay.committed',
        'replay.dropped',
      ]) {
        await addSpooled(world, { name: failpoint, scope });
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        expect(endsOf(world, failpoint), failpoint).toEqual(['00:00 succeeded']);
        expect(endOf(world, failpoint)).toMatchObject({ message: 'reported late', late_result: null });
      }
      await runNext(world);
    },
  );

  test.each(scopesOn(engine))(
    'a spooled failure of scope %s is retried once, wherever its replay dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      for (const failpoint of ['replay.ended', 'finish.moved', 'finish.marked', 'replay.committed']) {
        const script = '[ "$PERIODIC_CRON_ATTEMPT" = 2 ]';
        await addSpooled(world, { name: failpoint, scope, script, columns: { retry_limit: 1 } });
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        const ends = ['00:00 failed (retry)', '00:00 #2 succeeded'];
        expect(endsOf(world, failpoint), failpoint).toEqual(ends);
      }
    },
  );

  test.each(scopesOn(engine))(
    'the result of a lost run of scope %s becomes its end, wherever its replay dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      for (const failpoint of [
        'replay.undone',
        'replay.corrected',
        'replay.marked',
        'replay.committed',
        'replay.dropped',
      ]) {
        const giveBack = await addLost(world, { name: failpoint, scope });
        giveBack();
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        expect(endsOf(world, failpoint), failpoint).toEqual(['00:00 succeeded']);
        expect(endOf(world, failpoint)).toMatchObject({ message: 'reported late', late_result: null });
      }
      await runNext(world);
    },
  );

  test.each(scopesOn(engine))(
    'a result of scope %s that comes too late is kept, wherever its replay dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      for (const failpoint of ['replay.undone', 'replay.kept', 'replay.committed', 'replay.dropped']) {
        const giveBack = await addLost(world, { name: failpoint, scope });
        arm(world, NEXT_SLOT, [failpoint]);
        await goOn(world, `${failpoint}, before it`);
        giveBack();
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        expect(endsOf(world, failpoint), failpoint).toEqual([LOST, '00:01 succeeded']);
        expect(String(endOf(world, failpoint)?.['late_result'])).toContain('"status":"succeeded"');
      }
    },
  );
});

/** A task whose result waits in the spool of the first node. */
async function addSpooled(world: CrashWorld, task: CrashTask): Promise<void> {
  addCrashTask(world, task);
  const accept = refuseEnds(world, task.name);
  expect(await callOn(world)).toMatchObject({ exitCode: 3 });
  accept();
  expect(endsOf(world, task.name)).toEqual(['00:00 running']);
}

/** The same, but that the run was declared lost while the spool was away; the answer brings it back. */
async function addLost(world: CrashWorld, task: CrashTask): Promise<() => void> {
  await addSpooled(world, task);
  const giveBack = hideSpool(world);
  await tickAll(world);
  expect(endsOf(world, task.name)).toEqual([LOST]);
  return giveBack;
}

function endOf(world: CrashWorld, name: string) {
  return world.runRows().find((row) => row['task_name'] === name && row['scope_key'] !== 'beta');
}

async function runNext(world: CrashWorld): Promise<void> {
  arm(world, NEXT_SLOT);
  await goOn(world, 'the next slot');
  for (const name of world.slots.keys()) {
    expect(endsOf(world, name).slice(1), name).toEqual(['00:01 succeeded']);
  }
}

import { describe, expect, test } from 'vitest';
import { bringRetriesForward, goOn, killAt, tickAll } from '../support/crash-ticks.ts';
import {
  addCrashTask,
  arm,
  type CrashTask,
  type CrashWorld,
  endsOf,
  NEXT_SLOT,
  openCrashWorld,
  SCOPES,
  scopesOn,
} from '../support/crash-world.ts';
import { reachableEngines } from '../support/engines.ts';

/** The first attempt fails. */
const FLAKY = {
  script: '[ "$PERIODIC_CRON_ATTEMPT" != 1 ]',
  columns: { retry_limit: 3, retry_on: 'failed,lost' },
};
/** The first slot fails, whatever its attempt. */
const FAILING_ONCE = {
  script: `[ "$PERIODIC_CRON_SLOT" != 2024-01-01T00:00:00.000Z ]`,
  columns: { retry_limit: 3, retry_on: 'failed,lost' },
};

describe.each(reachableEngines())('on %s', (engine) => {
  test.each(SCOPES)('a failure in scope %s is retried once, wherever its runner dies', async (scope) => {
    const world = await openCrashWorld(engine);
    for (const failpoint of ['finish.ended', 'finish.moved', 'finish.marked', 'finish.committed']) {
      addCrashTask(world, { name: failpoint, scope, ...FLAKY });
      await killAt(world, failpoint);
      await goOn(world, failpoint);
      const first = failpoint === 'finish.committed' ? '00:00 failed (retry)' : '00:00 lost (retry)';
      expect(endsOf(world, failpoint), failpoint).toEqual([first, '00:00 #2 succeeded']);
    }
    await finishAll(world);
  });

  test.each(scopesOn(engine))('a retry in scope %s starts once, wherever its runner dies', async (scope) => {
    const world = await openCrashWorld(engine);
    const points = [
      ['claim.moved', 'succeeded'],
      ['claim.recorded', 'succeeded'],
      ['claim.committed', 'lost (retry)'],
      ['run.performed', 'lost (retry)'],
      ['finish.marked', 'lost (retry)'],
      ['finish.committed', 'succeeded'],
    ] as const;
    for (const [failpoint, second] of points) {
      await addFailed(world, { name: failpoint, scope, ...FLAKY });
      bringRetriesForward(world);
      await killAt(world, failpoint);
      await goOn(world, failpoint);
      const third = second === 'succeeded' ? [] : ['00:00 #3 succeeded'];
      const ends = ['00:00 failed (retry)', `00:00 #2 ${second}`, ...third];
      expect(endsOf(world, failpoint), failpoint).toEqual(ends);
    }
    await finishAll(world);
  });

  test.each(scopesOn(engine))(
    'a newer slot of scope %s supersedes a retry, wherever its runner dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      const points = [
        ['claim.moved', 'succeeded'],
        ['claim.superseded', 'succeeded'],
        ['claim.recorded', 'succeeded'],
        ['claim.committed', 'lost (retry)', '00:01 #2 succeeded'],
      ] as const;
      for (const [failpoint, ...newer] of points) {
        await addFailed(world, { name: failpoint, scope, ...FAILING_ONCE });
        arm(world, NEXT_SLOT, [failpoint]);
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        const [end, ...retries] = newer;
        const ends = ['00:00 failed (superseded)', `00:01 ${end}`, ...retries];
        expect(endsOf(world, failpoint), failpoint).toEqual(ends);
      }
    },
  );

  test.each(scopesOn(engine))(
    'a task of scope %s is given up once, wherever its runner dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      for (const failpoint of ['give-up.moved', 'give-up.dropped']) {
        const columns = { ...FAILING_ONCE.columns, deactivate_after: '1 failure' };
        await addFailed(world, { name: failpoint, scope, ...FAILING_ONCE, columns });
        arm(world, NEXT_SLOT, [failpoint]);
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        expect(endsOf(world, failpoint), failpoint).toEqual(['00:00 failed (superseded)']);
        const { terminated_reason: reason } = world.stateRow(failpoint);
        expect(reason).toMatch(/^deactivated after 1 failure in a row/);
      }
    },
  );
});

/** A task whose first attempt has failed; the next one may start in a minute. */
async function addFailed(world: CrashWorld, task: CrashTask): Promise<void> {
  addCrashTask(world, task);
  await tickAll(world);
  expect(endsOf(world, task.name)).toEqual(['00:00 failed (retry)']);
}

/** The next slot fails once as well, and is done by its second attempt. */
async function finishAll(world: CrashWorld): Promise<void> {
  arm(world, NEXT_SLOT);
  await goOn(world, 'the next slot');
  for (const name of world.slots.keys()) {
    const next = ['00:01 failed (retry)', '00:01 #2 succeeded'];
    expect(endsOf(world, name).slice(-2), name).toEqual(next);
  }
}

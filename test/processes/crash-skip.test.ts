import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { goOn, killAt, tickAll } from '../support/crash-ticks.ts';
import { addCrashTask, arm, endsOf, NEXT_SLOT, openCrashWorld, scopesOn } from '../support/crash-world.ts';
import { reachableEngines } from '../support/engines.ts';

const SKIP_POINTS = ['skip.moved', 'skip.superseded', 'skip.recorded', 'skip.committed'];

/** Any slot of the test is older. */
const TOO_LATE = { start_deadline_s: 60 };

describe.each(reachableEngines())('on %s', (engine) => {
  test.each(scopesOn(engine))(
    'slots of scope %s are skipped once, wherever their runner dies',
    async (scope) => {
      const all = await openCrashWorld(engine);
      // Rows are extended by the node that wrote them: of a state that nodes share, one node has to take both slots.
      const world = scope === 'one' ? { ...all, nodes: [all] } : all;
      for (const failpoint of SKIP_POINTS) {
        addCrashTask(world, { name: failpoint, scope, columns: TOO_LATE });
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        expect(endsOf(world, failpoint), failpoint).toEqual(['00:00 skipped (too_late)']);
        // The row of the slot before is extended.
        arm(world, NEXT_SLOT, [failpoint]);
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        expect(endsOf(world, failpoint), failpoint).toEqual(['00:00-00:01 x2 skipped (too_late)']);
      }
    },
  );

  test.each(scopesOn(engine))(
    'a skipped slot of scope %s supersedes a retry, wherever its runner dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      for (const failpoint of SKIP_POINTS) {
        addCrashTask(world, { name: failpoint, scope, script: 'exit 1', columns: { retry_limit: 3 } });
        await tickAll(world);
        expect(endsOf(world, failpoint)).toEqual(['00:00 failed (retry)']);
        world.changeTask(failpoint, TOO_LATE);
        arm(world, NEXT_SLOT, [failpoint]);
        await killAt(world, failpoint);
        await goOn(world, failpoint);
        const ends = ['00:00 failed (superseded)', '00:01 skipped (too_late)'];
        expect(endsOf(world, failpoint), failpoint).toEqual(ends);
      }
    },
  );

  test.each(scopesOn(engine))('a slot of scope %s that a live run keeps is skipped once', async (scope) => {
    const world = await openCrashWorld(engine);
    for (const failpoint of SKIP_POINTS) {
      const running = join(world.folder, `${failpoint}.running`);
      const go = join(world.folder, `${failpoint}.go`);
      // Only the run by hand waits: it has no slot.
      const script = `[ -n "$PERIODIC_CRON_SLOT" ] && exit 0
        touch ${running}; while [ ! -e ${go} ]; do sleep 0.02; done`;
      addCrashTask(world, { name: failpoint, scope, script, columns: { overlap: 'skip' } });
      const manual = world.start('run_manually', '-t', failpoint);
      await expect.poll(() => existsSync(running), { timeout: 30_000 }).toBe(true);
      await killAt(world, failpoint);
      await goOn(world, failpoint);
      const ends = ['00:00 skipped (overlap)'];
      expect(endsOf(world, failpoint), failpoint).toEqual(['manual running', ...ends]);
      writeFileSync(go, '');
      expect(await manual.ended).toMatchObject({ exitCode: 0 });
      expect(endsOf(world, failpoint), failpoint).toEqual(['manual succeeded', ...ends]);
    }
    arm(world, NEXT_SLOT);
    await goOn(world, 'the next slot');
    for (const name of SKIP_POINTS) {
      expect(endsOf(world, name).at(-1), name).toBe('00:01 succeeded');
    }
  });
});

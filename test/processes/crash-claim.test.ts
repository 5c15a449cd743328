import { describe, expect, test } from 'vitest';
import { goOn, killAt } from '../support/crash-ticks.ts';
import { addCrashTask, arm, endsOf, NEXT_SLOT, openCrashWorld, SCOPES } from '../support/crash-world.ts';
import { reachableEngines } from '../support/engines.ts';

/** What a runner writes for a slot, from the tick's first write to its last, and how the slot ends when it dies there. */
const WRITES = [
  ['tick.numbered', 'succeeded'],
  ['tick.recorded', 'succeeded'],
  ['tick.begun', 'succeeded'],
  ['claim.moved', 'succeeded'],
  ['claim.superseded', 'succeeded'],
  ['claim.recorded', 'succeeded'],
  ['claim.committed', 'lost (runner_died)'],
  ['run.performed', 'lost (runner_died)'],
  ['finish.ended', 'lost (runner_died)'],
  ['finish.moved', 'lost (runner_died)'],
  ['finish.marked', 'lost (runner_died)'],
  ['finish.committed', 'succeeded'],
  ['tick.ended', 'succeeded'],
] as const;

describe.each(reachableEngines())('on %s', (engine) => {
  test.each(SCOPES)('a slot of scope %s ends once, wherever its runner dies', async (scope) => {
    const world = await openCrashWorld(engine);
    for (const [failpoint, end] of WRITES) {
      addCrashTask(world, { name: failpoint, scope });
      await killAt(world, failpoint);
      await goOn(world, failpoint);
      expect(endsOf(world, failpoint), failpoint).toEqual([`00:00 ${end}`]);
    }
    arm(world, NEXT_SLOT);
    await goOn(world, 'the next slot');
    for (const [failpoint, end] of WRITES) {
      expect(endsOf(world, failpoint), failpoint).toEqual([`00:00 ${end}`, '00:01 succeeded']);
    }
  });
});

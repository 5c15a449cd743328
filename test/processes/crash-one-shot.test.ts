import { describe, expect, test } from 'vitest';
import { bringRetriesForward, killAt, tickAll } from '../support/crash-ticks.ts';
import { addCrashTask, endsOf, openCrashWorld, scopesOn } from '../support/crash-world.ts';
import { reachableEngines } from '../support/engines.ts';
import type { Operator } from '../support/virtual-database.ts';

/** A task that is due at every tick, as far as it has not been taken. */
const AT_THE_NEXT_TICK = { schedule_kind: 'ticks', schedule: '0', run_immediately: 0 };

function isThere({ sql }: Operator, name: string): boolean {
  return sql.prepare('SELECT id FROM periodic_task WHERE name = ?').all(name).length > 0;
}

/** How the runs ended, without the slots, which are those of the real clock. */
function statusesOf(world: Operator, name: string): readonly string[] {
  return endsOf(world, name).map((line) => line.replace(/^\S+ /, ''));
}

describe.each(reachableEngines())('on %s', (engine) => {
  test.each(scopesOn(engine))(
    'a task of scope %s that is to go when it is done goes with the end of its run, wherever its runner dies',
    async (scope) => {
      const world = await openCrashWorld(engine);
      const columns = { ...AT_THE_NEXT_TICK, remove_when_done: 1 };
      const alpha = { ...world, nodes: [world] };
      for (const failpoint of ['finish.moved', 'remove-done.removed']) {
        addCrashTask(alpha, { name: failpoint, scope, columns });
        await killAt(world, failpoint);
        expect([isThere(world, failpoint), statusesOf(world, failpoint)]).toEqual([true, ['running']]);
        await tickAll(world);
        expect([isThere(world, failpoint), statusesOf(world, failpoint)], failpoint).toEqual([
          false,
          ['lost (runner_died)'],
        ]);
      }
    },
  );

  test.each([
    ['one-shot.written', false],
    ['one-shot.committed', true],
  ])(
    'a one-shot is made wholly or not at all where its runner dies at %s, and the next attempt makes it',
    async (failpoint, isMade) => {
      const world = await openCrashWorld(engine);
      const line =
        '{"schedule": {"name": "follow-up", "module": "command", "options": {"argv": ["true"]}, "after": 5}}';
      const script = `echo '${line}' >&3; sleep 0.1`;
      const columns = { ...AT_THE_NEXT_TICK, retry_limit: 1, retry_delay_s: 0, retry_on: 'lost' };
      addCrashTask({ ...world, nodes: [world] }, { name: 'asks', scope: 'each', script, columns });
      await killAt(world, failpoint);
      expect([isThere(world, 'follow-up'), statusesOf(world, 'asks')]).toEqual([isMade, ['running']]);
      await tickAll(world);
      bringRetriesForward(world);
      await tickAll(world);
      expect(statusesOf(world, 'asks')).toEqual(['lost (retry)', expect.stringContaining('succeeded')]);
      expect(isThere(world, 'follow-up')).toBe(true);
      // What is refused would stand there.
      expect(world.runRows().at(-1)).toMatchObject({ task_name: 'asks', output: '' });
    },
  );
});

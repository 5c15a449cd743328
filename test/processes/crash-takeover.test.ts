import { describe, expect, test } from 'vitest';
import { callOn, goOn, killAt } from '../support/crash-ticks.ts';
import {
  addCrashTask,
  arm,
  type CrashWorld,
  endsOf,
  NEXT_SLOT,
  openCrashWorld,
  refuseEnds,
} from '../support/crash-world.ts';
import { reachableServers } from '../support/engines.ts';
import type { ProgramWorld } from '../support/processes.ts';

const LOST = '00:00 lost (lease_expired)';

/** Where the first node's machine goes away, and whether its command was started by then. */
const DEATHS = ['claim.committed', 'run.performed', 'finish.ended', 'finish.marked'] as const;

/** Where the node dies that takes over. */
const TAKEOVER_DEATHS = [
  'recover.proven',
  'finish.ended',
  'finish.marked',
  'recover.committed',
  'claim.moved',
  'claim.recorded',
] as const;

describe.each(reachableServers())('on %s', (engine) => {
  test('another node takes over when the lease has ended, wherever the runner died', async () => {
    const world = await openCrashWorld(engine);
    for (const failpoint of DEATHS) {
      addCrashTask(world, { name: failpoint, scope: 'one' });
      await killAt(world, failpoint);
      await waitOutLease(world, failpoint);
      await tickQuietly(betaOf(world), 1);
      expect(endsOf(world, failpoint), failpoint).toEqual([LOST, '00:01 succeeded']);
      comeBack(world);
      await goOn(world, failpoint);
      expect(endsOf(world, failpoint), failpoint).toEqual([LOST, '00:01 succeeded']);
    }
  });

  test('a node that dies while it takes over is followed by the next', async () => {
    const world = await openCrashWorld(engine);
    for (const failpoint of TAKEOVER_DEATHS) {
      addCrashTask(world, { name: failpoint, scope: 'one' });
      await killAt(world, 'claim.committed');
      await waitOutLease(world, failpoint);
      await killAt(betaOf(world), failpoint);
      comeBack(world);
      await goOn(world, failpoint);
      expect(endsOf(world, failpoint), failpoint).toEqual([LOST, '00:01 succeeded']);
    }
  });

  test.each(['spool.renamed', 'spool.synced'])(
    'a result in the spool of the node that died at %s is not lost',
    async (failpoint) => {
      const world = await openCrashWorld(engine);
      for (const hasNewer of [false, true]) {
        const name = `${failpoint} ${hasNewer}`;
        addCrashTask(world, { name, scope: 'one' });
        const accept = refuseEnds(world, name);
        await killAt(world, failpoint);
        accept();
        goAway(world);
        endLeases(world);
        await tickQuietly(betaOf(world), 1);
        expect(endsOf(world, name)).toEqual([LOST]);
        if (hasNewer) {
          arm(world, NEXT_SLOT, [name]);
          await tickQuietly(betaOf(world), 0);
        }
        comeBack(world);
        await goOn(world, name);
        const run = world.runRows().find((row) => row['task_name'] === name);
        if (hasNewer) {
          expect(endsOf(world, name)).toEqual([LOST, '00:01 succeeded']);
          expect(String(run?.['late_result'])).toContain('"status":"succeeded"');
        } else {
          expect(endsOf(world, name)).toEqual(['00:00 succeeded']);
          expect(run).toMatchObject({ message: 'reported late', late_result: null });
        }
      }
    },
  );
});

/** The machine of the killed node is away; while its lease stands, nobody touches its run or the slot after it. */
async function waitOutLease(world: CrashWorld, name: string): Promise<void> {
  goAway(world);
  arm(world, NEXT_SLOT, [name]);
  await tickQuietly(betaOf(world), 0);
  expect(endsOf(world, name)).toEqual(['00:00 running']);
  endLeases(world);
}

async function tickQuietly(node: ProgramWorld, exitCode: number): Promise<void> {
  const end = await callOn(node);
  expect(end, end.err).toMatchObject({ signal: null, exitCode });
}

function betaOf({ nodes }: CrashWorld): ProgramWorld {
  const [, beta] = nodes;
  if (beta === undefined) {
    throw new Error('expected a node beside the first');
  }
  return beta;
}

/** What `alpha` has told of its machine is that of another from now on: its processes cannot be seen from here. */
function goAway({ sql }: CrashWorld): void {
  sql.exec("UPDATE periodic_run SET machine_id = 'away' WHERE live_node = 'alpha'");
  sql.exec("UPDATE periodic_node SET machine_id = 'away' WHERE name = 'alpha'");
}

function comeBack({ sql }: CrashWorld): void {
  sql.exec(
    "UPDATE periodic_node SET machine_id = (SELECT machine_id FROM (SELECT machine_id FROM periodic_node WHERE name = 'beta') b) WHERE name = 'alpha'",
  );
}

function endLeases({ sql }: CrashWorld): void {
  sql.exec("UPDATE periodic_run SET lease_until = '2024-01-01T00:00:00.000Z' WHERE lease_until IS NOT NULL");
}

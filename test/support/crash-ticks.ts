import { expect } from 'vitest';
import { failpointProgram } from './build-failpoints.ts';
import { checkInvariants, deadRuns } from './crash-invariants.ts';
import type { CrashWorld } from './crash-world.ts';
import type { ProgramEnd, ProgramWorld } from './processes.ts';
import type { Operator } from './virtual-database.ts';

const TICK = ['run_scheduled', '-c'];

/** A call of the program on a node, to its end: a tick, if nothing else is said. A failpoint kills it there. */
export function callOn(
  { shell }: Pick<ProgramWorld, 'shell'>,
  { words = TICK, failpoint = '' }: { readonly words?: readonly string[]; readonly failpoint?: string } = {},
): Promise<ProgramEnd> {
  const program = `"${process.execPath}" "${failpointProgram()}"`;
  return shell(`PERIODIC_CRON_FAILPOINT=${failpoint} exec ${program} ${words.join(' ')}`);
}

/** A call, usually a tick, that is killed at the failpoint. One that does not come there fails the test. */
export async function killAt(
  node: Pick<ProgramWorld, 'shell'>,
  failpoint: string,
  words: readonly string[] = TICK,
): Promise<void> {
  const end = await callOn(node, { words, failpoint });
  expect(end, `${words[0]} that is to be killed at ${failpoint}`).toMatchObject({ signal: 'SIGKILL' });
}

/** A tick of each node, all at the same time. None of them may meet trouble. */
export async function tickAll({ nodes }: Pick<CrashWorld, 'nodes'>): Promise<void> {
  for (const end of await Promise.all(nodes.map((node) => callOn(node)))) {
    expect(end.signal).toBeNull();
    expect([0, 1], `the exit status of a tick that said: ${end.err}`).toContain(end.exitCode);
    expect(end.err).not.toMatch(/fault|unexpected|cannot/i);
  }
}

/**
 * Ticks until nothing is due, dead or pending, and checks that every invariant holds. Two ticks of every node must do,
 * and one more each time that an attempt was pending.
 */
export async function goOn(world: CrashWorld, label: string): Promise<void> {
  let allowed = 2;
  for (let ticks = 1; ; ticks += 1) {
    await tickAll(world);
    allowed += bringRetriesForward(world) > 0 ? 1 : 0;
    const left = unrestIn(world);
    if (left.length === 0) {
      break;
    }
    expect(ticks, `${label}: after so many ticks there is still ${left.join(', ')}`).toBeLessThan(allowed);
  }
  checkInvariants(world, label);
}

/** Lets pending attempts start now instead of in a minute. Says how many there are. */
export function bringRetriesForward({ sql }: Pick<Operator, 'sql'>): number {
  const update = sql.prepare(
    `UPDATE periodic_task_state SET epoch = epoch + 1, retry_at = '2024-01-02T00:00:00.000Z', earliest_start = ''
     WHERE retry_at > '2025'`,
  );
  return update.run().changes;
}

/** What the ticks have still to do, in words. */
function unrestIn(world: CrashWorld): readonly string[] {
  const due = world.sql
    .prepare("SELECT task_id FROM periodic_task_state WHERE earliest_start < '2025' OR retry_at IS NOT NULL")
    .all();
  return [...due.map((row) => `a state that is due: ${JSON.stringify(row)}`), ...deadRuns(world)];
}

import { endLeftovers, endTree, type Leftovers } from './process-tree.ts';
import { carriersOf, isSameProcess, processStartTime } from './processes.ts';

/**
 * Every child process that serves runs begins with this variable, which names the process that started it. Such a child
 * may have begun with the id of an earlier run, so that the runs' ids alone do not find it. It takes the variable out of
 * its environment at once: what a module starts does not carry it.
 */
export const RUNNER_VARIABLE = 'PERIODIC_CRON_RUNNER';

/** What the variable says in the children of a process. */
function markOfRunner({ pid, pidStarted }: { readonly pid: number; readonly pidStarted: string }): string {
  return `${pid}:${pidStarted}`;
}

/** What the variable says in the children of this process. */
export function ownMark(): string {
  return markOfRunner({ pid: process.pid, pidStarted: processStartTime(process.pid) ?? '' });
}

/**
 * Ends what is left of a run: whatever carries its id, and the children that its runner has left if that is dead, with the
 * groups that they lead. While the runner lives, its children are its own to end. What earlier runs of such a child had
 * left in the background lives on.
 */
export async function endAllOf(
  runner: { readonly pid: number; readonly pidStarted: string },
  runId: string,
  graceMs: number,
): Promise<Leftovers> {
  const children = isSameProcess(runner.pid, runner.pidStarted)
    ? []
    : carriersOf(RUNNER_VARIABLE, markOfRunner(runner));
  const left = await Promise.all(children.map((groupId) => endTree({ groupId, runId }, graceMs)));
  const others = await endLeftovers(runId, graceMs);
  const remaining = [...new Map([...left.flat(), ...others.remaining].map((one) => [one.pid, one])).values()];
  const isLeft = new Set(remaining.map(({ pid }) => pid));
  const ended = [...new Set([...children, ...others.ended])].filter((pid) => !isLeft.has(pid));
  return { ended, remaining };
}

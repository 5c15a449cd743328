import { setTimeout as pause } from 'node:timers/promises';
import { RUN_ID_VARIABLE } from './environment.ts';
import { carriersOf, membersOfGroup, ownGroupId } from './processes.ts';
import { scopesAreUsed } from './scope-setting.ts';

/** A process of a run that is still alive after everything was tried, and why. */
export type RemainingProcess = { readonly pid: number; readonly reason: string };

export type ProcessTree = {
  /** The group that the run's first process leads. */
  readonly groupId: number;
  readonly runId: string;
};

/**
 * Ends every process of a run: SIGTERM to its group, SIGKILL to the group when somebody is left after the grace, then
 * SIGKILL to whatever carries the run's id in its environment, wherever it has moved. It does so also when the group's
 * leader is already gone. Returns what is left, as a rule nothing.
 *
 * What escapes unless the run has a scope of systemd: a process that left the group and was started with an environment
 * without the run's id, or runs as another user while this program is not root. Where there is no /proc, everything that
 * left the group.
 */
export async function endTree(tree: ProcessTree, graceMs: number): Promise<readonly RemainingProcess[]> {
  askGroupToEnd(tree.groupId);
  if (!(await becomesTrue(() => isGroupEmpty(tree.groupId), graceMs))) {
    signalGroup(tree.groupId, 'SIGKILL');
    await becomesTrue(() => isGroupEmpty(tree.groupId), KILL_WAIT_MS);
  }
  await endScopesOf(tree.runId);
  const remaining = await killCarriers(tree.runId);
  const known = new Set(remaining.map((process) => process.pid));
  const members = isGroupEmpty(tree.groupId) ? [] : membersOfGroup(tree.groupId);
  return [...remaining, ...members.filter((pid) => !known.has(pid)).map(killed)];
}

export type Leftovers = {
  readonly ended: readonly number[];
  readonly remaining: readonly RemainingProcess[];
};

/**
 * Ends what a dead runner left of a run. It finds processes by the run's id in their environment alone, since the
 * group's number may belong to somebody else by now: SIGTERM, then SIGKILL to what is left after the grace.
 *
 * Processes of other users are invisible unless this program is root, and everything is where there is no /proc: they
 * are then neither ended nor named.
 */
export async function endLeftovers(runId: string, graceMs: number): Promise<Leftovers> {
  const found = new Set(carriersOf(RUN_ID_VARIABLE, runId));
  for (const pid of found) {
    signalProcess(pid, 'SIGTERM');
    signalProcess(pid, 'SIGCONT');
  }
  const isGone = (): boolean => {
    const carriers = carriersOf(RUN_ID_VARIABLE, runId);
    for (const pid of carriers) {
      found.add(pid);
    }
    return carriers.length === 0;
  };
  const gone = await becomesTrue(isGone, graceMs);
  await endScopesOf(runId);
  const remaining = gone ? [] : await killCarriers(runId);
  const left = new Set(remaining.map((process) => process.pid));
  return { ended: [...found].filter((pid) => !left.has(pid)), remaining };
}

// A killed process is gone within moments, unless the kernel holds it in a call that cannot be interrupted.
const KILL_WAIT_MS = 2_000;
const STILL_THERE = 'still there after SIGKILL';
const LONGEST_PAUSE_MS = 100;

function askGroupToEnd(groupId: number): void {
  signalGroup(groupId, 'SIGTERM');
  // A stopped process would notice the first signal only after it goes on.
  signalGroup(groupId, 'SIGCONT');
}

function isGroupEmpty(groupId: number): boolean {
  return signalGroup(groupId, 0) === 'gone' || membersOfGroup(groupId).length === 0;
}

async function endScopesOf(runId: string): Promise<void> {
  if (scopesAreUsed()) {
    const { endScopes } = await import('./command-scope.ts');
    await endScopes(runId);
  }
}

// In rounds, because a process may start another one while its own end is on the way.
async function killCarriers(runId: string): Promise<readonly RemainingProcess[]> {
  let remaining: readonly RemainingProcess[] = [];
  await becomesTrue(() => {
    remaining = carriersOf(RUN_ID_VARIABLE, runId).map(killed);
    return remaining.length === 0;
  }, KILL_WAIT_MS);
  return remaining;
}

function killed(pid: number): RemainingProcess {
  const isForbidden = signalProcess(pid, 'SIGKILL') === 'not permitted';
  return { pid, reason: isForbidden ? 'not permitted to end it' : STILL_THERE };
}

type Signalled = 'sent' | 'gone' | 'not permitted';

function signalGroup(groupId: number, signal: NodeJS.Signals | 0): Signalled {
  return groupId > 1 && groupId !== ownGroupId() ? signalPid(-groupId, signal) : 'not permitted';
}

function signalProcess(pid: number, signal: NodeJS.Signals): Signalled {
  return pid > 1 && pid !== process.pid ? signalPid(pid, signal) : 'not permitted';
}

function signalPid(pid: number, signal: NodeJS.Signals | 0): Signalled {
  try {
    process.kill(pid, signal);
    return 'sent';
  } catch (thrown) {
    const isGone = thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH';
    return isGone ? 'gone' : 'not permitted';
  }
}

async function becomesTrue(holds: () => boolean, limitMs: number): Promise<boolean> {
  const startedMs = performance.now();
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    if (holds()) {
      return true;
    }
    const leftMs = limitMs - (performance.now() - startedMs);
    if (leftMs <= 0) {
      return false;
    }
    await pause(Math.min(pauseMs, leftMs));
  }
}

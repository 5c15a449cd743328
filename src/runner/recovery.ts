import { toShortText } from '../core/instants.ts';
import { messageOfEnd } from '../core/outcome.ts';
import { type EndPolicy, endPolicyOf, NO_FOLLOW_UP } from '../core/run-end.ts';
import { checkTask } from '../core/task-schema.ts';
import { timetableOf } from '../core/timetable.ts';
import { endAllOf } from '../execute/child-mark.ts';
import { endLeftovers } from '../execute/process-tree.ts';
import { isSameProcess, type ProcessIdentity } from '../execute/processes.ts';
import { failpoint } from '../store/failpoint.ts';
import { finishRun } from '../store/finish.ts';
import { forgetLeftovers } from '../store/leftovers.ts';
import { noteLiveRun } from '../store/live-runs.ts';
import type { RunEnd } from '../store/run-end-rows.ts';
import type { Run } from '../store/run-row.ts';
import { loadCandidate } from '../store/tick-statements.ts';
import { endedEvents, subjectOfRun, tellLife } from './events.ts';
import { reportOfRun } from './run-report.ts';
import type { Runner, RunReport } from './runner.ts';

/** After the end of a runner was proven, what it left gets this long to end by itself. */
const LEFTOVER_GRACE_MS = 2_000;

/**
 * Looks at the runs of this node that are recorded as alive. Where the runner is proven dead, what is left of the run's
 * processes is ended and the run is recorded as `lost`, with the reason. What cannot be ended, and a run without a time
 * limit whose runner cannot be seen, stay alive; a warning says so, once.
 */
export async function recoverRuns(runner: Runner, liveRuns: readonly Run[]): Promise<readonly RunReport[]> {
  const reports: RunReport[] = [];
  for (const run of liveRuns) {
    const report = await judge(runner, run);
    if (report !== undefined) {
      reports.push(report);
      runner.onEvent({ kind: 'ended', run: report });
    }
  }
  return reports;
}

async function judge(runner: Runner, run: Run): Promise<RunReport | undefined> {
  const death = proofOfDeath(runner, run);
  if (death !== undefined) {
    return declareLost(runner, run, death);
  }
  if (!isVisible(runner, run) && run.deadlineAt === null && run.leaseUntil === null) {
    await warnOnce(
      runner,
      run,
      'runner_unseen',
      `its runner cannot be seen from here and it has no time limit, so it counts as alive; if it is dead, "periodic-cron reset" of its task gives it up`,
    );
  }
  return undefined;
}

/**
 * Gives up live runs whose runners cannot be seen from here: an operator has said so by resetting their task. A run with
 * a lease is given up only when that is over, and one of another node only if the operator named that node: what runs
 * elsewhere is none of this machine's business.
 */
export async function giveUpUnseenRuns(
  runner: Pick<Runner, 'driver' | 'clock' | 'onEvent'> & { readonly identity: ProcessIdentity },
  liveRuns: readonly Run[],
  node: string,
): Promise<number> {
  const unseen = liveRuns.filter(
    (run) => !isVisible(runner, run) && (run.leaseUntil === null ? run.node === node : run.isLeaseOver),
  );
  for (const run of unseen) {
    const message = messageOfEnd('its runner could not be seen, and an operator reset the task', run.message);
    const end = { ...lostEnd(run, 'reset', '', runner.clock()), message };
    await finishRun(runner.driver, run.token, end, NO_FOLLOW_UP);
    tellLife(
      runner,
      ...endedEvents(subjectOfRun(run, null), { ...end, retryAt: null, nextSlotAt: null, terminated: null }),
    );
  }
  return unseen.length;
}

/** A process can be judged from the same machine, boot and process namespace. */
function isVisible({ identity }: { readonly identity: ProcessIdentity }, run: Run): boolean {
  return (
    run.machineId === identity.machineId &&
    run.bootId === identity.bootId &&
    run.pidNamespace === identity.pidNamespace
  );
}

async function warnOnce(runner: Runner, run: Run, reason: string, message: string): Promise<void> {
  if (await noteLiveRun(runner.driver, run.token, reason)) {
    const subject = `run ${run.id} of task ${JSON.stringify(run.taskName)}`;
    runner.onEvent({ kind: 'warning', message: `${subject}: ${message}` });
  }
}

const LEASE_EXPIRED = 'lease_expired';

/** Its own node alone can end what a run has left; the next tick there does. */
function isElsewhere({ identity, driver }: Runner, run: Run): boolean {
  return driver.engine !== 'sqlite' && run.machineId !== identity.machineId;
}

type Death = { readonly reason: string; readonly message: string; readonly mayHaveLeftovers: boolean };

/**
 * A run with a lease that has ended is nobody's any more: its runner has stopped the task by then, or cannot. Otherwise
 * death is proven by the same machine, boot and process namespace, where no such process lives or its number belongs to
 * another now; or by a later boot of the machine. Where nothing can be seen, the end of the run's time limit decides.
 */
function proofOfDeath(runner: Runner, run: Run): Death | undefined {
  const { identity, clock } = runner;
  // Machines that were copied have one id: only the node itself takes another boot for a reboot.
  const isOwn = run.node === runner.node.name || runner.driver.engine === 'sqlite';
  if (run.machineId === identity.machineId && run.bootId !== identity.bootId && isOwn) {
    return {
      reason: 'rebooted',
      message: 'the machine was booted while the task ran',
      mayHaveLeftovers: false,
    };
  }
  if (isVisible(runner, run)) {
    return isSameProcess(run.pid ?? 0, run.pidStarted ?? '')
      ? endOfLease(run, true)
      : {
          reason: 'runner_died',
          message: `its runner, process ${run.pid}, ended without recording a result (killed, crashed or out of memory)`,
          mayHaveLeftovers: true,
        };
  }
  if (run.leaseUntil !== null) {
    return endOfLease(run, run.machineId === identity.machineId);
  }
  if (run.deadlineAt !== null && run.deadlineAt < clock()) {
    return {
      reason: 'runner_unseen',
      message: `its runner cannot be seen from here, and its time limit passed at ${toShortText(run.deadlineAt)}`,
      mayHaveLeftovers: false,
    };
  }
  return undefined;
}

function endOfLease(run: Run, mayHaveLeftovers: boolean): Death | undefined {
  return run.isLeaseOver
    ? {
        reason: LEASE_EXPIRED,
        message: `its runner on node ${JSON.stringify(run.node)} did not renew its lease, which ended at ${toShortText(run.leaseUntil ?? 0)}`,
        mayHaveLeftovers,
      }
    : undefined;
}

async function declareLost(runner: Runner, run: Run, death: Death): Promise<RunReport | undefined> {
  failpoint('recover.proven');
  const left = death.mayHaveLeftovers
    ? await endAllOf({ pid: run.pid ?? 0, pidStarted: run.pidStarted ?? '' }, run.token, LEFTOVER_GRACE_MS)
    : { ended: [], remaining: [] };
  if (left.remaining.length > 0) {
    const pids = left.remaining.map(({ pid, reason }) => `${pid} (${reason})`).join(', ');
    await warnOnce(
      runner,
      run,
      'not_ended',
      `it has no runner any more, but its processes cannot be ended and so it counts as alive: ${pids}`,
    );
    return undefined;
  }
  failpoint('recover.cleaned');
  const ended = left.ended.length === 0 ? '' : `; ended what it left: process ${left.ended.join(', ')}`;
  const end = lostEnd(run, death.reason, death.message + ended, runner.clock());
  const recorded = { ...end, message: messageOfEnd(end.message, run.message) };
  const finished = await finishRun(runner.driver, run.token, recorded, {
    ...(await policyOf(runner, run)),
    isLeaseOver: death.reason === LEASE_EXPIRED,
    leftoverOn: isElsewhere(runner, run) ? (run.machineId ?? undefined) : undefined,
  });
  failpoint('recover.committed');
  if (finished.kind === 'recorded') {
    const { kind: _, nextSlot: nextSlotAt, ...coming } = finished;
    tellLife(runner, ...endedEvents(subjectOfRun(run, nextSlotAt), { ...recorded, ...coming, nextSlotAt }));
  }
  return finished.kind === 'recorded'
    ? reportOfRun(run, {
        status: end.status,
        durationMs: end.durationMs,
        error: end.message,
        retryAt: finished.retryAt,
        nextSlotAt: finished.nextSlot,
        terminated: finished.terminated,
      })
    : undefined;
}

/** What follows by the task as it is now; a removed or invalid one is not retried. */
async function policyOf(runner: Runner, run: Run): Promise<EndPolicy> {
  const { scopeKey } = run;
  const candidate = await loadCandidate(runner.driver, { taskId: run.taskId, scopeKey, ordering: 0 });
  const checked = candidate === undefined ? undefined : checkTask(candidate.record);
  if (checked?.kind !== 'valid') {
    return NO_FOLLOW_UP;
  }
  const nodeTimezone = runner.node.timezone;
  return endPolicyOf(checked.task, timetableOf(checked.task, { scopeKey, nodeTimezone }));
}

function lostEnd(run: Run, reason: string, message: string, endedAt: number): RunEnd {
  return {
    status: 'lost',
    reason,
    message,
    byShutdown: false,
    exitCode: null,
    signal: null,
    result: null,
    output: { text: '', bytes: 0 },
    endedAt,
    durationMs: run.startedAt === null ? null : Math.max(0, endedAt - run.startedAt),
  };
}

/**
 * Ends what is left of runs of this machine that another node has declared lost. What may not be ended is tried again by
 * the next tick, which says so again.
 */
export async function endForgottenRuns(runner: Runner, tokens: readonly string[]): Promise<void> {
  for (const token of tokens) {
    const { ended, remaining } = await endLeftovers(token, LEFTOVER_GRACE_MS);
    if (ended.length > 0) {
      const message = `another node declared a run of this one lost (${token}); ended what it left: process ${ended.join(', ')}`;
      runner.onEvent({ kind: 'warning', message });
    }
    if (remaining.length === 0) {
      await forgetLeftovers(runner.driver, token);
    } else {
      const pids = remaining.map(({ pid, reason }) => `${pid} (${reason})`).join(', ');
      const message = `processes of a run that another node declared lost (${token}) cannot be ended: ${pids}`;
      runner.onEvent({ kind: 'warning', message });
    }
  }
}

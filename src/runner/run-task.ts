import { type Instant, SECOND_MS } from '../core/instants.ts';
import type { JsonObject } from '../core/json.ts';
import { STOP_GRACE_S } from '../core/lease.ts';
import { WARNING } from '../core/outcome.ts';
import type { EndPolicy } from '../core/run-end.ts';
import type { SlotRange } from '../core/slots.ts';
import type { RunTrigger, TaskState } from '../core/state.ts';
import { ALL_NODES, type Task } from '../core/task.ts';
import type { StatePatch } from '../core/transitions.ts';
import { type ExecutionResult, execute } from '../execute/execute.ts';
import { type ClaimResult, claimRun } from '../store/claim.ts';
import { failpoint } from '../store/failpoint.ts';
import type { RunEnd } from '../store/run-end-rows.ts';
import { type AttemptSubject, claimedEvent, endedEvents, tellLife } from './events.ts';
import { endOf, type Recorded, recordEnd } from './record-end.ts';
import { openRunHost } from './run-host.ts';
import { watchRun } from './run-watch.ts';
import type { Runner, RunReport } from './runner.ts';
import { newToken } from './token.ts';

/** An attempt that is about to be claimed. */
export type Attempt = {
  readonly task: Task;
  readonly options: JsonObject;
  readonly state: TaskState;
  /** How the claim changes the state; ignored for a run by hand without a slot. */
  readonly patch: StatePatch;
  readonly trigger: Exclude<RunTrigger, 'fault'>;
  readonly slots: SlotRange | null;
  readonly attempt: number;
  readonly message: string | null;
  /** What follows when it has ended. */
  readonly endPolicy: EndPolicy;
};

export type AttemptResult =
  | { readonly kind: 'ended'; readonly run: RunReport }
  | Exclude<ClaimResult, { readonly kind: 'won' }>;

/** After the time limit and the grace: enough for whatever the runner still has to do. */
const DEADLINE_MARGIN_MS = 60_000;

/**
 * Claims an attempt, runs it and records how it ended. Whatever the task does, this returns; only trouble with the
 * database before the start is thrown, since nothing has happened then.
 *
 * @throws DatabaseError when the claim cannot be written
 */
export async function runAttempt(runner: Runner, attempt: Attempt): Promise<AttemptResult> {
  const token = newToken();
  const startedAt = runner.clock();
  const claim = await claimAttempt(runner, attempt, { token, startedAt });
  if (claim.kind !== 'won') {
    return claim;
  }
  failpoint('claim.committed');
  const { task, slots } = attempt;
  const subject = subjectOf(runner, attempt, { token, claimed: claim.state });
  tellLife(runner, claimedEvent(subject, claim.state.firstAttempt));
  tellEndWithClaim(runner, subject, { patch: attempt.patch, claim });
  runner.onEvent({ kind: 'started', task: task.name, slotAt: slots?.slot ?? null, attempt: attempt.attempt });
  tellLife(runner, { event: 'started', ...subject });
  const result = await perform(runner, attempt, { token, epoch: claim.epoch, startedAt });
  failpoint('run.performed');
  const end = endOf(result, startedAt, runner.clock());
  const recorded = await recordEnd(runner, attempt, { token, end, claimed: claim.state });
  const run = reportOf(attempt, end, recorded);
  // Of a result that waits in the spool, the tick that records it tells.
  if (!run.spooled) {
    const nextSlotAt = attempt.trigger === 'manual' ? subject.nextSlotAt : run.nextSlotAt;
    tellLife(runner, ...endedEvents(subject, { ...end, ...recorded, nextSlotAt }));
  }
  runner.onEvent({ kind: 'ended', run });
  return { kind: 'ended', run };
}

/** A run by hand that takes the place of the last attempt ends the state with its claim. */
function tellEndWithClaim(
  runner: Runner,
  subject: AttemptSubject,
  { patch, claim }: { readonly patch: StatePatch; readonly claim: { readonly removed?: true } },
): void {
  const reason = patch.terminatedReason ?? null;
  if (reason !== null) {
    tellLife(runner, { event: 'terminated', ...subject, reason });
  }
  if (claim.removed === true) {
    tellLife(runner, { event: 'removed', ...subject, reason });
  }
}

function claimAttempt(
  runner: Runner,
  { task, state, patch, trigger, slots, attempt, message }: Attempt,
  { token, startedAt }: { readonly token: string; readonly startedAt: Instant },
): Promise<ClaimResult> {
  const limitMs = timeoutMs(runner, task);
  const run = {
    token,
    taskId: task.id,
    taskName: task.name,
    module: task.module,
    scopeKey: state.scopeKey,
    node: runner.node.name,
    trigger,
    slots,
    attempt,
    reason: null,
    message,
    startedAt,
    deadlineAt:
      limitMs === 0 ? null : startedAt + limitMs + task.killGraceSeconds * 1_000 + DEADLINE_MARGIN_MS,
    isLeased: isLeased(runner, state),
    runner: runner.identity,
  };
  return claimRun(runner.driver, { state, patch, run, maxRunning: runner.settings.maxRunning });
}

/** Nodes that share a state cannot see each other's processes; a file is not shared. */
function isLeased({ driver }: Runner, { scopeKey }: TaskState): boolean {
  return driver.engine !== 'sqlite' && scopeKey === ALL_NODES;
}

function subjectOf(
  { node }: Runner,
  { task, state, trigger, slots, attempt }: Attempt,
  { token, claimed }: { readonly token: string; readonly claimed: TaskState },
): AttemptSubject {
  return {
    task: task.name,
    scope: state.scopeKey,
    node: node.name,
    slotAt: slots?.slot ?? null,
    nextSlotAt: claimed.nextSlot,
    runId: token,
    trigger,
    attempt,
    slotCount: slots?.count ?? 0,
  };
}

async function perform(
  runner: Runner,
  { task, options, state, slots, attempt }: Attempt,
  {
    token,
    epoch,
    startedAt,
  }: { readonly token: string; readonly epoch: number; readonly startedAt: Instant },
): Promise<ExecutionResult> {
  const registry = await runner.registry();
  const leased = isLeased(runner, state);
  const watch = watchRun(runner, { token, startedAt, isLeased: leased });
  const host = openRunHost(runner, { token, task, options, isLeased: leased });
  try {
    return await execute({
      module: await registry.resolve(task.module),
      options,
      run: {
        runId: token,
        task: { id: task.id, name: task.name },
        node: runner.node.name,
        slotAt: slots?.slot ?? null,
        attempt,
        epoch,
      },
      state: state.moduleState ?? undefined,
      timeoutMs: timeoutMs(runner, task),
      graceMs: graceMs(runner, task, state),
      cancel: watch.signal,
      outputLimitBytes: runner.settings.outputLimitBytes,
      onOutput: (text) => tellOutput(runner, task.name, text),
      host,
      childLimits: { user: task.runUser, memoryBytes: task.memoryLimitBytes },
      // Another node may give up a leased run, and then knows the child by the id of that run alone.
      children: leased ? undefined : runner.children?.take,
      services: runner.services,
    });
  } finally {
    watch.dispose();
    await host.dispose();
  }
}

function tellOutput(runner: Runner, task: string, text: string): Promise<void> | undefined {
  let shown: Promise<void> | undefined;
  const waitFor = (promise: Promise<void>): void => {
    shown = promise;
  };
  runner.onEvent({ kind: 'output', task, text, waitFor });
  return shown;
}

/** The same grace whatever ends a leased run, so that it has ended when its lease has. */
function graceMs(runner: Runner, { killGraceSeconds }: Task, state: TaskState): number {
  const most = isLeased(runner, state) ? STOP_GRACE_S : killGraceSeconds;
  return Math.min(killGraceSeconds, most) * SECOND_MS;
}

function timeoutMs(runner: Runner, task: Task): number {
  return (task.timeoutSeconds ?? runner.settings.defaultTimeoutSeconds) * 1_000;
}

function reportOf({ task, state, slots, attempt }: Attempt, end: RunEnd, recorded: Recorded): RunReport {
  return {
    ...recorded,
    task: task.name,
    scope: state.scopeKey,
    slotAt: slots?.slot ?? null,
    missed: slots === null ? 0 : slots.count - 1,
    attempt,
    status: end.status,
    durationMs: end.durationMs,
    error: end.status === 'succeeded' ? null : end.message,
    warning: end.reason === WARNING ? end.message : null,
    exitCode: end.exitCode,
    output: end.output.text,
  };
}

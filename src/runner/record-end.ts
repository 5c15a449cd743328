import { messageOf } from '../core/errors.ts';
import type { Instant } from '../core/instants.ts';
import { LEASE_LOST } from '../core/lease.ts';
import { messageOfEnd, type Outcome, WARNING } from '../core/outcome.ts';
import type { EndPolicy } from '../core/run-end.ts';
import type { TaskState } from '../core/state.ts';
import type { ExecutionResult } from '../execute/execute.ts';
import { failpoint } from '../store/failpoint.ts';
import { type FinishResult, finishRun } from '../store/finish.ts';
import { type LateResult, recordLateEnd } from '../store/late-end.ts';
import type { RunEnd } from '../store/run-end-rows.ts';
import type { Attempt } from './run-task.ts';
import type { Runner, RunReport } from './runner.ts';

/** How an execution ended, as the ledger has it. */
export function endOf(
  { outcome, output, state }: ExecutionResult,
  startedAt: Instant,
  endedAt: Instant,
): RunEnd {
  const common = {
    result: null,
    exitCode: 'exitCode' in outcome ? (outcome.exitCode ?? null) : null,
    signal: 'signal' in outcome ? (outcome.signal ?? null) : null,
    output: { text: output.text, bytes: output.bytes },
    endedAt,
    durationMs: endedAt - startedAt,
    byShutdown: false,
    reason: null,
    ...(state === undefined ? {} : { moduleState: state }),
  };
  const parts = partsOf(outcome);
  // Whoever else sees the end of the lease calls the run lost, so its own runner does as well.
  const status = parts.reason === LEASE_LOST ? 'lost' : outcome.kind;
  return { ...common, status, ...parts };
}

type OutcomeParts = Partial<Pick<RunEnd, 'byShutdown' | 'reason' | 'result'>> & Pick<RunEnd, 'message'>;

function partsOf(outcome: Outcome): OutcomeParts {
  switch (outcome.kind) {
    case 'succeeded':
      return {
        message: outcome.warning ?? null,
        reason: outcome.warning === undefined ? null : WARNING,
        result: outcome.result ?? null,
      };
    case 'stopped':
      return { message: outcome.reason, result: outcome.result ?? null };
    case 'failed':
    case 'timed_out':
      return { message: outcome.message };
    case 'cancelled':
      return { message: outcome.message, reason: outcome.reason, byShutdown: outcome.reason === 'shutdown' };
  }
}

/** What the end of a run left. */
export type Recorded = Pick<RunReport, 'retryAt' | 'nextSlotAt' | 'terminated' | 'removed' | 'spooled'>;

/** Writes the end to the database, else to the spool, else says aloud what is lost. */
export async function recordEnd(
  runner: Runner,
  { task, state, trigger, slots, attempt, message, endPolicy: policy }: Attempt,
  { token, end, claimed }: { readonly token: string; readonly end: RunEnd; readonly claimed: TaskState },
): Promise<Recorded> {
  const { scopeKey } = state;
  const run = { token, taskId: task.id, scopeKey, trigger, slot: slots?.slot ?? null, attempt };
  const told = { ...end, message: messageOfEnd(end.message, message) };
  try {
    const finished = await finishRun(runner.driver, token, told, {
      ...policy,
      claimed: { run, state: claimed },
    });
    failpoint('finish.committed');
    // Somebody else gave the run an end, such as `lost` where this runner could not be seen: the true one counts.
    const recorded =
      finished.kind === 'already-ended' ? await recordLateEnd(runner.driver, token, told, policy) : finished;
    return { ...comingOf(recorded), spooled: false };
  } catch (error) {
    spoolEnd(runner, { task: task.name, token, end: told, policy }, error);
    return { retryAt: null, nextSlotAt: claimed.nextSlot, terminated: null, spooled: true };
  }
}

/** What a recorded end leaves to come; nothing is known where it was kept as a late one. */
export function comingOf(result: FinishResult | LateResult): Omit<Recorded, 'spooled'> {
  if (result.kind !== 'recorded') {
    return { retryAt: null, nextSlotAt: null, terminated: null };
  }
  const { retryAt, nextSlot, terminated, removed } = result;
  return { retryAt, nextSlotAt: nextSlot, terminated, ...(removed === true ? { removed } : {}) };
}

function spoolEnd(
  runner: Runner,
  { task, token, end, policy }: { task: string; token: string; end: RunEnd; policy: EndPolicy },
  cause: unknown,
): void {
  const what = `the result of task ${JSON.stringify(task)} (${end.status})`;
  try {
    runner.spool.keep({ token, databaseId: runner.spool.databaseId, task, end, policy });
    runner.onEvent({ kind: 'warning', message: `${what} waits for the next tick: ${messageOf(cause)}` });
  } catch (error) {
    runner.onEvent({
      kind: 'warning',
      message: `${what} is not recorded: ${messageOf(cause)}; and ${messageOf(error)}; the next tick will call the run lost`,
    });
  }
}

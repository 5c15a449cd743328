import type { Instant } from '../core/instants.ts';
import { joinMessages } from '../core/outcome.ts';
import type { TaskState } from '../core/state.ts';
import type { StatePatch } from '../core/transitions.ts';
import { findRun } from '../store/task-runs.ts';
import { endedEvent, subjectOfRun, tellLife } from './events.ts';
import { offlineText } from './reasons.ts';
import { reportOfRun } from './run-report.ts';
import type { Runner, RunReport } from './runner.ts';

/** What became of a pending attempt of which a newer slot has come. */
export const SUPERSEDED = 'its next attempt was superseded by a newer slot';

/** What is told of a run whose pending attempt does not come. */
export type PendingEnd = {
  /** What became of that attempt, in words. */
  readonly because: string;
  readonly nextSlotAt: Instant | null;
  /** Why the state was terminated with it, if it was. */
  readonly terminated: string | null;
};

/** How it is told that the pending attempt of a run is left out while its task is offline. */
export function leftOut(resource: string, { nextSlot, terminatedReason }: StatePatch): PendingEnd {
  return {
    because: `its next attempt is left out, ${offlineText(resource)}`,
    nextSlotAt: nextSlot ?? null,
    terminated: terminatedReason ?? null,
  };
}

/**
 * The last run of a state whose pending attempt was taken away: it has failed for good now, which nobody has told yet.
 * Tells it. Undefined where none was pending.
 */
export async function failedWithPending(
  runner: Runner,
  state: TaskState,
  { because, nextSlotAt, terminated }: PendingEnd,
): Promise<RunReport | undefined> {
  if (state.retryAt === null || state.lastRunToken === null) {
    return undefined;
  }
  const run = await findRun(runner.driver, state.lastRunToken);
  if (run === undefined) {
    return undefined;
  }
  const error = joinMessages(run.message, because);
  const { status, durationMs, reason } = run;
  if (status !== 'running' && status !== 'skipped') {
    const ended = { status, durationMs, reason, message: error, retryAt: null };
    tellLife(runner, endedEvent(subjectOfRun(run, nextSlotAt), ended));
  }
  return reportOfRun(run, { error, terminated });
}

import type { Failed, Outcome, TimedOut } from '../core/outcome.ts';
import type { Argv } from '../modules/shipped/command-words.ts';
import { outcomeOfStep, runStep, type StepWorld } from './command-step.ts';

/** It comes on top of the run's own limit, within what others wait for the end of a run. */
const LIMIT_MS = 30_000;
const GRACE_MS = 5_000;

// The system starts nothing with a variable of unbounded length.
const MAX_ERROR_LENGTH = 4_000;

/**
 * Runs the hook `on_error` of a run that has failed: as the same user, with the same limits and in the same environment,
 * which also tells it what has happened. How it ends changes nothing but the message. It is left out where nothing may
 * be started at all, and when the run is cancelled meanwhile it is ended.
 */
export async function runOnError(
  argv: Argv,
  outcome: Failed | TimedOut,
  {
    surroundings,
    ...world
  }: Omit<StepWorld, 'surroundings'> & {
    readonly surroundings: StepWorld['surroundings'] | undefined;
  },
): Promise<Outcome> {
  const remark = (text: string): Outcome => ({ ...outcome, message: `${outcome.message}; on_error ${text}` });
  if (surroundings === undefined) {
    return remark('was not run, since nothing can be started with the rights that are asked for');
  }
  const { timeoutMs, graceMs, cancel } = world.request;
  if (cancel.aborted) {
    return remark('was not run, since the run was cancelled');
  }
  const limits = {
    timeoutMs: timeoutMs === 0 ? LIMIT_MS : Math.min(timeoutMs, LIMIT_MS),
    graceMs: Math.min(graceMs, GRACE_MS),
    cancel,
  };
  const env = {
    PERIODIC_CRON_STATUS: outcome.kind,
    PERIODIC_CRON_ERROR: outcome.message.replaceAll('\0', '').slice(0, MAX_ERROR_LENGTH),
    PERIODIC_CRON_EXIT_STATUS: outcome.exitCode === undefined ? '' : String(outcome.exitCode),
  };
  const end = await runStep({ name: 'on_error', argv, limits, env }, { ...world, surroundings });
  const own = outcomeOfStep(end);
  if (own.kind === 'succeeded' || !('message' in own)) {
    return outcome;
  }
  return remark(end.kind === 'not_started' ? `could not be run: ${own.message}` : own.message);
}

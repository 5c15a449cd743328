import type { Outcome } from '../core/outcome.ts';
import type { CommandLine } from '../modules/shipped/command.ts';
import { meaningOf } from '../modules/shipped/command-retcodes.ts';
import type { Argv } from '../modules/shipped/command-words.ts';
import type { SharedLimits } from './command-limits.ts';
import type { Reported } from './command-report.ts';
import { messageOfExit, outcomeOfStep, runStep, type StepName, type StepWorld } from './command-step.ts';
import { outcomeOfInterruption } from './interruption.ts';
import type { ProcessEnd } from './run-process.ts';

/**
 * Runs the hook `before`, the command, and the hook `after`, within one time limit, and says what they come to with what
 * they have reported. The first that fails is the last that runs.
 */
export async function runSteps(
  { argv, hooks = {}, retcodes }: CommandLine,
  world: StepWorld,
  limits: SharedLimits,
): Promise<Outcome> {
  const run = async (name: StepName, step: Argv): Promise<ProcessEnd> => {
    const left = limits.left();
    if ('kind' in left) {
      return { kind: 'interrupted', by: left, exit: {}, remaining: [] };
    }
    const end = await runStep({ name, argv: step, limits: left }, world);
    return end.kind === 'interrupted' ? { ...end, by: limits.asWhole(end.by) } : end;
  };
  const before = hooks.before === undefined ? undefined : await run('before', hooks.before);
  const beforeFailure = before === undefined ? undefined : failureOfHook('before', before);
  if (beforeFailure !== undefined) {
    world.report.close();
    return beforeFailure;
  }
  const end = await run('command', argv);
  const outcome = outcomeOfCommand(end, retcodes);
  const after =
    hooks.after === undefined || outcome.kind !== 'succeeded' ? undefined : await run('after', hooks.after);
  const afterFailure = after === undefined ? undefined : failureOfHook('after', after);
  const reported = world.report.close();
  return afterFailure ?? withReported(outcome, reported);
}

/** Where a hook fails, so does the run, and its status is the one to look at. */
function failureOfHook(name: StepName, end: ProcessEnd): Outcome | undefined {
  const outcome = outcomeOfStep(end);
  switch (outcome.kind) {
    case 'failed': {
      const message = end.kind === 'ended' ? `${name} ${outcome.message}` : `${name}: ${outcome.message}`;
      return { ...outcome, message };
    }
    case 'timed_out':
      return { ...outcome, message: `${outcome.message} (in ${name})` };
    case 'cancelled':
      return outcome;
    default:
      return undefined;
  }
}

function outcomeOfCommand(end: ProcessEnd, retcodes: CommandLine['retcodes']): Outcome {
  if (end.kind === 'interrupted') {
    return outcomeOfInterruption(end.by, end.exit, end.remaining);
  }
  if (end.kind === 'not_started' || end.exit.exitCode === undefined) {
    return outcomeOfStep(end);
  }
  const { exitCode } = end.exit;
  const message = messageOfExit(end.exit);
  switch (meaningOf(exitCode, retcodes)) {
    case 'succeeded':
      return { kind: 'succeeded', exitCode };
    case 'warning':
      return { kind: 'succeeded', exitCode, warning: message };
    case 'failed':
      return { kind: 'failed', message, exitCode };
  }
}

/** A run that has failed keeps nothing of what it reported. */
function withReported(outcome: Outcome, { result, stopReason }: Reported): Outcome {
  if (outcome.kind !== 'succeeded') {
    return outcome;
  }
  const given = result === undefined ? {} : { result };
  if (stopReason === undefined) {
    return { ...outcome, ...given };
  }
  // The exit status stays the command's own, whatever follows from its request.
  const exit = outcome.exitCode === undefined ? {} : { exitCode: outcome.exitCode };
  return { kind: 'stopped', reason: stopReason, ...given, ...exit };
}

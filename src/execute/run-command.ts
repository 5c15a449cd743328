import { faultText } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import { type CommandLine, readCommandOptions } from '../modules/shipped/command.ts';
import { type SharedLimits, shareLimits } from './command-limits.ts';
import { openCommandReport, REPORT_PATH, REPORT_VARIABLE } from './command-report.ts';
import { faultOfFolder, type StepWorld } from './command-step.ts';
import { runSteps } from './command-steps.ts';
import type { Prepared } from './command-surroundings.ts';
import { stateVariables } from './command-wishes.ts';
import { type Environment, environmentOfRun } from './environment.ts';
import type { ExecutionRequest, RunFacts } from './execution.ts';
import { endOf, type ModuleEnd } from './module-outcome.ts';
import type { OutputCapture } from './output-capture.ts';
import { scopesAreUsed } from './scope-setting.ts';

/**
 * Runs the command that the options name, with its hooks. Never rejects. It returns within the time limit and the grace,
 * or half a minute later where the hook `on_error` runs.
 */
export async function runCommand(request: ExecutionRequest, capture: OutputCapture): Promise<ModuleEnd> {
  const read = readCommandOptions(request.options);
  if (read.kind === 'invalid') {
    return { outcome: { kind: 'failed', message: faultText(read.faults) } };
  }
  const { command } = read;
  const say = (text: string): void => void capture.write(Buffer.from(text));
  const limits = shareLimits(request);
  const report = openCommandReport(request.host, say);
  const prepared = await prepare(command, request.run, {
    [REPORT_VARIABLE]: REPORT_PATH,
    ...stateVariables(request.state, say),
  });
  try {
    const outcome = await runPrepared(command, prepared, { request, capture, report }, limits);
    // What was asked for last is done before the run has an end, since nothing is done for a run that has one.
    await report.settled();
    return endOf(outcome, report.close().state);
  } finally {
    prepared.dispose();
  }
}

async function runPrepared(
  command: CommandLine,
  { surroundings, fault }: Prepared,
  world: Omit<StepWorld, 'surroundings'>,
  limits: SharedLimits,
): Promise<Outcome> {
  const outcome: Outcome =
    surroundings === undefined || fault !== undefined
      ? { kind: 'failed', message: fault ?? 'could not be prepared' }
      : await runSteps(command, { ...world, surroundings }, limits);
  const onError = command.hooks?.onError;
  if (onError === undefined || (outcome.kind !== 'failed' && outcome.kind !== 'timed_out')) {
    return outcome;
  }
  const { runOnError } = await import('./command-on-error.ts');
  return runOnError(onError, outcome, { ...world, surroundings });
}

/** Most commands ask for nothing that has to be looked up. */
async function prepare(command: CommandLine, run: RunFacts, told: Environment): Promise<Prepared> {
  if (needsMore(command)) {
    const { prepareSurroundings } = await import('./command-surroundings.ts');
    return prepareSurroundings(command, run, told);
  }
  const cwd = command.cwd ?? process.cwd();
  const fault = faultOfFolder(cwd);
  const env = { ...environmentOfRun(run, command.env), ...told };
  return { surroundings: { cwd: fault === undefined ? cwd : '/', env }, fault, dispose: () => undefined };
}

function needsMore({ place, environmentFiles, secrets, stdin }: CommandLine): boolean {
  return [place, environmentFiles, secrets, stdin].some((option) => option !== undefined) || scopesAreUsed();
}

import { faultText } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import { type CommandLine, readCommandOptions } from '../modules/shipped/command.ts';
import { shareLimits } from './command-limits.ts';
import { openCommandReport, REPORT_PATH, REPORT_VARIABLE } from './command-report.ts';
import { faultOfFolder } from './command-step.ts';
import { runSteps } from './command-steps.ts';
import type { Prepared } from './command-surroundings.ts';
import { environmentOfRun } from './environment.ts';
import type { ExecutionRequest, RunFacts } from './execution.ts';
import type { OutputCapture } from './output-capture.ts';
import { scopesAreUsed } from './scope-setting.ts';

/**
 * Runs the command that the options name, with its hooks. Never rejects. It returns within the time limit and the grace,
 * or half a minute later where the hook `on_error` runs.
 */
export async function runCommand(request: ExecutionRequest, capture: OutputCapture): Promise<Outcome> {
  const read = readCommandOptions(request.options);
  if (read.kind === 'invalid') {
    return { kind: 'failed', message: faultText(read.faults) };
  }
  const { command } = read;
  const limits = shareLimits(request);
  const report = openCommandReport(request.host, (text) => capture.write(Buffer.from(text)));
  const prepared = await prepare(command, request.run);
  const { surroundings, fault } = prepared;
  const world = { request, capture, report };
  try {
    const outcome: Outcome =
      surroundings === undefined || fault !== undefined
        ? { kind: 'failed', message: fault ?? 'could not be prepared' }
        : await runSteps(command, { ...world, surroundings }, limits);
    const onError = command.hooks?.onError;
    if (onError === undefined || (outcome.kind !== 'failed' && outcome.kind !== 'timed_out')) {
      return outcome;
    }
    const { runOnError } = await import('./command-on-error.ts');
    return await runOnError(onError, outcome, { ...world, surroundings });
  } finally {
    prepared.dispose();
  }
}

/** Most commands ask for nothing that has to be looked up. */
async function prepare(command: CommandLine, run: RunFacts): Promise<Prepared> {
  if (needsMore(command)) {
    const { prepareSurroundings } = await import('./command-surroundings.ts');
    return prepareSurroundings(command, run);
  }
  const cwd = command.cwd ?? process.cwd();
  const fault = faultOfFolder(cwd);
  const env = { ...environmentOfRun(run, command.env), [REPORT_VARIABLE]: REPORT_PATH };
  return { surroundings: { cwd: fault === undefined ? cwd : '/', env }, fault, dispose: () => undefined };
}

function needsMore({ place, environmentFiles, secrets, stdin }: CommandLine): boolean {
  return [place, environmentFiles, secrets, stdin].some((option) => option !== undefined) || scopesAreUsed();
}

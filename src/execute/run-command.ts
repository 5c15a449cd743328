import { statSync } from 'node:fs';
import { faultText } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import { type CommandLine, readCommandOptions } from '../modules/shipped/command.ts';
import { environmentOfRun } from './environment.ts';
import type { ExecutionRequest } from './execution.ts';
import { findExecutable } from './find-executable.ts';
import { outcomeOfInterruption } from './interruption.ts';
import type { OutputCapture } from './output-capture.ts';
import { type ProcessEnd, type ProcessExit, runProcess } from './run-process.ts';

/** Runs the command that the options name. Never rejects. */
export async function runCommand(request: ExecutionRequest, capture: OutputCapture): Promise<Outcome> {
  const read = readCommandOptions(request.options);
  if (read.kind === 'invalid') {
    return { kind: 'failed', message: faultText(read.faults) };
  }
  const { command } = read;
  const env = environmentOfRun(request.run, command.env);
  const cwd = command.cwd ?? process.cwd();
  const cwdFault = faultOfFolder(cwd);
  if (cwdFault !== undefined) {
    return { kind: 'failed', message: cwdFault };
  }
  const [program, ...args] = command.argv;
  const found = findExecutable(program, { path: env['PATH'], cwd });
  if (found.kind === 'fault') {
    return { kind: 'failed', message: found.message };
  }
  const { runId } = request.run;
  return outcomeOf(await runProcess({ runId, file: found.file, args, cwd, env }, request, capture));
}

function faultOfFolder(cwd: CommandLine['cwd'] & string): string | undefined {
  const stat = statSync(cwd, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) {
    return undefined;
  }
  return `options.cwd: expected a folder, got ${cwd}, which ${stat === undefined ? 'does not exist' : 'is none'}`;
}

function outcomeOf(end: ProcessEnd): Outcome {
  switch (end.kind) {
    case 'not_started':
      return { kind: 'failed', message: end.message };
    case 'interrupted':
      return outcomeOfInterruption(end.by, end.exit, end.remaining);
    case 'ended':
      return end.exit.exitCode === 0
        ? { kind: 'succeeded', exitCode: 0 }
        : { kind: 'failed', message: messageOfExit(end.exit), ...end.exit };
  }
}

function messageOfExit({ exitCode, signal }: ProcessExit): string {
  return signal === undefined ? `exited with status ${exitCode}` : `was ended by ${signal}`;
}

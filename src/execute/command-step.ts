import { statSync } from 'node:fs';
import type { Outcome } from '../core/outcome.ts';
import type { Argv } from '../modules/shipped/command-words.ts';
import type { CommandReport } from './command-report.ts';
import type { Environment } from './environment.ts';
import type { ExecutionRequest } from './execution.ts';
import { findExecutable } from './find-executable.ts';
import { type Limits, outcomeOfInterruption } from './interruption.ts';
import type { OutputCapture } from './output-capture.ts';
import { type ProcessEnd, type ProcessExit, runProcess } from './run-process.ts';
import type { Program } from './wrapper-chain.ts';

/** One process of a command's run: the command itself, or a hook. */
export type Step = {
  readonly name: StepName;
  readonly argv: Argv;
  readonly limits: Limits;
  /** Variables of this step alone. */
  readonly env?: Environment;
};

export type StepName = 'before' | 'command' | 'after' | 'on_error';

/** What all steps of a run share. */
export type StepWorld = {
  readonly request: ExecutionRequest;
  readonly capture: OutputCapture;
  readonly report: CommandReport;
  readonly surroundings: Surroundings;
};

/** Where and as what the steps run. */
export type Surroundings = {
  /** Absolute. */
  readonly cwd: string;
  readonly env: Environment;
  /** The descriptor that the command itself reads. */
  readonly input?: number;
  /** Puts before a program what gives it its place; absent where it just starts. */
  readonly wrap?: (launch: Launch, step: StepName) => Wrapped;
};

/** What is to be started. */
export type Launch = { readonly program: Program; readonly env: Environment };

export type Wrapped =
  | {
      readonly kind: 'wrapped';
      readonly launch: Launch;
      /** Present where the last tool says that everything is in place: to judge what was said. */
      readonly start?: StartWatch;
    }
  | { readonly kind: 'fault'; readonly message: string };

/** Watches what comes over the report for the word of the last tool. */
export type StartWatch = {
  /** Takes away what is not the program's. */
  readonly pass: (chunk: Buffer) => Buffer;
  /** What went wrong before the program began; undefined when it began. */
  readonly fault: (exit: ProcessExit) => string | undefined;
};

/** Runs one step to its end, or to its limits. Never rejects. */
export async function runStep(step: Step, world: StepWorld): Promise<ProcessEnd> {
  const { request, capture, report, surroundings } = world;
  const { cwd, input } = surroundings;
  const env = { ...surroundings.env, ...step.env };
  const [name, ...args] = step.argv;
  const found = findExecutable(name, { path: env['PATH'], cwd });
  if (found.kind === 'fault') {
    return { kind: 'not_started', message: found.message };
  }
  const launch: Launch = { program: { file: found.file, args }, env };
  const wrapped: Wrapped = surroundings.wrap?.(launch, step.name) ?? { kind: 'wrapped', launch };
  if (wrapped.kind === 'fault') {
    return { kind: 'not_started', message: wrapped.message };
  }
  const { start } = wrapped;
  const reader = report.open();
  const spec = {
    runId: request.run.runId,
    ...wrapped.launch.program,
    cwd,
    env: wrapped.launch.env,
    report: (chunk: Buffer) => reader.take(start === undefined ? chunk : start.pass(chunk)),
    ...(input === undefined || step.name !== 'command' ? {} : { input }),
  };
  const end = await runProcess(spec, step.limits, capture);
  reader.end();
  const fault = end.kind === 'ended' ? start?.fault(end.exit) : undefined;
  return fault === undefined || end.kind !== 'ended' ? end : { kind: 'not_started', message: fault };
}

/** What a step comes to where 0 alone is success. */
export function outcomeOfStep(end: ProcessEnd): Outcome {
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

/** What is wrong with the folder in which steps are to run; undefined when nothing is. */
export function faultOfFolder(cwd: string): string | undefined {
  const stat = statSync(cwd, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) {
    return undefined;
  }
  return `options.cwd: expected a folder, got ${cwd}, which ${stat === undefined ? 'does not exist' : 'is none'}`;
}

/** How a process ended, in words. */
export function messageOfExit({ exitCode, signal }: ProcessExit): string {
  return signal === undefined ? `exited with status ${exitCode}` : `was ended by ${signal}`;
}

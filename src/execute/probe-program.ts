import { execFile } from 'node:child_process';
import { type Environment, inheritedEnvironment, RUN_ID_VARIABLE } from './environment.ts';
import { findTool } from './find-executable.ts';
import { OutputCapture } from './output-capture.ts';
import type { ProbeSurroundings } from './probe.ts';
import { type ProcessEnd, runProcess } from './run-process.ts';
import type { Program } from './wrapper-chain.ts';

/** How long a probe that is over its limit may take to end by itself. */
const GRACE_MS = 500;
const OUTPUT_LIMIT_BYTES = 2_048;

/** How the program of a probe ended, and what it printed. */
export type ProbeEnd = { readonly end: ProcessEnd; readonly output: string };

/** What the program of a probe inherits, and by what it knows its node and is found again. */
export function environmentOfProbe({ node, id }: Pick<ProbeSurroundings, 'node' | 'id'>): Environment {
  return { ...inheritedEnvironment(), [RUN_ID_VARIABLE]: id, PERIODIC_CRON_NODE: node };
}

/**
 * Runs the program of a probe in the root folder, as the runner's user. Over its limit, or when the runner is told to
 * end, it is ended with everything that it started. Never rejects.
 *
 * Where the tool setpriv can see to that, the program is also killed when the runner ends without a word. What escapes
 * then: what the program itself has started, a program that takes another user's rights, and one whose runner ends in
 * the moment before the tool has begun.
 */
export async function runProbeProgram(
  program: Program,
  env: Environment,
  { id, cancel, timeoutMs }: ProbeSurroundings,
): Promise<ProbeEnd> {
  const capture = new OutputCapture(OUTPUT_LIMIT_BYTES);
  const setpriv = await deathSignalTool();
  const { file, args } = setpriv === undefined ? program : wrapped(setpriv, program);
  const end = await runProcess(
    { runId: id, file, args, cwd: '/', env },
    { timeoutMs, graceMs: GRACE_MS, cancel },
    capture,
  );
  const output = capture.result().text;
  const fault = setpriv === undefined ? undefined : faultOfStart(program.file, end, output);
  return fault === undefined
    ? { end, output }
    : { end: { kind: 'not_started', message: `could not start ${program.file}: ${fault}` }, output: '' };
}

const DEATH_SIGNAL = ['--pdeathsig', 'KILL'];
const TRIAL_LIMIT_MS = 2_000;

let found: Promise<string | undefined> | undefined;

/** The path of a setpriv that knows the signal: older ones do not, nor does that of BusyBox. Tried once in a process. */
function deathSignalTool(): Promise<string | undefined> {
  found ??= tryDeathSignal();
  return found;
}

function tryDeathSignal(): Promise<string | undefined> {
  const [tool, trial] = [findTool('setpriv', 'a probe'), findTool('true', 'a probe')];
  if (tool.kind === 'fault' || trial.kind === 'fault') {
    return Promise.resolve(undefined);
  }
  return new Promise((resolve) => {
    const options = { cwd: '/', env: {}, timeout: TRIAL_LIMIT_MS };
    execFile(tool.file, [...DEATH_SIGNAL, '--', trial.file], options, (error) =>
      resolve(error === null ? tool.file : undefined),
    );
  });
}

function wrapped(setpriv: string, { file, args }: Program): Program {
  return { file: setpriv, args: [...DEATH_SIGNAL, '--', file, ...args] };
}

/** The tool ends so where it cannot become the program, such as one whose interpreter is missing. */
const TOOL_FAILED: ReadonlySet<number | undefined> = new Set([126, 127]);

/** By the path in the tool's message: the program of a probe may be such a tool itself, and fail in the same words. */
function faultOfStart(file: string, end: ProcessEnd, output: string): string | undefined {
  if (end.kind !== 'ended' || !TOOL_FAILED.has(end.exit.exitCode)) {
    return undefined;
  }
  const [, told, fault] = /^setpriv: (.*): ([^:\n]+)\s*$/.exec(output) ?? [];
  return told?.endsWith(` ${file}`) === true ? fault : undefined;
}

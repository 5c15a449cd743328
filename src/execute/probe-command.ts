import type { ResourceState } from '../core/requires.ts';
import { type Environment, inheritedEnvironment, RUN_ID_VARIABLE } from './environment.ts';
import { findExecutable } from './find-executable.ts';
import { limitText } from './interruption.ts';
import { OutputCapture } from './output-capture.ts';
import type { ProbeResult, ProbeSurroundings } from './probe.ts';
import type { ProbeTarget, RetcodeStates } from './probe-target.ts';
import { type ProcessEnd, runProcess } from './run-process.ts';

/** How long a probe that is over its limit may take to end by itself. */
const GRACE_MS = 500;
const OUTPUT_LIMIT_BYTES = 2_048;
const WORDS_LIMIT = 200;

/**
 * Runs a command and takes its exit status for the state. It runs in the root folder, as the runner's user, and knows the
 * node as PERIODIC_CRON_NODE. Over its limit it is ended, with everything that it started, and the state is not known.
 */
export async function probeCommand(
  { argv, retcodes }: Extract<ProbeTarget, { kind: 'command' }>,
  { node, id, cancel, timeoutMs }: ProbeSurroundings,
): Promise<ProbeResult> {
  const [program, ...args] = argv;
  const env: Environment = { ...inheritedEnvironment(), [RUN_ID_VARIABLE]: id, PERIODIC_CRON_NODE: node };
  const found = findExecutable(program, { path: env['PATH'], cwd: '/' });
  if (found.kind === 'fault') {
    return { state: 'undef', why: found.message };
  }
  const capture = new OutputCapture(OUTPUT_LIMIT_BYTES);
  const end = await runProcess(
    { runId: id, file: found.file, args, cwd: '/', env },
    { timeoutMs, graceMs: GRACE_MS, cancel },
    capture,
  );
  return resultOf(end, retcodes, firstLine(capture.result().text), timeoutMs);
}

function resultOf(end: ProcessEnd, retcodes: RetcodeStates, said: string, timeoutMs: number): ProbeResult {
  switch (end.kind) {
    case 'not_started':
      return { state: 'undef', why: end.message };
    case 'interrupted':
      return {
        state: 'undef',
        why:
          end.by.kind === 'timed_out'
            ? `the command did not end within ${limitText(timeoutMs)}`
            : 'the command was ended, since the runner was told to end',
      };
    case 'ended': {
      const { exitCode, signal } = end.exit;
      return exitCode === undefined
        ? { state: 'undef', why: `the command was ended by ${signal ?? 'a signal'}` }
        : { state: stateOf(exitCode, retcodes), why: `exit status ${exitCode}${said}` };
    }
  }
}

function stateOf(exitCode: number, retcodes: RetcodeStates): ResourceState {
  return retcodes.get(exitCode) ?? (exitCode === 0 ? 'up' : (retcodes.get('other') ?? 'down'));
}

function firstLine(output: string): string {
  const line = output.trim().split('\n')[0]?.trim() ?? '';
  return line === '' ? '' : `: ${line.slice(0, WORDS_LIMIT)}`;
}

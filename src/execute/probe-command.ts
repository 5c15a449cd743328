import type { ResourceState } from '../core/requires.ts';
import { findExecutable } from './find-executable.ts';
import { leftText, limitText } from './interruption.ts';
import type { ProbeResult, ProbeSurroundings } from './probe.ts';
import { environmentOfProbe, type ProbeEnd, runProbeProgram } from './probe-program.ts';
import type { ProbeTarget, RetcodeStates } from './probe-target.ts';

const WORDS_LIMIT = 200;

/**
 * Runs a command and takes its exit status for the state. It runs in the root folder, as the runner's user, and knows the
 * node as PERIODIC_CRON_NODE. Over its limit it is ended, with everything that it started, and the state is not known;
 * what could not be ended is named.
 */
export async function probeCommand(
  { argv, retcodes }: Extract<ProbeTarget, { kind: 'command' }>,
  surroundings: ProbeSurroundings,
): Promise<ProbeResult> {
  const [program, ...args] = argv;
  const env = environmentOfProbe(surroundings);
  const found = findExecutable(program, { path: env['PATH'], cwd: '/' });
  if (found.kind === 'fault') {
    return { state: 'undef', why: found.message };
  }
  const ended = await runProbeProgram({ file: found.file, args }, env, surroundings);
  return resultOf(ended, retcodes, surroundings);
}

function resultOf(
  { end, output }: ProbeEnd,
  retcodes: RetcodeStates,
  { timeoutMs }: ProbeSurroundings,
): ProbeResult {
  switch (end.kind) {
    case 'not_started':
      return { state: 'undef', why: end.message };
    case 'interrupted': {
      const why =
        end.by.kind === 'timed_out'
          ? `the command did not end within ${limitText(timeoutMs)}`
          : 'the command was ended, since the runner was told to end';
      return { state: 'undef', why: `${why}${leftText(end.remaining)}` };
    }
    case 'ended': {
      const { exitCode, signal } = end.exit;
      return exitCode === undefined
        ? { state: 'undef', why: `the command was ended by ${signal ?? 'a signal'}` }
        : { state: stateOf(exitCode, retcodes), why: `exit status ${exitCode}${firstLine(output)}` };
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

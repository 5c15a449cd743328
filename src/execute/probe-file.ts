import { findTool } from './find-executable.ts';
import { leftText, limitText } from './interruption.ts';
import type { ProbeResult, ProbeSurroundings } from './probe.ts';
import { environmentOfProbe, type ProbeEnd, runProbeProgram } from './probe-program.ts';

/**
 * Looks for a path: up where there is something, at the end of symbolic links too, and down where there is nothing.
 *
 * A program looks, and not this process: a file system that has gone away may never answer, and a call into it can be
 * neither given up nor waited for.
 */
export async function probeFile(path: string, surroundings: ProbeSurroundings): Promise<ProbeResult> {
  const stat = findTool('stat', 'a look at a file');
  if (stat.kind === 'fault') {
    return { state: 'undef', why: stat.message };
  }
  const env = { ...environmentOfProbe(surroundings), LC_ALL: 'C' };
  const ended = await runProbeProgram({ file: stat.file, args: ['-L', '--', path] }, env, surroundings);
  return resultOf(ended, path, surroundings);
}

function resultOf({ end, output }: ProbeEnd, path: string, { timeoutMs }: ProbeSurroundings): ProbeResult {
  switch (end.kind) {
    case 'not_started':
      return unknown(path, `: ${end.message}`);
    case 'interrupted': {
      const why =
        end.by.kind === 'timed_out'
          ? ` within ${limitText(timeoutMs)}`
          : ': the look was given up, since the runner was told to end';
      return unknown(path, `${why}${leftText(end.remaining)}`);
    }
    case 'ended': {
      const { exitCode, signal } = end.exit;
      if (exitCode === 0 && !isBrokenLink(output)) {
        return { state: 'up', why: `${path} exists` };
      }
      if (exitCode === 0 || NOTHING_THERE.test(output)) {
        return { state: 'down', why: `${path} does not exist` };
      }
      return unknown(path, `: ${LAST_WORDS.exec(output)?.[1] ?? `stat ended with ${exitCode ?? signal}`}`);
    }
  }
}

const NOTHING_THERE = /: (?:No such file or directory|Not a directory)\s*$/;
const LAST_WORDS = /: ([^:\n]+)\s*$/;

/** The stat of macOS tells of a link that leads nowhere itself: with the words of its mode behind two numbers. */
function isBrokenLink(output: string): boolean {
  return /^\d+ \d+ l/.test(output);
}

function unknown(path: string, why: string): ProbeResult {
  return { state: 'undef', why: `could not look at ${path}${why}` };
}

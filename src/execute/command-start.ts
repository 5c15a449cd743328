import { messageOfExit, type StartWatch } from './command-step.ts';

const STARTED = 'started\n';
const DENIED = 'denied\n';

/** Lines of shell for the last tool: it says over descriptor 3 that the program comes next, or may not be executed. */
export const START_LINES = ['[ -x "$1" ] || { echo denied >&3; exit 126; }', 'echo started >&3'] as const;

export type StartSubject = {
  /** Path of the program. */
  readonly file: string;
  /** The tools before it, and what they are there for. */
  readonly tools: readonly string[];
  readonly place: string;
  readonly userText: string;
};

/**
 * Watches for the word of the last tool. Without it a limit that is too tight, or a tool that failed, would look like
 * the program's own end.
 */
export function watchStart({ file, tools, place, userText }: StartSubject): StartWatch {
  let said: string | undefined;
  return {
    pass: (chunk) => {
      if (said !== undefined) {
        return chunk;
      }
      // The word is shorter than what a pipe takes in one piece, so that it comes whole.
      const text = chunk.subarray(0, STARTED.length).toString('latin1');
      const word = [STARTED, DENIED].find((candidate) => text.startsWith(candidate));
      said = word ?? '';
      return chunk.subarray(said.length);
    },
    fault: (exit) => {
      switch (said) {
        case STARTED:
          return undefined;
        case DENIED:
          return `expected an executable file, got ${file}, which ${userText} may not execute`;
        default:
          return `could not start ${file} ${place}: a tool before it (${tools.join(', ')}) ${messageOfExit(exit)}; the output may say why`;
      }
    },
  };
}

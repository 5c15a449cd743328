import { hostname } from 'node:os';
import type { Readable, Writable } from 'node:stream';

/** The world as a call of the program sees it. Tests hand in their own. */
export type Io = {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Width of the terminal that stdout is. */
  readonly columns: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly uid: number | undefined;
  readonly hostName: string;
  /** The local clock, in milliseconds since 1970. */
  readonly now: () => number;
};

/**
 * The real world. Its streams are opened when they are asked for: a quiet tick writes nothing, and opening them costs it
 * more than its query does.
 */
export function processIo(): Io {
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    get stdinIsTerminal() {
      return process.stdin.isTTY === true;
    },
    get stdoutIsTerminal() {
      return process.stdout.isTTY === true;
    },
    get stderrIsTerminal() {
      return process.stderr.isTTY === true;
    },
    get columns() {
      return process.stdout.isTTY === true ? process.stdout.columns : undefined;
    },
    env: process.env,
    cwd: workingFolder(),
    uid: process.getuid?.(),
    hostName: hostname(),
    now: Date.now,
  };
}

// The folder in which a process started may be gone.
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}

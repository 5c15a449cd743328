import type { DatabaseLocation } from '../../config/config.ts';
import { wordsOf } from '../../store/server-errors.ts';
import type { StatementSession } from '../../store/statement-session.ts';

export type Ending = { readonly location: DatabaseLocation; readonly session: StatementSession };

/** Does the work so that the signal ends what runs then, wherever it runs. For a child process of one run alone. */
export async function endingWith<T>(
  signal: AbortSignal,
  { location, session }: Ending,
  work: () => Promise<T>,
): Promise<T> {
  let cancelled: Promise<void> | undefined;
  const cancel = (): void => {
    cancelled = session.cancel();
  };
  signal.addEventListener('abort', cancel);
  const restore = location.engine === 'sqlite' ? dieOfSigterm() : () => undefined;
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', cancel);
    restore();
    // The process ends with the run, and the other connection would with it.
    await cancelled;
  }
}

/**
 * While SQLite works, nothing in this process can heed a signal. Without a listener the system ends it at once; the next
 * who opens the file rolls back. Returns what brings the listeners back.
 */
function dieOfSigterm(): () => void {
  const listeners = process.listeners('SIGTERM');
  process.removeAllListeners('SIGTERM');
  return () => {
    for (const listener of listeners) {
      process.on('SIGTERM', listener);
    }
  };
}

/** Does a part of the work; its error is told in one line, which shows neither password nor parameters nor our own code. */
export async function told<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw plainError(`${where}${wordsOf(thrown).replaceAll(/\s+/g, ' ')}`);
  }
}

/** An error for people, without a stack. */
export function plainError(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

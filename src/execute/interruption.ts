import { formatDuration } from '../core/durations.ts';
import { messageOfCancel, type Outcome } from '../core/outcome.ts';
import type { ExecutionRequest } from './execution.ts';
import type { RemainingProcess } from './process-tree.ts';

/** Why a run has to end before it is done. */
export type Interruption =
  | { readonly kind: 'timed_out'; readonly limitMs: number }
  | { readonly kind: 'cancelled'; readonly reason: string };

export type Limits = Pick<ExecutionRequest, 'timeoutMs' | 'graceMs' | 'cancel'>;

/** A watch over the limits of one run, from its start; disposed of when the run is over. */
export type LimitWatch = {
  /** Resolves with the first interruption; never, when there is none. */
  readonly interrupted: Promise<Interruption>;
  readonly dispose: () => void;
};

/** Starts the time limit of a run and listens for its cancellation. */
export function watchLimits({ timeoutMs, cancel }: Limits): LimitWatch {
  const { promise, resolve } = withResolve<Interruption>();
  const onAbort = (): void => resolve({ kind: 'cancelled', reason: reasonOfCancel(cancel) });
  if (cancel.aborted) {
    onAbort();
  }
  cancel.addEventListener('abort', onAbort, { once: true });
  const stopTimer =
    timeoutMs > 0
      ? startTimer(timeoutMs, () => resolve({ kind: 'timed_out', limitMs: timeoutMs }))
      : undefined;
  return {
    interrupted: promise,
    dispose: () => {
      cancel.removeEventListener('abort', onAbort);
      stopTimer?.();
    },
  };
}

/** Why a signal was aborted: its reason where that is text. */
export function reasonOfCancel(cancel: AbortSignal): string {
  return typeof cancel.reason === 'string' ? cancel.reason : 'operator';
}

/** What an interrupted run has come to; the processes that are left are named. */
export function outcomeOfInterruption(
  by: Interruption,
  exit: { readonly exitCode?: number; readonly signal?: string },
  remaining: readonly RemainingProcess[],
): Outcome {
  const left = leftText(remaining);
  if (by.kind === 'cancelled') {
    return { kind: 'cancelled', reason: by.reason, message: `${messageOfCancel(by.reason)}${left}`, ...exit };
  }
  const message = `did not end within its time limit of ${limitText(by.limitMs)}${left}`;
  return { kind: 'timed_out', limitMs: by.limitMs, message, ...exit };
}

/** What follows a message where processes could not be ended: which they are, and why. */
export function leftText(remaining: readonly RemainingProcess[]): string {
  return remaining.map(({ pid, reason }) => `; process ${pid} is left: ${reason}`).join('');
}

/** The promise's value, or `undefined` when it has none within the time. */
export async function within<T>(limitMs: number, promise: Promise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = withResolve<undefined>();
  const stopTimer = startTimer(limitMs, () => resolve(undefined));
  try {
    return await Promise.race([promise, late]);
  } finally {
    stopTimer();
  }
}

/** A promise and the function that resolves it. */
export function withResolve<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolvePromise: ((value: T) => void) | undefined;
  const promise = new Promise<T>((resolve) => {
    resolvePromise = resolve;
  });
  return { promise, resolve: (value) => resolvePromise?.(value) };
}

/** A limit as people read it. */
export function limitText(limitMs: number): string {
  return limitMs % 1000 === 0 ? formatDuration(limitMs / 1000) : `${limitMs} ms`;
}

// Node's timers hold 31 bits: a longer one would fire at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function startTimer(delayMs: number, onEnd: () => void): () => void {
  let timer: NodeJS.Timeout;
  const start = (leftMs: number): void => {
    const partMs = Math.min(leftMs, LONGEST_TIMER_MS);
    timer = setTimeout(() => (leftMs > partMs ? start(leftMs - partMs) : onEnd()), partMs);
  };
  start(delayMs);
  return () => clearTimeout(timer);
}

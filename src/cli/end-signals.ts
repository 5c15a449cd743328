import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Why a runner's `cancel` signal was aborted by {@link withEndSignals}. */
const SHUTDOWN = 'shutdown';

export type EndSignals = {
  /** Aborted when this process is told to end: running tasks are ended, and nothing new starts. */
  readonly cancel: AbortSignal;
  /** The exit code of a process that a signal ended, 128+n; undefined while none came. */
  readonly exitCode: () => number | undefined;
};

/** Runs `work` while the signals that end a process abort a signal instead. */
export async function withEndSignals<T>(work: (signals: EndSignals) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    received ??= signal;
    controller.abort(SHUTDOWN);
  };
  for (const signal of SIGNALS) {
    process.on(signal, onSignal);
  }
  try {
    return await work({
      cancel: controller.signal,
      exitCode: () => (received === undefined ? undefined : 128 + constants.signals[received]),
    });
  } finally {
    for (const signal of SIGNALS) {
      process.off(signal, onSignal);
    }
  }
}

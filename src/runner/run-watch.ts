import type { Instant } from '../core/instants.ts';
import { type CancelWatch, watchCancel } from './cancel-watch.ts';
import { keepLease } from './lease.ts';
import type { Runner } from './runner.ts';

/** Aborted when a run has to end: its runner or somebody else says so, or its lease is lost. */
export function watchRun(
  runner: Pick<Runner, 'driver' | 'cancel' | 'clock'>,
  {
    token,
    startedAt,
    isLeased,
  }: { readonly token: string; readonly startedAt: Instant; readonly isLeased: boolean },
): CancelWatch {
  const cancel = watchCancel(runner, token);
  if (!isLeased) {
    return cancel;
  }
  const lease = keepLease(runner, { token, heldFrom: startedAt });
  return {
    signal: AbortSignal.any([cancel.signal, lease.signal]),
    dispose: () => {
      cancel.dispose();
      lease.dispose();
    },
  };
}

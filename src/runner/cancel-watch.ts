import { SECOND_MS } from '../core/instants.ts';
import { cancelRequested } from '../store/live-runs.ts';
import type { Runner } from './runner.ts';

/** How often a runner looks whether somebody asks it to end a run: a task that is done sooner costs no look at all. */
const LOOK_EVERY_MS = 2 * SECOND_MS;

/** Aborted when the runner is told to end, and when the run is asked to; disposed of when the run is over. */
export type CancelWatch = { readonly signal: AbortSignal; readonly dispose: () => void };

/**
 * Watches over the requests to end a live run, which come through the database, since whoever asks is another process.
 * A database that is away is no reason to end anything.
 */
export function watchCancel(
  { driver, cancel }: Pick<Runner, 'driver' | 'cancel'>,
  token: string,
): CancelWatch {
  const request = new AbortController();
  let isLooking = false;
  const look = async (): Promise<void> => {
    if (isLooking) {
      return;
    }
    isLooking = true;
    const reason = await cancelRequested(driver, token).catch(() => null);
    isLooking = false;
    if (reason !== null) {
      request.abort(reason);
    }
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  timer.unref();
  return {
    signal: AbortSignal.any([cancel, request.signal]),
    dispose: () => clearInterval(timer),
  };
}

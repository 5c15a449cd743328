import { SECOND_MS } from '../core/instants.ts';
import { LEASE_LOST, RENEW_AGAIN_S, RENEW_EVERY_S, STOP_AFTER_S } from '../core/lease.ts';
import { renewLease } from '../store/lease.ts';
import type { Runner } from './runner.ts';

/** How often a runner looks at the age of its lease: stopping late by this much is covered by the lease. */
const LOOK_EVERY_MS = SECOND_MS;

/** Aborted, with the reason, when the run is not this runner's any more; disposed of when the run is over. */
export type LeaseWatch = { readonly signal: AbortSignal; readonly dispose: () => void };

/**
 * Renews the lease of a run until it is over. When that has not worked for {@link STOP_AFTER_S} seconds of elapsed time,
 * or the database says that the run is not alive any more, the signal is aborted: the task has to end while the lease
 * still stands. `heldFrom` is when the claim was sent, since the lease counts from then at the latest.
 */
export function keepLease(
  { driver, clock }: Pick<Runner, 'driver' | 'clock'>,
  { token, heldFrom }: { readonly token: string; readonly heldFrom: number },
): LeaseWatch {
  const lost = new AbortController();
  let renewedAt = heldFrom;
  let askedAt = heldFrom;
  let isAsking = false;
  let waitMs = RENEW_EVERY_S * SECOND_MS;
  const renew = async (): Promise<void> => {
    isAsking = true;
    askedAt = clock();
    const sentAt = askedAt;
    try {
      // The lease counts from when it was asked for, not from when the answer came.
      if (await renewLease(driver, token)) {
        renewedAt = sentAt;
        waitMs = RENEW_EVERY_S * SECOND_MS;
      } else {
        lost.abort(LEASE_LOST);
      }
    } catch {
      // The database is away: the age of the lease decides.
      waitMs = RENEW_AGAIN_S * SECOND_MS;
    } finally {
      isAsking = false;
    }
  };
  const look = (): void => {
    const now = clock();
    if (now - renewedAt >= STOP_AFTER_S * SECOND_MS) {
      lost.abort(LEASE_LOST);
    } else if (!isAsking && now - askedAt >= waitMs) {
      void renew();
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return { signal: lost.signal, dispose: () => clearInterval(timer) };
}

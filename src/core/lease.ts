// A run of scope `one` on a shared database holds a lease, so that other nodes know when it may be given up. The runner
// stops its task well before others may take the next slot: what is left of the lease is for ending the task.

/** How long a lease lasts from its last renewal, by the database's clock, in seconds. */
export const LEASE_S = 60;

/** How often a runner renews it, in seconds. */
export const RENEW_EVERY_S = 15;

/** How soon a renewal that failed is tried again, in seconds. */
export const RENEW_AGAIN_S = 5;

/** After this long without a renewal the runner stops its task, in seconds of elapsed time. */
export const STOP_AFTER_S = 45;

/** How long a task that is stopped for its lease may go on at most, whatever its own grace, in seconds. */
export const STOP_GRACE_S = 10;

/** The reason with which a run is cancelled, and recorded as lost, when its lease is gone. */
export const LEASE_LOST = 'lease_lost';

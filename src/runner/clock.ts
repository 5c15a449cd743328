import { uptime } from 'node:os';
import { floorToMinute, type Instant } from '../core/instants.ts';

/** Says what time it is now. The one clock of a call of the program. */
export type Clock = () => Instant;

/**
 * A clock that reads the wall once and then moves on by elapsed time, so that a wall clock which is set during a call
 * changes nothing in it. Elapsed is the greater of what the monotonic clock and the uptime say, since the former stands
 * still while the machine sleeps.
 */
export function startClock(wallNow: Instant = Date.now()): Clock {
  const startNs = process.hrtime.bigint();
  const startUptimeS = uptime();
  let readAtMs = 0;
  // How far the uptime is ahead of the monotonic clock: what the machine slept.
  let sleptMs = 0;
  return () => {
    const monotonicMs = Number((process.hrtime.bigint() - startNs) / 1_000_000n);
    if (monotonicMs - readAtMs >= UPTIME_READ_MS) {
      readAtMs = monotonicMs;
      const aheadMs = Math.floor((uptime() - startUptimeS) * 1_000) - monotonicMs;
      sleptMs = aheadMs > UPTIME_STEP_MS ? aheadMs : sleptMs;
    }
    return wallNow + monotonicMs + sleptMs;
  };
}

/** Reading the uptime opens a file, so it is not read more often than this. */
const UPTIME_READ_MS = 100;

/** The uptime comes in steps of 10 ms; what it is ahead by that is no sleep. */
const UPTIME_STEP_MS = 20;

/** Milliseconds since this process started. */
export function processAgeMs(): number {
  return Math.floor(process.uptime() * 1_000);
}

/** By how much the clocks of a machine and of a shared database may differ without a word. */
export const CLOCK_TOLERANCE_MS = 2_000;

/**
 * The minute of a tick: that in which cron started the process. Without going back by the process's age, and down to the
 * minute, a task whose period equals cron's would lose runs to the latency of starting up. Cron goes by the machine's
 * clock: `toleranceMs` is how far that may be ahead of `now` without the tick falling into the minute before.
 */
export function tickMinute(now: Instant, ageMs: number, toleranceMs = 0): Instant {
  return floorToMinute(now - ageMs + toleranceMs);
}

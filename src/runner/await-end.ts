import { type Instant, SECOND_MS } from '../core/instants.ts';
import { STOP_GRACE_S } from '../core/lease.ts';
import type { Driver } from '../store/driver.ts';
import type { Run } from '../store/run-row.ts';
import { findRun } from '../store/task-runs.ts';
import { loadCandidate } from '../store/tick-statements.ts';
import type { Clock } from './clock.ts';

/** How a wait passes the time between two looks. */
export type Pause = (ms: number) => Promise<void>;

export type EndWait = {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly pause: Pause;
  /** Called before each pause, with the run as it stands. */
  readonly onLook: (run: Run) => void;
};

const LOOK_EVERY_MS = 500;

/**
 * Waits until a run has ended, and returns it as it stands then; one that is alive when the time is over is returned as
 * that. Undefined when the ledger has it no more.
 */
export async function awaitEnd(
  { driver, clock, pause, onLook }: EndWait,
  token: string,
  until: Instant,
): Promise<Run | undefined> {
  for (;;) {
    const run = await findRun(driver, token);
    if (run?.status !== 'running' || clock() >= until) {
      return run;
    }
    onLook(run);
    await pause(LOOK_EVERY_MS);
  }
}

/** A task of a removed definition: its grace is not known any more, and may be anything that is usual. */
const USUAL_GRACE_S = 10;
/** Its runner looks every other second, and writes the end. */
const MARGIN_S = 10;

/** How long a run that is asked to end may take for that at most, in seconds: the grace of its task, and some more. */
export async function endingSeconds(driver: Driver, { taskId, scopeKey }: Run): Promise<number> {
  const candidate = await loadCandidate(driver, { taskId, scopeKey, ordering: 0 });
  const grace = Number(candidate?.record.fields.killGraceSeconds ?? USUAL_GRACE_S);
  return Math.max(Number.isFinite(grace) ? grace : USUAL_GRACE_S, STOP_GRACE_S) + MARGIN_S;
}

/** The instant so many seconds after now. */
export function inSeconds(clock: Clock, seconds: number): Instant {
  return clock() + seconds * SECOND_MS;
}

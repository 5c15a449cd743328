import { textOf } from './cells.ts';
import type { Driver } from './driver.ts';

/** Writes a reason beside a live run that has none yet. True the first time: then there is something new to tell. */
export async function noteLiveRun(driver: Driver, token: string, reason: string): Promise<boolean> {
  const changed = await driver.run(
    "UPDATE periodic_run SET reason = ? WHERE token = ? AND status = 'running' AND reason IS NULL",
    [reason, token],
  );
  return changed === 1;
}

/**
 * Asks the runner of a live run to end it. False if the run has ended, or if there is none. Of several requests, the
 * first says why.
 */
export async function requestCancel(
  { run }: Pick<Driver, 'run'>,
  token: string,
  reason: string,
): Promise<boolean> {
  const changed = await run(
    `UPDATE periodic_run SET cancel_requested = coalesce(cancel_requested, ?)
     WHERE token = ? AND status = 'running'`,
    [reason, token],
  );
  return changed === 1;
}

/** Why a live run is asked to end; null if nobody asks, or if it has ended. */
export async function cancelRequested(driver: Driver, token: string): Promise<string | null> {
  const [row] = await driver.all(
    "SELECT cancel_requested FROM periodic_run WHERE token = ? AND status = 'running'",
    [token],
  );
  return textOf(row?.['cancel_requested']);
}

/** Writes how far a live run is. One that has ended keeps what was written last. */
export async function noteProgress(
  driver: Driver,
  token: string,
  { done, total }: { readonly done: number; readonly total: number },
): Promise<void> {
  await driver.run(
    "UPDATE periodic_run SET progress_done = ?, progress_total = ? WHERE token = ? AND status = 'running'",
    [done, total, token],
  );
}

import type { Driver } from './driver.ts';

/** Writes a reason beside a live run that has none yet. True the first time: then there is something new to tell. */
export async function noteLiveRun(driver: Driver, token: string, reason: string): Promise<boolean> {
  const changed = await driver.run(
    "UPDATE periodic_run SET reason = ? WHERE token = ? AND status = 'running' AND reason IS NULL",
    [reason, token],
  );
  return changed === 1;
}

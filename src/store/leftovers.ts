import type { Driver, Statements } from './driver.ts';

/** Records that processes of a run may be left on a machine, since another one declared it lost. */
export async function markLeftovers(
  { run }: Pick<Statements, 'run'>,
  token: string,
  machineId: string,
): Promise<void> {
  await run('UPDATE periodic_run SET leftover_on = ? WHERE token = ?', [machineId, token]);
}

/** The tokens of runs of which processes may be left on this machine. */
export async function listLeftovers(driver: Driver, machineId: string): Promise<readonly string[]> {
  const rows = await driver.all('SELECT token FROM periodic_run WHERE leftover_on = ?', [machineId]);
  return rows.map((row) => String(row['token']));
}

/** Nothing of the run is left any more. */
export async function forgetLeftovers(driver: Driver, token: string): Promise<void> {
  await driver.run('UPDATE periodic_run SET leftover_on = NULL WHERE token = ?', [token]);
}

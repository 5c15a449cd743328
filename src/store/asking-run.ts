import { UsageError } from '../core/errors.ts';
import type { Statements } from './driver.ts';

/**
 * Keeps a run that asks for something from being given an end until the transaction is over. False when it has one
 * already: then another may have its place, and what it asks for is nobody's wish any more.
 */
export async function holdAskingRun({ run }: Pick<Statements, 'run'>, token: string): Promise<boolean> {
  const held = await run(
    "UPDATE periodic_run SET live_node = live_node WHERE token = ? AND status = 'running'",
    [token],
  );
  return held === 1;
}

/**
 * The same where a person may ask as well, who is no run.
 *
 * @throws UsageError when the run has an end
 */
export async function refuseGivenUp(
  statements: Pick<Statements, 'run'>,
  token: string | undefined,
): Promise<void> {
  if (token !== undefined && !(await holdAskingRun(statements, token))) {
    throw new UsageError('expected a run that goes on, got one that was given up');
  }
}

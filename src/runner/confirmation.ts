import { PeriodicCronError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import { recordRefusal } from '../store/record-refusal.ts';
import type { Run } from '../store/run-row.ts';
import type { Runner } from './runner.ts';
import { newToken } from './token.ts';

/** What somebody is asked to confirm before it runs. */
export type AboutToRun = {
  /** With the options of this run. */
  readonly task: Task;
  /** Those of the options that replace what the definition says. */
  readonly overrides: JsonObject;
  readonly node: string;
  /** The run whose slot is run again; null for a run without a slot. */
  readonly rerunOf: Run | null;
};

/** `by` and `why` are for the ledger: a name or a flag, and what was answered instead of yes. */
export type Confirmation =
  | { readonly kind: 'confirmed'; readonly by: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Asks somebody to confirm a run; resolves with the answer, whatever it is. */
export type Confirm = (about: AboutToRun) => Promise<Confirmation>;

/** A run that needs a confirmation was not confirmed: nothing was started. */
export class ConfirmationError extends PeriodicCronError {
  override readonly code = 'E_NOT_CONFIRMED';
  override readonly exitCode: number = 1;
}

/**
 * Has a run confirmed, and returns by whom. A refusal is recorded in the ledger.
 *
 * @throws ConfirmationError when it is not confirmed
 */
export async function confirmRun(
  runner: Pick<Runner, 'driver' | 'clock' | 'node'>,
  about: AboutToRun,
  { confirm, state }: { readonly confirm: Confirm; readonly state: TaskState },
): Promise<string> {
  const answer = await confirm(about);
  if (answer.kind === 'confirmed') {
    return answer.by;
  }
  const { task, rerunOf } = about;
  const what = rerunOf === null ? '' : `, the rerun of run ${rerunOf.id}`;
  await recordRefusal(runner.driver, {
    token: newToken(),
    taskId: task.id,
    taskName: task.name,
    module: task.module,
    scopeKey: state.scopeKey,
    node: runner.node.name,
    message: `not confirmed${what}: ${answer.why}`,
    at: runner.clock(),
  });
  throw new ConfirmationError(`task ${JSON.stringify(task.name)}${what}: not confirmed: ${answer.why}`);
}

/** For callers that have nobody to ask. */
export const NOBODY: Confirm = () => Promise.resolve({ kind: 'refused', why: 'there is nobody to ask' });

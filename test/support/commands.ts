import type { JsonObject } from '../../src/core/json.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { execute } from '../../src/execute/execute.ts';
import type { ExecutionRequest, Progress } from '../../src/execute/execution.ts';
import { hostWith, requestWith } from './execution.ts';

/** Why tests that change ids are left out here; undefined as root. */
export const needsRoot = process.getuid?.() === 0 ? undefined : 'only root may run anything as another user';

/** A number that is the user of no other process. */
export const LONE_USER = '61234';

export type CommandRun = {
  readonly outcome: Outcome;
  readonly text: string;
  readonly progress: readonly Progress[];
};

/** Runs a command with these options to its end. */
export async function runCommandWith(
  options: JsonObject,
  changes: Partial<ExecutionRequest> = {},
): Promise<CommandRun> {
  const progress: Progress[] = [];
  const host = hostWith({ progress: (made) => progress.push(made) });
  const { outcome, output } = await execute(requestWith({ options, host, ...changes }));
  return { outcome, text: output.text, progress };
}

/** Runs text in a shell, with further options. */
export function runShell(
  command: string,
  options: JsonObject = {},
  changes: Partial<ExecutionRequest> = {},
): Promise<CommandRun> {
  return runCommandWith({ command, shell: true, ...options }, changes);
}

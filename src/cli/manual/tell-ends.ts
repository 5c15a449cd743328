import { DatabaseError, type PeriodicCronError } from '../../core/errors.ts';
import { COMMAND_ID } from '../../modules/shipped/command.ts';
import { failedForGood, type RunReport } from '../../runner/runner.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { runReportJson } from '../run-json.ts';
import type { TaskToRun } from './overrides.ts';

/** What became of a task that was to run by hand. */
export type ManualEnd =
  | { readonly kind: 'ended'; readonly run: RunReport }
  | { readonly kind: 'refused'; readonly task: string; readonly error: PeriodicCronError };

/** Sums several tasks up, or prints the document of `--json`. */
export function tellEnds(output: Output, tasks: readonly TaskToRun[], ends: readonly ManualEnd[]): void {
  const runs = runsOf(ends);
  const refused = ends.flatMap((end) => (end.kind === 'refused' ? [end] : []));
  if (output.isJson) {
    output.document({
      runs: runs.map(runReportJson),
      notRun: refused.map(({ task, error }) => ({ task, reason: error.message })),
    });
    return;
  }
  if (tasks.length > 1) {
    const failed = runs.filter(failedForGood).length;
    const warned = runs.filter(({ warning }) => warning !== null).length;
    const notStarted = tasks.length - ends.length;
    const counts = [
      `${runs.length - failed} done${warned === 0 ? '' : ` (${warned} with a warning)`}`,
      `${failed} failed`,
      `${refused.length} refused`,
      ...(notStarted === 0 ? [] : [`${notStarted} not started`]),
    ];
    output.line(`${tasks.length} tasks: ${counts.join(', ')}`);
  }
}

/** The database is away, and so for every other task: nothing more can be started. */
export function isDatabaseTrouble(end: ManualEnd): boolean {
  return end.kind === 'refused' && end.error instanceof DatabaseError;
}

/** 0 when all is done. The status of a single command is passed on, unless the command was ended at its time limit. */
export function exitCodeOfEnds(tasks: readonly TaskToRun[], ends: readonly ManualEnd[]): number {
  const runs = runsOf(ends);
  const [only] = runs;
  // A command that was ended at its time limit may well say 0.
  if (isOneCommand(tasks) && (only?.exitCode ?? 0) !== 0) {
    return only?.exitCode ?? EXIT.taskFailed;
  }
  if (runs.some(({ spooled }) => spooled) || ends.some(isDatabaseTrouble)) {
    return EXIT.database;
  }
  return runs.length < tasks.length || runs.some(failedForGood) ? EXIT.taskFailed : EXIT.ok;
}

function isOneCommand(tasks: readonly TaskToRun[]): boolean {
  return tasks.length === 1 && tasks[0]?.record.fields.module === COMMAND_ID;
}

function runsOf(ends: readonly ManualEnd[]): readonly RunReport[] {
  return ends.flatMap((end) => (end.kind === 'ended' ? [end.run] : []));
}

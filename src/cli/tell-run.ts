import { toShortText } from '../core/instants.ts';
import { saysDone } from '../core/state.ts';
import { failedForGood, type RunReport } from '../runner/runner.ts';
import type { Output } from './output.ts';
import { printable } from './terminal.ts';

/** Tells how a run ended: what is wrong on stderr, the rest on stdout unless cron must not hear of it. */
export function tellRun(
  run: RunReport,
  { cron, output }: { readonly cron: boolean; readonly output: Output },
): void {
  if (failedForGood(run)) {
    const why = run.error === null ? '' : `: ${run.error}`;
    output.note(`task ${describeRun(run)} ${run.status}${why}${terminationText(run)}`);
    return;
  }
  if (!cron && !output.isJson) {
    output.line(`${run.status}  ${describeRun(run)}${durationText(run)}${retryText(run)}${warningText(run)}`);
  }
}

/** A run in a few words: the task, its slot, which attempt, and how many slots it stands for. */
export function describeRun({ task, slotAt, missed, attempt }: RunReport): string {
  return [
    JSON.stringify(task),
    ...(slotAt === null ? ['by hand'] : [`slot ${toShortText(slotAt)}`]),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(missed > 0 ? [`for ${missed} missed slot${missed === 1 ? '' : 's'} too`] : []),
  ].join(', ');
}

/** A failure with which the task is given up is more than a failure; that a task with one slot is done is not. */
function terminationText({ terminated }: RunReport): string {
  return terminated === null || saysDone(terminated) ? '' : `; it is terminated: ${terminated}`;
}

function warningText({ warning }: RunReport): string {
  return warning === null ? '' : `; warning: ${printable(warning)}`;
}

function durationText({ durationMs }: RunReport): string {
  return durationMs === null ? '' : ` in ${durationMs} ms`;
}

function retryText({ retryAt, error }: RunReport): string {
  return retryAt === null ? '' : `: ${error ?? 'failed'}; next attempt at ${toShortText(retryAt)}`;
}

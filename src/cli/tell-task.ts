import type { Context } from './context.ts';
import { nextRunSentence } from './describe-task.ts';
import { scheduleRemarks } from './schedule-remarks.ts';
import type { Session } from './session.ts';
import { taskJson } from './task-json.ts';
import type { TaskView } from './task-view.ts';
import { printable } from './terminal.ts';

export type Telling = {
  /** What was done, such as `added task "x"`. */
  readonly done: string;
  readonly word: 'first' | 'next';
  /** What `--json` prints; the task by itself if absent. */
  readonly document?: unknown;
};

/** Tells what was done to a task and when it runs next, or prints the task as JSON. */
export function tellTask(
  { output }: Context,
  { clock }: Session,
  view: TaskView,
  { done, word, document }: Telling,
): void {
  if (output.isJson) {
    output.document(document ?? taskJson(view));
    return;
  }
  output.line(printable(done));
  output.line(printable(nextRunSentence(view, clock(), word)));
  for (const remark of scheduleRemarks(view)) {
    output.line(printable(remark));
  }
}

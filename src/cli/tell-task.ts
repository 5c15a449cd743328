import { formatDuration } from '../core/durations.ts';
import { SECOND_MS } from '../core/instants.ts';
import { scheduleOf } from '../runner/definition.ts';
import type { Context } from './context.ts';
import { nextRunSentence } from './describe-task.ts';
import { rhythmOf, shortestGapMs } from './rhythm.ts';
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
}

/** Says on stderr when a task has slots closer together than the ticks of this node, which then share one run. */
export async function noteRhythm({ output }: Context, session: Session, view: TaskView): Promise<void> {
  const { task, states } = view;
  const state = states[0]?.state;
  const rhythmMs = await rhythmOf(session, session.config.node);
  if (task === undefined || state === undefined || rhythmMs === undefined) {
    return;
  }
  const gapMs = shortestGapMs(scheduleOf(task, state, 'UTC'), session.clock());
  if (gapMs !== undefined && gapMs < rhythmMs) {
    output.note(
      `task ${JSON.stringify(task.name)} has slots ${durationText(gapMs)} apart, but a tick of node ${JSON.stringify(session.config.node)} comes every ${durationText(rhythmMs)}: slots in between share one run`,
    );
  }
}

function durationText(ms: number): string {
  return formatDuration(Math.round(ms / SECOND_MS));
}

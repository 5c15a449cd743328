import { formatDuration } from '../core/durations.ts';
import { type Instant, SECOND_MS } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import type { Timetable } from '../core/timetable.ts';
import type { Context } from './context.ts';
import { nextRunSentence } from './describe-task.ts';
import { rhythmOf, shortestGapMs } from './rhythm.ts';
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

/** Says on stderr when a task has slots closer together than the ticks of this node, which then share one run. */
export async function noteRhythm({ output }: Context, session: Session, view: TaskView): Promise<void> {
  const { task, states } = view;
  const [first] = states;
  const rhythmMs = await rhythmOf(session, session.config.node);
  if (task === undefined || first?.timetable === undefined || rhythmMs === undefined) {
    return;
  }
  const gapMs = shortestGapOf(first.timetable, first.state, session.clock());
  if (gapMs !== undefined && gapMs < rhythmMs) {
    const slots = `task ${JSON.stringify(task.name)} has slots ${durationText(gapMs)} apart`;
    const rhythm = `a tick of node ${JSON.stringify(session.config.node)} comes every ${durationText(rhythmMs)}`;
    const effect =
      task.anchor === 'slot' ? 'slots in between share one run' : 'it starts no oftener than that';
    output.note(`${slots}, but ${rhythm}: ${effect}`);
  }
}

/** With anchors start and finish there is one next slot at a time: the period itself says how far apart they are. */
function shortestGapOf(timetable: Timetable, state: TaskState, from: Instant): number | undefined {
  const seconds = timetable.period?.periodSeconds;
  if (seconds !== undefined) {
    return seconds > 0 ? seconds * SECOND_MS : undefined;
  }
  return shortestGapMs(timetable.slotsIn(state), from);
}

function durationText(ms: number): string {
  return formatDuration(Math.round(ms / SECOND_MS));
}

import { formatDuration } from '../core/durations.ts';
import { type Instant, SECOND_MS } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import type { Timetable } from '../core/timetable.ts';
import type { Context } from './context.ts';
import { rhythmOf, shortestGapMs } from './rhythm.ts';
import type { Session } from './session.ts';
import type { TaskView } from './task-view.ts';

/**
 * Says on stderr what becomes of a written task's slots where they are closer together than the ticks of this node, or
 * than its random offset.
 */
export async function warnOfSlots({ output }: Context, session: Session, view: TaskView): Promise<void> {
  const { task, states } = view;
  const [first] = states;
  const gapMs =
    first?.timetable === undefined ? undefined : shortestGapOf(first.timetable, first.state, session.clock());
  if (task === undefined || gapMs === undefined) {
    return;
  }
  const { node } = session.config;
  const slots = `task ${JSON.stringify(task.name)} has slots ${durationText(gapMs)} apart`;
  const rhythmMs = await rhythmOf(session, node);
  if (rhythmMs !== undefined && gapMs < rhythmMs) {
    const rhythm = `a tick of node ${JSON.stringify(node)} comes every ${durationText(rhythmMs)}`;
    output.note(`${slots}, but ${rhythm}: ${effectOfRhythm(task, rhythmMs / gapMs)}`);
  }
  // With anchors start and finish there is one next slot, which nothing overtakes.
  if (task.anchor === 'slot' && gapMs < task.randomOffsetSeconds * SECOND_MS) {
    const offset = `a random offset of up to ${formatDuration(task.randomOffsetSeconds)}`;
    const fate = task.catchUp === 'skip' ? 'is skipped' : 'goes with that one';
    output.note(`${slots}, but ${offset}: a slot that has not started when a later one does ${fate}`);
  }
}

function effectOfRhythm({ anchor, catchUp, catchUpMax }: Task, slotsOfTick: number): string {
  if (anchor !== 'slot') {
    return 'it starts no oftener than that';
  }
  switch (catchUp) {
    case 'latest':
      return 'slots in between share one run';
    case 'skip':
      return 'slots in between are skipped';
    case 'each':
      return slotsOfTick > catchUpMax
        ? `a tick runs the newest ${catchUpMax} one after the other, and older ones are skipped`
        : 'each slot runs, several in one tick';
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

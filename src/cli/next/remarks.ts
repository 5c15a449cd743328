import { resourcesNeeded } from '../../core/conditions.ts';
import { asksTheWorld } from '../../core/gate.ts';
import type { Instant } from '../../core/instants.ts';
import { atClockNote } from '../../core/schedule/at.ts';
import { isReboot } from '../../core/schedule/cron-fields.ts';
import type { TickCount } from '../../core/schedule/ticks.ts';
import { windowNever } from '../../core/schedule/window.ts';
import { nextSlotOf } from '../../core/slots.ts';
import type { TaskState } from '../../core/state.ts';
import type { Task } from '../../core/task.ts';
import type { Timetable } from '../../core/timetable.ts';
import { backedOff, backedOffText } from '../backed-off.ts';
import { clockText } from '../describe-task.ts';
import { type TickWait, ticksText } from '../tick-wait.ts';
import { instantText } from '../times.ts';

/** A schedule with the state from which it is asked. */
export type Asking = {
  readonly task: Task;
  readonly timetable: Timetable;
  readonly state: TaskState;
  readonly timezone: string;
  readonly from: Instant;
};

/** Why a schedule never starts, or what else there is to know of the instants at which it does. */
export function remarksOf(asking: Asking): readonly string[] {
  return [...whyNever(asking), ...periodRemarks(asking), ...instantRemarks(asking), ...worldRemarks(asking)];
}

/** A condition of a coming instant nobody can know. */
function worldRemarks({ task }: Asking): readonly string[] {
  return asksTheWorld(task)
    ? [`as if its conditions hold: ${resourcesNeeded(task).join(', ')} as it needs them`]
    : [];
}

function whyNever({ task: { scheduleKind, schedule, confirmation } }: Asking): readonly string[] {
  if (confirmation) {
    return ['it asks for a confirmation: its schedule never starts it'];
  }
  switch (scheduleKind) {
    case 'manual':
      return ['manual: its schedule never starts it'];
    case 'every':
      return schedule.trim().startsWith('-') ? ['a negative period: its schedule never starts it'] : [];
    case 'cron':
      return isReboot(schedule)
        ? ['@reboot: it starts at the first tick after a boot, at no instant that is known before']
        : [];
    case 'window':
      return windowNever(schedule) ? ['the window says never: its schedule never starts it'] : [];
    default:
      return [];
  }
}

/** What the list takes for granted where the slots follow from the runs. */
function periodRemarks({ timetable, state }: Asking): readonly string[] {
  const { period } = timetable;
  if (period === null || period.periodSeconds < 0) {
    return [];
  }
  const backed = backedOff(timetable, state);
  const { anchor, backoff } = period;
  return [
    ...(backed === null ? [] : [backedOffText(backed)]),
    ...(backoff === 'every_run' ? ['backoff every_run: the period doubles with each run'] : []),
    ...(backoff === 'on_failure' ? ['backoff on_failure: as if each run succeeds'] : []),
    ...(anchor === 'start' ? ['anchor start: as if each run starts on time and succeeds'] : []),
    ...(anchor === 'finish' ? [finishRemark(state)] : []),
  ];
}

function finishRemark({ lastStatus }: TaskState): string {
  return lastStatus === 'running'
    ? 'anchor finish: it runs now, and its next slot counts from the end of that run'
    : 'anchor finish: as if each run starts on time, succeeds and ends at once';
}

function instantRemarks({ task, timetable, state, timezone, from }: Asking): readonly string[] {
  if (task.scheduleKind !== 'at' || state.terminatedAt !== null) {
    return [];
  }
  const note = atClockNote(task.schedule, timezone);
  const slot = timetable.slotsIn(state).nextAfter(Number.NEGATIVE_INFINITY);
  const hasPassed = slot !== undefined && slot <= from && nextSlotOf(timetable, state) === null;
  return [
    ...(note === undefined ? [] : [note]),
    ...(hasPassed ? [`its instant has passed: ${instantText(slot)}`] : []),
  ];
}

/** When a schedule fires that counts ticks: `in 3 ticks, about 01:10Z, then every 4 ticks`. */
export function tickRemark(
  { ticksLeft, aboutAt = null }: Pick<TickWait, 'ticksLeft'> & Partial<TickWait>,
  { gap, repeats }: TickCount,
): string {
  const about = aboutAt === null ? '' : `, about ${clockText(aboutAt)}`;
  const again = repeats ? `, then every ${gap === 1 ? 'tick' : `${gap} ticks`}` : '';
  return `${ticksText({ ticksLeft })}${about}${again}`;
}

import { localTimezone } from '../../config/local-zone.ts';
import { formatDuration, parseDuration } from '../../core/durations.ts';
import { ScheduleError, UsageError } from '../../core/errors.ts';
import { checkSchedule } from '../../core/schedule/next-slot.ts';
import type { Schedule, ScheduleKind } from '../../core/schedule/schedule.ts';
import { newState, type TaskState } from '../../core/state.ts';
import { ALL_NODES, type Task } from '../../core/task.ts';
import { definitionSchema } from '../../core/task-schema.ts';
import { timetableOf } from '../../core/timetable.ts';
import { zoneOf } from '../../core/zone.ts';
import type { Context } from '../context.ts';
import { type Answer, clockChangesOf, type Question } from './answer.ts';
import { comingStarts } from './coming-starts.ts';
import { remarksOf, tickRemark } from './remarks.ts';

/** A schedule that was typed rather than stored. */
export type TypedSchedule = {
  readonly kind: Exclude<ScheduleKind, 'manual'>;
  /** As which flag it was typed. */
  readonly flag: string;
  readonly text: string;
  readonly timezone: string | undefined;
};

/** `H` and `~` need a task to choose for; this stands for one that does not exist. */
const NO_TASK = 0;
const HAS_HASH = /(?:^|[\s,])h/i;

/**
 * When a typed schedule comes next. It is counted from its last slot, which is `--from` unless said otherwise. Needs no
 * database, and a configuration only for the spacing that `every 0` stands for.
 *
 * @throws UsageError that names the flag
 */
export async function answerOfText(
  context: Context,
  typed: TypedSchedule,
  question: Question,
): Promise<Answer> {
  const { kind, flag } = typed;
  const timezone = typed.timezone ?? localTimezone(context.io.env);
  named('--timezone', () => zoneOf(timezone));
  const schedule = kind === 'every' ? await withDefaultSpacing(context, typed.text) : typed.text;
  named(flag, () => checkSchedule(kind, schedule));
  const task = typedTask(kind, schedule, timezone);
  const state = stateAt(kind, question);
  const timetable = timetableOf(task, { scopeKey: ALL_NODES, nodeTimezone: timezone });
  return {
    task: null,
    kind,
    schedule,
    timezone,
    next: comingStarts({ task, timetable, state }, question),
    remarks: [
      ...remarksOf({ task, timetable, state, timezone, from: question.from }),
      ...hashRemarks(typed, timetable.slotsIn(state)),
      ...(timetable.ticks === null ? [] : [tickRemark({ ticksLeft: timetable.ticks.gap }, timetable.ticks)]),
    ],
    clockChanges: clockChangesOf({ task, timetable, state, timezone, from: question.from }),
  };
}

/** A task that has nothing but the schedule. */
function typedTask(kind: ScheduleKind, schedule: string, timezone: string): Task {
  const names = { name: 'typed', module: 'typed', nodes: [ALL_NODES] };
  return {
    ...definitionSchema.parse({ ...names, scheduleKind: kind, schedule, timezone }),
    id: NO_TASK,
  };
}

function stateAt(kind: ScheduleKind, { last, from }: Question): TaskState {
  const key = { taskId: NO_TASK, scopeKey: ALL_NODES };
  if (last === 'never') {
    // An instant has no first run but its own; one that has passed is overdue.
    return kind === 'at' ? newState(0, key) : newState(from, { ...key, firstSlot: from });
  }
  const handledSlot = last ?? from;
  return newState(handledSlot, { ...key, handledSlot });
}

async function withDefaultSpacing({ loadConfig }: Context, text: string): Promise<string> {
  const seconds = named('--every', () => parseDuration(text));
  return seconds === 0 ? formatDuration((await loadConfig()).defaultSpacingSeconds) : text;
}

function hashRemarks({ kind, text }: TypedSchedule, slots: Schedule): readonly string[] {
  if (kind === 'cron' && HAS_HASH.test(text)) {
    return ['H is chosen for no task here: for a task of its own it gives other values'];
  }
  // A ~ may stand where it does nothing.
  return kind === 'window' && slots.spreadMs !== undefined
    ? ['the spread of ~ is chosen for no task here: for a task of its own it gives other instants']
    : [];
}

function named<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ScheduleError)) {
      throw error;
    }
    throw new UsageError(`next: ${flag}: ${error.message}`, { cause: error });
  }
}

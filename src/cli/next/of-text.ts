import { localTimezone } from '../../config/local-zone.ts';
import { nextSlotOf } from '../../core/due.ts';
import { formatDuration, parseDuration } from '../../core/durations.ts';
import { ScheduleError, UsageError } from '../../core/errors.ts';
import { checkSchedule, parseSchedule } from '../../core/schedule/next-slot.ts';
import { newState } from '../../core/state.ts';
import { zoneOf } from '../../core/zone.ts';
import type { Context } from '../context.ts';
import { type Answer, clockChangesOf, type Question, whyNever } from './answer.ts';
import { comingStarts } from './coming-starts.ts';

/** A schedule that was typed rather than stored. */
export type TypedSchedule = {
  readonly kind: 'cron' | 'every';
  readonly text: string;
  readonly timezone: string | undefined;
};

/** `H` needs a task to choose for; this stands for one that does not exist. */
const NO_TASK_SEED = '0';
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
  const { kind } = typed;
  const timezone = typed.timezone ?? localTimezone(context.io.env);
  named('--timezone', () => zoneOf(timezone));
  const schedule = kind === 'every' ? await withDefaultSpacing(context, typed.text) : typed.text;
  const state = stateAt(question);
  const parsed = named(`--${kind}`, () => {
    checkSchedule(kind, schedule);
    return parseSchedule(kind, schedule, {
      timezone,
      hashSeed: NO_TASK_SEED,
      countedFrom: state.countedFrom,
    });
  });
  const slot = nextSlotOf(parsed, state);
  const startsAtOnce = slot !== null && slot <= question.from;
  return {
    task: null,
    kind,
    schedule,
    timezone,
    next: comingStarts({ schedule: parsed, state, startsAtOnce }, question),
    remarks: [...whyNever(kind, schedule), ...hashRemarks(typed)],
    clockChanges: clockChangesOf({ kind, schedule, timezone }, NO_TASK_SEED, question.from),
  };
}

function stateAt({ last, from }: Question) {
  if (last === 'never') {
    return newState(from, { firstSlot: from });
  }
  const handledSlot = last ?? from;
  return newState(handledSlot, { handledSlot });
}

async function withDefaultSpacing({ loadConfig }: Context, text: string): Promise<string> {
  const seconds = named('--every', () => parseDuration(text));
  return seconds === 0 ? formatDuration((await loadConfig()).defaultSpacingSeconds) : text;
}

function hashRemarks({ kind, text }: TypedSchedule): readonly string[] {
  return kind === 'cron' && HAS_HASH.test(text)
    ? ['H is chosen for no task here: for a task of its own it gives other values']
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

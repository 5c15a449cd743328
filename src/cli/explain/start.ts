import type { DatabaseLocation } from '../../config/config.ts';
import type { Instant } from '../../core/instants.ts';
import { startOf } from '../../core/slots.ts';
import { newState, type TaskState } from '../../core/state.ts';
import type { ReadableDefinition } from '../../runner/definition.ts';
import { type TicksAround, ticksAround } from '../../store/health.ts';
import { attemptsUpTo, type StateKey } from '../../store/history.ts';
import type { Run } from '../../store/run-row.ts';
import type { Subject } from './subject.ts';

/** From when on the first attempt of a slot could start, and what came before it. */
export type Start = {
  /** The earliest start of its slots: the spread and the random offset come after a slot. */
  readonly mayStartAt: Instant;
  /** What lets its own slot start later than at its instant; undefined where nothing does. */
  readonly delayedBy: { readonly words: string; readonly until: Instant } | undefined;
  /** The ticks around the earliest start. */
  readonly ticks: TicksAround;
  /** An attempt of an older slot that was pending then and went first (`retry_past_next`). */
  readonly wentFirst: Run | undefined;
};

type Started = {
  readonly key: StateKey;
  readonly readable: ReadableDefinition | undefined;
  readonly state: TaskState | undefined;
  /** The nodes whose ticks count; undefined for all. */
  readonly ticking: readonly string[] | undefined;
  readonly run: Run | undefined;
};

/** Finds out why a run did not start before it did; undefined for what never started, and has no slot. */
export async function startOfRun(subject: Subject, started: Started): Promise<Start | undefined> {
  const { key, readable, ticking, run } = started;
  if (run === undefined || run.slot === null || run.startedAt === null || readable === undefined) {
    return undefined;
  }
  const { task, timetable } = readable;
  const state = started.state ?? newState(run.slot, key);
  const oldest = run.slotFirst ?? run.slot;
  const until = startOf(timetable, state, run.slot);
  const mayStartAt = Math.min(until, startOf(timetable, state, oldest));
  const isDelayed = mayStartAt > oldest && until > run.slot;
  const isSpread = (timetable.slotsIn(state).spreadMs?.(run.slot) ?? 0) > 0;
  return {
    mayStartAt,
    delayedBy: isDelayed
      ? { words: delayWords(isSpread, timetable.randomOffsetSeconds > 0), until }
      : undefined,
    ticks: await ticksAround(subject.database, mayStartAt, ticking),
    wentFirst: task.retryPastNext
      ? await retryBefore(subject.database, key, { oldest, mayStartAt, startedAt: run.startedAt })
      : undefined,
  };
}

function delayWords(isSpread: boolean, hasOffset: boolean): string {
  if (isSpread && hasOffset) {
    return 'spread and random offset';
  }
  return isSpread ? 'spread' : 'random offset';
}

/** The last attempt of the slot before, if that started when the run could have. */
async function retryBefore(
  database: DatabaseLocation,
  key: StateKey,
  { oldest, mayStartAt, startedAt }: Record<'oldest' | 'mayStartAt' | 'startedAt', Instant>,
): Promise<Run | undefined> {
  const before = await attemptsUpTo(database, key, oldest - 1);
  return before.findLast(
    (run) =>
      run.attempt > 1 && run.startedAt !== null && run.startedAt >= mayStartAt && run.startedAt < startedAt,
  );
}

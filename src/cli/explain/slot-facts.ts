import { type Decision, decide } from '../../core/due.ts';
import { DAY_MS, floorToMinute, type Instant } from '../../core/instants.ts';
import { countingBase } from '../../core/period.ts';
import type { ClockChangeNote } from '../../core/schedule/clock-changes.ts';
import { newestSlotIn } from '../../core/schedule/next-slot.ts';
import { nextSlotOf, startOf } from '../../core/slots.ts';
import { newState, type TaskState } from '../../core/state.ts';
import type { Timetable } from '../../core/timetable.ts';
import { nextTransitions, zoneOf } from '../../core/zone.ts';
import type { ReadableDefinition } from '../../runner/definition.ts';
import type { Run } from '../../store/run-row.ts';
import { type BackedOff, backedOff } from '../backed-off.ts';
import { clockChangesOf } from '../next/answer.ts';
import type { TickWait } from '../tick-wait.ts';
import type { Subject } from './subject.ts';

/** Which slots a state has around an instant, and when they start. */
export type SlotFacts = {
  /** The newest slot up to the instant. */
  readonly slot: Instant | undefined;
  /** When that starts at the earliest: its spread and the random offset come after the slot. */
  readonly startsAt: Instant | undefined;
  /** The end of the excluded stretch that holds the instant. */
  readonly excludedUntil: Instant | undefined;
  /** The first slot after the instant, where it is known already, and when that starts at the earliest. */
  readonly nextSlot: Instant | undefined;
  readonly nextStartsAt: Instant | undefined;
  /** The last change of the clock in the day before the instant, where one of its slots is affected. */
  readonly clockChange: ClockChangeNote | undefined;
  /** Of the present: what a tick would decide now, and the tick at which a state fires that counts ticks. */
  readonly decision: Decision | undefined;
  readonly tickWait: TickWait | undefined;
  readonly backedOff: BackedOff | undefined;
};

/** What the slots are looked for with. */
export type SlotQuestion = {
  readonly readable: ReadableDefinition | undefined;
  /** The state as it stands now. */
  readonly state: TaskState | undefined;
  readonly scopeKey: string;
  /** From where the slots counted at the instant. */
  readonly countedFrom: Instant;
  /** The attempts of the newest recorded slot up to the instant. */
  readonly attempts: readonly Run[];
  /** The first recorded slot after the instant. */
  readonly nextRecorded: Run | undefined;
  readonly liveRuns: number;
};

const NOTHING: SlotFacts = {
  slot: undefined,
  startsAt: undefined,
  excludedUntil: undefined,
  nextSlot: undefined,
  nextStartsAt: undefined,
  clockChange: undefined,
  decision: undefined,
  tickWait: undefined,
  backedOff: undefined,
};

/** The leap days of a cron schedule are at most eight years apart. */
const LONGEST_GAP_MS = 3_660 * DAY_MS;

/** Finds the slots around the instant that is asked about; nothing where the schedule cannot be read. */
export function slotFacts(subject: Subject, question: SlotQuestion): SlotFacts {
  const { readable, state } = question;
  if (readable === undefined) {
    return NOTHING;
  }
  const { timetable } = readable;
  const { at, isNow } = subject;
  const { state: then, isPast } = stateThen(subject, question);
  // What back-off had made of the period then, or from which minute it counted, is not kept: the ledger has its slots.
  const isRecorded = isPast && !isNow && followsRuns(timetable);
  const slot = isRecorded
    ? recordedSlotUpTo(timetable, then, question, at)
    : slotUpTo(timetable, then, question, at);
  const nextSlot = isRecorded
    ? recordedSlotAfter(question, at)
    : nextSlotAfter(timetable, isNow ? (state ?? then) : then, { at, slot });
  return {
    slot,
    startsAt: slot === undefined ? undefined : startOf(timetable, then, slot),
    excludedUntil: timetable.slotsIn(then).excludedUntil?.(floorToMinute(at)),
    nextSlot,
    nextStartsAt: nextSlot === undefined ? undefined : startOf(timetable, then, nextSlot),
    clockChange: clockChangeBefore(subject, readable, then),
    ...(isNow && state !== undefined
      ? presentOf(subject, { ...question, readable, state })
      : {
          decision: undefined,
          tickWait: undefined,
          backedOff: undefined,
        }),
  };
}

/**
 * The state as it stood at the instant, as far as it decides slots: the one of today where it has not moved since,
 * otherwise what the ledger tells of it (`isPast`).
 */
function stateThen(
  { at, known }: Subject,
  { state, scopeKey, countedFrom, attempts }: SlotQuestion,
): { readonly state: TaskState; readonly isPast: boolean } {
  if (state !== undefined && countingBase(state) <= at) {
    return { state, isPast: false };
  }
  const recorded = attempts[0]?.slot ?? null;
  const then = {
    ...(state ?? newState(countedFrom, { scopeKey, taskId: known.id })),
    countedFrom,
    handledSlot: recorded !== null && recorded <= at ? recorded : null,
    anchoredAt: null,
    currentPeriodSeconds: null,
    lastStatus: null,
  };
  return { state: then, isPast: true };
}

/** True where a slot depends on what became of the one before. */
function followsRuns({ period }: Timetable): boolean {
  return period !== null && (period.backoff !== 'none' || period.anchor !== 'slot');
}

function recordedSlotUpTo(
  timetable: Timetable,
  then: TaskState,
  { attempts, countedFrom }: SlotQuestion,
  at: Instant,
): Instant | undefined {
  const recorded = then.handledSlot ?? attempts[0]?.slotFirst ?? undefined;
  if (recorded !== undefined && recorded >= countedFrom) {
    return recorded;
  }
  // The first slot follows from no other; if it came, the ledger held it once.
  const first = nextSlotOf(timetable, { ...then, handledSlot: null });
  return first !== null && first <= at ? first : undefined;
}

/** Slots that were missed, and share the row of a later one, are not told apart. */
function recordedSlotAfter({ attempts, nextRecorded }: SlotQuestion, at: Instant): Instant | undefined {
  const handled = attempts[0]?.slot ?? null;
  return handled !== null && handled > at ? undefined : (nextRecorded?.slotFirst ?? undefined);
}

function slotUpTo(
  timetable: Timetable,
  then: TaskState,
  { attempts, readable }: SlotQuestion,
  at: Instant,
): Instant | undefined {
  const first = then.firstSlot !== null && then.firstSlot <= at ? then.firstSlot : undefined;
  const schedule = timetable.slotsIn(then);
  if (timetable.period === null && timetable.ticks === null && schedule.newestIn === undefined) {
    return latest(newestSlotIn(schedule, at - LONGEST_GAP_MS, at), first);
  }
  const handled = then.handledSlot ?? attempts[0]?.slotFirst ?? undefined;
  const isKnown = readable?.task.anchor === 'slot' || then.anchoredAt !== null || handled === undefined;
  const slot = isKnown ? newestSlotIn(schedule, countingBase(then), at) : undefined;
  return latest(slot ?? (handled !== undefined && handled <= at ? handled : undefined), first);
}

function latest(one: Instant | undefined, other: Instant | undefined): Instant | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function nextSlotAfter(
  timetable: Timetable,
  state: TaskState,
  { at, slot }: { readonly at: Instant; readonly slot: Instant | undefined },
): Instant | undefined {
  const waiting = nextSlotOf(timetable, state);
  if (waiting !== null && waiting > at) {
    return waiting;
  }
  const schedule = timetable.slotsIn(state);
  // Where each slot follows from the one before, the next one follows from the newest.
  return schedule.nextAfter(schedule.newestIn === undefined ? at : (slot ?? at));
}

function clockChangeBefore(
  { at, zoneOfKey }: Subject,
  { task, timetable }: ReadableDefinition,
  then: TaskState,
): ClockChangeNote | undefined {
  const timezone = task.timezone === '' ? zoneOfKey(then.scopeKey) : task.timezone;
  const from = at - DAY_MS;
  const [coming] = nextTransitions(zoneOf(timezone), from, 1);
  if (coming === undefined || coming.at > at) {
    return undefined;
  }
  const state = { ...then, handledSlot: null };
  return clockChangesOf({ task, timetable, state, timezone, from }).findLast(
    (change) => change.at <= at && change.isAffected,
  );
}

function presentOf(
  { at, ticks, rhythmSeconds }: Subject,
  {
    readable: { task, timetable },
    state,
    liveRuns,
  }: SlotQuestion & { readonly readable: ReadableDefinition; readonly state: TaskState },
): Pick<SlotFacts, 'decision' | 'tickWait' | 'backedOff'> {
  const decision = decide({
    definition: { kind: 'valid', task, timetable },
    state,
    liveRuns,
    tickAt: floorToMinute(at),
    now: at,
    ticks: ticks.nextOf(state.scopeKey),
    rhythmSeconds,
  });
  return {
    decision,
    tickWait: ticks.waitOf(timetable, state, at) ?? undefined,
    backedOff: backedOff(timetable, state) ?? undefined,
  };
}

import { type Decision, decide } from '../../core/due.ts';
import { DAY_MS, floorToMinute, type Instant } from '../../core/instants.ts';
import { countingBase } from '../../core/period.ts';
import { newestSlotIn } from '../../core/schedule/next-slot.ts';
import { nextSlotOf, startOf } from '../../core/slots.ts';
import { newState, type TaskState } from '../../core/state.ts';
import type { Timetable } from '../../core/timetable.ts';
import type { ReadableDefinition } from '../../runner/definition.ts';
import type { Run } from '../../store/rows.ts';
import { type BackedOff, backedOff } from '../backed-off.ts';
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
  readonly liveRuns: number;
};

const NOTHING: SlotFacts = {
  slot: undefined,
  startsAt: undefined,
  excludedUntil: undefined,
  nextSlot: undefined,
  nextStartsAt: undefined,
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
  const then = stateThen(question, at);
  const slot = slotUpTo(timetable, then, question, at);
  const nextSlot = nextSlotAfter(timetable, isNow ? (state ?? then) : then, { at, slot });
  return {
    slot,
    startsAt: slot === undefined ? undefined : startOf(timetable, then, slot),
    excludedUntil: timetable.slotsIn(then).excludedUntil?.(floorToMinute(at)),
    nextSlot,
    nextStartsAt: nextSlot === undefined ? undefined : startOf(timetable, then, nextSlot),
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
 * otherwise what the ledger tells of it.
 */
function stateThen({ state, scopeKey, countedFrom, attempts }: SlotQuestion, at: Instant): TaskState {
  if (state !== undefined && countingBase(state) <= at) {
    return state;
  }
  const recorded = attempts[0]?.slot ?? null;
  return {
    ...(state ?? newState(countedFrom, { scopeKey })),
    countedFrom,
    handledSlot: recorded !== null && recorded <= at ? recorded : null,
    anchoredAt: null,
    currentPeriodSeconds: null,
  };
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

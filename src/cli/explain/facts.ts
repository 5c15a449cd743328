import { floorToMinute, type Instant } from '../../core/instants.ts';
import type { TaskState } from '../../core/state.ts';
import { ALL_NODES, runsOn } from '../../core/task.ts';
import { timetableOf } from '../../core/timetable.ts';
import type { Definition } from '../../runner/definition.ts';
import type { Blockage } from '../../runner/recorded-states.ts';
import { lastTickUpTo, type TickRow, type TicksAround, ticksAround } from '../../store/health.ts';
import {
  attemptsUpTo,
  firstSlotRunAfter,
  newestFault,
  newestManualRun,
  runsAliveAt,
  type StateKey,
} from '../../store/history.ts';
import type { Hold } from '../../store/hold.ts';
import type { AuditEntry } from '../../store/known-tasks.ts';
import {
  countingStart,
  deactivation,
  type PastReset,
  removalOfNode,
  resetsAfter,
} from '../../store/past-definition.ts';
import { holdsAt } from '../../store/past-holds.ts';
import type { Run } from '../../store/run-row.ts';
import { blockageFacts, type RestFacts, restFacts } from './condition-facts.ts';
import { type SlotFacts, slotFacts } from './slot-facts.ts';
import { type Start, startOfRun } from './start.ts';
import type { Subject } from './subject.ts';

/** What is known of one state of a task at an instant: all that an explanation rests on. */
export type StateFacts = SlotFacts & {
  readonly at: Instant;
  /** The present, of which more is known than of the past. */
  readonly now: Instant;
  readonly isNow: boolean;
  readonly scopeKey: string;
  /** The definition as it was. */
  readonly definition: Definition;
  readonly isActive: boolean;
  readonly isListed: boolean;
  readonly countedFrom: Instant;
  /** The change that let slots count from there, if it is recorded. */
  readonly countingChange: AuditEntry | undefined;
  readonly deactivation: AuditEntry | undefined;
  readonly unlisting: AuditEntry | undefined;
  /** The resets since. */
  readonly resets: readonly PastReset[];
  /** The state as it stands now; undefined if it is gone, or not there yet. */
  readonly state: TaskState | undefined;
  /** The attempts of the newest recorded slot up to the instant. */
  readonly attempts: readonly Run[];
  /** From when on the first of them could start, and what came before it. */
  readonly start: Start | undefined;
  readonly fault: Run | undefined;
  readonly manualRun: Run | undefined;
  readonly aliveAtSlot: readonly Run[];
  readonly aliveAt: readonly Run[];
  readonly ticks: TicksAround;
  /** How often the node ticks; undefined where nobody knows. */
  readonly rhythmSeconds: number | undefined;
  readonly lastTick: TickRow | undefined;
  /** The scheduled runs that were alive on the node when its last tick began. */
  readonly runningAtTick: readonly Run[];
  readonly maxRunning: number;
  /** What a tick found that it requires and does not have; undefined where it was not blocked at the instant. */
  readonly blockage: Blockage | undefined;
  /** For what it rests now, if it rests because it is offline. */
  readonly rest: RestFacts | undefined;
  /** What kept the node from starting anything then; of a shared state, this node. */
  readonly hold: Hold | undefined;
};

/** Collects what is known of one state. Reads only. */
export async function loadStateFacts(subject: Subject, scopeKey: string): Promise<StateFacts> {
  const { at, known, record, maxRunning } = subject;
  const { audit } = known;
  const state = stateOfKey(subject, scopeKey);
  const counting = countingOf(subject, state, scopeKey);
  const definition = definitionFor(subject, scopeKey);
  const readable = definition.kind === 'valid' ? definition : definition.readable;
  const key = { taskId: known.id, scopeKey };
  const runs = await loadRuns(subject, key);
  const slots = slotFacts(subject, {
    readable,
    state,
    scopeKey,
    countedFrom: counting.countedFrom,
    attempts: runs.attempts,
    nextRecorded: runs.nextRecorded,
    liveRuns: runs.aliveAt.length,
  });
  const listed = subject.nodes;
  const ticking = scopeKey === ALL_NODES ? sharedNodes(listed) : [scopeKey];
  const around = await loadTicks(subject, ticking, slots.startsAt ?? at);
  return {
    at,
    now: subject.now,
    isNow: subject.isNow,
    scopeKey,
    definition,
    isActive: record.fields.active !== false,
    isListed: scopeKey === ALL_NODES ? subject.isListedHere : runsOn(listed, scopeKey),
    ...counting,
    deactivation: deactivation(audit, at),
    unlisting: removalOfNode(audit, scopeKey === ALL_NODES ? subject.here : scopeKey, at),
    resets: resetsAfter(audit, scopeKey, at),
    state,
    maxRunning,
    hold: (await holdsAt(subject.database, at)).ofNode(scopeKey === ALL_NODES ? subject.here : scopeKey),
    rhythmSeconds: subject.rhythmSecondsOfKey(scopeKey),
    ...slots,
    ...runs,
    start: await startOfRun(subject, { key, readable, state, ticking, run: runs.attempts[0] }),
    ...(await loadRunsAround(subject, key, { slot: slots.slot, attempts: runs.attempts })),
    ...around,
    blockage: await blockageFacts(subject, { definition, state, lastTick: around.lastTick }),
    rest: await restFacts(subject, { definition, state }),
  };
}

/** A node of `*` that has not ticked yet starts from what is kept for it. */
function stateOfKey({ stored }: Subject, scopeKey: string): TaskState | undefined {
  const own = stored?.states.find((state) => state.scopeKey === scopeKey);
  const seed = stored?.unassigned ?? undefined;
  return own ?? (seed === undefined ? undefined : { ...seed, scopeKey });
}

function countingOf(
  { known, at, isNow }: Subject,
  state: TaskState | undefined,
  scopeKey: string,
): Pick<StateFacts, 'countedFrom' | 'countingChange'> {
  const recorded = countingStart(known.audit, scopeKey, at);
  // A state that waits out a delay counts from an instant to come.
  const kept = state !== undefined && (isNow || state.countedFrom <= at) ? state.countedFrom : undefined;
  const countedFrom = kept ?? recorded?.countedFrom ?? floorToMinute(known.current?.createdAt ?? at);
  return {
    countedFrom,
    countingChange: recorded?.countedFrom === countedFrom ? recorded.change : undefined,
  };
}

function definitionFor({ checked, zoneOfKey }: Subject, scopeKey: string): Definition {
  if (checked.kind === 'invalid') {
    return { kind: 'invalid', faults: checked.faults, readable: undefined };
  }
  const { task, faults } = checked;
  const timetable = timetableOf(task, { scopeKey, nodeTimezone: zoneOfKey(scopeKey) });
  return faults.length > 0
    ? { kind: 'invalid', faults, readable: { task, timetable } }
    : { kind: 'valid', task, timetable };
}

async function loadRuns({ database, at }: Subject, key: StateKey) {
  return {
    attempts: await attemptsUpTo(database, key, at),
    nextRecorded: await firstSlotRunAfter(database, key, at),
    fault: await newestFault(database, key, at),
    aliveAt: await runsAliveAt(database, at, { state: key }),
  };
}

/** The runs beside those of the slot: one by hand since, and what was alive when the slot came. */
async function loadRunsAround(
  { database, at }: Subject,
  key: StateKey,
  { slot, attempts }: { readonly slot: Instant | undefined; readonly attempts: readonly Run[] },
) {
  const own = new Set(attempts.map(({ id }) => id));
  const aliveAtSlot = slot === undefined ? [] : await runsAliveAt(database, slot, { state: key });
  return {
    manualRun: await newestManualRun(database, key, { from: slot ?? 0, to: at }),
    aliveAtSlot: aliveAtSlot.filter(({ id }) => !own.has(id)),
  };
}

/** The nodes that may take the slots of a shared state; undefined for all. */
function sharedNodes(listed: readonly string[]): readonly string[] | undefined {
  return listed.includes(ALL_NODES) ? undefined : listed;
}

async function loadTicks({ database, at }: Subject, nodes: readonly string[] | undefined, slot: Instant) {
  const lastTick = await lastTickUpTo(database, at, nodes);
  const running =
    lastTick === undefined ? [] : await runsAliveAt(database, lastTick.startedAt, { node: lastTick.node });
  return {
    ticks: await ticksAround(database, slot, nodes),
    lastTick,
    runningAtTick: running.filter(({ trigger }) => trigger === 'schedule'),
  };
}

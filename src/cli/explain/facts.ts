import { nextSlotOf } from '../../core/due.ts';
import { DAY_MS, floorToMinute, type Instant } from '../../core/instants.ts';
import { newestSlotIn } from '../../core/schedule/next-slot.ts';
import type { Schedule } from '../../core/schedule/schedule.ts';
import type { TaskState } from '../../core/state.ts';
import { ALL_NODES, runsOn } from '../../core/task.ts';
import { type Definition, scheduleOf } from '../../runner/definition.ts';
import { lastTickUpTo, type TickRow, type TicksAround, ticksAround } from '../../store/health.ts';
import {
  type AuditEntry,
  attemptsUpTo,
  newestFault,
  newestManualRun,
  runsAliveAt,
  type StateKey,
} from '../../store/history.ts';
import {
  countingStart,
  deactivation,
  type PastReset,
  removalOfNode,
  resetsAfter,
} from '../../store/past-definition.ts';
import type { Run } from '../../store/rows.ts';
import type { Subject } from './subject.ts';

/** What is known of one state of a task at an instant: all that an explanation rests on. */
export type StateFacts = {
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
  /** The newest slot up to the instant, and the first one after it, by the schedule alone. */
  readonly slot: Instant | undefined;
  readonly nextSlot: Instant | undefined;
  /** The attempts of the newest recorded slot up to the instant. */
  readonly attempts: readonly Run[];
  readonly fault: Run | undefined;
  readonly manualRun: Run | undefined;
  readonly aliveAtSlot: readonly Run[];
  readonly aliveAt: readonly Run[];
  readonly ticks: TicksAround;
  readonly lastTick: TickRow | undefined;
  /** The scheduled runs that were alive on the node when its last tick began. */
  readonly runningAtTick: readonly Run[];
  readonly maxRunning: number;
};

/** The leap days of a cron schedule are at most eight years apart. */
const LONGEST_GAP_MS = 3_660 * DAY_MS;

/** Collects what is known of one state. Reads only. */
export async function loadStateFacts(subject: Subject, scopeKey: string): Promise<StateFacts> {
  const { at, known, record, maxRunning } = subject;
  const { audit } = known;
  const state = stateOfKey(subject, scopeKey);
  const counting = countingOf(subject, state, scopeKey);
  const definition = definitionFor(subject, { scopeKey, countedFrom: counting.countedFrom });
  const slot = slotUpTo(definition.schedule, state, at);
  const listed = subject.nodes;
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
    slot,
    nextSlot: nextSlotAfter(subject, definition.schedule, state),
    maxRunning,
    ...(await loadRuns(subject, { taskId: known.id, scopeKey }, slot)),
    ...(await loadTicks(subject, scopeKey === ALL_NODES ? sharedNodes(listed) : [scopeKey], slot ?? at)),
  };
}

/** A node of `*` that has not ticked yet starts from what is kept for it. */
function stateOfKey({ stored }: Subject, scopeKey: string): TaskState | undefined {
  const own = stored?.states.find((state) => state.scopeKey === scopeKey);
  const seed = stored?.unassigned ?? undefined;
  return own ?? (seed === undefined ? undefined : { ...seed, scopeKey });
}

function countingOf(
  { known, at }: Subject,
  state: TaskState | undefined,
  scopeKey: string,
): Pick<StateFacts, 'countedFrom' | 'countingChange'> {
  const recorded = countingStart(known.audit, scopeKey, at);
  const kept = state !== undefined && state.countedFrom <= at ? state.countedFrom : undefined;
  const countedFrom = kept ?? recorded?.countedFrom ?? floorToMinute(known.current?.createdAt ?? at);
  return {
    countedFrom,
    countingChange: recorded?.countedFrom === countedFrom ? recorded.change : undefined,
  };
}

function definitionFor(
  { checked, zoneOfKey }: Subject,
  state: Pick<TaskState, 'scopeKey' | 'countedFrom'>,
): Definition {
  if (checked.kind === 'invalid') {
    return { kind: 'invalid', faults: checked.faults, schedule: undefined };
  }
  const { task, faults } = checked;
  const schedule = scheduleOf(task, state, zoneOfKey(state.scopeKey));
  return faults.length > 0 ? { kind: 'invalid', faults, schedule } : { kind: 'valid', task, schedule };
}

function slotUpTo(
  schedule: Schedule | undefined,
  state: TaskState | undefined,
  at: Instant,
): Instant | undefined {
  const slot = schedule === undefined ? undefined : newestSlotIn(schedule, at - LONGEST_GAP_MS, at);
  const first = state?.firstSlot ?? undefined;
  if (first === undefined || first > at) {
    return slot;
  }
  return Math.max(first, slot ?? first);
}

/** Of the present, the slot that the state waits for; of the past, the one that came then. */
function nextSlotAfter(
  { at, isNow }: Subject,
  schedule: Schedule | undefined,
  state: TaskState | undefined,
): Instant | undefined {
  const waiting = isNow && state !== undefined && schedule !== undefined ? nextSlotOf(schedule, state) : null;
  return waiting !== null && waiting > at ? waiting : schedule?.nextAfter(at);
}

async function loadRuns({ path, at }: Subject, key: StateKey, slot: Instant | undefined) {
  const attempts = await attemptsUpTo(path, key, at);
  const own = new Set(attempts.map(({ id }) => id));
  const aliveAtSlot = slot === undefined ? [] : await runsAliveAt(path, slot, { state: key });
  return {
    attempts,
    fault: await newestFault(path, key, at),
    manualRun: await newestManualRun(path, key, { from: slot ?? 0, to: at }),
    aliveAtSlot: aliveAtSlot.filter(({ id }) => !own.has(id)),
    aliveAt: await runsAliveAt(path, at, { state: key }),
  };
}

/** The nodes that may take the slots of a shared state; undefined for all. */
function sharedNodes(listed: readonly string[]): readonly string[] | undefined {
  return listed.includes(ALL_NODES) ? undefined : listed;
}

async function loadTicks({ path, at }: Subject, nodes: readonly string[] | undefined, slot: Instant) {
  const lastTick = await lastTickUpTo(path, at, nodes);
  const running =
    lastTick === undefined ? [] : await runsAliveAt(path, lastTick.startedAt, { node: lastTick.node });
  return {
    ticks: await ticksAround(path, slot, nodes),
    lastTick,
    runningAtTick: running.filter(({ trigger }) => trigger === 'schedule'),
  };
}

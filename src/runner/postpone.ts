import { DefinitionError, NotFoundError, UsageError } from '../core/errors.ts';
import type { Instant } from '../core/instants.ts';
import { saysNever } from '../core/schedule/never.ts';
import { dueSlots, type SlotRange, type TickTime } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, nameOf, type Task, type TaskRecord } from '../core/task.ts';
import type { Timetable } from '../core/timetable.ts';
import { postponed } from '../core/transitions.ts';
import { cancelRuns, postponeState } from '../store/postpone-state.ts';
import type { Run } from '../store/run-row.ts';
import { loadCandidate } from '../store/tick-statements.ts';
import { tickNumbers } from '../store/ticks.ts';
import { type Definition, definitionOf, isStateOf } from './definition.ts';
import { type LifeHappened, tellLife } from './events.ts';
import { LOST_CLAIMS } from './handled.ts';
import { skipText } from './reasons.ts';
import type { Runner } from './runner.ts';
import { skip } from './skip.ts';

/** Who postpones: a runner that runs nothing. */
export type Postponer = Pick<Runner, 'driver' | 'clock' | 'registry'> & {
  readonly node: { readonly name: string };
  /** Who asked for it: the name of a system user, or a task. */
  readonly actor: string;
  /** The token of the run that asks, which goes on although its own task is postponed. */
  readonly asking?: string;
  readonly onEvent: (event: LifeHappened) => void;
  /** The zone of a node by its last tick. */
  readonly timezoneOf: (scopeKey: string) => string;
};

/** What postponing a state did. */
export type Postponed = {
  readonly scopeKey: string;
  readonly nextSlotAt: Instant | null;
  /** Live runs that were asked to end. */
  readonly cancelled: readonly Run[];
  /** How many due slots were skipped. */
  readonly skipped: number;
};

/**
 * Postpones states of a task: live runs of theirs are asked to end, due slots are recorded as skipped, a pending attempt
 * is given up, and the period counts anew from now. As with SSSD, an inactive task is only cleaned up.
 *
 * @throws UsageError for a kind that has no period, for a terminated state, and when the run that asks was given up;
 * DefinitionError for an invalid task; NotFoundError without a state. Nothing is postponed then, not even the other
 * states, unless the task changed meanwhile; and nobody is asked to end whose state has not moved
 */
export async function postponeTask(
  postponer: Postponer,
  record: TaskRecord,
  scopeKeys: readonly string[],
): Promise<readonly Postponed[]> {
  // All or none: what is refused for one of the states is refused before another has moved.
  for (const scopeKey of scopeKeys) {
    const { task, state } = await validState(postponer, record, scopeKey);
    refuseTerminated(task, state);
  }
  const done: Postponed[] = [];
  for (const scopeKey of scopeKeys) {
    done.push(await postponeOne(postponer, record, scopeKey));
  }
  return done;
}

async function postponeOne(postponer: Postponer, record: TaskRecord, scopeKey: string): Promise<Postponed> {
  const { driver, asking } = postponer;
  let skipped = 0;
  for (let tries = 0; tries < LOST_CLAIMS; tries += 1) {
    const found = await validState(postponer, record, scopeKey);
    const { task, timetable, state } = found;
    if (state.terminatedAt !== null) {
      // The attempt that the skipped slots superseded was the one failure too many.
      const cancelled = await cancelRuns(driver, state, asking);
      return { scopeKey, nextSlotAt: null, cancelled, skipped };
    }
    const now = postponer.clock();
    const ticks = await tickNumbers(driver, scopeKey);
    const due = slotsToSkip(found, { tickAt: now, ticks });
    if (due !== undefined) {
      skipped += (await skipDue(postponer, found, due)) ? due.count : 0;
      continue;
    }
    const patch = {
      ...postponed(state, timetable, { now, ticks, active: task.active }),
      // A run that is asked to end may fail before it hears of it: that is no reason to try its slot again.
      firstAttempt: state.attempt + 1,
    };
    const audit = { at: now, actor: postponer.actor, taskName: task.name };
    const cancelled = await postponeState(driver, state, { patch, audit, asking });
    if (cancelled !== undefined) {
      const nextSlotAt = patch.nextSlot ?? null;
      tell(postponer, { task: task.name, scopeKey, slotAt: state.handledSlot, nextSlotAt });
      return { scopeKey, nextSlotAt, cancelled, skipped };
    }
  }
  throw new DefinitionError(`task ${JSON.stringify(nameOf(record))} cannot be postponed`, [
    {
      field: 'state',
      message: 'expected it to hold still for a moment, but others kept moving it: try again',
    },
  ]);
}

/** Ticks are counted anew instead: they have no slots before they are taken. */
function slotsToSkip({ task, timetable, state }: Found, tick: TickTime): SlotRange | undefined {
  return task.active && timetable.ticks === null ? dueSlots(timetable, state, tick) : undefined;
}

async function skipDue(
  postponer: Postponer,
  { task, timetable, state }: Found,
  slots: SlotRange,
): Promise<boolean> {
  const reason = 'postponed' as const;
  const message = skipText({ kind: 'skip', reason, slots, again: false });
  const subject = { record: { id: task.id, fields: task }, task, timetable, state };
  const { asking } = postponer;
  // A newer slot takes a pending attempt away by itself, unless that goes past it.
  const dropped = task.retryPastNext ? 'postponed' : undefined;
  const skipped = await skip(postponer, subject, { slots, reason, message, mended: true, asking, dropped });
  return skipped !== undefined;
}

type Found = { readonly task: Task; readonly timetable: Timetable; readonly state: TaskState };

async function validState(postponer: Postponer, record: TaskRecord, scopeKey: string): Promise<Found> {
  const candidate = await loadCandidate(postponer.driver, { taskId: record.id, scopeKey, ordering: 0 });
  if (candidate === undefined || !isStateOf(candidate.record.fields, candidate.state)) {
    throw new NotFoundError(
      `task ${JSON.stringify(nameOf(record))} has no state on node ${JSON.stringify(scopeKey)}`,
    );
  }
  const { state } = candidate;
  const definition: Definition = await definitionOf(
    { record: candidate.record, state, nodeTimezone: postponer.timezoneOf(scopeKey) },
    await postponer.registry(),
  );
  if (definition.kind === 'invalid') {
    throw new DefinitionError(`task ${JSON.stringify(nameOf(record))} is invalid`, definition.faults);
  }
  const { task, timetable } = definition;
  if (task.scheduleKind === 'manual' || task.scheduleKind === 'at') {
    throw new UsageError(
      `postpone: expected a task with a period, got ${JSON.stringify(task.name)} of kind ${task.scheduleKind}${task.scheduleKind === 'at' ? ': give it another instant with "periodic-cron set --once"' : ', which nothing but a hand starts'}`,
    );
  }
  if (saysNever(task.scheduleKind, task.schedule)) {
    throw new UsageError(
      `postpone: expected a task with a period, got ${JSON.stringify(task.name)}, whose schedule says never`,
    );
  }
  return { task, timetable, state };
}

function refuseTerminated({ name }: Task, { scopeKey, terminatedAt, terminatedReason }: TaskState): void {
  if (terminatedAt !== null) {
    const where = scopeKey === ALL_NODES ? 'all nodes' : JSON.stringify(scopeKey);
    throw new UsageError(
      `postpone: expected a task that is to run again, got ${JSON.stringify(name)}, which is terminated on ${where} (${terminatedReason ?? 'no reason'}); "periodic-cron reset" takes that back`,
    );
  }
}

function tell(
  postponer: Postponer,
  {
    task,
    scopeKey,
    slotAt,
    nextSlotAt,
  }: {
    readonly task: string;
    readonly scopeKey: string;
    readonly slotAt: Instant | null;
    readonly nextSlotAt: Instant | null;
  },
): void {
  const life = { task, scope: scopeKey, node: postponer.node.name, slotAt, nextSlotAt };
  tellLife(postponer, { event: 'postponed', ...life });
}

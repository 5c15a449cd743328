import type { SlotRange } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import type { Timetable } from '../core/timetable.ts';
import { failurePolicyOf, type StatePatch, skipDue, type Taking } from '../core/transitions.ts';
import { greatestAttempt } from '../store/attempts.ts';
import { failpoint } from '../store/failpoint.ts';
import type { Dropped } from '../store/move-state.ts';
import { skipSlots } from '../store/skip-slots.ts';
import { type LifeEventKind, type LifeHappened, tellLife } from './events.ts';
import type { Runner } from './runner.ts';
import { newToken } from './token.ts';

/** A task as a row of the ledger names it; plain SQL may have written anything into it. */
export type RecordLike = {
  readonly id: number;
  readonly fields: { readonly name: unknown; readonly module: unknown };
};

/** Who skips: as much of a runner as that takes. */
export type Skipper = Pick<Runner, 'driver' | 'clock'> & {
  readonly node: { readonly name: string };
  readonly onEvent: (event: LifeHappened) => void;
};

export type SkipSubject = {
  readonly record: RecordLike;
  readonly task: Task;
  readonly timetable: Timetable;
  readonly state: TaskState;
};

export type Skipping = {
  readonly slots: SlotRange;
  readonly reason: string;
  readonly message: string;
  /** The definition is valid, so a fault that comes later is a new one. */
  readonly mended: boolean;
  /** The number of the attempt that is left out, of a slot that was taken already. */
  readonly attempt?: number | undefined;
  /** What skipping changes in the state, where that is not the same as ever. */
  readonly patchOf?: (taking: Taking) => StatePatch;
  /** The token of the run that asks for it, if one does: nothing is skipped for one that was given up. */
  readonly asking?: string | undefined;
  /** Why a pending attempt does not come, where that is not because newer slots supersede it. */
  readonly dropped?: Dropped | undefined;
  /** How it is told, where it is more than that slots were skipped. */
  readonly event?: LifeEventKind;
};

/**
 * Takes due slots without running them, and tells of it: returns what that changed in the state, or undefined when
 * another runner was first.
 *
 * @throws UsageError when the run that asks for it has an end
 */
export async function skip(
  runner: Skipper,
  { record, task, timetable, state }: SkipSubject,
  skipping: Skipping,
): Promise<StatePatch | undefined> {
  const { slots, reason, message, mended } = skipping;
  const attempt = skipping.attempt ?? (await nextAttempt(runner, state, slots.slot));
  const at = runner.clock();
  const taking = { slots, attempt, at, failurePolicy: failurePolicyOf(task, timetable) };
  const patch = skipping.patchOf?.(taking) ?? skipDue(state, timetable, taking);
  const move = await skipSlots(runner.driver, {
    state,
    patch: { ...patch, ...(mended ? { fault: null } : {}) },
    skipped: { ...identityOf(runner, record, state), slots, attempt, reason, message, at },
    asking: skipping.asking,
    dropped: skipping.dropped,
  });
  if (move === 'lost') {
    return undefined;
  }
  failpoint('skip.committed');
  const nextSlotAt = patch.nextSlot ?? null;
  const subject = { task: task.name, scope: state.scopeKey, node: runner.node.name, nextSlotAt };
  const life = { ...subject, slotAt: slots.slot, slotCount: slots.count, reason };
  const isTerminated = patch.terminatedReason !== undefined && patch.terminatedReason !== null;
  // What has an end with them does nothing else besides.
  tellLife(runner, { event: (isTerminated ? undefined : skipping.event) ?? 'skipped', ...life });
  if (isTerminated) {
    const terminated = { ...subject, slotAt: slots.slot, reason: patch.terminatedReason };
    tellLife(runner, { event: 'terminated', ...terminated });
    if (move === 'removed') {
      tellLife(runner, { event: 'removed', ...terminated });
    }
  }
  return patch;
}

/** Attempts count from 1; only after a reset that lowered the handled slot may the ledger hold some of a slot already. */
export async function nextAttempt(
  { driver }: Pick<Runner, 'driver'>,
  state: TaskState,
  slot: number,
): Promise<number> {
  const repeatable = state.repeatableUntil !== null && slot <= state.repeatableUntil;
  return repeatable ? (await greatestAttempt(driver, state, slot)) + 1 : 1;
}

/** How a row of the ledger names what it is about. */
export function identityOf({ node }: Pick<Skipper, 'node'>, record: RecordLike, state: TaskState) {
  return {
    token: newToken(),
    taskId: record.id,
    taskName: String(record.fields.name),
    module: String(record.fields.module),
    scopeKey: state.scopeKey,
    node: node.name,
  };
}

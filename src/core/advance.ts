import type { Decision } from './due.ts';
import { afterSkip, comeOnline, goOffline, takenOffline } from './offline.ts';
import { afterSuccess, endPolicyOf } from './run-end.ts';
import type { TickTime } from './slots.ts';
import type { TaskState } from './state.ts';
import type { Task } from './task.ts';
import type { Timetable } from './timetable.ts';
import {
  claimSlots,
  failurePolicyOf,
  giveUp,
  RESTING,
  type StatePatch,
  settle,
  takeRetry,
  terminated,
} from './transitions.ts';

type Subject = { readonly task: Task; readonly timetable: Timetable; readonly state: TaskState };

/**
 * What acting on a decision in the tick changes in the state, up to the start of a run if one starts: what a dry run and
 * a simulation do in place of the ledger.
 */
export function patchOf(
  decision: Decision,
  { task, timetable, state }: Subject,
  tick: TickTime & { readonly now: number },
): StatePatch {
  const { tickAt, now } = tick;
  const failurePolicy = failurePolicyOf(task, timetable);
  switch (decision.kind) {
    case 'run':
      return claimSlots(state, timetable, { slots: decision.slots, at: tickAt, failurePolicy });
    case 'skip':
      return afterSkip(decision, { state, timetable }, { at: now, tickAt, failurePolicy });
    case 'go-offline':
      return goOffline(state, timetable, { ...takenOffline(decision), at: now, failurePolicy });
    case 'online':
      return comeOnline(state, { task, timetable }, tick);
    case 'blocked':
      return { ...settle(state, timetable), blockedReason: decision.reason };
    case 'retry':
      return takeRetry(state, timetable, { attempt: decision.attempt, at: tickAt });
    case 'give-up':
      return giveUp(state, failurePolicy, { reason: decision.reason, at: now });
    case 'over':
      return terminated(now, decision.reason);
    case 'waiting':
    case 'excluded':
    case 'still-running':
    case 'handled-in-future':
    case 'held':
      return settle(state, timetable);
    case 'inactive':
    case 'terminated':
    case 'offline-disabled':
    case 'invalid':
      return RESTING;
  }
}

/** The state after acting on a decision in the tick; where a run starts with it, that succeeds at once. */
export function stateAfter(
  decision: Decision,
  subject: Subject,
  tick: TickTime & { readonly now: number },
): TaskState {
  const { task, timetable, state } = subject;
  const taken = { ...state, ...patchOf(decision, subject, tick) };
  return decision.kind === 'run' || decision.kind === 'retry'
    ? { ...taken, ...afterSuccess(taken, { ...endPolicyOf(task, timetable), active: true }, tick.now) }
    : taken;
}

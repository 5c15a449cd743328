import type { Decision } from '../core/due.ts';
import { formatDuration } from '../core/durations.ts';
import { toShortText } from '../core/instants.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';

/** What a run of newer slots replaces, for the ledger; null when no attempt was pending. */
export function supersededText(state: TaskState, attempt: number | undefined): string | null {
  const slot = state.handledSlot === null ? '' : ` of slot ${toShortText(state.handledSlot)}`;
  return attempt === undefined ? null : `supersedes attempt ${attempt}${slot}`;
}

/** Why slots are skipped, for the ledger. */
export function skipText(task: Task, reason: 'overlap' | 'too_late'): string {
  return reason === 'overlap'
    ? 'overlap: the run before was still alive'
    : `too late: more than ${formatDuration(task.startDeadlineSeconds ?? 0)} after the slot`;
}

type Waiting = Extract<Decision, { kind: 'waiting' | 'still-running' | 'handled-in-future' }>;

/** Why a state does not run in this tick, in words. */
export function waitText(decision: Waiting): string {
  switch (decision.kind) {
    case 'waiting':
      return decision.nextAt === null ? 'waits for nothing' : 'not due yet';
    case 'still-running':
      return decision.slots === undefined ? 'still running' : 'still running; the slot stays due';
    case 'handled-in-future':
      return `handled in the future: its slots are handled until ${toShortText(decision.until)}; "periodic-cron reset" counts from now`;
  }
}

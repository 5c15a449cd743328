import type { Decision } from '../core/due.ts';
import { formatDuration } from '../core/durations.ts';
import { toShortText } from '../core/instants.ts';
import { isReboot } from '../core/schedule/cron-fields.ts';
import type { SlotRange } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import type { Hold } from '../store/hold.ts';
import type { ListedKey } from '../store/tick-statements.ts';
import type { NotRun } from './runner.ts';

/** What a run of newer slots replaces, for the ledger; null when no attempt was pending. */
export function supersededText(state: TaskState, attempt: number | undefined): string | null {
  const slot = state.handledSlot === null ? '' : ` of slot ${toShortText(state.handledSlot)}`;
  return attempt === undefined ? null : `supersedes attempt ${attempt}${slot}`;
}

/** Why slots are skipped, for the ledger. */
export function skipText({
  reason,
  deadlineSeconds,
  resource,
  attempt,
}: Decision & { kind: 'skip' }): string {
  switch (reason) {
    case 'overlap':
      return 'overlap: the run before was still alive';
    case 'too_late':
      return `too late: more than ${formatDuration(Math.round(deadlineSeconds ?? 0))} late`;
    case 'missed':
      return 'missed: it did not start in time, and catch_up leaves it out';
    case 'window_closed':
      return 'window closed: its time range had ended before it could start';
    case 'postponed':
      return 'postponed: the period counts anew';
    case 'offline':
      return `${attempt === undefined ? '' : `attempt ${attempt} is left out, `}${offlineText(resource ?? '')}`;
  }
}

/** That a task is offline, and why. */
export function offlineText(resource: string): string {
  return `offline: its resource ${resource} is down`;
}

/** What a slot that is taken had waited for, for the ledger; null for one that was not blocked. */
export function blockageText({ blockedReason }: Pick<TaskState, 'blockedReason'>): string | null {
  return blockedReason === null ? null : `was blocked: ${blockedReason}`;
}

type Waiting = Extract<
  Decision,
  {
    kind: 'waiting' | 'excluded' | 'still-running' | 'handled-in-future' | 'held' | 'blocked';
  }
>;

/** Why a node starts nothing new. */
export function holdText({ kind, since, until, actor, reason }: Hold): string {
  const what = kind === 'drained' ? 'the node is drained' : 'maintenance is on';
  const end = until === null ? '' : ` until ${toShortText(until)}`;
  return `${what} since ${toShortText(since)}${end} by ${actor}${reason === '' ? '' : ` (${reason})`}`;
}

/** How many slots were skipped: `skipped` for one, `4 slots skipped` for more. */
export function skippedText({ count }: SlotRange): string {
  return count === 1 ? 'skipped' : `${count} slots skipped`;
}

/** Why a state of the task does not run in this tick, in words. */
export function waitText(decision: Waiting, task: Task): string {
  switch (decision.kind) {
    case 'waiting':
      return decision.nextAt === null ? waitForTicksText(decision.ticksLeft, task) : 'not due yet';
    case 'excluded':
      return `excluded by the schedule until ${toShortText(decision.until)}; the slot stays due`;
    case 'still-running':
      return decision.slots === undefined ? 'still running' : 'still running; the slot stays due';
    case 'held':
      return `${decision.reason}; what is due stays due`;
    case 'blocked':
      return `blocked: ${decision.reason}; the slot stays due`;
    case 'handled-in-future':
      return `handled in the future: its slots are handled until ${toShortText(decision.until)}; "periodic-cron reset" counts from now`;
  }
}

/** A task of which something is due on a node that starts nothing. */
export function heldKey({ taskName }: Pick<ListedKey, 'taskName'>, hold: string): NotRun {
  return { task: taskName, reason: `${hold}; what is due stays due`, nextSlotAt: null, newFault: false };
}

function waitForTicksText(ticksLeft: number | undefined, task: Task): string {
  if (ticksLeft === undefined) {
    return neverText(task);
  }
  return ticksLeft === 1 ? 'not due yet: fires at the next tick' : `not due yet: fires in ${ticksLeft} ticks`;
}

/** Why no instant is coming for a task that is switched on. */
function neverText({ scheduleKind, schedule, confirmation }: Task): string {
  if (confirmation) {
    return 'runs by hand only, after a confirmation';
  }
  switch (scheduleKind) {
    case 'manual':
      return 'runs by hand only';
    case 'every':
      return schedule.trim().startsWith('-')
        ? 'never runs: its period is negative'
        : 'waits for the end of its run';
    case 'at':
      return 'never runs: its instant has passed';
    case 'ticks':
      return 'waits for nothing: its only slot is taken';
    case 'cron':
      return isReboot(schedule) ? 'waits for the next boot' : 'never runs: its schedule has no slot ahead';
    case 'window':
      return 'never runs: its schedule has no slot ahead';
  }
}

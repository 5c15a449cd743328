import { doublePeriod } from './model-slots.ts';
import type { ModelRow, ModelState } from './model-state.ts';
import { DAY, floorToMinute, type Instant, SECOND } from './world.ts';

/** Due slots that are taken together, oldest first. */
export type Slots = { readonly first: Instant; readonly last: Instant; readonly count: number };

type Taking = {
  readonly slots: Slots;
  readonly node: string;
  readonly now: Instant;
  /** The minute of the tick. */
  readonly tickAt: Instant;
};

/** Slots are taken without being run. */
export function skipSlots(state: ModelState, reason: string, taking: Taking): ModelRow {
  const { slots, node, now } = taking;
  const { lastTaken, handled } = state;
  const joins =
    lastTaken !== null &&
    lastTaken.status === 'skipped' &&
    lastTaken.reason === reason &&
    lastTaken.node === node &&
    handled !== null &&
    lastTaken.last === handled &&
    // A state that counts anew has left something out between them.
    handled >= state.countedFrom;
  const given = state.pending?.row;
  take(state, taking, floorToMinute(now));
  if (given !== undefined && reason === 'postponed' && state.task.retryPastNext) {
    // It goes past newer slots, so that the operator alone has given it up.
    given.reason = reason;
  }
  if (joins) {
    lastTaken.last = slots.last;
    lastTaken.count += slots.count;
    return lastTaken;
  }
  const row = rowOf(state, taking, { attempt: 1, status: 'skipped', reason, startedAt: null });
  state.lastTaken = row;
  state.terminated ||= isOnce(state);
  return row;
}

/** Slots are taken to be run. */
export function claimSlots(state: ModelState, taking: Taking): ModelRow {
  take(state, taking, taking.tickAt);
  const row = rowOf(state, taking, startOf(1, taking.now));
  state.live.push(row);
  state.lastTaken = row;
  state.spent = isOnce(state);
  return row;
}

/** An operator starts the task: that takes no slot. */
export function claimByHand(state: ModelState, node: string, now: Instant): ModelRow {
  const slots = { first: 0, last: 0, count: 0 };
  const row: ModelRow = { ...rowOf(state, { slots, node }, startOf(1, now)), trigger: 'manual' };
  state.live.push(row);
  return row;
}

/** The pending attempt of the handled slot starts. */
export function claimRetry(state: ModelState, failed: ModelRow, taking: Omit<Taking, 'slots'>): ModelRow {
  const slots = { first: failed.last, last: failed.last, count: 1 };
  const row = rowOf(state, { ...taking, slots }, startOf(failed.attempt + 1, taking.now));
  state.pending = null;
  if (state.task.anchor !== 'slot') {
    state.anchoredAt = taking.tickAt;
  }
  state.live.push(row);
  state.lastTaken = row;
  return row;
}

/** A pending attempt is given up, since newer slots are there: its slot has failed for good. */
export function supersede(state: ModelState, now: Instant): void {
  if (state.pending !== null) {
    const { row } = state.pending;
    row.reason = 'superseded';
    state.pending = null;
    failForGood(state, row.endedAt ?? now, now);
  }
}

/** An operator postpones the task: the due slots are given up, and it waits a whole period from this minute. */
export function postpone(state: ModelState, now: Instant, tickNumber: number): void {
  if (state.pending !== null) {
    state.pending.row.reason = 'postponed';
    state.pending = null;
  }
  for (const row of state.live) {
    row.isPostponed = true;
  }
  state.countedFrom = floorToMinute(now);
  state.firstSlot = null;
  state.anchoredAt = null;
  state.currentPeriod = null;
  state.countedTick = tickNumber;
  state.spent = false;
  if (state.active && state.task.backoff === 'every_run') {
    doublePeriod(state);
  }
}

/** Why a run has ended so, of those that end without a word of their module. */
const END_REASONS: Readonly<Record<string, string>> = { lost: 'runner_died', cancelled: 'postponed' };

/** A run ends; nothing follows from one by hand. */
export function endRun(state: ModelState, row: ModelRow, status: string, endedAt: Instant): void {
  state.live = state.live.filter((other) => other !== row);
  row.status = status;
  row.reason = END_REASONS[status] ?? null;
  row.endedAt = endedAt;
  if (row.trigger === 'schedule') {
    followEnd(state, row, status, endedAt);
  }
}

function followEnd(state: ModelState, row: ModelRow, status: string, endedAt: Instant): void {
  const { task } = state;
  if (task.anchor === 'finish' || (task.anchor === 'start' && status !== 'succeeded')) {
    state.anchoredAt = floorToMinute(endedAt);
  }
  switch (status) {
    case 'succeeded':
      state.failures = 0;
      state.firstFailureAt = null;
      if (task.backoff === 'on_failure') {
        state.currentPeriod = null;
      }
      state.terminated ||= state.spent;
      return;
    case 'cancelled':
      state.terminated ||= state.spent;
      return;
    case 'stopped':
      state.failures = 0;
      state.firstFailureAt = null;
      state.terminated = true;
      state.pending = null;
      return;
    default:
      endInFailure(state, row, endedAt);
  }
}

function endInFailure(state: ModelState, row: ModelRow, endedAt: Instant): void {
  const { task } = state;
  // A slot from before the state counted anew is over with that.
  const isCurrent =
    row.last === state.handled && (row.last >= state.countedFrom || row.last === state.firstSlot);
  const mayRetry = state.active && !state.terminated && isCurrent && !row.isPostponed;
  if (mayRetry && task.retryOn.includes(row.status) && row.attempt <= task.retryLimit) {
    const delay = Math.min(task.retryDelaySeconds * 2 ** (row.attempt - 1), task.retryMaxDelaySeconds);
    state.pending = { row, at: endedAt + delay * SECOND };
    row.reason = 'retry';
    return;
  }
  failForGood(state, endedAt, endedAt);
  state.terminated ||= state.spent;
}

function failForGood(state: ModelState, failedAt: Instant, now: Instant): void {
  state.failures += 1;
  state.firstFailureAt ??= failedAt;
  if (state.task.backoff === 'on_failure') {
    doublePeriod(state);
  }
  state.terminated ||= isGivenUp(state, now);
}

function isGivenUp({ task, failures, firstFailureAt }: ModelState, now: Instant): boolean {
  const { deactivateAfter } = task;
  return (
    deactivateAfter !== null &&
    failures >= deactivateAfter.failures &&
    now - (firstFailureAt ?? now) >= (deactivateAfter.days ?? 0) * DAY
  );
}

/** True when giving up the pending attempt is the one failure too many. */
export function endsWithPending(state: ModelState, now: Instant): boolean {
  const { pending, failures, firstFailureAt } = state;
  return (
    pending !== null &&
    isGivenUp(
      { ...state, failures: failures + 1, firstFailureAt: firstFailureAt ?? pending.row.endedAt },
      now,
    )
  );
}

function take(state: ModelState, { slots, now }: Taking, anchoredAt: Instant): void {
  const { task } = state;
  supersede(state, now);
  state.handled = slots.last;
  if (task.anchor !== 'slot') {
    state.anchoredAt = anchoredAt;
  }
  if (task.backoff === 'every_run') {
    doublePeriod(state);
  }
  if (task.kind === 'ticks') {
    state.countedTick += slots.count * ticksOf(task.schedule).gap;
  }
}

/** `N` or `N repeat`: N ticks pass, and the one after them fires. */
export function ticksOf(schedule: string): { readonly gap: number; readonly repeats: boolean } {
  const [count, repeat] = schedule.split(' ');
  return { gap: Number(count) + 1, repeats: repeat === 'repeat' };
}

function isOnce({ task }: ModelState): boolean {
  return task.kind === 'at' || (task.kind === 'ticks' && !ticksOf(task.schedule).repeats);
}

type Start = Pick<ModelRow, 'attempt' | 'status' | 'reason' | 'startedAt'>;

function startOf(attempt: number, now: Instant): Start {
  return { attempt, status: 'running', reason: null, startedAt: now };
}

function rowOf(
  { task, scope }: ModelState,
  { slots, node }: Pick<Taking, 'slots' | 'node'>,
  start: Start,
): ModelRow {
  return {
    task: task.name,
    scope,
    node,
    trigger: 'schedule',
    ...slots,
    ...start,
    endedAt: null,
    isPostponed: false,
  };
}

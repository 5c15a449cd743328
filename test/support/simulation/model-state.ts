import type { Instant, LedgerRow, SimulatedTask } from './world.ts';

/** A row of the model's ledger: it changes while its run goes on. */
export type ModelRow = { -readonly [Key in keyof LedgerRow]: LedgerRow[Key] } & {
  endedAt: Instant | null;
  /** An operator has postponed the task while it ran: whatever becomes of it, it is not tried again. */
  isPostponed: boolean;
};

/** An attempt that is to follow a failed one. */
export type Pending = { readonly row: ModelRow; readonly at: Instant };

/** What the model knows of one (task, scope). */
export type ModelState = {
  readonly task: SimulatedTask;
  readonly scope: string;
  active: boolean;
  terminated: boolean;
  countedFrom: Instant;
  firstSlot: Instant | null;
  handled: Instant | null;
  /** From where the period counts with anchor `start` or `finish`. */
  anchoredAt: Instant | null;
  currentPeriod: number | null;
  countedTick: number;
  pending: Pending | null;
  failures: number;
  firstFailureAt: Instant | null;
  live: ModelRow[];
  /** It had one slot, and that is taken; whoever switches it on again arms it anew. */
  spent: boolean;
  /** The last row that took slots; a neighbour that is skipped for the same reason joins it. */
  lastTaken: ModelRow | null;
};

/** The state of a task that is created at that instant. */
export function createdState(
  task: SimulatedTask,
  scope: string,
  at: Instant,
  tickNumber: number,
): ModelState {
  const minute = at - (at % 60_000);
  const delay = task.runImmediately ? 0 : task.firstDelaySeconds;
  return {
    task,
    scope,
    active: true,
    terminated: false,
    countedFrom: minute + (delay ?? 0) * 1_000,
    firstSlot: delay === null ? null : minute + delay * 1_000,
    handled: null,
    anchoredAt: null,
    currentPeriod: null,
    countedTick: tickNumber,
    pending: null,
    failures: 0,
    firstFailureAt: null,
    live: [],
    spent: false,
    lastTaken: null,
  };
}

/** An operator switches the task on: it counts from this minute. */
export function switchOn(state: ModelState, at: Instant, tickNumber: number): void {
  const minute = at - (at % 60_000);
  const delay = state.task.enabledDelaySeconds;
  state.active = true;
  state.countedFrom = minute + (delay ?? 0) * 1_000;
  state.firstSlot = delay === null ? null : minute + delay * 1_000;
  state.anchoredAt = null;
  state.currentPeriod = null;
  state.countedTick = tickNumber;
  state.pending = null;
  state.spent = false;
}

/** An operator switches the task off: what back-off made of its period is forgotten. */
export function switchOff(state: ModelState): void {
  state.active = false;
  state.currentPeriod = null;
}

/** An operator resets the state: it is as good as new, but for what it has handled. */
export function resetState(state: ModelState, at: Instant, tickNumber: number): void {
  state.terminated = false;
  state.failures = 0;
  state.firstFailureAt = null;
  state.countedFrom = at - (at % 60_000);
  state.firstSlot = null;
  state.anchoredAt = null;
  state.currentPeriod = null;
  state.countedTick = tickNumber;
  state.pending = null;
  state.spent = false;
}

/** From here the next slots count. */
export function baseOf(state: ModelState): Instant {
  const { task, countedFrom, handled, anchoredAt } = state;
  const passed = task.kind === 'every' && task.anchor !== 'slot' ? anchoredAt : handled;
  return Math.max(passed ?? Number.NEGATIVE_INFINITY, countedFrom);
}

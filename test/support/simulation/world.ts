/** Milliseconds since 1970, as everywhere; nothing of a simulation takes more from the program than that. */
export type Instant = number;

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A node that ticks. */
export type SimulatedNode = {
  readonly name: string;
  readonly timezone: string;
  /** How often it ticks, as its configuration says. */
  readonly rhythmSeconds: number;
};

/** How a task behaves: what is drawn for each attempt lies within this. */
export type Temper = {
  readonly shortestMs: number;
  readonly longestMs: number;
  /** The share of attempts that take up to `longMs`. */
  readonly longShare: number;
  readonly longMs: number;
  readonly failShare: number;
  readonly stopShare: number;
  /** The share of attempts at whose end the runner dies. */
  readonly crashShare: number;
};

export type TaskKind = 'cron' | 'every' | 'window' | 'ticks' | 'at' | 'manual';

/** The definition of a task, in words of its own: the model reads it, and the simulator makes columns of it. */
export type SimulatedTask = {
  readonly id: number;
  readonly name: string;
  readonly nodes: readonly string[];
  readonly scope: 'each' | 'one';
  readonly ordering: number;
  readonly kind: TaskKind;
  readonly schedule: string;
  readonly timezone: string;
  readonly anchor: 'slot' | 'start' | 'finish';
  readonly runImmediately: boolean;
  readonly firstDelaySeconds: number | null;
  readonly enabledDelaySeconds: number | null;
  readonly randomOffsetSeconds: number;
  readonly catchUp: 'latest' | 'each' | 'skip';
  readonly catchUpMax: number;
  readonly startDeadlineSeconds: number | null;
  readonly timeoutSeconds: number | null;
  readonly retryLimit: number;
  readonly retryDelaySeconds: number;
  readonly retryMaxDelaySeconds: number;
  readonly retryOn: readonly string[];
  readonly retryPastNext: boolean;
  readonly backoff: 'none' | 'on_failure' | 'every_run';
  readonly maxPeriodSeconds: number | null;
  readonly deactivateAfter: { readonly failures: number; readonly days: number | null } | null;
  readonly overlap: 'forbid' | 'skip' | 'allow';
  readonly maxParallel: number;
  readonly temper: Temper;
  readonly createdAt: Instant;
  /** When an operator switches it off and on, in turn: off first. */
  readonly switchedAt: readonly Instant[];
  /** When an operator postpones it, wherever it is not terminated. */
  readonly postponedAt: readonly Instant[];
  /** When an operator resets it. */
  readonly resetAt: readonly Instant[];
  /** When an operator runs it by hand on a node. */
  readonly byHand: readonly { readonly at: Instant; readonly node: string }[];
};

/** A tick as cron brings it about. */
export type SimulatedTick = {
  readonly node: string;
  /** When it looks at its clock: cron's minute and the latency. */
  readonly at: Instant;
  /** The age of its process then, at most the latency. */
  readonly processAgeMs: number;
  /** Its process is killed after its first write. */
  readonly diesEarly: boolean;
};

/** A span, its end excluded, in which a node cannot reach the database. */
export type Outage = { readonly node: string; readonly from: Instant; readonly to: Instant };

/** Everything that is to happen to a world, but for what follows from it. */
export type WorldScript = {
  readonly seed: number;
  readonly startsAt: Instant;
  /** From here on every attempt succeeds at once, so that the world comes to rest. */
  readonly calmFrom: Instant;
  readonly endsAt: Instant;
  readonly maxRunning: number;
  readonly nodes: readonly SimulatedNode[];
  readonly tasks: readonly SimulatedTask[];
  readonly ticks: readonly SimulatedTick[];
  readonly outages: readonly Outage[];
};

/** One row of the ledger, as far as it is compared. */
export type LedgerRow = {
  readonly task: string;
  readonly scope: string;
  readonly node: string;
  readonly trigger: 'schedule' | 'manual';
  /** Of a run by hand, which has no slot, all of these are 0. */
  readonly first: Instant;
  readonly last: Instant;
  readonly count: number;
  readonly attempt: number;
  readonly status: string;
  readonly reason: string | null;
  readonly startedAt: Instant | null;
};

/** A state when the world has come to rest; what it waits for is left out where it waits for nothing. */
export type FinalState = {
  readonly task: string;
  readonly scope: string;
  readonly handledSlot: Instant | null;
  readonly nextSlot: Instant | null;
  readonly failures: number;
  readonly terminated: boolean;
  /** In seconds; null is the period itself. */
  readonly currentPeriod: number | null;
};

export type WorldEnd = { readonly rows: readonly LedgerRow[]; readonly states: readonly FinalState[] };

/** How far beyond the end of a world its next slots are looked for. */
export const HORIZON = 30 * DAY;

/** The key of the state that a run of the task on the node belongs to. */
export function scopeKeyOf(task: SimulatedTask, node: string): string {
  return task.scope === 'one' ? '*' : node;
}

/** True when the node cannot reach the database at the instant. */
export function isCutOff({ outages }: WorldScript, name: string, now: Instant): boolean {
  return outages.some(({ node, from, to }) => node === name && from <= now && now < to);
}

/** The name of the node at which operators sit. */
export function operatorNode({ nodes }: WorldScript): string {
  return nodes[0]?.name ?? '';
}

export function floorToMinute(instant: Instant): Instant {
  return instant - (((instant % MINUTE) + MINUTE) % MINUTE);
}

export function isoText(instant: Instant): string {
  return new Date(instant).toISOString();
}

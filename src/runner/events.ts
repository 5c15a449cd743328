import type { Fault } from '../core/errors.ts';
import type { Instant } from '../core/instants.ts';
import type { ResourceState } from '../core/requires.ts';
import type { RunStatus, RunTrigger } from '../core/state.ts';
import type { Run } from '../store/run-row.ts';

/** Something that happened to a task: each is one line of the log. */
export type LifeEventKind =
  // What people do to a definition.
  | 'created'
  | 'changed'
  | 'enabled'
  | 'disabled'
  | 'reset'
  | 'removed'
  /** A runner won the right to the first attempt of a slot, or to a run by hand. */
  | 'claimed'
  /** The same for a further attempt of a slot. */
  | 'retried'
  /** The module was called. */
  | 'started'
  /** The run succeeded, or its module asked never to be run again. */
  | 'finished'
  | 'failed'
  | 'timed_out'
  | 'cancelled'
  | 'lost'
  /** Slots were taken without a run. */
  | 'skipped'
  /** What the task requires does not hold: its slot stays due. */
  | 'blocked'
  /** The task rests because it is offline. */
  | 'offline'
  /** It rests no more, and counts from now. */
  | 'online'
  | 'postponed'
  /** The state is never run again by itself. */
  | 'terminated'
  /** The definition was found invalid for the first time. */
  | 'fault'
  /** A due state was looked at and left as it is, such as one that still runs; in every tick, so not told by default. */
  | 'waiting';

/** An event in the life of a task. It holds no output of a module, and no options. */
export type LifeEvent = {
  readonly event: LifeEventKind;
  readonly task: string;
  /** The key of the state, a node or `*`; null for an event of several states, which `scopes` names. */
  readonly scope: string | null;
  /** Where it happened. */
  readonly node: string;
  /** Null for a run by hand that has no slot, and for an event that belongs to none. */
  readonly slotAt: Instant | null;
  /** The slot that comes next as far as is known then. */
  readonly nextSlotAt: Instant | null;
} & LifeEventDetails;

/** What only some events have; null is the same as absent. */
export type LifeEventDetails = {
  readonly scopes?: readonly string[];
  /** The token of the run, which its processes carry too. */
  readonly runId?: string | null;
  readonly trigger?: RunTrigger;
  readonly attempt?: number;
  /** How many slots it stands for. */
  readonly slotCount?: number;
  readonly status?: RunStatus;
  readonly durationMs?: number | null;
  /** One word or a few: why a slot was skipped, a run cancelled or lost, a state terminated or blocked. */
  readonly reason?: string | null;
  /** What went wrong, in the words of the ledger. */
  readonly error?: string | null;
  /** When the next attempt may start. */
  readonly retryAt?: Instant | null;
  /** Who did it, by the name of the system user. */
  readonly actor?: string;
  /** Names of the fields that were changed, or are at fault. */
  readonly fields?: readonly string[];
  /** What the task was called before. */
  readonly formerName?: string;
};

/** A resource came into another state on a node. */
export type ResourceChange = {
  readonly resource: string;
  readonly node: string;
  /** Null where nobody had looked before. */
  readonly before: ResourceState | null;
  readonly state: ResourceState;
  /** What the look found, in words. */
  readonly why: string;
};

/** How a life event comes through the channel of a runner's events. */
export type LifeHappened = { readonly kind: 'life'; readonly life: LifeEvent };

/** Tells of events in the life of a task. */
export function tellLife(
  { onEvent }: { readonly onEvent: (event: LifeHappened) => void },
  ...events: readonly LifeEvent[]
): void {
  for (const life of events) {
    onEvent({ kind: 'life', life });
  }
}

/** What all events of one attempt have in common. */
export type AttemptSubject = Pick<LifeEvent, 'task' | 'scope' | 'node' | 'slotAt' | 'nextSlotAt'> &
  Required<Pick<LifeEventDetails, 'runId' | 'trigger' | 'attempt' | 'slotCount'>>;

type SubjectRun = Pick<
  Run,
  'taskName' | 'scopeKey' | 'node' | 'slot' | 'slotCount' | 'token' | 'trigger' | 'attempt'
>;

/** What the events of a run of the ledger have in common. */
export function subjectOfRun(run: SubjectRun, nextSlotAt: Instant | null): AttemptSubject {
  const { taskName, scopeKey, node, slot, slotCount, token, trigger, attempt } = run;
  return {
    task: taskName,
    scope: scopeKey,
    node,
    slotAt: slot,
    nextSlotAt,
    runId: token,
    trigger,
    attempt,
    slotCount,
  };
}

/** An attempt was claimed. `firstAttempt` is the number of the first attempt of its slot. */
export function claimedEvent(subject: AttemptSubject, firstAttempt: number): LifeEvent {
  const isRetry = subject.trigger === 'schedule' && subject.attempt > firstAttempt;
  return { event: isRetry ? 'retried' : 'claimed', ...subject };
}

export type AttemptEnd = {
  readonly status: Exclude<RunStatus, 'running' | 'skipped'>;
  readonly durationMs: number | null;
  readonly reason: string | null;
  readonly message: string | null;
  readonly retryAt: Instant | null;
};

/** An attempt ended, whoever noticed. What `message` says of a run that went well is no error. */
export function endedEvent(subject: AttemptSubject, end: AttemptEnd): LifeEvent {
  const { status, durationMs, retryAt, reason, message } = end;
  const isWell = status === 'succeeded' || status === 'stopped';
  return {
    event: isWell ? 'finished' : status,
    ...subject,
    status,
    durationMs,
    reason: status === 'stopped' ? message : reason,
    error: isWell ? null : message,
    retryAt,
  };
}

/** What a recorded end leaves to come. */
export type AttemptSequel = {
  readonly nextSlotAt: Instant | null;
  /** Why the state was terminated with this run, if it was. */
  readonly terminated: string | null;
  /** The task was removed with it. */
  readonly removed?: true;
};

/** The end of an attempt, and that of its state where the two came together. */
export function endedEvents(subject: AttemptSubject, end: AttemptEnd & AttemptSequel): readonly LifeEvent[] {
  const { nextSlotAt, terminated, removed } = end;
  const ended = endedEvent({ ...subject, nextSlotAt }, end);
  if (terminated === null) {
    return [ended];
  }
  const last: LifeEvent = { event: 'terminated', ...subject, nextSlotAt, reason: terminated };
  return removed === true ? [ended, last, { ...last, event: 'removed' }] : [ended, last];
}

/**
 * A definition was found invalid. What a module has against an option may quote its value, so of those only the name is
 * told.
 */
export function faultEvent(
  subject: Pick<LifeEvent, 'task' | 'scope' | 'node' | 'nextSlotAt'>,
  faults: readonly Fault[],
): LifeEvent {
  const error = faults.map(({ field, message }) =>
    isOption(field) ? `${field}: not valid` : `${field}: ${message}`,
  );
  return {
    event: 'fault',
    ...subject,
    slotAt: null,
    error: error.join('; '),
    fields: faults.map(({ field }) => field),
  };
}

function isOption(field: string): boolean {
  return /^options\b/.test(field);
}

export type Severity = 'debug' | 'info' | 'warn' | 'error';

/** How bad an event is: an error is final and needs somebody, a warning may mend itself or was somebody's wish. */
export function severityOf({ event, retryAt }: Pick<LifeEvent, 'event' | 'retryAt'>): Severity {
  switch (event) {
    case 'failed':
    case 'timed_out':
    case 'lost':
      return (retryAt ?? null) === null ? 'error' : 'warn';
    case 'fault':
      return 'error';
    case 'cancelled':
    case 'terminated':
      return 'warn';
    case 'waiting':
      return 'debug';
    default:
      return 'info';
  }
}

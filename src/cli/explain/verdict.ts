import { type Fault, faultText } from '../../core/errors.ts';
import { restsOffline } from '../../core/gate.ts';
import type { Instant } from '../../core/instants.ts';
import type { Blockage } from '../../runner/recorded-states.ts';
import type { TickRow } from '../../store/health.ts';
import type { Hold } from '../../store/hold.ts';
import type { AuditEntry } from '../../store/known-tasks.ts';
import type { Run } from '../../store/run-row.ts';
import type { RestFacts } from './condition-facts.ts';
import type { StateFacts } from './facts.ts';

/** Why a state did, or did not, run for the newest slot up to an instant. */
export type Verdict =
  /** The ledger has the slot: that it ran, or that and why it was skipped. */
  | { readonly kind: 'recorded'; readonly attempts: readonly [Run, ...Run[]] }
  | { readonly kind: 'not-listed'; readonly change: AuditEntry | undefined }
  /** `since` is there if the ledger names just these faults. */
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[]; readonly since: Instant | undefined }
  | { readonly kind: 'inactive'; readonly change: AuditEntry | undefined }
  | { readonly kind: 'terminated'; readonly since: Instant; readonly reason: string | null }
  /** It rests because it is offline. */
  | { readonly kind: 'offline'; readonly since: Instant; readonly rest: RestFacts }
  /** It rested then, by the row that laid it to rest; it has counted anew since. */
  | {
      readonly kind: 'rested';
      readonly since: Instant;
      readonly resource: string;
      readonly countedFrom: Instant;
    }
  /** A clock that was wrong took the slots up to `until`; a reset may have repaired it since. */
  | { readonly kind: 'handled-ahead'; readonly until: Instant; readonly reset: AuditEntry | undefined }
  | { readonly kind: 'no-slot' }
  | { readonly kind: 'counted-later'; readonly slot: Instant }
  /** Its spread or the random offset lets the slot start after the instant. */
  | { readonly kind: 'starts-later'; readonly slot: Instant; readonly startsAt: Instant }
  | { readonly kind: 'excluded'; readonly slot: Instant; readonly until: Instant }
  /** No tick had taken the slot when the task began to count anew. */
  | { readonly kind: 'left-behind'; readonly slot: Instant; readonly countedFrom: Instant }
  /** The slot was handled, but what became of it was deleted with old history. */
  | { readonly kind: 'history-deleted'; readonly slot: Instant }
  /** The node was drained, or there was maintenance. */
  | { readonly kind: 'held'; readonly slot: Instant; readonly hold: Hold }
  | { readonly kind: 'still-running'; readonly slot: Instant; readonly runs: readonly [Run, ...Run[]] }
  | { readonly kind: 'no-tick'; readonly slot: Instant }
  | { readonly kind: 'retry-first'; readonly slot: Instant; readonly retryAt: Instant }
  | { readonly kind: 'node-full'; readonly slot: Instant; readonly tick: TickRow }
  | { readonly kind: 'tick-not-ended'; readonly slot: Instant; readonly tick: TickRow }
  /** A tick found that what it requires does not hold. Where ticks are counted, its tick has come: there is no slot yet. */
  | { readonly kind: 'blocked'; readonly slot: Instant | undefined; readonly blockage: Blockage }
  | { readonly kind: 'unexplained'; readonly slot: Instant };

/**
 * Decides which fact answers the question. What the ledger says of the slot comes first; then what kept the state from
 * having due slots at all, in the order of the decision table; then what kept a tick from taking the slot.
 */
export function judge(facts: StateFacts): Verdict {
  return (
    judgeRecorded(facts) ??
    judgeDefinition(facts) ??
    judgeHandledAhead(facts) ??
    judgeSlot(facts) ??
    judgeTick(facts)
  );
}

/** The attempts count if they are those of the slot that is asked about, or of a later one that it was folded into. */
function judgeRecorded(facts: StateFacts): Verdict | undefined {
  const { now, slot, countedFrom, definition } = facts;
  const [first, ...others] = facts.attempts;
  const isReadable = definition.kind === 'valid' || definition.readable !== undefined;
  if (first === undefined || first.slot === null || !isReadable || isTickBlocked(facts)) {
    return undefined;
  }
  // What was recorded in the future comes from a clock that was wrong.
  const isOfSlot = first.slot >= (slot ?? countedFrom) && first.createdAt <= now;
  return isOfSlot ? { kind: 'recorded', attempts: [first, ...others] } : undefined;
}

/** Where ticks are counted, what is blocked after the slot that the ledger holds is the next one. */
function isTickBlocked({ blockage, definition, state }: StateFacts): boolean {
  const countsTicks = definition.kind === 'valid' && definition.timetable.ticks !== null;
  return countsTicks && blockage !== undefined && state?.retryAt === null;
}

/** What keeps the state from having due slots at all, whatever became of those before; undefined if nothing does. */
export function judgeDefinition(facts: StateFacts): Verdict | undefined {
  const { definition, isListed, isActive, fault } = facts;
  if (!isListed) {
    return { kind: 'not-listed', change: facts.unlisting };
  }
  if (definition.kind === 'invalid') {
    const { faults } = definition;
    const isTold = fault?.message === faultText(faults);
    return { kind: 'invalid', faults, since: isTold ? fault.createdAt : undefined };
  }
  if (!isActive) {
    return { kind: 'inactive', change: facts.deactivation };
  }
  return judgeTermination(facts) ?? judgeOffline(facts);
}

function judgeOffline(facts: StateFacts): Verdict | undefined {
  const { at, state, rest } = facts;
  const since = state?.offlineDisabledAt ?? null;
  return since === null || since > at || rest === undefined
    ? judgeRested(facts)
    : { kind: 'offline', since, rest };
}

/** A state forgets that it rested; the last row before that remembers, and whatever wakes a state lets it count anew. */
function judgeRested({ at, isNow, state, attempts, definition }: StateFacts): Verdict | undefined {
  const last = attempts.at(-1);
  const since = last?.endedAt ?? null;
  if (isNow || last?.status !== 'skipped' || last.reason !== 'offline' || since === null || since > at) {
    return undefined;
  }
  const resource =
    definition.kind === 'valid' && restsOffline(definition.task) && definition.task.offlineResource;
  return typeof resource === 'string' && state !== undefined && state.countedFrom > at
    ? { kind: 'rested', since, resource, countedFrom: state.countedFrom }
    : undefined;
}

function judgeTermination({ at, state, resets }: StateFacts): Verdict | undefined {
  const ends = [...resets, ...(state === undefined ? [] : [state])];
  const end = ends.find(({ terminatedAt }) => terminatedAt !== null && terminatedAt <= at);
  return end === undefined || end.terminatedAt === null
    ? undefined
    : { kind: 'terminated', since: end.terminatedAt, reason: end.terminatedReason };
}

function judgeHandledAhead({ now, state, resets }: StateFacts): Verdict | undefined {
  const [reset] = resets.flatMap(({ change, handledSlot }) =>
    handledSlot !== null && handledSlot > change.changedAt ? [{ until: handledSlot, reset: change }] : [],
  );
  if (reset !== undefined) {
    return { kind: 'handled-ahead', ...reset };
  }
  // A first or an enabled delay lets the state count from later on purpose.
  const isDelayed = state !== undefined && state.firstSlot === state.countedFrom;
  const countedFrom = state === undefined || isDelayed ? now : state.countedFrom;
  const until = Math.max(state?.handledSlot ?? countedFrom, countedFrom);
  return until > now ? { kind: 'handled-ahead', until, reset: undefined } : undefined;
}

function judgeSlot(facts: StateFacts): Verdict | undefined {
  const { slot, countedFrom, state, attempts, blockage } = facts;
  if (blockage !== undefined && isTickBlocked(facts)) {
    return { kind: 'blocked', slot: undefined, blockage };
  }
  if (slot === undefined) {
    return { kind: 'no-slot' };
  }
  if (slot <= countedFrom && slot !== state?.firstSlot) {
    return { kind: 'counted-later', slot };
  }
  if (state === undefined || state.handledSlot === null || state.handledSlot < slot) {
    return undefined;
  }
  // Old history goes first: where something older is kept, nothing of the slot was deleted.
  return attempts.length > 0 && state.countedFrom >= slot
    ? { kind: 'left-behind', slot, countedFrom: state.countedFrom }
    : { kind: 'history-deleted', slot };
}

/** The slot was due: what kept the ticks up to the instant from taking it. */
function judgeTick(facts: StateFacts): Verdict {
  const slot = facts.slot ?? facts.at;
  const early = judgeStart(facts, slot);
  if (facts.hold !== undefined && early?.kind !== 'starts-later') {
    return { kind: 'held', slot, hold: facts.hold };
  }
  return early ?? judgeStarter(facts, slot);
}

function judgeStarter(facts: StateFacts, slot: Instant): Verdict {
  const { at, ticks, blockage, lastTick } = facts;
  const retryAt = pendingRetry(facts);
  const retryFirst = retryAt === undefined ? undefined : ({ kind: 'retry-first', slot, retryAt } as const);
  // What an earlier tick found blocked is blocked, whether or not one has come since the newest slot.
  if (blockage !== undefined) {
    return retryFirst ?? { kind: 'blocked', slot, blockage };
  }
  return ticks.after === undefined || ticks.after.tickAt > at || lastTick === undefined
    ? { kind: 'no-tick', slot }
    : (retryFirst ?? judgeLastTick(facts, slot, lastTick));
}

function judgeLastTick({ at, runningAtTick, maxRunning }: StateFacts, slot: Instant, tick: TickRow): Verdict {
  if (runningAtTick.length >= maxRunning) {
    return { kind: 'node-full', slot, tick };
  }
  const isOver = tick.endedAt !== null && tick.endedAt <= at;
  return isOver ? { kind: 'unexplained', slot } : { kind: 'tick-not-ended', slot, tick };
}

/** The slot came, and might not start yet whatever ticked. */
function judgeStart(facts: StateFacts, slot: Instant): Verdict | undefined {
  const { at, aliveAt, startsAt, excludedUntil, state } = facts;
  if (startsAt !== undefined && startsAt > at) {
    return { kind: 'starts-later', slot, startsAt };
  }
  const [alive, ...others] = aliveAt;
  if (alive !== undefined && isBlockedBy(facts)) {
    return { kind: 'still-running', slot, runs: [alive, ...others] };
  }
  return excludedUntil !== undefined && slot !== state?.firstSlot
    ? { kind: 'excluded', slot, until: excludedUntil }
    : undefined;
}

function isBlockedBy({ definition, aliveAt }: StateFacts): boolean {
  return (
    definition.kind === 'valid' &&
    !(definition.task.overlap === 'allow' && aliveAt.length < definition.task.maxParallel)
  );
}

/** With `retry_past_next`, an attempt that is pending goes before the newer slot, which is due. */
function pendingRetry({ definition, state }: StateFacts): Instant | undefined {
  const waits = definition.kind === 'valid' && definition.task.retryPastNext;
  return waits ? (state?.retryAt ?? undefined) : undefined;
}

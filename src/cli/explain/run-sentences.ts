import { MINUTE_MS } from '../../core/instants.ts';
import { COUNT_LIMIT } from '../../core/schedule/next-slot.ts';
import type { RunStatus } from '../../core/state.ts';
import type { Run } from '../../store/run-row.ts';
import { elapsedText } from '../run-view.ts';
import { instantText } from '../times.ts';
import { blockedToo } from './condition-sentences.ts';
import type { StateFacts } from './facts.ts';
import { gapSentence, isOneRhythm } from './tick-sentences.ts';
import { lengthText } from './words.ts';

/** A start this long after its slot needs a reason: the minute of the tick itself explains the rest. */
const LATE_MS = 2 * MINUTE_MS;

/** What the ledger holds of a slot: how it was taken, each attempt, and why it came late. */
export function attemptSentences(attempts: readonly Run[], facts: StateFacts): readonly string[] {
  const [first] = attempts;
  if (first === undefined) {
    return [];
  }
  return [
    slotSentence(first),
    ...attempts.map((run) => attemptSentence(run, attempts.length > 1)),
    ...latenessSentences(first, facts),
    ...retrySentences(attempts, facts),
  ];
}

function slotSentence({ slot, slotFirst, slotCount, status }: Run): string {
  const last = slot === null ? 'none' : instantText(slot);
  if (slotCount <= 1 || slotFirst === null) {
    return `The slot was ${last}.`;
  }
  const count = slotCount >= COUNT_LIMIT ? `${slotCount} or more` : String(slotCount);
  // Where ticks are counted, the slots of one tick are its instant.
  const first = instantText(slotFirst);
  const range = first === last ? `${count} slots of ${last}` : `${count} slots from ${first} to ${last}`;
  return status === 'skipped'
    ? `One row of the ledger stands for ${range}.`
    : `One run stands for ${range}: the earlier ones had been missed.`;
}

/** One attempt, from its start to its end. */
export function attemptSentence(run: Run, isNumbered = false): string {
  const { id, status, startedAt, createdAt, endedAt, message, attempt } = run;
  const why = message === null ? '' : `: ${message}`;
  if (status === 'skipped') {
    return `It was skipped at ${instantText(endedAt ?? createdAt)}${why}.`;
  }
  const who = isNumbered ? `Attempt ${attempt}, run ${id},` : `Run ${id}`;
  const start = `${who} started at ${instantText(startedAt ?? createdAt)}${lagText(run)} on node ${JSON.stringify(run.node)}`;
  return `${start} and ${endText(run)}${why}.`;
}

function lagText({ slot, startedAt, trigger, attempt }: Run): string {
  if (trigger === 'manual') {
    return ' by hand';
  }
  const lag = slot === null || startedAt === null || attempt > 1 ? 0 : startedAt - slot;
  return lag <= 0 ? '' : `, ${lengthText(lag)} after the slot,`;
}

function endText({ status, durationMs, endedAt }: Run): string {
  const after = durationMs === null ? '' : ` after ${elapsedText(durationMs)}`;
  return status === 'lost' && endedAt !== null
    ? `was found lost at ${instantText(endedAt)}`
    : `${ENDS[status]}${status === 'running' ? '' : after}`;
}

const ENDS: Readonly<Record<RunStatus, string>> = {
  running: 'is still running',
  succeeded: 'succeeded',
  failed: 'failed',
  timed_out: 'was ended by its time limit',
  stopped: 'asked never to be run again',
  cancelled: 'was cancelled',
  lost: 'was lost',
  skipped: 'was skipped',
};

function latenessSentences(run: Run, facts: StateFacts): readonly string[] {
  const { start, scopeKey, rhythmSeconds } = facts;
  const { slot, startedAt } = run;
  if (slot === null || startedAt === null || start === undefined) {
    return [];
  }
  const { mayStartAt, delayedBy, ticks } = start;
  const delay =
    delayedBy !== undefined && startedAt - slot >= LATE_MS
      ? [`Its ${delayedBy.words} let it start from ${instantText(delayedBy.until)} on.`]
      : [];
  if (startedAt - mayStartAt < LATE_MS) {
    return delay;
  }
  const held = heldSentence(facts);
  if (held !== undefined) {
    return [...delay, held];
  }
  const { before, after } = ticks;
  // A tick in the minute of the earliest start leaves nothing to say.
  const isGap =
    after !== undefined &&
    after.tickAt - mayStartAt >= MINUTE_MS &&
    !isOneRhythm({ before, after }, rhythmSeconds);
  return [...delay, ...(isGap ? [gapSentence({ before, after }, scopeKey)] : [])];
}

/** What ran first: a pending attempt of the slot before, or another run of the task. */
function heldSentence({ start, aliveAtSlot }: StateFacts): string | undefined {
  const retry = start?.wentFirst;
  if (retry !== undefined && retry.slot !== null) {
    const until = retry.endedAt === null ? 'is still running' : `ran until ${instantText(retry.endedAt)}`;
    return `Attempt ${retry.attempt} of the slot ${instantText(retry.slot)} went first (retry_past_next): run ${retry.id} ${until}.`;
  }
  const [alive] = aliveAtSlot;
  return alive === undefined
    ? undefined
    : `At that slot run ${alive.id}, ${startText(alive)}, was still alive.`;
}

/** A run and since when it is there: `started at 2026-11-21 00:50:00Z by hand`. */
export function startText({ startedAt, createdAt, trigger }: Run): string {
  return `started at ${instantText(startedAt ?? createdAt)}${trigger === 'manual' ? ' by hand' : ''}`;
}

/** Why the attempt after a failed one did not come, by the reason of its row. */
const GIVEN_UP: Readonly<Record<string, string>> = {
  superseded: 'a newer slot came first',
  postponed: 'the task was postponed first',
  rerun: 'somebody ran the slot again by hand first',
  offline: 'it was left out, since the task was offline',
};

function retrySentences(attempts: readonly Run[], facts: StateFacts): readonly string[] {
  const { state, isActive } = facts;
  const last = attempts.at(-1);
  if (last === undefined || last.status === 'cancelled' || last.status === 'skipped') {
    return [];
  }
  const given = GIVEN_UP[last.reason ?? ''];
  if (given !== undefined) {
    return [`Another attempt was to follow, but ${given}.`];
  }
  if (last.reason !== 'retry') {
    return [];
  }
  const isPending = isActive && state !== undefined && state.handledSlot === last.slot;
  return isPending && state.retryAt !== null
    ? [
        `Attempt ${last.attempt + 1} may start from ${instantText(state.retryAt)} on.`,
        ...blockedToo(facts, 'It waits'),
      ]
    : ['Another attempt was to follow, but a newer slot, a change of the task or a reset came first.'];
}

import { formatDuration } from '../../core/durations.ts';
import { faultText } from '../../core/errors.ts';
import { neverDeclared } from '../../core/owners.ts';
import { isReboot } from '../../core/schedule/cron-fields.ts';
import { windowNever } from '../../core/schedule/window.ts';
import { newState } from '../../core/state.ts';
import { holdText, skipText } from '../../runner/reasons.ts';
import { ordinalTick, type TickWait } from '../tick-wait.ts';
import { instantText } from '../times.ts';
import { blockedSentences, blockedToo, restedSentences, restingSentences } from './condition-sentences.ts';
import type { StateFacts } from './facts.ts';
import { attemptSentence, attemptSentences, startText } from './run-sentences.ts';
import { noTickSentences } from './tick-sentences.ts';
import { judgeDefinition, type Verdict } from './verdict.ts';
import { changeText } from './words.ts';

/** A verdict in plain sentences: the answer first, then what it rests on, then what comes next. */
export function sentencesOf(verdict: Verdict, facts: StateFacts): readonly string[] {
  return [
    ...verdictSentences(verdict, facts),
    ...earlierSentences(verdict, facts),
    ...clockSentences(verdict, facts),
    ...restSentences(verdict, facts),
    ...manualSentences(verdict, facts),
    ...comingSentences(verdict, facts),
  ];
}

function verdictSentences(verdict: Verdict, facts: StateFacts): readonly string[] {
  switch (verdict.kind) {
    case 'recorded':
      return attemptSentences(verdict.attempts, facts);
    case 'not-listed':
      return [`The task does not belong to this node${because(verdict.change)}.`];
    case 'invalid':
      return invalidSentences(verdict);
    case 'inactive':
      return [`The task was not active${because(verdict.change)}.`];
    case 'terminated':
      return [
        `It was terminated at ${instantText(verdict.since)}: ${verdict.reason ?? 'without a reason'}.`,
        ...(facts.isNow ? [terminationAdvice(facts)] : []),
      ];
    case 'offline':
      return restingSentences(verdict);
    case 'rested':
      return restedSentences(verdict);
    case 'blocked':
      return blockedSentences(verdict, facts);
    case 'handled-ahead':
      return aheadSentences(verdict);
    case 'no-slot':
      return [noSlotSentence(facts)];
    default:
      return dueSentences(verdict, facts);
  }
}

/** A task of one instant that has passed would have nothing to come after a reset. */
function terminationAdvice({ definition, at }: StateFacts): string {
  const isPast =
    definition.kind === 'valid' &&
    definition.task.scheduleKind === 'at' &&
    definition.timetable.slotsIn(newState(at)).nextAfter(at) === undefined;
  return isPast
    ? '"periodic-cron set --once" gives it another instant.'
    : '"periodic-cron reset" takes that back.';
}

type DueVerdict = Extract<Verdict, { readonly slot: number }>;

function dueSentences(verdict: DueVerdict, facts: StateFacts): readonly string[] {
  const slot = `The slot ${instantText(verdict.slot)}`;
  switch (verdict.kind) {
    case 'counted-later':
      return [
        `${slot} does not count: the slots count from ${instantText(facts.countedFrom)} on${because(facts.countingChange)}.`,
        ...neverSentences(facts),
      ];
    case 'starts-later':
      return [
        `${slot} starts at ${instantText(verdict.startsAt)} at the earliest: its spread or the random offset says so.`,
        ...blockedToo(facts, 'Something is due before that'),
      ];
    case 'excluded':
      return [`${slot} stayed due: the schedule excludes the time until ${instantText(verdict.until)}.`];
    case 'held':
      return [`${slot} stayed due, since nothing new started here: ${holdText(verdict.hold)}.`];
    case 'left-behind':
      return [
        `${slot} was due, and no tick had taken it when the task began to count anew: since then its slots count from ${instantText(verdict.countedFrom)} on.`,
      ];
    case 'history-deleted':
      return [`${slot} was handled, but the ledger does not hold it any more: old history is deleted.`];
    case 'still-running':
      return [`${slot} stayed due, since ${runsText(verdict.runs.map(aliveText))} alive.`];
    case 'no-tick':
      return [`${slot} was due, and no tick came to take it.`, ...noTickSentences(facts)];
    case 'retry-first':
      return [
        `${slot} was due, but another attempt of the slot before goes first (retry_past_next): it may start from ${instantText(verdict.retryAt)} on.`,
        ...blockedToo(facts, 'That attempt waits'),
      ];
    case 'node-full':
      return [
        `${slot} stayed due: the tick at ${instantText(verdict.tick.tickAt)} found as many runs alive on node ${JSON.stringify(verdict.tick.node)} as there may be (max_running ${facts.maxRunning}).`,
        `They were ${facts.runningAtTick.map(({ id, taskName }) => `run ${id} of ${JSON.stringify(taskName)}`).join(', ')}.`,
      ];
    case 'tick-not-ended':
      return [
        `${slot} was due: the tick at ${instantText(verdict.tick.tickAt)} on node ${JSON.stringify(verdict.tick.node)} had not come to it. It was busy with the tasks before it, or was killed.`,
      ];
    case 'unexplained':
      return [
        `${slot} was due, and the ledger does not say why no tick took it: a tick leaves what is due when it is told to end, and with --limit or --fail-fast.`,
      ];
  }
}

/** An instant that had passed when the task began to count has no other slot. */
function neverSentences({ definition, isNow }: StateFacts): readonly string[] {
  if (definition.kind !== 'valid' || definition.task.scheduleKind !== 'at') {
    return [];
  }
  return [
    'It is the only slot, so the schedule never starts it.',
    ...(isNow
      ? [
          '"periodic-cron set --once" gives it another instant; with "--past run" that may be one that has passed, and the next tick runs it.',
        ]
      : []),
  ];
}

function because(change: Parameters<typeof changeText>[0] | undefined): string {
  return change === undefined ? '' : `, since ${changeText(change)}`;
}

function aliveText(run: Parameters<typeof startText>[0]): string {
  return `run ${run.id}, ${startText(run)},`;
}

function runsText(runs: readonly string[]): string {
  return `${runs.join(' and ')} ${runs.length === 1 ? 'was' : 'were'}`;
}

function invalidSentences({ faults, since }: Extract<Verdict, { kind: 'invalid' }>): readonly string[] {
  return [
    `The definition was invalid: ${faultText(faults)}.`,
    ...(since === undefined ? [] : [`The ledger names its fault since ${instantText(since)}.`]),
  ];
}

function aheadSentences({ until, reset }: Extract<Verdict, { kind: 'handled-ahead' }>): readonly string[] {
  const what = `Its slots were handled ahead, up to ${instantText(until)}: the clock was wrong then.`;
  return [
    what,
    reset === undefined
      ? 'It waits until then, unless "periodic-cron reset" lets it count from now.'
      : `That ended when ${changeText(reset)}.`,
  ];
}

function noSlotSentence(facts: StateFacts): string {
  const { definition, countedFrom, countingChange } = facts;
  const task = definition.kind === 'valid' ? definition.task : undefined;
  if (task?.confirmation === true) {
    return 'The task asks for a confirmation: it runs by hand only, whatever its schedule says.';
  }
  if (task?.scheduleKind === 'manual') {
    return 'The schedule is manual: the task runs by hand only.';
  }
  if (task?.scheduleKind === 'cron' && isReboot(task.schedule)) {
    return 'The schedule is @reboot: it comes with the next boot of the node.';
  }
  if (task?.scheduleKind === 'window' && windowNever(task.schedule)) {
    return 'The schedule says never.';
  }
  if (task?.scheduleKind === 'ticks') {
    return `The schedule counts ticks, and its tick had not come yet${because(countingChange)}.`;
  }
  return task?.scheduleKind === 'every' && task.schedule.trim().startsWith('-')
    ? `The schedule is a negative period, which is never${neverDeclared(task)}.`
    : `No slot had come yet: the slots count from ${instantText(countedFrom)} on${because(countingChange)}.`;
}

/** What the ledger holds before the slot that it does not hold. */
function earlierSentences({ kind }: Verdict, { attempts, at }: StateFacts): readonly string[] {
  const last = attempts.at(-1);
  const slot = last?.slot ?? null;
  if (kind === 'recorded' || last === undefined || slot === null || slot > at) {
    return [];
  }
  return [`The slot handled before that is ${instantText(slot)}. ${attemptSentence(last)}`];
}

/** A slot that is not where it is expected: the clock skips some, and moves or repeats others. */
function clockSentences({ kind }: Verdict, facts: StateFacts): readonly string[] {
  const { clockChange } = facts;
  return clockChange === undefined || kind === 'handled-ahead' || judgeDefinition(facts) !== undefined
    ? []
    : [`The clock changed in the day before: ${clockChange.text}.`];
}

/** A slot that the ledger holds does not explain why nothing comes after it. */
function restSentences({ kind }: Verdict, facts: StateFacts): readonly string[] {
  const rest = kind === 'recorded' ? judgeDefinition(facts) : undefined;
  return rest === undefined ? [] : verdictSentences(rest, facts);
}

/** The last run by hand, unless the verdict has named it already. */
function manualSentences({ kind }: Verdict, { manualRun, aliveAt }: StateFacts): readonly string[] {
  const isNamed = kind === 'still-running' && aliveAt.some(({ id }) => id === manualRun?.id);
  return manualRun === undefined || isNamed ? [] : [attemptSentence(manualRun)];
}

function comingSentences({ kind }: Verdict, facts: StateFacts): readonly string[] {
  if (kind === 'handled-ahead' || judgeDefinition(facts) !== undefined) {
    return [];
  }
  return [
    ...(facts.isNow ? dueNow(kind, facts) : []),
    ...backOffSentences(facts),
    ...nextSentences(kind, facts),
  ];
}

/** What becomes of a slot that is due now. */
function dueNow(kind: Verdict['kind'], { decision, slot }: StateFacts): readonly string[] {
  switch (kind) {
    case 'still-running':
      return [
        decision?.kind === 'skip'
          ? 'The next tick skips it, since overlap is "skip".'
          : 'It is taken when that has ended.',
      ];
    case 'no-tick':
    case 'node-full':
    case 'tick-not-ended':
    case 'blocked':
    case 'unexplained':
      return [
        decision?.kind === 'skip' && decision.slots.slot === slot
          ? `The next tick skips it: ${skipText(decision)}.`
          : `${slot === undefined ? 'It' : 'The slot'} is still due: the next tick looks at it again.`,
      ];
    default:
      return [];
  }
}

function backOffSentences({ backedOff, state }: StateFacts): readonly string[] {
  if (backedOff === undefined) {
    return [];
  }
  const failures = state?.failures ?? 0;
  const after = failures === 0 ? '' : ` after ${failures} ${failures === 1 ? 'failure' : 'failures'}`;
  const { periodSeconds, fromSeconds } = backedOff;
  return [
    `Back-off has made its period of ${formatDuration(fromSeconds)} one of ${formatDuration(periodSeconds)}${after}.`,
  ];
}

function nextSentences(kind: Verdict['kind'], facts: StateFacts): readonly string[] {
  const { isNow, nextSlot, nextStartsAt, tickWait, definition, aliveAt } = facts;
  if (tickWait !== undefined) {
    // Of one that is blocked the tick has come.
    return kind === 'blocked' ? [] : [tickSentence(tickWait)];
  }
  if (nextSlot === undefined) {
    const counts = definition.kind === 'valid' && definition.timetable.period?.anchor === 'finish';
    return isNow && counts && aliveAt.length > 0 ? ['The next slot counts from the end of the run.'] : [];
  }
  const later = nextStartsAt !== undefined && nextStartsAt > nextSlot && kind !== 'starts-later';
  const start = later ? `, which starts at ${instantText(nextStartsAt)} at the earliest` : '';
  return [`The next slot is ${instantText(nextSlot)}${start}.`];
}

function tickSentence({ ticksLeft }: TickWait): string {
  return `It fires at ${ordinalTick(ticksLeft)}${ticksLeft === 1 ? '' : ' from now'}.`;
}

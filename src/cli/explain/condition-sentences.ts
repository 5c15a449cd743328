import { knownText } from '../../core/conditions.ts';
import type { Instant } from '../../core/instants.ts';
import { holdText } from '../../runner/reasons.ts';
import { instantText } from '../times.ts';
import type { RestFacts } from './condition-facts.ts';
import type { StateFacts } from './facts.ts';
import { isTickMissing, noTickSentences } from './tick-sentences.ts';
import type { Verdict } from './verdict.ts';

/** Why a due slot is left, and whether it is still. */
export function blockedSentences(
  { slot }: Extract<Verdict, { kind: 'blocked' }>,
  facts: StateFacts,
): readonly string[] {
  const what = slot === undefined ? 'Its tick has come, and it' : `The slot ${instantText(slot)}`;
  const stays = facts.isNow ? 'stays due' : 'stayed due, and is due still';
  return [
    `${what} ${stays}: ${blockedText(facts)}.`,
    ...(isTickMissing(facts) ? noTickSentences(facts) : []),
  ];
}

/** That a pending attempt is blocked, or what else is due; nothing where it is not. */
export function blockedToo(facts: StateFacts, what: string): readonly string[] {
  return facts.blockage === undefined ? [] : [`${what}: ${blockedText(facts)}.`];
}

function blockedText({ blockage }: StateFacts): string {
  if (blockage === undefined) {
    return 'it is not blocked';
  }
  const { noted, now } = blockage;
  return now === undefined
    ? `the last tick found it blocked, ${noted}. What is recorded now says so no more`
    : `it is blocked, ${now}`;
}

/** Since when a state rests, for what, and whether the next tick wakes it, or what keeps it from that. */
export function restingSentences({
  since,
  rest,
}: {
  readonly since: Instant;
  readonly rest: RestFacts;
}): readonly string[] {
  const from = `It rests since ${instantText(since)}`;
  if (!rest.isAsked) {
    return [
      `${from}: it was offline then. Its policy does not let it rest any more.`,
      ...wakeSentences(rest),
    ];
  }
  const name = JSON.stringify(rest.resource);
  const why = `${from}: its resource ${name} was down then, and its policy offline is "disable".`;
  return [why, howNow(rest), ...wakeSentences(rest)];
}

/** That a state rested, and since when it counts again. */
export function restedSentences({
  since,
  resource,
  countedFrom,
}: Extract<Verdict, { kind: 'rested' }>): readonly string[] {
  return [
    `It rested from ${instantText(since)} on: its resource ${JSON.stringify(resource)} was down then, and its policy offline is "disable".`,
    `It counts from ${instantText(countedFrom)} since.`,
  ];
}

/** What the next tick does about it; of an instant in the past that is no answer. */
function wakeSentences({ wakes, kept, isNow }: RestFacts): readonly string[] {
  if (!isNow) {
    return [];
  }
  if (kept !== undefined) {
    const node = JSON.stringify(kept.node);
    return [`No tick wakes it yet, since nothing new starts on node ${node}: ${holdText(kept.hold)}.`];
  }
  return wakes ? ['The next tick wakes it, and it counts from then.'] : [];
}

function howNow({ known, node, wakes, kept }: RestFacts): string {
  if (known === undefined) {
    return 'There is no such resource any more, so it is not known to be down.';
  }
  const isBack = wakes || kept !== undefined;
  const it = node === undefined ? 'It' : `On node ${JSON.stringify(node)} it`;
  return `${it} is ${knownText(known)}${isBack ? '' : '; the task wakes when that is known not to be down'}.`;
}

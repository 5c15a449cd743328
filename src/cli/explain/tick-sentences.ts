import { SECOND_MS } from '../../core/instants.ts';
import { ALL_NODES } from '../../core/task.ts';
import type { TicksAround } from '../../store/health.ts';
import { instantText } from '../times.ts';
import type { StateFacts } from './facts.ts';

const CAUSES = 'cron did not call run_scheduled, or the machine was off or asleep';

/** That no tick came, and for how long. */
export function gapSentence({ before, after }: TicksAround, scopeKey: string): string {
  const [ticked, hasTicked] = wordsFor(scopeKey);
  if (after !== undefined) {
    return before === undefined
      ? `${ticked} before ${instantText(after.tickAt)}, the first tick that is recorded.`
      : `${ticked} between ${instantText(before.tickAt)} and ${instantText(after.tickAt)}: ${CAUSES}.`;
  }
  return before === undefined ? `${hasTicked} so far.` : `${hasTicked} since ${instantText(before.tickAt)}.`;
}

function wordsFor(scopeKey: string): readonly [ticked: string, hasTicked: string] {
  const node = `Node ${JSON.stringify(scopeKey)}`;
  return scopeKey === ALL_NODES
    ? ['No node of the task ticked', 'No node of the task has ticked']
    : [`${node} did not tick`, `${node} has not ticked`];
}

/** Cron and the machine are no clockwork: ticks that are this much of a rhythm apart are neighbours. */
const TOLERANCE = 1.5;

/** True for two ticks between which none was to come; false while nobody knows how often the node ticks. */
export function isOneRhythm({ before, after }: TicksAround, rhythmSeconds: number | undefined): boolean {
  return (
    before !== undefined &&
    after !== undefined &&
    rhythmSeconds !== undefined &&
    after.tickAt - before.tickAt <= TOLERANCE * rhythmSeconds * SECOND_MS
  );
}

/** True where the node should have ticked again by now; false while nobody knows how often it ticks. */
export function isTickMissing({ lastTick, now, isNow, rhythmSeconds }: StateFacts): boolean {
  return (
    isNow &&
    lastTick !== undefined &&
    rhythmSeconds !== undefined &&
    now - lastTick.tickAt > TOLERANCE * rhythmSeconds * SECOND_MS
  );
}

/** Why a slot that came was taken by no tick up to the instant. */
export function noTickSentences({ ticks, scopeKey, isNow, rhythmSeconds }: StateFacts): readonly string[] {
  const { before, after } = ticks;
  if (before !== undefined && after !== undefined && isOneRhythm(ticks, rhythmSeconds)) {
    return [
      `The tick before it came at ${instantText(before.tickAt)}, the next one at ${instantText(after.tickAt)}, as often as the node ticks.`,
    ];
  }
  const advice = '"periodic-cron doctor" tells whether cron calls run_scheduled as it should.';
  return [gapSentence(ticks, scopeKey), ...(isNow ? [advice] : [])];
}

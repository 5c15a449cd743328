import type { Run } from '../../store/run-row.ts';
import type { Context } from '../context.ts';
import type { Session } from '../session.ts';
import { instantText } from '../times.ts';
import { loadStateFacts, type StateFacts } from './facts.ts';
import { attemptSentence } from './run-sentences.ts';
import { sentencesOf } from './sentences.ts';
import { type FoundSubject, findSubject, type Question } from './subject.ts';
import { judge, type Verdict } from './verdict.ts';
import { changeText } from './words.ts';

/** Why one state did or did not run. */
export type StateExplanation = {
  readonly facts: StateFacts;
  readonly verdict: Verdict;
  readonly sentences: readonly string[];
};

export type Explanation =
  | { readonly kind: 'explained'; readonly states: readonly StateExplanation[] }
  /** There was no such task then. */
  | { readonly kind: 'no-task'; readonly sentence: string };

/**
 * Says why a task did or did not run for the newest slot up to an instant, for each of its states.
 *
 * @throws NotFoundError when nothing of that name is known
 */
export async function explainTask(
  context: Context,
  session: Session,
  question: Question,
): Promise<Explanation> {
  const found = await findSubject(context, session, question);
  if (found.kind === 'not-there') {
    return { kind: 'no-task', sentence: absenceSentence(found) };
  }
  const states: StateExplanation[] = [];
  for (const scopeKey of found.subject.scopeKeys) {
    const facts = await loadStateFacts(found.subject, scopeKey);
    const verdict = judge(facts);
    states.push({ facts, verdict, sentences: sentencesOf(verdict, facts) });
  }
  return { kind: 'explained', states };
}

function absenceSentence({ past, lastRun }: Extract<FoundSubject, { kind: 'not-there' }>): string {
  switch (past.kind) {
    case 'not-yet':
      return past.created === undefined
        ? `The task was not there yet: it was created at ${instantText(past.createdAt)}.`
        : `The task was not there yet: ${changeText(past.created)}.`;
    case 'removed':
      return `The task was not there any more: ${changeText(past.removed)}.${lastText(lastRun)}`;
    case 'forgotten':
      return 'The task was removed, and old history that would tell of it is deleted.';
  }
}

/** A one-shot goes with its run: whoever asks wants to know of that. */
function lastText(run: Run | undefined): string {
  return run === undefined ? '' : ` The last that the ledger has of it: ${attemptSentence(run)}`;
}

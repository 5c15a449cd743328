import type { Run } from '../../store/run-row.ts';
import { EXIT } from '../exit-codes.ts';
import { slotText } from '../run-view.ts';
import { instantText } from '../times.ts';

/** What became of a run that was to be cancelled. */
export type Cancelled =
  | { readonly kind: 'unknown'; readonly id: number }
  /** It had ended before it was asked. */
  | { readonly kind: 'over'; readonly run: Run }
  /** It was asked, and nobody waited. */
  | { readonly kind: 'asked'; readonly run: Run }
  | { readonly kind: 'ended'; readonly run: Run }
  | { readonly kind: 'still-running'; readonly run: Run; readonly seconds: number };

/** One line about a run, for people. */
export function describeCancelled(done: Cancelled): string {
  switch (done.kind) {
    case 'unknown':
      return `there is no run ${done.id}: "periodic-cron history" lists those that there are`;
    case 'over':
      return `${subjectOf(done.run)} had ended before: ${endText(done.run)}`;
    case 'asked':
      return `${subjectOf(done.run)} on node ${JSON.stringify(done.run.node)} is asked to end`;
    case 'ended':
      return `${subjectOf(done.run)} has ended: ${endText(done.run)}`;
    case 'still-running':
      return stillRunningText(done.run, done.seconds);
  }
}

function subjectOf(run: Run): string {
  return `run ${run.id} of task ${JSON.stringify(run.taskName)} (${slotText(run)})`;
}

function endText({ status, message, endedAt, createdAt }: Run): string {
  const why = message === null ? '' : `, ${message}`;
  return `${status.replace('_', ' ')} at ${instantText(endedAt ?? createdAt)}${why}`;
}

function stillRunningText(run: Run, seconds: number): string {
  const node = JSON.stringify(run.node);
  return `${subjectOf(run)} has not ended within ${seconds}s. It may end yet: the request stays. If its runner on node ${node} is gone, the next tick of that node records the run as lost; "periodic-cron status" tells when it last ticked`;
}

/** What was not done counts before what could not be asked for. */
export function exitCodeOfCancelled(done: readonly Cancelled[]): number {
  if (done.some(({ kind }) => kind === 'still-running')) {
    return EXIT.taskFailed;
  }
  return done.some(({ kind }) => kind === 'unknown' || kind === 'over') ? EXIT.nothingMatched : EXIT.ok;
}

import type { Progress } from '../../execute/execution.ts';
import { harmless } from '../../execute/harmless.ts';
import type { RunnerEvent } from '../../runner/runner.ts';
import { type EventLog, logRunnerEvent } from '../event-log.ts';
import type { Output } from '../output.ts';
import { tellRun } from '../tell-run.ts';
import type { ProgressBar } from './progress-bar.ts';

/** Where the events of runs by hand go. */
export type EventPlaces = {
  readonly output: Output;
  readonly log: EventLog;
  readonly bar: ProgressBar;
  /** Output and bar share a terminal: the bar would be drawn over a line that is not finished. */
  readonly isShared: boolean;
};

/** Shows output as it comes, and starts what follows it on a line of its own; the bar makes way for both. */
export function showEvents({ output, log, bar, isShared }: EventPlaces): (event: RunnerEvent) => void {
  let isAtLineStart = true;
  const startLine = (): void => {
    if (!isAtLineStart) {
      output.line('');
      isAtLineStart = true;
    }
  };
  const showOutput = ({ text, waitFor }: RunnerEvent & { readonly kind: 'output' }): void => {
    if (!output.isJson && text !== '') {
      output.text(harmless(text));
      isAtLineStart = /[\r\n]$/.test(text);
    }
    const drained = output.drained();
    if (drained !== undefined) {
      waitFor(drained);
    }
  };
  const show = (event: Exclude<RunnerEvent, { readonly kind: 'progress' }>): void => {
    if (event.kind === 'ended' || (event.kind === 'life' && output.isVerbose)) {
      startLine();
    }
    logRunnerEvent(log, event);
    if (event.kind === 'output') {
      showOutput(event);
    }
    if (event.kind === 'ended') {
      tellRun(event.run, { cron: false, output });
    }
    if (event.kind === 'warning') {
      output.note(event.message);
    }
  };
  const showProgress = (task: string, progress: Progress): void => bar.show(task, progress);
  return (event) => {
    if (event.kind === 'progress') {
      showProgress(event.task, event.progress);
      return;
    }
    bar.pause();
    show(event);
    if (event.kind === 'ended') {
      bar.end();
    } else if (isAtLineStart || !isShared) {
      bar.resume();
    }
  };
}

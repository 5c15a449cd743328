import { SECOND_MS } from '../core/instants.ts';
import type { Progress, RunHost } from '../execute/execution.ts';
import { incrementCounter } from '../store/counters.ts';
import { holdsRun } from '../store/lease.ts';
import { noteProgress } from '../store/live-runs.ts';
import { recordStat } from '../store/stats.ts';
import type { Runner } from './runner.ts';

/** What others see of a run's progress may be this old: each look of theirs reads what was written last. */
const WRITE_EVERY_MS = 2 * SECOND_MS;

export type OpenRunHost = RunHost & {
  /** To be called when the run is over; resolves when nothing is being written any more. Never rejects. */
  readonly dispose: () => Promise<void>;
};

/** The runner's side of what a run asks and tells. */
export function openRunHost(
  runner: Pick<Runner, 'driver' | 'node' | 'clock' | 'onEvent'>,
  { token, task, isLeased }: { readonly token: string; readonly task: string; readonly isLeased: boolean },
): OpenRunHost {
  const { driver, node, clock } = runner;
  const written = writeSparsely((progress) => noteProgress(driver, token, progress));
  return {
    // Nobody else takes the place of a run without a lease, however long the database is away.
    stillMine: () => holdsRun(driver, token).catch(() => !isLeased),
    progress: (progress) => {
      runner.onEvent({ kind: 'progress', task, progress });
      written.take(progress);
    },
    incrementCounter: (name, by) => incrementCounter(driver, { name, node: node.name, by }),
    recordStat: (key, value, at) => recordStat(driver, { key, value, at: at ?? clock() }),
    dispose: written.dispose,
  };
}

/**
 * Writes the newest progress, and not more often than every two seconds. What cannot be written is forgotten: nothing
 * depends on it, and the next one says more.
 */
function writeSparsely(write: (progress: Progress) => Promise<void>): {
  readonly take: (progress: Progress) => void;
  readonly dispose: () => Promise<void>;
} {
  let newest: Progress | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();
  const flush = (): void => {
    timer = undefined;
    if (newest !== undefined) {
      const progress = newest;
      newest = undefined;
      timer = setTimeout(flush, WRITE_EVERY_MS);
      timer.unref();
      writing = writing.then(() => write(progress)).catch(() => undefined);
    }
  };
  return {
    take: (progress) => {
      newest = progress;
      if (timer === undefined) {
        flush();
      }
    },
    dispose: () => {
      clearTimeout(timer);
      newest = undefined;
      return writing;
    },
  };
}

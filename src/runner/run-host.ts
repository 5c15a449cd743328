import { SECOND_MS } from '../core/instants.ts';
import type { JsonObject } from '../core/json.ts';
import type { Task } from '../core/task.ts';
import type { Progress, RunHost } from '../execute/execution.ts';
import { holdsRun } from '../store/lease.ts';
import { noteProgress } from '../store/live-runs.ts';
import { takeTurns } from '../store/turns.ts';
import type { Runner } from './runner.ts';

/** What others see of a run's progress may be this old: each look of theirs reads what was written last. */
const WRITE_EVERY_MS = 2 * SECOND_MS;

export type OpenRunHost = RunHost & {
  /**
   * To be called when the run is over, and before its end is recorded: writes how far it came; resolves when nothing is
   * being written any more. Never rejects.
   */
  readonly dispose: () => Promise<void>;
};

/** The run that asks, with the options that it was given, and as much of a runner as its wishes take. */
export type AskingTask = { readonly token: string; readonly task: Task; readonly options: JsonObject };
export type RunHosting = Pick<Runner, 'driver' | 'node' | 'clock' | 'onEvent' | 'registry'>;

/** Whoever wants more tasks than this in one run is caught in a loop. */
const MOST_SCHEDULED = 1_000;

/** The runner's side of what a run asks and tells. */
export function openRunHost(
  runner: RunHosting,
  { isLeased, ...asking }: AskingTask & { readonly isLeased: boolean },
): OpenRunHost {
  const { token, task } = asking;
  const { driver, node, clock } = runner;
  let scheduled = 0;
  const names = new Set<string>();
  const inTurn = takeTurns();
  const written = writeSparsely((progress) => noteProgress(driver, token, progress));
  return {
    // Nobody else takes the place of a run without a lease, however long the database is away.
    stillMine: () => holdsRun(driver, token).catch(() => !isLeased),
    progress: (progress) => {
      runner.onEvent({ kind: 'progress', task: task.name, progress });
      written.take(progress);
    },
    incrementCounter: async (name, by) => {
      const { incrementCounter } = await import('../store/counters.ts');
      await incrementCounter(driver, { name, node: node.name, by });
    },
    recordStats: async (values, given) => {
      const at = given ?? clock();
      const { recordStats } = await import('../store/stats.ts');
      const stats = values.map((one) => ({ ...one, at }));
      await recordStats(driver, stats);
    },
    schedule: (wish) => {
      scheduled += 1;
      return scheduled > MOST_SCHEDULED
        ? Promise.reject(new Error(`schedule: expected at most ${MOST_SCHEDULED} in one run, got more`))
        : // One after the other, so that each knows what this run has scheduled before.
          inTurn(async () => {
            const { scheduleOneShot } = await import('./schedule-one-shot.ts');
            await scheduleOneShot(runner, asking, { ...wish, isRepeated: names.has(wish.name) });
            names.add(wish.name);
          });
    },
    postpone: async (name) => {
      const { postponeFromRun } = await import('./postpone-from-run.ts');
      await postponeFromRun(runner, asking, name);
    },
    isRunning: async (name) => {
      const { isTaskRunning } = await import('../store/task-lookup.ts');
      return isTaskRunning(driver, name);
    },
    dispose: written.dispose,
  };
}

/**
 * Writes the newest progress, not more often than every two seconds, and once more at the end. What cannot be written is
 * forgotten: nothing depends on it, and the next one says more.
 */
function writeSparsely(write: (progress: Progress) => Promise<void>): {
  readonly take: (progress: Progress) => void;
  readonly dispose: () => Promise<void>;
} {
  let newest: Progress | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();
  const writeNewest = (): void => {
    const progress = newest;
    newest = undefined;
    if (progress !== undefined) {
      writing = writing.then(() => write(progress)).catch(() => undefined);
    }
  };
  const flush = (): void => {
    timer = undefined;
    if (newest !== undefined) {
      timer = setTimeout(flush, WRITE_EVERY_MS);
      timer.unref();
      writeNewest();
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
      writeNewest();
      return writing;
    },
  };
}

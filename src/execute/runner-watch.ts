import { Worker } from 'node:worker_threads';
import { isJsonObject } from '../core/json.ts';
import { childEntryPath } from './child-entry-path.ts';

/** What the watching thread is told. */
export type RunnerWatch = { readonly watchedRunner: number };

/**
 * Starts a thread that ends this process and its group soon after the runner is gone, even while the file that this
 * process loads keeps its main thread busy. The processes of a run are found by the next tick; those that only describe
 * a file stand in no ledger. The thread keeps nothing alive.
 */
export function startRunnerWatch(runnerPid: number): void {
  const workerData: RunnerWatch = { watchedRunner: runnerPid };
  new Worker(childEntryPath(), { workerData }).unref();
}

/** Tells the data of the watching thread from that of other threads. */
export function readRunnerWatch(workerData: unknown): RunnerWatch | undefined {
  return isJsonObject(workerData) && typeof workerData['watchedRunner'] === 'number'
    ? { watchedRunner: workerData['watchedRunner'] }
    : undefined;
}

const POLL_MS = 1_000;

/** What the watching thread does: a process whose parent has ended gets another one. */
export function watchRunner({ watchedRunner }: RunnerWatch): void {
  const look = (): void => {
    if (process.ppid !== watchedRunner) {
      // This process leads its group.
      process.kill(-process.pid, 'SIGKILL');
    }
  };
  look();
  setInterval(look, POLL_MS);
}

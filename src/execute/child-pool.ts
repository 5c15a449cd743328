import type { ChildWorker } from './child-worker.ts';

/** Children that have done a job and may do another one, by what they are: file, user and limits. */
export type ChildPool = {
  /** A child of that kind whose last run left nothing behind, if there is one; it is the caller's then. */
  readonly take: (key: string) => ChildWorker | undefined;
  /** Takes a child whose run has ended. One that cannot serve another run ends. */
  readonly giveBack: (key: string, worker: ChildWorker) => Promise<void>;
  /** Ends all children that wait. */
  readonly close: () => Promise<void>;
};

/** Each that waits takes memory, and a tick may have tasks of many files. */
const MOST_IDLE = 4;

/** Opens a pool, empty; it is to be closed when no run is left. */
export function openChildPool(): ChildPool {
  // The one that has waited longest comes first.
  let idle: ReadonlyArray<{ readonly key: string; readonly worker: ChildWorker }> = [];
  const remove = (worker: ChildWorker): void => {
    idle = idle.filter((entry) => entry.worker !== worker);
  };
  const closing = new Set<Promise<void>>();
  const end = (worker: ChildWorker): Promise<void> => {
    const ended = worker.close().finally(() => closing.delete(ended));
    closing.add(ended);
    return ended;
  };
  return {
    take: (key) => {
      for (let entry = find(idle, key); entry !== undefined; entry = find(idle, key)) {
        remove(entry.worker);
        if (entry.worker.isReusable()) {
          return entry.worker;
        }
        void end(entry.worker);
      }
      return undefined;
    },
    giveBack: async (key, worker) => {
      if (!worker.isIdle) {
        await end(worker);
        return;
      }
      idle = [...idle, { key, worker }];
      const [oldest] = idle;
      if (idle.length > MOST_IDLE && oldest !== undefined) {
        remove(oldest.worker);
        await end(oldest.worker);
      }
    },
    close: async () => {
      const left = idle;
      idle = [];
      await Promise.all([...left.map(({ worker }) => end(worker)), ...closing]);
    },
  };
}

function find<T extends { readonly key: string }>(entries: readonly T[], key: string): T | undefined {
  return entries.findLast((entry) => entry.key === key);
}

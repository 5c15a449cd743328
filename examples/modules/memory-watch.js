import { freemem, totalmem } from 'node:os';
import { periodicTask } from 'periodic-cron';

// A task that says itself when it runs: "periodic-cron modules sync" makes a row of it. It keeps the least free memory that
// it saw, and looks again at the very next tick when there is little, rather than in ten minutes.
export const memoryWatch = periodicTask(
  { name: 'memory_watch', spacing: '10m', runImmediately: true },
  async ({ log, state, schedule }) => {
    const freePercent = Math.round((100 * freemem()) / totalmem());
    const before = state.get();
    const least = typeof before === 'number' ? Math.min(before, freePercent) : freePercent;
    state.set(least);
    log.info('free memory', { freePercent, least });
    if (freePercent < 5) {
      await schedule({ name: 'memory_watch_again', after: 0, replace: true });
    }
    return { freePercent, least };
  },
);

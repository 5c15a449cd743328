import * as z from 'zod';
import type { Pruned } from '../../store/prune.ts';
import { defineShippedModule } from '../shipped-module.ts';

/** What the runner lends this module: the history that it may prune. */
export type HistoryService = {
  readonly prune: (request: {
    readonly limits: {
      readonly maxAgeDays: number | null;
      readonly maxRuns: number | null;
      readonly maxBytes: number | null;
    };
    readonly batchSize: number;
    readonly signal: AbortSignal;
  }) => Promise<Pruned>;
};

const limit = () => z.int().min(1).nullable();

/** Keeps the history bounded: deletes the oldest runs, ticks and audit entries, in small batches. */
export const pruneHistoryModule = defineShippedModule({
  id: 'prune_history',
  description: 'Delete the oldest history, so that it stays within limits of age, count and bytes.',
  options: z.strictObject({
    max_age_days: limit()
      .default(90)
      .describe('delete runs, ticks and audit entries older than this; null keeps them'),
    max_runs: limit().default(100_000).describe('keep at most so many of the newest runs; null keeps all'),
    max_bytes: limit()
      .default(256 * 1024 * 1024)
      .describe('keep at most so many bytes of the newest runs, output included; null keeps all'),
    batch_size: z.int().min(1).max(10_000).default(500).describe('delete so many rows at a time'),
  }),
  async run(options, context, services) {
    const history = services['history'] as HistoryService;
    const pruned = await history.prune({
      limits: { maxAgeDays: options.max_age_days, maxRuns: options.max_runs, maxBytes: options.max_bytes },
      batchSize: options.batch_size,
      signal: context.signal,
    });
    if (pruned.ageLeftOut) {
      context.log.warn(
        'deleted nothing for its age: by the clock there was no tick for days, which may be wrong',
      );
    }
    context.log.info(
      `deleted ${pruned.runs} runs, ${pruned.ticks} ticks and ${pruned.auditEntries} audit entries`,
    );
    return pruned;
  },
});

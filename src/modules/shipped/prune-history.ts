import * as z from 'zod';
import type { HistoryLimits, Pruned } from '../../store/prune.ts';
import { defineShippedModule } from '../shipped-module.ts';

/** What the runner lends this module: the history that it may prune. */
export type HistoryService = {
  readonly prune: (request: {
    readonly limits: HistoryLimits;
    readonly batchSize: number;
    readonly signal: AbortSignal;
  }) => Promise<Pruned>;
};

/** The most days that an age may be: what is older than a hundred years, no clock of today has recorded. */
export const MAX_AGE_DAYS = 36_600;

const limit = () => z.int().min(1).nullable();

const pruneOptions = z.strictObject({
  max_age_days: limit()
    .default(90)
    .describe('delete runs, ticks and audit entries older than this; null keeps them'),
  max_runs: limit().default(100_000).describe('keep at most so many of the newest runs; null keeps all'),
  max_bytes: limit()
    .default(256 * 1024 * 1024)
    .describe('keep at most so many bytes of the newest runs, output included; null keeps all'),
  max_stat_age_days: z
    .int()
    .min(1)
    .max(MAX_AGE_DAYS)
    .nullable()
    .default(null)
    .describe('delete values of statistics older than this; null keeps them'),
  batch_size: z.int().min(1).max(10_000).default(500).describe('delete so many rows at a time'),
});

/** Keeps the history bounded: deletes the oldest runs, ticks and audit entries, and statistics if asked, in small batches. */
export const pruneHistoryModule = defineShippedModule({
  id: 'prune_history',
  description: 'Delete the oldest history, so that it stays within limits of age, count and bytes.',
  options: pruneOptions,
  async run(options, context, services) {
    const history = services['history'] as HistoryService;
    const limits = historyLimitsOf(options);
    const pruned = await history.prune({
      limits,
      batchSize: options.batch_size,
      signal: context.signal,
    });
    if (pruned.ageLeftOut) {
      context.log.warn(
        'deleted nothing for its age: by the clock there was no tick for days, which may be wrong',
      );
    }
    context.log.info(prunedText(pruned, limits));
    return pruned;
  },
});

type PruneOptions = z.output<typeof pruneOptions>;

/** The limits that the options of a task say. */
export function historyLimitsOf(options: PruneOptions): HistoryLimits {
  return {
    maxAgeDays: options.max_age_days,
    maxStatAgeDays: options.max_stat_age_days,
    maxRuns: options.max_runs,
    maxBytes: options.max_bytes,
  };
}

/** What was deleted, in a line; of statistics only where a limit was set for them. */
export function prunedText(
  { runs, ticks, auditEntries, statValues }: Pruned,
  { maxStatAgeDays }: Pick<HistoryLimits, 'maxStatAgeDays'>,
): string {
  return maxStatAgeDays === null
    ? `deleted ${runs} runs, ${ticks} ticks and ${auditEntries} audit entries`
    : `deleted ${runs} runs, ${ticks} ticks, ${auditEntries} audit entries and ${statValues} values of statistics`;
}

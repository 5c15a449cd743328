import * as z from 'zod';
import type { Instant } from '../../core/instants.ts';
import { faultOfName, normalizeName } from '../../core/names.ts';
import { type CounterWritten, resultOfCounter } from '../../store/counter-to-stat.ts';
import { defineShippedModule } from '../shipped-module.ts';

/** What the runner lends this module: counters over all nodes, and the clock by which statistics are written. */
export type StatisticsService = {
  readonly now: () => Instant;
  readonly writeCounter: (reading: {
    readonly token: string;
    readonly counter: string;
    readonly key: string;
    readonly at: Instant;
    readonly reset: boolean;
  }) => Promise<CounterWritten>;
};

const name = () =>
  z.string().check((context) => {
    const message = faultOfName(normalizeName(context.value));
    if (message !== undefined) {
      context.issues.push({ code: 'custom', message, input: context.value });
    }
  });

/** Makes a statistic of a counter that tasks add to on many nodes. */
export const eventcounterModule = defineShippedModule({
  id: 'eventcounter',
  description: 'Write what a counter holds over all nodes as a statistic, and start it afresh if asked.',
  options: z.strictObject({
    event_counter: name().describe('name of the counter to read'),
    stats_key: name().describe('name of the statistic to write'),
    reset_event_counter: z
      .boolean()
      .default(false)
      .describe('take what was written off the counter, so that the statistic tells what is new'),
  }),
  async run(options, context, services) {
    const statistics = services['statistics'] as StatisticsService;
    const counter = normalizeName(options.event_counter);
    const key = normalizeName(options.stats_key);
    const reset = options.reset_event_counter;
    const written = await statistics.writeCounter({
      token: context.runId,
      counter,
      key,
      at: statistics.now(),
      reset,
    });
    switch (written.kind) {
      case 'written': {
        context.log.info(`counter ${counter}: ${written.value}${reset ? ', taken off it' : ''}`);
        return resultOfCounter(written.value, { reset });
      }
      case 'done-before':
        context.log.info(`counter ${counter}: an earlier attempt of this slot has written it`);
        return written.result;
      case 'too-large':
        throw new Error(
          `counter ${JSON.stringify(counter)}: expected at most ${Number.MAX_SAFE_INTEGER}, which a statistic holds exactly, got ${written.value}; nothing was changed`,
        );
      case 'not-live':
        throw new Error('the run was given up before it could write, so nothing was changed');
    }
  },
});

import type { Command } from 'commander';
import { parseByteSize } from '../../config/byte-size.ts';
import type { DatabaseLocation } from '../../config/config.ts';
import { DefinitionError, UsageError } from '../../core/errors.ts';
import { parseOptions } from '../../modules/options.ts';
import {
  historyLimitsOf,
  MAX_AGE_DAYS,
  prunedText,
  pruneHistoryModule,
} from '../../modules/shipped/prune-history.ts';
import { listTasks } from '../../store/definitions.ts';
import { type HistoryLimits, type Pruned, pruneHistory } from '../../store/prune.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { withEndSignals } from '../end-signals.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import { countValue } from '../values.ts';

const UNLIMITED = 'none';
const MOST = { min: 1, max: Number.MAX_SAFE_INTEGER };

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Delete the oldest history now, within the limits of the prune_history task where no flag says otherwise.',
    )
    .option('--max-age-days <N>', `delete what is older, or "${UNLIMITED}"`)
    .option('--max-stat-age-days <N>', `delete values of statistics that are older, or "${UNLIMITED}"`)
    .option('--max-runs <N>', `keep at most the newest N runs, or "${UNLIMITED}"`)
    .option('--max-bytes <B>', `keep at most B bytes of runs, such as 256MiB, or "${UNLIMITED}"`)
    .addHelpText(
      'after',
      '\nLive runs stay. A SQLite file keeps its size: new history takes the space that became free.',
    )
    .action(actionOf(prune));
}

type Flags = {
  readonly maxAgeDays?: string;
  readonly maxStatAgeDays?: string;
  readonly maxRuns?: string;
  readonly maxBytes?: string;
};

/** Only what a flag gives: null where it lifts a limit. */
type GivenLimits = Partial<HistoryLimits>;

function prune(context: Context, flags: Flags): Promise<number> {
  const given = readFlags(flags);
  return withEndSignals((signals) =>
    withSession(context, {}, async ({ store, clock }) => {
      const { batchSize, limits } = await usualRequest(store.database);
      const pruned = await pruneHistory(store.driver, {
        limits: { ...limits, ...given },
        batchSize,
        now: clock(),
        signal: signals.cancel,
      });
      tell(context, { ...limits, ...given }, pruned);
      return signals.exitCode() ?? EXIT.ok;
    }),
  );
}

function readFlags({ maxAgeDays, maxStatAgeDays, maxRuns, maxBytes }: Flags): GivenLimits {
  return {
    ...(maxAgeDays === undefined
      ? {}
      : { maxAgeDays: limitValue('prune: --max-age-days', maxAgeDays, MAX_AGE) }),
    ...(maxStatAgeDays === undefined
      ? {}
      : { maxStatAgeDays: limitValue('prune: --max-stat-age-days', maxStatAgeDays, MAX_AGE) }),
    ...(maxRuns === undefined ? {} : { maxRuns: limitValue('prune: --max-runs', maxRuns, MOST) }),
    ...(maxBytes === undefined ? {} : { maxBytes: bytesValue('prune: --max-bytes', maxBytes) }),
  };
}

const MAX_AGE = { min: 1, max: MAX_AGE_DAYS };

function limitValue(flag: string, text: string, range: typeof MOST): number | null {
  return text === UNLIMITED ? null : countValue(flag, text, range);
}

function bytesValue(flag: string, text: string): number | null {
  if (text === UNLIMITED) {
    return null;
  }
  const bytes = parseByteSize(text);
  if (bytes === undefined || bytes < 1) {
    throw new UsageError(
      `${flag}: expected a size such as 1048576, 64KiB or 256MiB, or "${UNLIMITED}", got ${JSON.stringify(text)}`,
    );
  }
  return bytes;
}

/** What the first task of the module prunes by, or the module's defaults if there is no such task. */
async function usualRequest(
  database: DatabaseLocation,
): Promise<{ readonly limits: HistoryLimits; readonly batchSize: number }> {
  const tasks = await listTasks(database);
  const task = tasks.find(({ record }) => record.fields.module === pruneHistoryModule.id);
  const checked = await parseOptions(pruneHistoryModule.options, task?.record.fields.options);
  if (checked.kind === 'invalid') {
    throw new DefinitionError(`task ${JSON.stringify(String(task?.record.fields.name))}`, checked.faults);
  }
  const options = pruneHistoryModule.options.parse(checked.options);
  return { limits: historyLimitsOf(options), batchSize: options.batch_size };
}

function tell({ output }: Context, limits: HistoryLimits, pruned: Pruned): void {
  if (pruned.ageLeftOut) {
    output.note('deleted nothing for its age: by the clock there was no tick for days, which may be wrong');
  }
  if (output.isJson) {
    output.document({ limits, deleted: pruned });
    return;
  }
  output.line(prunedText(pruned, limits));
}

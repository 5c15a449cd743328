import type { Instant } from '../../core/instants.ts';
import { deleteStats } from '../../store/stats.ts';
import type { Context } from '../context.ts';
import { withEndSignals } from '../end-signals.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { pastValue } from '../time-flags.ts';
import { nameValue } from './name-value.ts';
import { requireKnown } from './unknown-stat.ts';

/**
 * Deletes values of a statistic, all of them unless the flag says which.
 *
 * @throws NotFoundError for an unknown one
 */
export function deleteStat(
  context: Context,
  given: string,
  flags: { readonly before?: string },
): Promise<number> {
  const key = nameValue('stats delete', given);
  return withEndSignals(({ cancel: signal, exitCode }) =>
    withSession(context, {}, async ({ store: { driver }, clock }) => {
      const before = beforeOf(flags.before, clock());
      const deleted = await deleteStats(driver, { key, before, signal });
      // Nothing old enough is what somebody who does this every day hopes for.
      if (deleted === 0) {
        await requireKnown(driver, key);
      }
      tell(context, key, deleted);
      return exitCode() ?? EXIT.ok;
    }),
  );
}

function beforeOf(given: string | undefined, now: Instant): Instant | undefined {
  return given === undefined ? undefined : pastValue('stats delete: --before', given, now);
}

function tell({ output }: Context, key: string, deleted: number): void {
  if (output.isJson) {
    output.document({ key, deleted });
    return;
  }
  const values = deleted === 1 ? '1 value' : `${deleted} values`;
  output.line(printable(`deleted ${values} of statistic ${JSON.stringify(key)}`));
}

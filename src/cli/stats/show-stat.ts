import { NotFoundError } from '../../core/errors.ts';
import { type Instant, toShortText } from '../../core/instants.ts';
import { type StatFilter, type StatValue, valuesOfStat } from '../../store/stats.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { pastValue, requireOrder } from '../time-flags.ts';
import { instantText } from '../times.ts';
import { countValue } from '../values.ts';
import { nameValue } from './name-value.ts';
import { plotLines } from './plot.ts';
import { requireKnown } from './unknown-stat.ts';

/** How many values are shown where nobody says. */
export const DEFAULT_VALUES = 10_000;
const MOST_VALUES = 1_000_000;
const DEFAULT_WIDTH = 80;

type Flags = { readonly since?: string; readonly until?: string; readonly last?: string };

/**
 * Plots the values of a statistic, or prints them with `--json`.
 *
 * @throws NotFoundError where there are none
 */
export function showStat(context: Context, given: string, flags: Flags): Promise<number> {
  const key = nameValue('stats show', given);
  return withSession(context, { readOnly: true }, async ({ store: { driver }, clock }) => {
    const filter = filterOf(key, flags, clock());
    // One more than wanted tells whether there are more.
    const found = await valuesOfStat(driver, { ...filter, limit: filter.limit + 1 });
    const values = found.slice(-filter.limit);
    if (values.length === 0) {
      await requireKnown(driver, key);
      throw new NotFoundError(`statistic ${JSON.stringify(key)} has no value of that time`);
    }
    const isCut = found.length > values.length;
    const { output } = context;
    if (output.isJson) {
      output.document({ key, values: values.map(valueJson), truncated: isCut });
      return EXIT.ok;
    }
    const width = output.columns ?? DEFAULT_WIDTH;
    for (const line of plotLines(values, width)) {
      output.line(line);
    }
    for (const line of summaryLines(key, values)) {
      output.line(printable(line));
    }
    if (isCut && flags.last === undefined) {
      output.note(`showing the newest ${values.length} values; --last shows more, --since fewer`);
    }
    return EXIT.ok;
  });
}

function filterOf(key: string, flags: Flags, now: Instant): StatFilter {
  const since = flags.since === undefined ? undefined : pastValue('stats show: --since', flags.since, now);
  const until = flags.until === undefined ? undefined : pastValue('stats show: --until', flags.until, now);
  requireOrder(since, until, 'stats show: --since and --until');
  const range = { min: 1, max: MOST_VALUES };
  const limit =
    flags.last === undefined ? DEFAULT_VALUES : countValue('stats show: --last', flags.last, range);
  return { key, since, until, limit };
}

function summaryLines(key: string, values: readonly StatValue[]): readonly string[] {
  const numbers = values.map(({ value }) => value);
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || last === undefined) {
    return [];
  }
  const count = values.length === 1 ? '1 value' : `${values.length} values`;
  const least = numbers.reduce((a, b) => Math.min(a, b));
  const greatest = numbers.reduce((a, b) => Math.max(a, b));
  return [
    `${key}: ${count} from ${instantText(first.at)} to ${instantText(last.at)}`,
    `least ${least}, greatest ${greatest}, latest ${last.value}`,
  ];
}

function valueJson({ at, value }: StatValue) {
  return { at: toShortText(at), value };
}

import { toShortText } from '../../core/instants.ts';
import { listStats, type StatSummary } from '../../store/stats.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import type { Column } from '../table.ts';
import { instantText } from '../times.ts';

/** Prints every statistic. */
export function listAll(context: Context): Promise<number> {
  return withSession(context, { readOnly: true }, async ({ store }) => {
    const stats = await listStats(store.driver);
    const { output } = context;
    if (output.isJson) {
      output.document({ stats: stats.map(summaryJson) });
    } else if (stats.length === 0) {
      output.line('there are no statistics yet');
    } else {
      output.table(COLUMNS, stats);
    }
    return EXIT.ok;
  });
}

const COLUMNS: readonly Column<StatSummary>[] = [
  { title: 'STATISTIC', value: ({ key }) => key, minWidth: 12 },
  { title: 'VALUES', value: ({ count }) => String(count), align: 'right', worth: 1 },
  { title: 'FIRST', value: ({ firstAt }) => instantText(firstAt), minWidth: 20, worth: 2 },
  { title: 'LAST', value: ({ lastAt }) => instantText(lastAt), minWidth: 20 },
  { title: 'LATEST', value: ({ lastValue }) => String(lastValue), align: 'right', minWidth: 12 },
];

function summaryJson({ key, count, firstAt, lastAt, lastValue }: StatSummary) {
  return { key, count, firstAt: toShortText(firstAt), lastAt: toShortText(lastAt), lastValue };
}

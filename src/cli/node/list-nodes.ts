import { type Instant, toShortText } from '../../core/instants.ts';
import { CLOCK_TOLERANCE_MS } from '../../runner/clock.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import type { Column } from '../table.ts';
import type { Color } from '../terminal.ts';
import { relativeTime } from '../times.ts';
import {
  listStandings,
  type NodeStanding,
  nodeJson,
  offsetText,
  rhythmText,
  standingText,
} from './standing.ts';

/** Prints every known node. */
export function listNodes(context: Context): Promise<number> {
  return withSession(context, { readOnly: true }, async ({ store, clock }) => {
    const now = clock();
    const standings = await listStandings(store.driver, now);
    const { output } = context;
    if (output.isJson) {
      output.document({ now: toShortText(now), nodes: standings.map(nodeJson) });
    } else if (standings.length === 0) {
      output.line('no node has ticked yet (see crontab.example)');
    } else {
      output.table(nodeColumns(now), standings);
    }
    return EXIT.ok;
  });
}

/** The columns of a table of nodes. */
export function nodeColumns(now: Instant): readonly Column<NodeStanding>[] {
  return [
    { title: 'NODE', value: ({ node }) => node.name, minWidth: 12 },
    { title: 'HOST', value: ({ node }) => node.hostName ?? '-', minWidth: 8, worth: 3 },
    { title: 'VERSION', value: ({ node }) => node.version ?? '-', worth: 4 },
    {
      title: 'LAST TICK',
      value: ({ node }) => (node.lastTickAt === null ? 'never' : relativeTime(node.lastTickAt, now)),
    },
    { title: 'RHYTHM', value: rhythmText, worth: 5 },
    {
      title: 'CLOCK',
      value: ({ node }) => offsetText(node.clockOffsetMs),
      align: 'right',
      worth: 6,
      color: ({ node }) => (Math.abs(node.clockOffsetMs ?? 0) > CLOCK_TOLERANCE_MS ? 'yellow' : undefined),
    },
    { title: 'ZONE', value: ({ node }) => node.timezone ?? '-', minWidth: 8, worth: 1 },
    { title: 'ZONE DATA', value: ({ node }) => node.tzVersion ?? '-', worth: 2 },
    { title: 'STATE', value: standingText, minWidth: 8, color: colorOfStanding },
  ];
}

function colorOfStanding({ node, isLate }: NodeStanding): Color | undefined {
  if (isLate) {
    return 'red';
  }
  return node.drained === null && node.lastTickAt !== null ? undefined : 'yellow';
}

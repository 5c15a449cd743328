import type { Instant } from '../../core/instants.ts';
import {
  listResourceStates,
  listResources,
  type Resource,
  type ResourceOnNode,
} from '../../store/resources.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import type { Column } from '../table.ts';
import type { Color } from '../terminal.ts';
import { relativeTime } from '../times.ts';
import { resourceJson, stateJson, targetText } from './resource-text.ts';
import { noteUnknownNode } from './unknown-node.ts';

type Row = { readonly resource: Resource; readonly state: ResourceOnNode | undefined };

/** Prints the resources, and how they stand on a node. Looks at none. */
export function listByHand(context: Context, { node }: { readonly node?: string }): Promise<number> {
  return withSession(context, { node, readOnly: true }, async (session) => {
    const { config, store, clock } = session;
    const states = await listResourceStates(store.driver, { node: config.node });
    const rows = (await listResources(store.driver)).map((resource) => ({
      resource,
      state: states.find((state) => state.resource === resource.name),
    }));
    const { output } = context;
    if (output.isJson) {
      const resources = rows.map(({ resource, state }) => ({
        ...resourceJson(resource),
        state: state === undefined ? null : stateJson(state),
      }));
      output.document({ node: config.node, resources });
    } else if (rows.length === 0) {
      output.line('no resource is defined ("periodic-cron resource add")');
    } else {
      output.table(columnsAt(clock()), rows);
    }
    if (node !== undefined) {
      await noteUnknownNode(context, session);
    }
    return EXIT.ok;
  });
}

function columnsAt(now: Instant): readonly Column<Row>[] {
  return [
    { title: 'RESOURCE', value: ({ resource }) => resource.name, minWidth: 12 },
    { title: 'STATE', value: ({ state }) => state?.state ?? 'undef', color: colorOf },
    { title: 'SINCE', value: ({ state }) => (state === undefined ? '-' : relativeTime(state.since, now)) },
    {
      title: 'LAST LOOK',
      value: ({ state }) => (state === undefined ? 'never' : relativeTime(state.checkedAt, now)),
      worth: 2,
    },
    { title: 'PROBE', value: ({ resource }) => targetText(resource), minWidth: 16, worth: 3 },
    { title: 'WHY', value: ({ state }) => state?.why ?? '-', minWidth: 16, worth: 1 },
  ];
}

const COLORS: Readonly<Record<string, Color>> = { up: 'green', 'stdby up': 'green', down: 'red' };

function colorOf({ state }: Row): Color | undefined {
  return state === undefined ? undefined : (COLORS[state.state] ?? 'yellow');
}

import type { Instant } from '../../core/instants.ts';
import type { JsonValue } from '../../core/json.ts';
import { listResourceStates, type Resource, type ResourceOnNode } from '../../store/resources.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import type { Column } from '../table.ts';
import { instantText, relativeTime } from '../times.ts';
import { askingTasks } from './asking-tasks.ts';
import { foundResource } from './define-resource.ts';
import { limitsText, resourceJson, stateJson, targetText } from './resource-text.ts';

/** Prints one resource: how it stands on each node, and which tasks ask for it. */
export function showByHand(context: Context, given: string): Promise<number> {
  return withSession(context, { readOnly: true }, async (session) => {
    const resource = await foundResource(session, given);
    const states = await listResourceStates(session.store.driver, { resource: resource.name });
    const { all: tasks } = await askingTasks(session, resource.name);
    const { output } = context;
    if (output.isJson) {
      output.document({ ...resourceJson(resource), states: states.map(stateJson), tasks });
      return EXIT.ok;
    }
    output.fields([
      ['name', resource.name],
      ['probe', targetText(resource)],
      ...expectedFields(resource),
      ['limits', limitsText(resource)],
      ['asked for by', tasks.join(', ') || 'no task'],
    ]);
    output.line('');
    if (states.length === 0) {
      output.line('nobody has looked yet');
    } else {
      output.table(columnsAt(session.clock()), states);
    }
    return EXIT.ok;
  });
}

/** What makes a look find it up, where that is said. */
function expectedFields({ target }: Resource): readonly (readonly [string, string])[] {
  const { expect, retcodes } = target;
  return [
    ...(expect === undefined ? [] : [['expects', wordsOf(expect)] as const]),
    ...(retcodes === undefined ? [] : [['retcodes', wordsOf(retcodes)] as const]),
  ];
}

function wordsOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function columnsAt(now: Instant): readonly Column<ResourceOnNode>[] {
  return [
    { title: 'NODE', value: ({ node }) => node, minWidth: 8 },
    { title: 'STATE', value: ({ state }) => state },
    { title: 'SINCE', value: ({ since }) => instantText(since) },
    { title: 'LAST LOOK', value: ({ checkedAt }) => relativeTime(checkedAt, now) },
    { title: 'WHY', value: ({ why }) => why, minWidth: 16 },
  ];
}

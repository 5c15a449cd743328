import type { Command } from 'commander';
import { databaseName } from '../../config/config.ts';
import { faultText } from '../../core/errors.ts';
import { type Instant, toShortText } from '../../core/instants.ts';
import { isGone } from '../../core/owners.ts';
import { nameOf } from '../../core/task.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { holdText } from '../../runner/reasons.ts';
import { listTasks } from '../../store/definitions.ts';
import { findHold } from '../../store/hold.ts';
import { listNodes } from '../../store/nodes.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import {
  fieldText,
  goneText,
  lastRunText,
  nodesOf,
  optionsText,
  scheduleText,
  standingText,
} from '../describe-task.ts';
import { EXIT } from '../exit-codes.ts';
import { warningOf } from '../run-view.ts';
import { type Session, withSession } from '../session.ts';
import type { Mark } from '../state-view.ts';
import type { Column } from '../table.ts';
import { taskJson } from '../task-json.ts';
import { concernsNode, type TaskView, viewTasks } from '../task-view.ts';
import { type Color, printable } from '../terminal.ts';
import { relativeTime } from '../times.ts';

type ListFlags = { readonly due?: boolean; readonly all?: boolean; readonly node?: string };

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('List the tasks of this node, active or not, with their last result and their next run.')
    .option('--due', 'only those that are due now')
    .option('--all', 'the tasks of every node')
    .option('-n, --node <NAME>', 'the tasks of this node instead')
    .addHelpText(
      'after',
      `
Marks before the next run: invalid (the reason stands below), overdue (due for more than two ticks), running,
blocked (what it requires does not hold here), offline (it rests until its resource is known not to be down), backed
off (its period is longer for now), done (its only slot has run, however that ended), terminated (it never runs again
by itself for any other reason), handled in the future (a wrong clock did that; "periodic-cron reset" repairs it).
"in 3 ticks" is a task that counts ticks of its node, "by hand" one that only run_manually runs, "by hand, confirmed"
one for which run_manually asks for a confirmation.`,
    )
    .action(actionOf(list));
}

function list(context: Context, flags: ListFlags): Promise<number> {
  return withSession(context, { node: flags.node, readOnly: true }, async (session) => {
    const views = await viewsWanted(context, session, flags);
    if (context.output.isJson) {
      context.output.document({ node: session.config.node, tasks: views.map(taskJson) });
    } else {
      await printViews(context, session, views);
    }
    return EXIT.ok;
  });
}

async function viewsWanted(
  context: Context,
  session: Session,
  flags: ListFlags,
): Promise<readonly TaskView[]> {
  const { config, store } = session;
  const registry = await openRegistry(config, context.io.cwd);
  const node = flags.all === true ? undefined : config.node;
  const tasks = (await listTasks(store.database)).filter(
    (task) => node === undefined || concernsNode(task, node),
  );
  const views = await viewTasks(context, session, tasks, { registry, node });
  return flags.due === true ? views.filter(({ states }) => states.some(({ isDue }) => isDue)) : views;
}

async function printViews({ output }: Context, session: Session, views: readonly TaskView[]): Promise<void> {
  const now = session.clock();
  if (views.length > 0) {
    output.table(columnsAt(now), views);
  }
  for (const { record, faults } of views) {
    if (isGone(record)) {
      output.line(printable(`${JSON.stringify(nameOf(record))}: ${goneText(record)}`));
    } else if (faults.length > 0) {
      output.line(printable(`task ${JSON.stringify(nameOf(record))} is invalid: ${faultText(faults)}`));
    }
  }
  const hold = await findHold(session.store.driver, session.config.node, now);
  if (hold !== undefined) {
    output.line(output.paint('yellow', printable(`nothing new starts here: ${holdText(hold)}`)));
  }
  output.line(output.paint('dim', printable(await footer(session, views.length, now))));
}

async function footer({ config, store }: Session, count: number, now: Instant): Promise<string> {
  const known = (await listNodes(store.driver)).find(({ name }) => name === config.node);
  const tick =
    known === undefined || known.lastTickAt === null
      ? 'has not ticked yet (see crontab.example)'
      : `ticked ${relativeTime(known.lastTickAt, now)}`;
  const tasks = count === 1 ? '1 task' : `${count} tasks`;
  return `${tasks} · node ${JSON.stringify(config.node)} ${tick} · database ${databaseName(config.database)} · now ${toShortText(now).slice(0, 16)}Z`;
}

function columnsAt(now: Instant): readonly Column<TaskView>[] {
  return [
    {
      title: 'ACTIVE',
      value: ({ record }) => fieldText('active', record.fields.active),
      worth: 6,
      color: dimIfInactive,
    },
    { title: 'ID', value: ({ record }) => String(record.id), align: 'right', worth: 5 },
    { title: 'NAME', value: ({ record }) => nameOf(record), minWidth: 20 },
    { title: 'SCHEDULE', value: ({ record }) => scheduleText(record), minWidth: 20 },
    { title: 'MODULE', value: ({ record }) => String(record.fields.module), minWidth: 10, worth: 4 },
    { title: 'NODES', value: ({ record }) => fieldText('nodes', nodesOf(record)), minWidth: 8, worth: 3 },
    { title: 'ORDER', value: ({ record }) => String(record.fields.ordering), align: 'right', worth: 2 },
    {
      title: 'LAST RUN',
      value: ({ lastRun }) => lastRunText(lastRun, now),
      minWidth: 19,
      color: colorOfLastRun,
    },
    {
      title: 'NEXT RUN',
      value: (view) => standingText(view, now),
      shortValue: (view) => shortStandingText(view, now),
      minWidth: 28,
      color: colorOfStanding,
    },
    { title: 'OPTIONS', value: ({ record }) => optionsText(record), minWidth: 12, worth: 1 },
  ];
}

/** The column that tells whether a task is active may be missing beside it. */
function shortStandingText(view: TaskView, now: Instant): string {
  const text = standingText(view, now, relativeTime);
  return text === '-' ? 'inactive' : text;
}

function dimIfInactive({ record }: TaskView): Color | undefined {
  return record.fields.active === true ? undefined : 'dim';
}

const COLORS_OF_STATUS: Readonly<Record<string, Color>> = {
  succeeded: 'green',
  failed: 'red',
  timed_out: 'red',
  lost: 'red',
  cancelled: 'yellow',
  skipped: 'yellow',
};

function colorOfLastRun({ lastRun }: TaskView): Color | undefined {
  if (lastRun === undefined) {
    return undefined;
  }
  return warningOf(lastRun) === null ? COLORS_OF_STATUS[lastRun.status] : 'yellow';
}

/** Marks of a task with which nothing is wrong. */
const CALM_MARKS: readonly Mark[] = ['running', 'done'];

function colorOfStanding({ faults, states }: TaskView): Color | undefined {
  if (faults.length > 0) {
    return 'red';
  }
  const marks = states.flatMap((state) => state.marks);
  return marks.some((mark) => !CALM_MARKS.includes(mark)) ? 'yellow' : undefined;
}

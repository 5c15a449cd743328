import type { Command } from 'commander';
import { formatDuration } from '../../core/durations.ts';
import { SECOND_MS, toShortText } from '../../core/instants.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { holdJson, maintenanceText } from '../node/hold-text.ts';
import { nodeColumns } from '../node/list-nodes.ts';
import { type NodeStanding, nodeJson } from '../node/standing.ts';
import { slotText } from '../run-view.ts';
import { withSession } from '../session.ts';
import { type LiveRun, readStatus, type StatusFacts } from '../status/facts.ts';
import { type Problem, problemsOf } from '../status/problems.ts';
import type { Column } from '../table.ts';
import { printable } from '../terminal.ts';
import { relativeTime } from '../times.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description(
      'Say on one screen how things stand: the database, maintenance, nodes and their clocks, live runs, and what is wrong.',
    )
    .addHelpText(
      'after',
      `
A node is late when it has not ticked for three of its rhythms; one whose rhythm is not known yet is never called late.
A run is stuck when its time limit has passed or its lease has ended. Ends with 0 whatever it says; "periodic-cron
doctor" examines this machine, and ends with 1 when something is wrong.`,
    )
    .action(actionOf((context) => status(context)));
}

function status(context: Context): Promise<number> {
  return withSession(context, { readOnly: true }, async (session) => {
    const facts = await readStatus(session);
    const problems = problemsOf(facts);
    if (context.output.isJson) {
      context.output.document(toJson(facts, problems));
    } else {
      print(context, facts, problems);
    }
    return EXIT.ok;
  });
}

/** What fits on a screen; the rest is counted. */
const SHOWN_NODES = 15;
const SHOWN_RUNS = 15;

function print({ output }: Context, facts: StatusFacts, problems: readonly Problem[]): void {
  const { now, nodes, runs, maintenance } = facts;
  output.fields([
    ['database', `${facts.database} (${facts.engine}, schema version ${facts.schemaVersion})`],
    ['maintenance', maintenance === undefined ? 'off' : `ON: ${maintenanceText(maintenance, now)}`],
    ['nodes', countsText(nodes)],
    ['live runs', String(runs.length)],
    ['problems', problems.length === 0 ? 'none' : String(problems.length)],
  ]);
  for (const { message } of problems) {
    output.line(output.paint('yellow', printable(`! ${message}`)));
  }
  if (nodes.length > 0) {
    output.line('');
    output.table(nodeColumns(now), troubledFirst(nodes).slice(0, SHOWN_NODES));
    tellRest(output, nodes.length - SHOWN_NODES, 'nodes ("periodic-cron node list" has all)');
  }
  if (runs.length > 0) {
    output.line('');
    output.table(runColumns(now), stuckFirst(runs).slice(0, SHOWN_RUNS));
    tellRest(
      output,
      runs.length - SHOWN_RUNS,
      'live runs ("periodic-cron history --status running" has all)',
    );
  }
}

function countsText(nodes: readonly NodeStanding[]): string {
  const count = (word: string, is: (standing: NodeStanding) => boolean) => {
    const number = nodes.filter(is).length;
    return number === 0 ? [] : [`${number} ${word}`];
  };
  return [
    `${nodes.length} known`,
    ...count('late', ({ isLate }) => isLate),
    ...count('drained', ({ node }) => node.drained !== null),
    ...count('never ticked', ({ node }) => node.lastTickAt === null),
  ].join(', ');
}

function tellRest({ line, paint }: Context['output'], rest: number, what: string): void {
  if (rest > 0) {
    line(paint('dim', `and ${rest} more ${what}`));
  }
}

/** Late ones, then those that start nothing, then the others; each by name. */
function troubledFirst(nodes: readonly NodeStanding[]): readonly NodeStanding[] {
  const rank = ({ node, isLate }: NodeStanding) => {
    if (isLate) {
      return 0;
    }
    return node.drained === null && node.lastTickAt !== null ? 2 : 1;
  };
  return nodes.toSorted((one, other) => rank(one) - rank(other));
}

function stuckFirst(runs: readonly LiveRun[]): readonly LiveRun[] {
  const rank = ({ stuck }: LiveRun) => (stuck === null ? 1 : 0);
  return runs.toSorted((one, other) => rank(one) - rank(other));
}

function runColumns(now: number): readonly Column<LiveRun>[] {
  return [
    { title: 'RUN', value: ({ run }) => String(run.id), align: 'right' },
    { title: 'TASK', value: ({ run }) => run.taskName, minWidth: 12 },
    { title: 'NODE', value: ({ run }) => run.node, minWidth: 8 },
    { title: 'SLOT', value: ({ run }) => slotText(run), worth: 2 },
    { title: 'STARTED', value: ({ run }) => relativeTime(run.startedAt ?? run.createdAt, now) },
    { title: 'LEASE', value: leaseText, worth: 1 },
    {
      title: 'STATE',
      value: ({ stuck }) =>
        stuck === null ? 'running' : `STUCK (${stuck === 'lease' ? 'lease over' : 'time limit passed'})`,
      color: ({ stuck }) => (stuck === null ? undefined : 'red'),
    },
  ];
}

function leaseText({ leaseLeftMs }: LiveRun): string {
  if (leaseLeftMs === null) {
    return 'none';
  }
  return leaseLeftMs <= 0 ? 'over' : `${formatDuration(Math.ceil(leaseLeftMs / SECOND_MS))} left`;
}

function toJson(facts: StatusFacts, problems: readonly Problem[]) {
  return {
    now: toShortText(facts.now),
    database: { name: facts.database, engine: facts.engine, schemaVersion: facts.schemaVersion },
    maintenance: facts.maintenance === undefined ? null : holdJson(facts.maintenance),
    problems,
    nodes: troubledFirst(facts.nodes).map(nodeJson),
    liveRuns: stuckFirst(facts.runs).map(({ run, leaseLeftMs, stuck }) => ({
      id: run.id,
      task: run.taskName,
      node: run.node,
      slot: run.slot === null ? null : toShortText(run.slot),
      startedAt: run.startedAt === null ? null : toShortText(run.startedAt),
      deadlineAt: run.deadlineAt === null ? null : toShortText(run.deadlineAt),
      leaseLeftMs,
      stuck,
    })),
    strandedTasks: facts.stranded,
  };
}

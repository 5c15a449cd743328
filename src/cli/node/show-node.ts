import { toShortText } from '../../core/instants.ts';
import { nameOf } from '../../core/task.ts';
import { listTasks } from '../../store/definitions.ts';
import { recentTicks, type TickRow } from '../../store/health.ts';
import { findNode, liveRunsOf } from '../../store/node-admin.ts';
import type { Run } from '../../store/run-row.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { slotText } from '../run-view.ts';
import { withSession } from '../session.ts';
import type { Column } from '../table.ts';
import { instantText, relativeTime } from '../times.ts';
import { drainText } from './hold-text.ts';
import {
  listStandings,
  type NodeStanding,
  nodeJson,
  offsetText,
  rhythmText,
  standingOf,
  standingText,
} from './standing.ts';
import { type TasksOfNode, taskNames, tasksOfNode } from './tasks-of-node.ts';

const SHOWN_TICKS = 12;

/** All that is known of a node. */
type NodeFacts = {
  readonly standing: NodeStanding;
  readonly tasks: TasksOfNode;
  readonly liveRuns: readonly Run[];
  /** Newest first. */
  readonly ticks: readonly TickRow[];
};

/**
 * Prints one node.
 *
 * @throws NotFoundError for an unknown one
 */
export function showNode(context: Context, name: string): Promise<number> {
  return withSession(context, { readOnly: true }, async ({ store, clock }) => {
    const now = clock();
    const node = await findNode(store.driver, name);
    const standings = await listStandings(store.driver, now);
    const facts: NodeFacts = {
      standing: await standingOf(store.driver, node, now),
      tasks: tasksOfNode(await listTasks(store.database), node.name, standings),
      liveRuns: await liveRunsOf(store.driver, node.name),
      ticks: await recentTicks(store.database, node.name, SHOWN_TICKS),
    };
    if (context.output.isJson) {
      context.output.document(factsJson(facts));
    } else {
      print(context, facts, now);
    }
    return EXIT.ok;
  });
}

function print({ output }: Context, { standing, tasks, liveRuns, ticks }: NodeFacts, now: number): void {
  const { node } = standing;
  const instant = (at: number | null) =>
    at === null ? 'never' : `${instantText(at)} (${relativeTime(at, now)})`;
  output.fields([
    ['node', node.name],
    [
      'state',
      node.drained === null ? standingText(standing) : `${standingText(standing)} ${drainText(node.drained)}`,
    ],
    ['host', node.hostName ?? '-'],
    ['machine id', node.machineId ?? '-'],
    ['version', node.version ?? '-'],
    ['time zone', `${node.timezone ?? '-'}, data ${node.tzVersion ?? '-'}`],
    ['first tick', instant(node.firstTickAt)],
    ['last tick', instant(node.lastTickAt)],
    ['rhythm', rhythmText(standing)],
    [
      'clock',
      node.clockOffsetMs === null
        ? 'that of the database'
        : `${offsetText(node.clockOffsetMs)} against the database's`,
    ],
    ['server', ticks[0]?.server ?? '-'],
    ['own tasks', taskNames(tasks.own) || 'none'],
    ['shared tasks', tasks.shared.map(sharedText).join('\n') || 'none'],
  ]);
  if (liveRuns.length > 0) {
    output.line('');
    output.table(RUN_COLUMNS, liveRuns);
  }
  if (ticks.length > 0) {
    output.line('');
    output.table(TICK_COLUMNS, ticks);
  }
}

function sharedText({ task, takers }: TasksOfNode['shared'][number]): string {
  const others = takers.length === 0 ? 'no other node can take it now' : `also on ${takers.join(', ')}`;
  return `${taskNames([task])} (${others})`;
}

const RUN_COLUMNS: readonly Column<Run>[] = [
  { title: 'LIVE RUN', value: ({ id }) => String(id), align: 'right' },
  { title: 'TASK', value: ({ taskName }) => taskName, minWidth: 12 },
  { title: 'SLOT', value: slotText },
  { title: 'STARTED', value: ({ startedAt, createdAt }) => instantText(startedAt ?? createdAt) },
];

const TICK_COLUMNS: readonly Column<TickRow>[] = [
  { title: 'TICK', value: ({ tickAt }) => instantText(tickAt) },
  { title: 'TOOK', value: tookText },
  { title: 'STARTED', value: ({ started }) => String(started), align: 'right' },
  { title: 'EXIT', value: ({ exitCode }) => (exitCode === null ? '-' : String(exitCode)), align: 'right' },
  { title: 'CLOCK', value: ({ clockOffsetMs }) => offsetText(clockOffsetMs), align: 'right', worth: 2 },
  { title: 'SERVER', value: ({ server }) => server ?? '-', worth: 1 },
];

function tookText({ startedAt, endedAt }: TickRow): string {
  return endedAt === null ? 'no end' : `${((endedAt - startedAt) / 1_000).toFixed(1)} s`;
}

function factsJson({ standing, tasks, liveRuns, ticks }: NodeFacts) {
  return {
    ...nodeJson(standing),
    bootId: standing.node.bootId,
    server: ticks[0]?.server ?? null,
    ownTasks: tasks.own.map(({ record }) => nameOf(record)),
    sharedTasks: tasks.shared.map(({ task, takers }) => ({ task: nameOf(task.record), takers })),
    liveRuns: liveRuns.map(({ id, taskName, startedAt }) => ({
      id,
      task: taskName,
      startedAt: startedAt === null ? null : toShortText(startedAt),
    })),
    lastTicks: ticks.map(({ tickAt, startedAt, endedAt, started, exitCode, server, clockOffsetMs }) => ({
      tickAt: toShortText(tickAt),
      startedAt: toShortText(startedAt),
      endedAt: endedAt === null ? null : toShortText(endedAt),
      started,
      exitCode,
      server,
      clockOffsetMs,
    })),
  };
}

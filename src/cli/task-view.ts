import { localTimezone } from '../config/local-zone.ts';
import type { Fault } from '../core/errors.ts';
import { floorToMinute, type Instant } from '../core/instants.ts';
import { faultOfName } from '../core/names.ts';
import { earliestOf } from '../core/slots.ts';
import { newState, type TaskState } from '../core/state.ts';
import { ALL_NODES, runsOn, type Task, type TaskRecord } from '../core/task.ts';
import type { Registry } from '../modules/registry.ts';
import { checkWholly, isStateOf } from '../runner/definition.ts';
import type { StoredTask } from '../store/definitions.ts';
import { listNodes } from '../store/nodes.ts';
import type { Run } from '../store/run-row.ts';
import { listAliveRuns, listLastRuns } from '../store/task-runs.ts';
import type { Context } from './context.ts';
import { loadRecordedWorld } from './recorded-world.ts';
import { rhythmOf } from './rhythm.ts';
import type { Session } from './session.ts';
import { type StateView, type StateViewpoint, viewState } from './state-view.ts';
import { tickCounts } from './tick-wait.ts';

/** A task as it stands now: its definition, what is wrong with it, and its states. */
export type TaskView = {
  readonly record: TaskRecord;
  /** Undefined when the columns are not valid; a task whose module is at fault is there. */
  readonly task: Task | undefined;
  readonly faults: readonly Fault[];
  readonly states: readonly StateView[];
  /** The earliest instant at which one of its states may start. */
  readonly nextAt: Instant | null;
  readonly lastRun: Run | undefined;
};

export type ViewWish = {
  readonly registry: Registry;
  /** Only the states that count on this node; without it those of every node. */
  readonly node?: string | undefined;
};

/** Looks at tasks as a tick would now, and changes nothing. */
export async function viewTasks(
  context: Context,
  session: Session,
  tasks: readonly StoredTask[],
  wish: ViewWish,
): Promise<readonly TaskView[]> {
  const view = await loadViewpoint(context, session, { ...wish, taskId: undefined, tasks });
  return Promise.all(tasks.map((stored) => viewFrom(view, stored)));
}

/** Looks at one task, at its states on every node. */
export async function viewTask(
  context: Context,
  session: Session,
  stored: StoredTask,
  registry: Registry,
): Promise<TaskView> {
  const view = await loadViewpoint(context, session, {
    registry,
    node: undefined,
    taskId: stored.record.id,
    tasks: [stored],
  });
  return viewFrom(view, stored);
}

/** What is needed to look at any task. */
type Viewpoint = StateViewpoint & {
  readonly registry: Registry;
  readonly node: string | undefined;
  /** Nodes for which a task that runs on every node is looked at. */
  readonly nodes: readonly string[];
  readonly lastRunOf: (taskId: number) => Run | undefined;
};

async function loadViewpoint(
  { io }: Context,
  session: Session,
  {
    registry,
    node,
    taskId,
    tasks,
  }: ViewWish & { readonly taskId: number | undefined; readonly tasks: readonly StoredTask[] },
): Promise<Viewpoint> {
  const { config, store, clock } = session;
  const known = await listNodes(store.driver);
  const zones = new Map(known.map(({ name, timezone }) => [name, timezone]));
  const nodes = [...new Set([node ?? config.node, ...(node === undefined ? zones.keys() : [])])];
  const rhythms = new Map<string, number | undefined>();
  for (const name of nodes) {
    rhythms.set(name, await rhythmOf(session, name));
  }
  const rhythmMs = (scopeKey: string) =>
    rhythms.get(scopeKey === ALL_NODES ? (node ?? config.node) : scopeKey);
  const alive = await listAliveRuns(store.driver, taskId);
  const lastRuns = await listLastRuns(store.driver, { taskId, node });
  const lastRunByTask = new Map(lastRuns.map((run) => [run.taskId, run]));
  const local = localTimezone(io.env);
  return {
    registry,
    node,
    now: clock(),
    nodes,
    timezoneOf: (scopeKey) => zones.get(scopeKey) ?? local,
    ticks: await tickCounts(store.driver, { known, here: config.node, rhythms }),
    rhythmMs,
    world: await loadRecordedWorld(session, tasks, [...new Set([config.node, ...zones.keys()])]),
    liveRunsOf: ({ taskId: id, scopeKey }) =>
      alive.filter((run) => run.taskId === id && run.scopeKey === scopeKey).length,
    lastRunOf: (id) => lastRunByTask.get(id),
  };
}

async function viewFrom(view: Viewpoint, stored: StoredTask): Promise<TaskView> {
  const { record } = stored;
  const checked = await checkWholly(record, view.registry);
  const task = checked.kind === 'checked' ? checked.task : undefined;
  const valid = checked.faults.length > 0 ? undefined : task;
  const states = statesHere(stored, task, view).map((state) => viewState(valid, state, view));
  return {
    record,
    task,
    faults: checked.faults,
    states,
    nextAt: states.reduce<Instant | null>((earliest, { nextAt }) => earliestOf(earliest, nextAt), null),
    lastRun: view.lastRunOf(record.id),
  };
}

/** The states that count, and for nodes of `*` that have not ticked yet those that they are going to have. */
function statesHere(
  { record, states, unassigned }: StoredTask,
  task: Task | undefined,
  { node, nodes, now }: Viewpoint,
): readonly TaskState[] {
  const counting = states.filter(
    (state) =>
      (task === undefined || isStateOf(task, state)) &&
      (node === undefined || [node, ALL_NODES].includes(state.scopeKey)),
  );
  if (task === undefined || task.scope === 'one' || !task.nodes.includes(ALL_NODES)) {
    return counting;
  }
  const missing = nodes.filter((name) => states.every(({ scopeKey }) => scopeKey !== name));
  const seed = unassigned ?? newState(floorToMinute(now), { taskId: record.id });
  return [...counting, ...missing.map((scopeKey) => ({ ...seed, scopeKey }))];
}

/** True when the task counts on the node, on none at all, or on one that cannot be: somebody has to see that. */
export function concernsNode({ record }: StoredTask, node: string): boolean {
  const { nodes } = record.fields;
  const named = Array.isArray(nodes) ? nodes.map(String) : [];
  const isAtFault = named.length === 0 || named.some((name) => faultOfName(name) !== undefined);
  return isAtFault || runsOn(named, node);
}

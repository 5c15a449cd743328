import { localTimezone } from '../config/local-zone.ts';
import { type Decision, decide, earliestOf, nextSlotOf } from '../core/due.ts';
import type { Fault } from '../core/errors.ts';
import { floorToMinute, type Instant, MINUTE_MS } from '../core/instants.ts';
import { faultOfName } from '../core/names.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import { newState, type TaskState } from '../core/state.ts';
import { ALL_NODES, runsOn, type Task, type TaskRecord } from '../core/task.ts';
import type { Registry } from '../modules/registry.ts';
import { checkWholly, isStateOf, scheduleOf } from '../runner/definition.ts';
import type { StoredTask } from '../store/definitions.ts';
import { listNodes } from '../store/nodes.ts';
import type { Run } from '../store/rows.ts';
import { listAliveRuns, listLastRuns } from '../store/task-runs.ts';
import type { Context } from './context.ts';
import { rhythmOf } from './rhythm.ts';
import type { Session } from './session.ts';

/** What is worth seeing of a state at once. */
export type Mark = 'running' | 'overdue' | 'terminated' | 'handled in the future' | 'counts from the future';

/** A state of a task as it stands now. */
export type StateView = {
  readonly state: TaskState;
  readonly liveRuns: number;
  readonly marks: readonly Mark[];
  /** When the next attempt may start; in the past when it is due; null when none is coming. */
  readonly nextAt: Instant | null;
  readonly isDue: boolean;
};

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
  const view = await loadViewpoint(context, session, { ...wish, taskId: undefined });
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
  });
  return viewFrom(view, stored);
}

/** What is needed to look at any task. */
type Viewpoint = {
  readonly registry: Registry;
  readonly node: string | undefined;
  readonly now: Instant;
  /** Nodes for which a task that runs on every node is looked at. */
  readonly nodes: readonly string[];
  readonly timezoneOf: (scopeKey: string) => string;
  /** Undefined when nobody knows how often the node ticks. */
  readonly overdueAfterMs: (scopeKey: string) => number | undefined;
  readonly liveRunsOf: (state: TaskState) => number;
  readonly lastRunOf: (taskId: number) => Run | undefined;
};

const LEAST_OVERDUE_MS = 2 * MINUTE_MS;

async function loadViewpoint(
  { io }: Context,
  session: Session,
  { registry, node, taskId }: ViewWish & { readonly taskId: number | undefined },
): Promise<Viewpoint> {
  const { config, store, clock } = session;
  const known = await listNodes(store.driver);
  const zones = new Map(known.map(({ name, timezone }) => [name, timezone]));
  const nodes = [...new Set([node ?? config.node, ...(node === undefined ? zones.keys() : [])])];
  const rhythms = new Map<string, number | undefined>();
  for (const name of nodes) {
    rhythms.set(name, await rhythmOf(session, name));
  }
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
    overdueAfterMs: (scopeKey) => {
      const rhythm = rhythms.get(scopeKey === ALL_NODES ? (node ?? config.node) : scopeKey);
      return rhythm === undefined ? undefined : Math.max(2 * rhythm, LEAST_OVERDUE_MS);
    },
    liveRunsOf: ({ taskId: id, scopeKey }) =>
      alive.filter((run) => run.taskId === id && run.scopeKey === scopeKey).length,
    lastRunOf: (id) => lastRunByTask.get(id),
  };
}

async function viewFrom(view: Viewpoint, stored: StoredTask): Promise<TaskView> {
  const { record } = stored;
  const checked = await checkWholly(record, view.registry);
  const task = checked.kind === 'checked' ? checked.task : undefined;
  const states = statesHere(stored, task, view).map((state) =>
    task === undefined || checked.faults.length > 0
      ? idleState(state, view.liveRunsOf(state))
      : viewState(task, state, view),
  );
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

function viewState(task: Task, state: TaskState, view: Viewpoint): StateView {
  const schedule = scheduleOf(task, state, view.timezoneOf(state.scopeKey));
  const liveRuns = view.liveRunsOf(state);
  const decision = decide({
    definition: { kind: 'valid', task, schedule },
    state,
    liveRuns,
    tickAt: floorToMinute(view.now),
    now: view.now,
  });
  if (decision.kind === 'inactive' || decision.kind === 'terminated') {
    return idleState(state, liveRuns);
  }
  const nextAt = nextStartOf(state, schedule);
  const due = isDue(decision);
  const limit = view.overdueAfterMs(state.scopeKey);
  const overdue =
    due && liveRuns === 0 && nextAt !== null && limit !== undefined && view.now - nextAt > limit;
  return {
    state,
    liveRuns,
    nextAt,
    isDue: due,
    marks: [
      ...runningMark(liveRuns),
      ...(overdue ? ['overdue' as const] : []),
      ...futureMark(decision, state, view.now),
    ],
  };
}

function futureMark(decision: Decision, { countedFrom }: TaskState, now: Instant): readonly Mark[] {
  if (decision.kind === 'handled-in-future') {
    return ['handled in the future'];
  }
  return countedFrom > now ? ['counts from the future'] : [];
}

/** A state that waits for nothing: of a task that is inactive or invalid, or terminated itself. */
function idleState(state: TaskState, liveRuns: number): StateView {
  const terminated = state.terminatedAt === null ? [] : ['terminated' as const];
  return { state, liveRuns, nextAt: null, isDue: false, marks: [...runningMark(liveRuns), ...terminated] };
}

function runningMark(liveRuns: number): readonly Mark[] {
  return liveRuns > 0 ? ['running'] : [];
}

/** What the due list says, or for a row that the next tick decides anew, what that is going to say. */
function nextStartOf(state: TaskState, schedule: Schedule): Instant | null {
  return state.earliestStart === 'decide-anew'
    ? earliestOf(state.retryAt, nextSlotOf(schedule, state))
    : state.earliestStart;
}

function isDue(decision: Decision): boolean {
  switch (decision.kind) {
    case 'run':
    case 'retry':
    case 'skip':
      return true;
    case 'still-running':
      return decision.slots !== undefined;
    default:
      return false;
  }
}

/** True when the task counts on the node, on none at all, or on one that cannot be: somebody has to see that. */
export function concernsNode({ record }: StoredTask, node: string): boolean {
  const { nodes } = record.fields;
  const named = Array.isArray(nodes) ? nodes.map(String) : [];
  const isAtFault = named.length === 0 || named.some((name) => faultOfName(name) !== undefined);
  return isAtFault || runsOn(named, node);
}

import type { DatabaseLocation } from '../../config/config.ts';
import { localTimezone } from '../../config/local-zone.ts';
import { type Fault, faultText } from '../../core/errors.ts';
import { floorToMinute, type Instant, SECOND_MS } from '../../core/instants.ts';
import { newState, type TaskState } from '../../core/state.ts';
import { ALL_NODES, nameOf, runsOn, type Task, type TaskRecord } from '../../core/task.ts';
import { type Timetable, timetableOf } from '../../core/timetable.ts';
import type { Registry } from '../../modules/registry.ts';
import { checkWholly, isStateOf } from '../../runner/definition.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { findTask, listTasks, type StoredTask } from '../../store/definitions.ts';
import { listNodes } from '../../store/nodes.ts';
import type { Context } from '../context.ts';
import { rhythmOf } from '../rhythm.ts';
import { type Session, withSession } from '../session.ts';
import { isDone } from '../state-view.ts';
import { type TickCounts, tickCounts } from '../tick-wait.ts';
import { instantText } from '../times.ts';
import { type Answer, clockChangesOf, type Question } from './answer.ts';
import { comingStarts } from './coming-starts.ts';
import { remarksOf, tickRemark } from './remarks.ts';

/**
 * When tasks come next on the node, ascending by (ordering, id), with what has been handled there. An invalid task has no
 * coming start, and a remark with its faults.
 *
 * @throws NotFoundError for a name that no task has
 */
export function answersOfTasks(
  context: Context,
  { names, node }: { readonly names: readonly string[]; readonly node: string | undefined },
  question: Question,
): Promise<readonly Answer[]> {
  return withSession(context, { node, readOnly: true }, async (session) => {
    const stored = await findTasks(session.store.database, names);
    const viewpoint = await viewpointOf(context, session);
    const asked = question.isFromNow ? { ...question, from: viewpoint.now } : question;
    return Promise.all(stored.map((task) => answerOf(task, viewpoint, asked)));
  });
}

async function findTasks(
  database: DatabaseLocation,
  names: readonly string[],
): Promise<readonly StoredTask[]> {
  for (const name of names) {
    await findTask(database, name);
  }
  return listTasks(database, names);
}

/** From where tasks are looked at. */
type Viewpoint = {
  readonly node: string;
  readonly registry: Registry;
  readonly now: Instant;
  /** The zone of a node by its last tick; this machine's for one that has not ticked. */
  readonly timezoneOf: (node: string) => string;
  readonly ticks: TickCounts;
  /** How often the node ticks; undefined while nobody knows. */
  readonly rhythmSeconds: number | undefined;
};

async function viewpointOf({ io }: Context, session: Session): Promise<Viewpoint> {
  const { config, store, clock } = session;
  const rhythmMs = await rhythmOf(session, config.node);
  const rhythms = new Map([[config.node, rhythmMs]]);
  const nodes = await listNodes(store.driver);
  const zones = new Map(nodes.map(({ name, timezone }) => [name, timezone]));
  const local = localTimezone(io.env);
  return {
    node: config.node,
    registry: await openRegistry(config, io.cwd),
    now: clock(),
    timezoneOf: (node) => zones.get(node) ?? local,
    ticks: await tickCounts(store.driver, { known: nodes, here: config.node, rhythms }),
    rhythmSeconds: rhythmMs === undefined ? undefined : rhythmMs / SECOND_MS,
  };
}

async function answerOf(stored: StoredTask, viewpoint: Viewpoint, question: Question): Promise<Answer> {
  const checked = await checkWholly(stored.record, viewpoint.registry);
  return checked.kind === 'invalid' || checked.faults.length > 0
    ? answerOfInvalid(stored.record, checked.faults)
    : answerOfValid(checked.task, stored, viewpoint, question);
}

function answerOfInvalid(record: TaskRecord, faults: readonly Fault[]): Answer {
  const { scheduleKind, schedule, timezone } = record.fields;
  return {
    task: nameOf(record),
    kind: String(scheduleKind),
    schedule: String(schedule),
    timezone: String(timezone),
    next: [],
    remarks: [`invalid: ${faultText(faults)}`],
    clockChanges: [],
  };
}

function answerOfValid(task: Task, stored: StoredTask, viewpoint: Viewpoint, question: Question): Answer {
  const { scheduleKind: kind, schedule: text } = task;
  const { from } = question;
  const { state: found, remarks } = stateFor(task, stored, viewpoint.node);
  const state = withLast(task, found, question);
  const nodeTimezone = viewpoint.timezoneOf(state.scopeKey);
  const timezone = task.timezone === '' ? nodeTimezone : task.timezone;
  const timetable = timetableOf(task, { scopeKey: state.scopeKey, nodeTimezone });
  const idle = whyIdle(task, state, timetable);
  const asking = { task, timetable, state, timezone, from };
  const wait = idle.length > 0 ? null : viewpoint.ticks.waitOf(timetable, state, viewpoint.now);
  const { rhythmSeconds } = viewpoint;
  return {
    task: task.name,
    kind,
    schedule: text,
    timezone,
    next: idle.length > 0 ? [] : comingStarts({ task, timetable, state, rhythmSeconds }, question),
    remarks: [
      ...remarks,
      ...idle,
      ...futureRemark(task, state, viewpoint.now),
      ...remarksOf(asking),
      ...(wait === null || timetable.ticks === null ? [] : [tickRemark(wait, timetable.ticks)]),
    ],
    clockChanges: clockChangesOf(asking),
  };
}

type FoundState = { readonly state: TaskState; readonly remarks: readonly string[] };

/** The state on the node; where there is none, one that has just begun to count, or that of another node. */
function stateFor(task: Task, { record, states, unassigned }: StoredTask, node: string): FoundState {
  const own = states.filter((state) => isStateOf(task, state));
  const scopeKey = task.scope === 'one' ? ALL_NODES : node;
  const state = own.find((candidate) => candidate.scopeKey === scopeKey);
  if (state !== undefined) {
    return { state, remarks: [] };
  }
  const [other] = own;
  if (other !== undefined && !runsOn(task.nodes, node)) {
    return {
      state: other,
      remarks: [`not a task of node ${node}: this is when it starts on ${other.scopeKey}`],
    };
  }
  const seed = unassigned ?? newState(floorToMinute(record.createdAt));
  return { state: { ...seed, scopeKey }, remarks: [] };
}

/** The state as if the slot that `--last` names were the handled one; without it, as it is. */
function withLast({ scheduleKind }: Task, state: TaskState, { last, from }: Question): TaskState {
  if (last === undefined) {
    return state;
  }
  const fresh: TaskState = { ...state, anchoredAt: null, currentPeriodSeconds: null, retryAt: null };
  if (last !== 'never') {
    return { ...fresh, handledSlot: last, firstSlot: null, anchoredAt: floorToMinute(last) };
  }
  return scheduleKind === 'at'
    ? { ...fresh, handledSlot: null }
    : { ...fresh, handledSlot: null, firstSlot: from, countedFrom: from };
}

function whyIdle({ active }: Task, state: TaskState, timetable: Timetable): readonly string[] {
  const { terminatedAt, terminatedReason } = state;
  const reason = terminatedReason ?? 'without a reason';
  const ended = isDone(state, timetable) ? reason : `terminated: ${reason}`;
  return [...(active ? [] : ['not active']), ...(terminatedAt === null ? [] : [ended])];
}

function futureRemark({ name }: Task, { handledSlot }: TaskState, now: Instant): readonly string[] {
  return handledSlot !== null && handledSlot > now
    ? [
        `handled until ${instantText(handledSlot)}, which is in the future; "periodic-cron reset" counts ${JSON.stringify(name)} from now`,
      ]
    : [];
}

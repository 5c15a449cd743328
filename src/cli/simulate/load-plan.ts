import { localTimezone } from '../../config/local-zone.ts';
import { faultText, NotFoundError } from '../../core/errors.ts';
import { asksTheWorld } from '../../core/gate.ts';
import { floorToMinute, type Instant, SECOND_MS } from '../../core/instants.ts';
import { comeOnline } from '../../core/offline.ts';
import { afterSuccess, endPolicyOf } from '../../core/run-end.ts';
import { newState, type TaskState } from '../../core/state.ts';
import { ALL_NODES, nameOf, type Task } from '../../core/task.ts';
import { timetableOf } from '../../core/timetable.ts';
import type { Registry } from '../../modules/registry.ts';
import { checkWholly, isStateOf } from '../../runner/definition.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { rhythmSeconds } from '../../runner/rhythm.ts';
import type { SimulatedNode, SimulatedState, SimulationPlan } from '../../runner/simulation/plan.ts';
import { listTasks, type StoredTask } from '../../store/definitions.ts';
import { listNodes } from '../../store/nodes.ts';
import { averageDurations } from '../../store/task-runs.ts';
import { tickNumbers } from '../../store/ticks.ts';
import type { Context } from '../context.ts';
import type { Session } from '../session.ts';

/** What `simulate` was asked for, as the flags say it. */
export type SimulationQuestion = {
  readonly from: Instant;
  readonly until: Instant;
  readonly everySeconds: number | undefined;
  /** Only this node; without it every node that ticks or that a task names. */
  readonly node: string | undefined;
};

/** A task that takes no part, and why. */
export type LeftOut = { readonly task: string; readonly reason: string };

export type LoadedPlan = {
  readonly plan: SimulationPlan;
  readonly leftOut: readonly LeftOut[];
  readonly remarks: readonly string[];
};

/** The rhythm where nobody knows it, which is that of the crontab example. */
const DEFAULT_RHYTHM_S = 300;

/**
 * Reads the definitions and states for a simulation, and changes nothing.
 *
 * @throws NotFoundError for a node that never ticked and that no task names
 */
export async function loadPlan(
  context: Context,
  session: Session,
  question: SimulationQuestion,
): Promise<LoadedPlan> {
  const { config, store, clock } = session;
  const now = clock();
  const stored = await listTasks(store.database);
  const names = await nodeNames(session, stored);
  if (question.node !== undefined && !names.includes(question.node)) {
    throw new NotFoundError(
      `node ${JSON.stringify(question.node)} has not ticked yet, and no task names it (known: ${names.join(', ')})`,
    );
  }
  const { all } = await tickNumbers(store.driver, config.node);
  const settings = { driver: store.driver, settings: config, node: { name: question.node ?? config.node } };
  const known = question.everySeconds ?? (await rhythmSeconds(settings));
  const everySeconds = known ?? DEFAULT_RHYTHM_S;
  const beginsAt = firstTickFrom(Math.min(question.from, now), everySeconds);
  const world: World = {
    beginsAt,
    countsFrom: floorToMinute(Math.min(question.from, now)),
    now,
    isPast: question.from < floorToMinute(now),
    nodes: await simulatedNodes(session, question.node === undefined ? names : [question.node]),
    allTicks: all,
    registry: await openRegistry(config, context.io.cwd),
    durations: await averageDurations(store.driver),
    timezoneOf: await timezones(context, session),
  };
  const taken = await Promise.all(stored.map((task) => takePart(world, task)));
  return {
    plan: {
      nodes: world.nodes,
      states: taken.flatMap(({ states }) => states),
      allTicks: all,
      beginsAt,
      tellsFrom: question.from,
      until: question.until,
      everySeconds,
      maxRunning: config.maxRunning,
    },
    leftOut: taken.flatMap(({ leftOut }) => leftOut),
    remarks: [
      ...(known === undefined
        ? [`nobody knows yet how often the nodes tick: ${DEFAULT_RHYTHM_S / 60} min are taken (--every)`]
        : []),
      ...(world.isPast
        ? ['the span begins in the past: every task counts from its begin, as if it were new then']
        : taken.flatMap(({ remarks }) => remarks)),
    ],
  };
}

/** Cron ticks at whole multiples of the rhythm, so that the minute in which somebody asks moves no start. */
function firstTickFrom(instant: Instant, everySeconds: number): Instant {
  const everyMs = everySeconds * SECOND_MS;
  return Math.ceil(instant / everyMs) * everyMs;
}

type World = {
  /** The first tick of every node. */
  readonly beginsAt: Instant;
  /** From where a state counts that there is not yet. */
  readonly countsFrom: Instant;
  readonly now: Instant;
  /** What the states have handled by now tells nothing about a span before. */
  readonly isPast: boolean;
  readonly nodes: readonly SimulatedNode[];
  readonly allTicks: number;
  readonly registry: Registry;
  readonly durations: ReadonlyMap<number, number>;
  readonly timezoneOf: (node: string) => string;
};

/** The nodes that tick or that a task names; this one where there are none. */
async function nodeNames(
  { config, store }: Session,
  stored: readonly StoredTask[],
): Promise<readonly string[]> {
  const ticking = (await listNodes(store.driver)).map(({ name }) => name);
  const named = stored.flatMap(({ record: { fields } }) =>
    Array.isArray(fields.nodes) ? fields.nodes.map(String).filter((name) => name !== ALL_NODES) : [],
  );
  const all = [...new Set([...ticking, ...named])].sort();
  return all.length === 0 ? [config.node] : all;
}

async function simulatedNodes(
  { store }: Session,
  names: readonly string[],
): Promise<readonly SimulatedNode[]> {
  const nodes: SimulatedNode[] = [];
  for (const name of names) {
    const { own } = await tickNumbers(store.driver, name);
    nodes.push({ name, lastTick: own });
  }
  return nodes;
}

async function timezones({ io }: Context, { store }: Session): Promise<(node: string) => string> {
  const nodes = await listNodes(store.driver);
  const zones = new Map(nodes.map(({ name, timezone }) => [name, timezone]));
  const local = localTimezone(io.env);
  return (node) => zones.get(node) ?? local;
}

type Part = {
  readonly states: readonly SimulatedState[];
  readonly leftOut: readonly LeftOut[];
  readonly remarks: readonly string[];
};

async function takePart(world: World, stored: StoredTask): Promise<Part> {
  const name = nameOf(stored.record);
  const leftOut = (reason: string): Part => ({ states: [], leftOut: [{ task: name, reason }], remarks: [] });
  const checked = await checkWholly(stored.record, world.registry);
  if (checked.kind === 'invalid' || checked.faults.length > 0) {
    return leftOut(`invalid: ${faultText(checked.faults)}`);
  }
  const { task } = checked;
  if (!task.active) {
    return leftOut('not active');
  }
  if (task.confirmation) {
    return leftOut('it asks for a confirmation: its schedule never starts it');
  }
  if (task.scheduleKind === 'manual') {
    return leftOut('manual: its schedule never starts it');
  }
  const states = statesOf(world, task, stored);
  const done = states.filter(({ state }) => state.terminatedAt !== null);
  const resting = states.filter(({ state }) => state.offlineDisabledAt !== null);
  const running = states.filter(({ state }) => state.lastStatus === 'running');
  return {
    states: states.map((known) => {
      const woken = known.state.offlineDisabledAt === null ? known : onlineAgain(world, known);
      return running.includes(known) ? endedNow(world, woken) : woken;
    }),
    leftOut: done.map(({ state }) => ({ task: name, reason: terminatedText(state) })),
    remarks: [
      ...(running.length === 0
        ? []
        : [`task ${JSON.stringify(name)} runs now: it is taken to have ended well by the first tick`]),
      ...(asksTheWorld(task) ? [`task ${JSON.stringify(name)} is played as if its conditions hold`] : []),
      ...(resting.length === 0
        ? []
        : [
            `task ${JSON.stringify(name)} rests now, since it is offline: it is taken to count from the first tick`,
          ]),
    ],
  };
}

function terminatedText({ scopeKey, terminatedReason }: TaskState): string {
  const where = scopeKey === ALL_NODES ? '' : ` on ${JSON.stringify(scopeKey)}`;
  return `terminated${where}: ${terminatedReason ?? 'without a reason'}`;
}

function endedNow({ now }: World, known: SimulatedState): SimulatedState {
  const { task, timetable, state } = known;
  const patch = afterSuccess(state, { ...endPolicyOf(task, timetable), active: true }, now);
  return { ...known, state: { ...state, ...patch } };
}

/** As the first tick would wake it. */
function onlineAgain({ beginsAt, nodes, allTicks }: World, known: SimulatedState): SimulatedState {
  const { task, timetable, state } = known;
  const own = nodes.find(({ name }) => name === state.scopeKey)?.lastTick ?? 0;
  const tick = { tickAt: beginsAt, ticks: { own: own + 1, all: allTicks + 1 } };
  return { ...known, state: { ...state, ...comeOnline(state, { task, timetable }, tick) } };
}

function statesOf(world: World, task: Task, stored: StoredTask): readonly SimulatedState[] {
  const here = world.nodes
    .map(({ name }) => name)
    .filter((name) => task.nodes.includes(name) || task.nodes.includes(ALL_NODES));
  const keys = task.scope === 'one' ? [ALL_NODES].filter(() => here.length > 0) : here;
  return keys.map((scopeKey) => ({
    task,
    timetable: timetableOf(task, { scopeKey, nodeTimezone: world.timezoneOf(scopeKey) }),
    state: stateOf(world, { task, stored, scopeKey }),
    nodes: new Set(task.scope === 'one' ? here : [scopeKey]),
    durationMs: world.durations.get(task.id) ?? 0,
  }));
}

function stateOf(
  { countsFrom, isPast, nodes, allTicks }: World,
  { task, stored, scopeKey }: { readonly task: Task; readonly stored: StoredTask; readonly scopeKey: string },
): TaskState {
  const own = nodes.find(({ name }) => name === scopeKey)?.lastTick ?? 0;
  const countedTick = scopeKey === ALL_NODES ? allTicks : own;
  const fresh = { ...newState(countsFrom, { taskId: task.id, scopeKey }), countedTick };
  if (isPast) {
    return fresh;
  }
  const found = stored.states.find((state) => state.scopeKey === scopeKey && isStateOf(task, state));
  return found ?? { ...(stored.unassigned ?? fresh), taskId: task.id, scopeKey };
}

/** How many ticks of one node a span has. */
export function ticksIn({ beginsAt, until, everySeconds }: SimulationPlan): number {
  return Math.floor((until - beginsAt) / (everySeconds * SECOND_MS)) + 1;
}

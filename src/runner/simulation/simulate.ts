import { patchOf } from '../../core/advance.ts';
import { type DecidedDefinition, type Decision, decide } from '../../core/due.ts';
import { floorToMinute, type Instant, SECOND_MS } from '../../core/instants.ts';
import { afterSuccess, endPolicyOf } from '../../core/run-end.ts';
import { nextSlotOf, type TickTime } from '../../core/slots.ts';
import { newState } from '../../core/state.ts';
import { isOnDueList } from '../../core/tick-time.ts';
import type { StatePatch } from '../../core/transitions.ts';
import type { SimulatedState, Simulation, SimulationPlan } from './plan.ts';
import { createTally, type Tally } from './tally.ts';

/**
 * Plays the ticks of a span with the decisions and transitions of the real ones: every node ticks at the rhythm, a tick
 * runs its tasks one after the other, each as long as its past runs took, and all succeed. Changes nothing.
 */
export function simulate(plan: SimulationPlan): Simulation {
  const world: World = {
    plan,
    tally: createTally(plan),
    states: plan.states
      .toSorted((one, other) => one.task.ordering - other.task.ordering || one.task.id - other.task.id)
      .map(livingState),
    tickNumbers: new Map(plan.nodes.map(({ name, lastTick }) => [name, lastTick])),
    allTicks: plan.allTicks,
    workers: [],
  };
  for (let at = plan.beginsAt; at <= plan.until; at += plan.everySeconds * SECOND_MS) {
    workUntil(world, at);
    for (const { name } of plan.nodes) {
      beginTick(world, name, at);
    }
  }
  workUntil(world, plan.until);
  endWork(world);
  return world.tally.result(
    world.states.map(({ task, timetable, state }) => ({
      task: task.name,
      nextSlotAt: state.terminatedAt === null ? nextSlotOf(timetable, state) : null,
    })),
  );
}

type LivingState = SimulatedState & {
  readonly definition: DecidedDefinition;
  readonly endPolicy: Parameters<typeof afterSuccess>[1];
  liveRuns: number;
};

function livingState(known: SimulatedState): LivingState {
  const { task, timetable } = known;
  return {
    ...known,
    state: Object.assign(newState(0), known.state),
    definition: { kind: 'valid', task, timetable },
    endPolicy: { ...endPolicyOf(task, timetable), active: true },
    liveRuns: 0,
  };
}

/** In place: with as many fields as a state has, a new object a step would take more time than all decisions. */
function move({ state }: LivingState, patch: StatePatch): void {
  Object.assign(state, patch);
}

type World = {
  readonly plan: SimulationPlan;
  readonly tally: Tally;
  readonly states: readonly LivingState[];
  readonly tickNumbers: Map<string, number>;
  allTicks: number;
  /** Ticks that have not ended, in the order of their beginning. */
  workers: Worker[];
};

/** A tick at work: its instant moves on with the tasks that it runs. */
type Worker = {
  readonly node: string;
  readonly tick: TickTime;
  readonly waiting: LivingState[];
  readonly beganAt: Instant;
  /** It has started or skipped something. */
  isBusy: boolean;
  now: Instant;
  running: LivingState | undefined;
};

function beginTick(world: World, node: string, at: Instant): void {
  const number = (world.tickNumbers.get(node) ?? 0) + 1;
  world.tickNumbers.set(node, number);
  world.allTicks += 1;
  const tick = { tickAt: floorToMinute(at), ticks: { own: number, all: world.allTicks } };
  const waiting = world.states.filter(({ state, nodes }) => nodes.has(node) && isOnDueList(state, tick));
  world.tally.tick(node, at);
  if (waiting.length > 0) {
    world.workers.push({ node, tick, waiting, beganAt: at, isBusy: false, now: at, running: undefined });
  }
}

/** Lets the ticks work that have something to do up to the instant, always the one whose turn comes first. */
function workUntil(world: World, until: Instant): void {
  for (;;) {
    const worker = firstOf(world.workers);
    if (worker === undefined || worker.now > until) {
      return;
    }
    step(world, worker);
    if (worker.running === undefined && worker.waiting.length === 0) {
      world.workers = world.workers.filter((other) => other !== worker);
    }
  }
}

/** What runs at the end of the span comes to its end, but nothing more starts. */
function endWork(world: World): void {
  for (const { waiting } of world.workers) {
    waiting.length = 0;
  }
  workUntil(world, Number.POSITIVE_INFINITY);
}

function firstOf(workers: readonly Worker[]): Worker | undefined {
  let [first] = workers;
  for (const worker of workers) {
    first = first === undefined || worker.now < first.now ? worker : first;
  }
  return first;
}

function step(world: World, worker: Worker): void {
  if (worker.running !== undefined) {
    endRun(worker, worker.running);
    worker.running = undefined;
    return;
  }
  const [subject] = worker.waiting;
  if (subject === undefined) {
    return;
  }
  const running = world.workers.filter((other) => other.node === worker.node && other.running !== undefined);
  if (running.length >= world.plan.maxRunning) {
    world.tally.heldBack(worker.node, worker.now);
    worker.waiting.length = 0;
    return;
  }
  const decision = decideOn(world, worker, subject);
  move(subject, patchOf(decision, subject, { ...worker.tick, now: worker.now }));
  const again = 'again' in decision && decision.again;
  if (!again) {
    worker.waiting.shift();
  }
  act(world, worker, { subject, decision, atOnce: running.length + 1 });
}

function decideOn({ plan }: World, { tick, now }: Worker, subject: LivingState): Decision {
  const { definition, state, liveRuns } = subject;
  const { tickAt, ticks } = tick;
  return decide({ tickAt, ticks, definition, state, liveRuns, now, rhythmSeconds: plan.everySeconds });
}

function act(
  { tally }: World,
  worker: Worker,
  {
    subject,
    decision,
    atOnce,
  }: { readonly subject: LivingState; readonly decision: Decision; readonly atOnce: number },
): void {
  const { task, durationMs } = subject;
  const { node, now } = worker;
  if (['run', 'retry', 'skip'].includes(decision.kind) && !worker.isBusy) {
    worker.isBusy = true;
    tally.busyTick(node, worker.beganAt);
  }
  if (decision.kind === 'skip') {
    const { slots, reason } = decision;
    move(subject, { lastStatus: 'skipped' });
    tally.skip({
      task: task.name,
      node,
      at: now,
      firstSlotAt: slots.first,
      slotAt: slots.slot,
      count: slots.count,
      reason,
    });
  }
  if (decision.kind === 'run' || decision.kind === 'retry') {
    const slots =
      decision.kind === 'run' ? decision.slots : { first: decision.slot, slot: decision.slot, count: 1 };
    move(subject, { lastStatus: 'running', lastStartedAt: now });
    subject.liveRuns += 1;
    worker.running = subject;
    worker.now += durationMs;
    const run = { task: task.name, node, slotAt: slots.slot, startAt: now, durationMs };
    tally.run({ ...run, missed: slots.count - 1 }, atOnce);
  }
}

function endRun({ now }: Worker, subject: LivingState): void {
  move(subject, afterSuccess(subject.state, subject.endPolicy, now));
  subject.liveRuns -= 1;
}

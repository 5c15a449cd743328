import { isToBeLookedAt, nextStep, type TickView } from './model-decision.ts';
import { playRun } from './model-run.ts';
import type { ModelRow, ModelState } from './model-state.ts';
import {
  claimRetry,
  claimSlots,
  endRun,
  endsWithPending,
  skipSlots,
  supersede,
} from './model-transitions.ts';
import { type Model, presentNumber } from './model-world.ts';
import { floorToMinute, isCutOff, type SimulatedTick } from './world.ts';

type NodeTick = TickView & { readonly node: string };

/** One tick of a node: it records what was spooled, then recovers, then handles what is due, in order. */
export async function playTick(
  model: Model,
  { node, at, processAgeMs, diesEarly }: SimulatedTick,
): Promise<void> {
  if (isCutOff(model.script, node, at)) {
    return;
  }
  const ownNumber = presentNumber(model, node) + 1;
  model.tickNumbers.set(node, ownNumber);
  const tickAt = floorToMinute(at - processAgeMs);
  const rhythmSeconds = model.script.nodes.find(({ name }) => name === node)?.rhythmSeconds ?? 0;
  const tick = { node, tickAt, ownNumber, allNumber: presentNumber(model, '*'), rhythmSeconds };
  if (diesEarly) {
    return;
  }
  recordSpooled(model, node);
  recoverRuns(model, node);
  const due = model.states
    .filter(({ task, scope }) => scope === node || (scope === '*' && task.nodes.includes(node)))
    .filter((state) => isToBeLookedAt(model.book, state, tick))
    .sort((one, other) => one.task.ordering - other.task.ordering || one.task.id - other.task.id);
  for (const state of due) {
    if ((await handle(model, state, tick)) === 'full') {
      return;
    }
  }
}

function recordSpooled({ states, spooled }: Model, node: string): void {
  for (const late of [...spooled].filter(({ row }) => row.node === node)) {
    for (const state of states.filter(({ live }) => live.includes(late.row))) {
      endRun(state, late.row, late.status, late.endedAt);
    }
    spooled.delete(late);
  }
}

function recoverRuns({ states, orphans, timeline }: Model, node: string): void {
  for (const row of [...orphans].filter((orphan) => orphan.node === node)) {
    for (const state of states.filter(({ live }) => live.includes(row))) {
      endRun(state, row, 'lost', timeline.now());
    }
    orphans.delete(row);
  }
}

/** Steps, until nothing is left to do with the state in this tick; `full` ends the tick. */
async function handle(model: Model, state: ModelState, tick: NodeTick): Promise<'done' | 'full'> {
  for (;;) {
    const result = await takeStep(model, state, tick);
    if (result !== 'again') {
      return result;
    }
  }
}

async function takeStep(model: Model, state: ModelState, tick: NodeTick): Promise<'again' | 'done' | 'full'> {
  const { book, timeline, rows, script } = model;
  const now = timeline.now();
  if (isCutOff(script, tick.node, now)) {
    return 'full';
  }
  const step = nextStep(book, state, tick, now);
  const taking = { node: tick.node, tickAt: tick.tickAt, now };
  if (step.kind === 'nothing') {
    return 'done';
  }
  if (step.kind === 'skip') {
    rows.add(skipSlots(state, step.reason, { ...taking, slots: step.slots }));
    return step.again ? 'again' : 'done';
  }
  if (step.kind === 'run' && endsWithPending(state, now)) {
    supersede(state, now);
    return 'done';
  }
  if (isFull(model, tick.node)) {
    return 'full';
  }
  const row =
    step.kind === 'retry'
      ? claimRetry(state, step.failed, taking)
      : claimSlots(state, { ...taking, slots: step.slots });
  await playRun(model, state, row);
  return step.again ? 'again' : 'done';
}

function isFull({ states, script }: Model, node: string): boolean {
  return states.flatMap(({ live }) => live.filter(isOf(node))).length >= script.maxRunning;
}

/** Runs by hand are not counted among those of which a node has so many at most. */
function isOf(node: string): (row: ModelRow) => boolean {
  return (row) => row.node === node && row.trigger === 'schedule';
}

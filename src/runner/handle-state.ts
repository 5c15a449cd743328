import { type Decision, type DueInput, decide } from '../core/due.ts';
import { messageOf, PeriodicCronError } from '../core/errors.ts';
import { asksTheWorld } from '../core/gate.ts';
import type { TickTime } from '../core/slots.ts';
import { nameOf, type Task } from '../core/task.ts';
import { isOnDueList } from '../core/tick-time.ts';
import { RESTING } from '../core/transitions.ts';
import { dropState, settleState } from '../store/move-state.ts';
import { type Candidate, type DueKey, loadCandidate, UNASSIGNED } from '../store/tick-statements.ts';
import { act } from './act.ts';
import { type Definition, definitionOf, faultsOfNodes, isStateOf, unexpectedFault } from './definition.ts';
import type { Rivals } from './due-list.ts';
import { handleInvalid, tellFault } from './handle-invalid.ts';
import { type Handled, type Handling, LOST_CLAIMS, NOTHING } from './handled.ts';
import type { LookingTick } from './looks.ts';
import { rhythmSeconds } from './rhythm.ts';
import type { Runner } from './runner.ts';

type ValidDefinition = Definition & { readonly kind: 'valid' };

/** A tick as it handles one state. */
export type PassingTick = LookingTick & {
  /** False from when nothing new may start in the tick. */
  readonly mayStart: () => boolean;
  /** What kept the state from starting before the tick, where a part of it was handled already. */
  readonly waitedFor: string | null;
};

/**
 * Decides what to do with one state and does it. The definition and the state are read here and now, not when the tick
 * began: what another runner or an operator did in between counts. After a lost claim it looks again. `rivals` is told of
 * each trace of another runner that was first.
 */
export async function handleState(
  runner: Runner,
  key: DueKey,
  tick: PassingTick,
  rivals: Rivals,
): Promise<Handled> {
  let unexpected: { readonly task: string; readonly error: unknown } | undefined;
  for (let tries = 0; tries < LOST_CLAIMS; tries += 1) {
    const candidate = await loadCandidate(runner.driver, key);
    if (candidate === undefined) {
      return NOTHING;
    }
    if (!isOnDueList(candidate.state, tick)) {
      rivals.wasFirst();
      return NOTHING;
    }
    const handled = await handleCandidate(runner, candidate, tick).catch((error: unknown) => {
      unexpected = { task: nameOf(candidate.record), error };
      return tellUnexpected(runner, candidate, error);
    });
    if (handled !== 'lost') {
      return handled;
    }
    if (!(await rivals.isStillDue(key))) {
      break;
    }
  }
  if (unexpected !== undefined) {
    const { task, error } = unexpected;
    runner.onEvent({ kind: 'warning', message: `task ${JSON.stringify(task)}: ${messageOf(error)}` });
  }
  return NOTHING;
}

async function handleCandidate(runner: Runner, candidate: Candidate, tick: PassingTick): Promise<Handling> {
  const { record, state } = candidate;
  if (state.scopeKey === UNASSIGNED) {
    return handleUnassigned(runner, candidate);
  }
  if (!isStateOf(record.fields, state)) {
    return (await settleState(runner.driver, state, RESTING)) ? NOTHING : 'lost';
  }
  const definition = await definitionOf(
    { record, state, nodeTimezone: runner.node.timezone },
    await runner.registry(),
  );
  if (runner.cancel.aborted) {
    // Checking a definition may have taken long: nothing starts after the runner was told to end.
    return NOTHING;
  }
  if (definition.kind === 'invalid') {
    return handleInvalid(runner, candidate, definition, tick);
  }
  const { task, timetable } = definition;
  const decision = await decideHere(runner, task, {
    ...tick,
    ...(await dueInput(runner, candidate, { definition, tick })),
  });
  return decision === undefined ? NOTHING : act(runner, { task, timetable, state, tick }, decision);
}

/** What a decision about a state takes, before anybody has looked at the world. */
export async function dueInput(
  runner: Runner,
  { state, liveRuns }: Candidate,
  { definition, tick }: { readonly definition: ValidDefinition; readonly tick: TickTime },
): Promise<DueInput> {
  const { tickAt, ticks, hold } = tick;
  return {
    ...{ tickAt, ticks, hold, definition, state, liveRuns },
    now: runner.clock(),
    rhythmSeconds: definition.task.catchUp === 'skip' ? await rhythmSeconds(runner) : undefined,
  };
}

/** True for a decision to start something, unless the world is against it. */
export function wouldStart({ kind }: Decision): boolean {
  return kind === 'run' || kind === 'retry';
}

/**
 * The world is looked at only for what would start otherwise. Looking may take a while, in which time goes on: undefined
 * when nothing may start any more after it.
 */
async function decideHere(
  runner: Runner,
  task: Task,
  input: DueInput & PassingTick,
): Promise<Decision | undefined> {
  const decision = decide(input);
  if (!wouldStart(decision) || !asksTheWorld(task)) {
    return decision;
  }
  const { conditionsOf, resourcesNeeded } = await import('../core/conditions.ts');
  const lookup = await input.looks.at(resourcesNeeded(task));
  return input.mayStart()
    ? decide({ ...input, conditions: conditionsOf(task, lookup), now: runner.clock() })
    : undefined;
}

/**
 * What should never happen to a state, such as a slot that the ledger holds already, is a fault of that task alone: it
 * is recorded once, and the others go on.
 */
function tellUnexpected(runner: Runner, candidate: Candidate, error: unknown): Promise<Handling> {
  if (error instanceof PeriodicCronError) {
    throw error;
  }
  return tellFault(runner, candidate, unexpectedFault(error), {});
}

/** A task of scope `each` without a node that can be runs nowhere; the first node that notices records it. */
async function handleUnassigned(runner: Runner, { record, state }: Candidate): Promise<Handling> {
  if (record.fields.active === false) {
    return (await settleState(runner.driver, state, RESTING)) ? NOTHING : 'lost';
  }
  const faults = await faultsOfNodes(record);
  if (faults.length === 0) {
    return (await dropState(runner.driver, state)) ? NOTHING : 'lost';
  }
  const handled = await tellFault(runner, { record, state }, faults, {});
  if (handled !== 'lost') {
    await dropState(runner.driver, { ...state, epoch: state.epoch + 1 });
  }
  return handled;
}

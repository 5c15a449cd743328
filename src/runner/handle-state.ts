import { type Decision, decide, dueSlots, nextSlotOf, type SlotRange } from '../core/due.ts';
import { type Fault, faultText, messageOf, PeriodicCronError } from '../core/errors.ts';
import { joinMessages } from '../core/outcome.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import type { TaskState } from '../core/state.ts';
import { nameOf, type Task } from '../core/task.ts';
import { RESTING, settle, takeRetry, takeSlots } from '../core/transitions.ts';
import { greatestAttempt } from '../store/attempts.ts';
import { dropState, recordFault, settleState, skipSlots } from '../store/claim.ts';
import type { Run } from '../store/rows.ts';
import { findRun } from '../store/task-runs.ts';
import { type Candidate, type DueKey, loadCandidate, UNASSIGNED } from '../store/tick-statements.ts';
import { type Definition, definitionOf, faultsOfNodes, isStateOf, unexpectedFault } from './definition.ts';
import { skipText, supersededText, waitText } from './reasons.ts';
import { reportOfRun } from './run-report.ts';
import { runAttempt } from './run-task.ts';
import type { NotRun, Runner, RunReport } from './runner.ts';
import { newToken } from './token.ts';

/** What became of one state in this tick. */
export type Handled =
  | { readonly kind: 'ran'; readonly run: RunReport; readonly superseded: RunReport | undefined }
  | { readonly kind: 'not-run'; readonly notRun: NotRun; readonly superseded?: RunReport | undefined }
  /** The node runs as many tasks as it may: nothing further starts in this tick. */
  | { readonly kind: 'full'; readonly notRun: NotRun; readonly running: readonly Run[] }
  /** Nothing to tell: the state is gone, not of this node, or was handled by another runner. */
  | { readonly kind: 'nothing' };

/** How often a state is looked at again after another runner was first. */
const LOST_CLAIMS = 5;

const NOTHING: Handled = { kind: 'nothing' };

/**
 * Decides what to do with one state and does it. The definition and the state are read here and now, not when the tick
 * began: what another runner or an operator did in between counts. After a lost claim it looks again.
 */
export async function handleState(runner: Runner, key: DueKey, tickAt: number): Promise<Handled> {
  let unexpected: { readonly task: string; readonly error: unknown } | undefined;
  for (let tries = 0; tries < LOST_CLAIMS; tries += 1) {
    const candidate = await loadCandidate(runner.driver, key);
    if (candidate === undefined) {
      return NOTHING;
    }
    const handled = await handleCandidate(runner, candidate, tickAt).catch((error: unknown) => {
      unexpected = { task: nameOf(candidate.record), error };
      return tellUnexpected(runner, candidate, error);
    });
    if (handled !== 'lost') {
      return handled;
    }
  }
  if (unexpected !== undefined) {
    const { task, error } = unexpected;
    runner.onEvent({ kind: 'warning', message: `task ${JSON.stringify(task)}: ${messageOf(error)}` });
  }
  return NOTHING;
}

type Handling = Handled | 'lost';

async function handleCandidate(runner: Runner, candidate: Candidate, tickAt: number): Promise<Handling> {
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
    return handleInvalid(runner, candidate, definition, tickAt);
  }
  const { task, schedule } = definition;
  const decision = decide({ definition, state, liveRuns: candidate.liveRuns, tickAt, now: runner.clock() });
  return act(runner, { task, schedule, state }, decision);
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

/**
 * A fault is recorded once, not once a tick. Where the schedule is readable (the module or its options are at fault),
 * due slots are taken and leave their trace, and the next slot looks again: a module may be mended without a word to
 * the database.
 */
async function handleInvalid(
  runner: Runner,
  candidate: Pick<Candidate, 'record' | 'state'>,
  { faults, schedule }: Definition & { readonly kind: 'invalid' },
  tickAt: number,
): Promise<Handling> {
  const { record, state } = candidate;
  if (record.fields.active === false || state.terminatedAt !== null) {
    return (await settleState(runner.driver, state, RESTING)) ? NOTHING : 'lost';
  }
  if (schedule === undefined) {
    return tellFault(runner, candidate, faults, RESTING);
  }
  const slots = dueSlots(schedule, state, tickAt);
  if (slots === undefined) {
    return tellFault(runner, candidate, faults, settle({ ...state, retryAt: null }, schedule));
  }
  const told = await tellFault(runner, candidate, faults, {});
  if (told === 'lost') {
    return told;
  }
  const fault = faultText(faults);
  const moved = { ...state, epoch: state.epoch + 1, fault };
  return (await skip(
    runner,
    { record, state: moved, schedule },
    { slots, reason: 'invalid', message: fault, mended: false },
  ))
    ? told
    : 'lost';
}

async function tellFault(
  runner: Runner,
  { record, state }: Pick<Candidate, 'record' | 'state'>,
  faults: readonly Fault[],
  patch: Parameters<typeof settleState>[2],
): Promise<Handling> {
  const message = faultText(faults);
  const newFault = state.fault !== message;
  const moved = newFault
    ? await recordFault(runner.driver, {
        state,
        patch,
        row: { ...identityOf(runner, record, state), message, at: runner.clock() },
      })
    : await settleState(runner.driver, state, patch);
  return moved
    ? {
        kind: 'not-run',
        notRun: { task: nameOf(record), reason: `invalid: ${message}`, nextSlotAt: null, newFault },
      }
    : 'lost';
}

type Valid = { readonly task: Task; readonly schedule: Schedule; readonly state: TaskState };

async function act(runner: Runner, valid: Valid, decision: Decision): Promise<Handling> {
  const { task, schedule, state } = valid;
  switch (decision.kind) {
    case 'run':
      return start(runner, valid, {
        slots: decision.slots,
        attempt: undefined,
        message: supersededText(state, decision.supersededAttempt),
      });
    case 'retry':
      return start(runner, valid, {
        slots: { first: decision.slot, slot: decision.slot, count: 1 },
        attempt: decision.attempt,
        message: null,
      });
    case 'skip': {
      const { slots, reason } = decision;
      const dropped = supersededText(state, state.retryAt === null ? undefined : state.attempt + 1);
      const message = joinMessages(skipText(task, reason), dropped) ?? reason;
      const skipping = { slots, reason, message, mended: true };
      if (!(await skip(runner, { record: { id: task.id, fields: task }, state, schedule }, skipping))) {
        return 'lost';
      }
      return {
        ...notRun(valid, `skipped, ${message}`),
        superseded: await supersededRun(runner, state, slots),
      };
    }
    case 'inactive':
    case 'terminated':
    case 'invalid':
      return (await settleState(runner.driver, state, RESTING)) ? NOTHING : 'lost';
    case 'waiting':
    case 'still-running':
    case 'handled-in-future':
      return (await settleIfMarked(runner, valid)) ? notRun(valid, waitText(decision)) : 'lost';
  }
}

/** A marked row leaves the due list, and waits for its next slot; any other waits already. */
function settleIfMarked(runner: Runner, { state, schedule }: Valid): Promise<boolean> {
  const patch = { ...settle(state, schedule), fault: null };
  return patch.earliestStart === state.earliestStart && state.fault === null
    ? Promise.resolve(true)
    : settleState(runner.driver, state, patch);
}

type Start = {
  readonly slots: SlotRange;
  readonly attempt: number | undefined;
  readonly message: string | null;
};

async function start(runner: Runner, valid: Valid, { slots, attempt, message }: Start): Promise<Handling> {
  const { task, schedule, state } = valid;
  const number = attempt ?? (await nextAttempt(runner, state, slots.slot));
  const patch =
    attempt === undefined ? takeSlots(state, schedule, slots, number) : takeRetry(state, schedule, number);
  const result = await runAttempt(runner, {
    task,
    options: task.options,
    state,
    patch,
    trigger: 'schedule',
    slots,
    attempt: number,
    message,
  });
  switch (result.kind) {
    case 'ended':
      return { kind: 'ran', run: result.run, superseded: await supersededRun(runner, state, slots) };
    case 'lost':
      return 'lost';
    case 'full':
      return { kind: 'full', notRun: fullNotRun(valid, result.running), running: result.running };
  }
}

/** Attempts count from 1; only after a reset that lowered the handled slot may the ledger hold some of a slot already. */
async function nextAttempt(runner: Runner, state: TaskState, slot: number): Promise<number> {
  const repeatable = state.repeatableUntil !== null && slot <= state.repeatableUntil;
  return repeatable ? (await greatestAttempt(runner.driver, state, slot)) + 1 : 1;
}

type Skipping = {
  readonly slots: SlotRange;
  readonly reason: string;
  readonly message: string;
  /** The definition is valid, so a fault that comes later is a new one. */
  readonly mended: boolean;
};

async function skip(
  runner: Runner,
  { record, state, schedule }: { record: RecordLike; state: TaskState; schedule: Schedule },
  { slots, reason, message, mended }: Skipping,
): Promise<boolean> {
  const attempt = await nextAttempt(runner, state, slots.slot);
  return skipSlots(runner.driver, {
    state,
    patch: { ...takeSlots(state, schedule, slots, attempt), ...(mended ? { fault: null } : {}) },
    skipped: { ...identityOf(runner, record, state), slots, attempt, reason, message, at: runner.clock() },
  });
}

type RecordLike = {
  readonly id: number;
  readonly fields: { readonly name: unknown; readonly module: unknown };
};

function identityOf(runner: Runner, record: RecordLike, state: TaskState) {
  return {
    token: newToken(),
    taskId: record.id,
    taskName: String(record.fields.name),
    module: String(record.fields.module),
    scopeKey: state.scopeKey,
    node: runner.node.name,
  };
}

/** The run whose pending attempt newer slots took away: it has failed for good now, which nobody has told yet. */
async function supersededRun(
  runner: Runner,
  state: TaskState,
  slots: SlotRange,
): Promise<RunReport | undefined> {
  if (state.retryAt === null || state.lastRunToken === null || slots.slot === state.handledSlot) {
    return undefined;
  }
  const run = await findRun(runner.driver, state.lastRunToken);
  return run === undefined
    ? undefined
    : reportOfRun(run, {
        error: joinMessages(run.message, 'its next attempt was superseded by a newer slot'),
      });
}

function notRun({ task, schedule, state }: Valid, reason: string): Handled & { readonly kind: 'not-run' } {
  return {
    kind: 'not-run',
    notRun: { task: task.name, reason, nextSlotAt: nextSlotOf(schedule, state), newFault: false },
  };
}

function fullNotRun({ task }: Valid, running: readonly Run[]): NotRun {
  const names = running.map((run) => `${run.taskName} (run ${run.id})`).join(', ');
  const reason = `max_running reached: ${running.length} tasks run on this node: ${names}`;
  return { task: task.name, reason, nextSlotAt: null, newFault: false };
}

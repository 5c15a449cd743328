import type { Decision } from '../core/due.ts';
import { floorToMinute, type Instant } from '../core/instants.ts';
import { afterSkip } from '../core/offline.ts';
import { joinMessages } from '../core/outcome.ts';
import { endPolicyOf } from '../core/run-end.ts';
import { nextSlotOf, type SlotRange, type TickTime } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import type { Timetable } from '../core/timetable.ts';
import {
  claimSlots,
  failurePolicyOf,
  giveUp,
  RESTING,
  takeRetry,
  terminated,
  waitingOrOver,
} from '../core/transitions.ts';
import { endState, type Move, settleState } from '../store/move-state.ts';
import type { Run } from '../store/run-row.ts';
import { tellLife } from './events.ts';
import { failedWithPending, leftOut, SUPERSEDED } from './failed-with-pending.ts';
import { type Handled, type Handling, NOTHING } from './handled.ts';
import { blockageText, holdText, skippedText, skipText, supersededText, waitText } from './reasons.ts';
import { runAttempt } from './run-task.ts';
import type { NotRun, Runner, RunReport } from './runner.ts';
import { nextAttempt, skip } from './skip.ts';

/** A valid task, one of its states, and the tick that looks at it. */
export type Valid = {
  readonly task: Task;
  readonly timetable: Timetable;
  readonly state: TaskState;
  /** `waitedFor`: what kept the state from starting before the tick, where a part of it was handled in it already. */
  readonly tick: TickTime & { readonly waitedFor?: string | null };
};

/** Does with a state what was decided. */
export async function act(runner: Runner, valid: Valid, decision: Decision): Promise<Handling> {
  switch (decision.kind) {
    case 'run':
      return start(runner, valid, {
        slots: decision.slots,
        attempt: undefined,
        message: joinMessages(
          supersededText(valid.state, decision.supersededAttempt),
          waitedFor(valid, decision.slots),
        ),
        again: decision.again,
      });
    case 'retry':
      return start(runner, valid, {
        slots: { first: decision.slot, slot: decision.slot, count: 1 },
        attempt: decision.attempt,
        message: blockageText(valid.state),
        again: decision.again,
      });
    case 'skip':
      return skipSlotsOf(runner, valid, decision);
    case 'give-up':
      return giveUpTask(runner, valid, decision);
    case 'over':
      return endTask(runner, valid, decision);
    case 'blocked':
    case 'go-offline':
    case 'online':
      // Most tasks ask nothing of the world.
      return (await import('./act-on-conditions.ts')).actOnConditions(runner, valid, decision);
    case 'inactive':
    case 'terminated':
    case 'offline-disabled':
    case 'invalid':
      return (await settleState(runner.driver, valid.state, RESTING)) ? NOTHING : 'lost';
    case 'waiting':
    case 'excluded':
    case 'still-running':
    case 'handled-in-future':
    case 'held':
      return wait(runner, valid, decision);
  }
}

/** Of the slots that go one after the other in a tick, only the first finds the note; those due before waited as long. */
function waitedFor({ state, tick }: Valid, { slot }: SlotRange): string | null {
  const isLate = slot < floorToMinute(tick.tickAt);
  return blockageText(state) ?? (isLate ? (tick.waitedFor ?? null) : null);
}

async function wait(
  runner: Runner,
  valid: Valid,
  decision: Parameters<typeof waitText>[0],
): Promise<Handling> {
  // Nothing is due: what was blocked is not any more.
  const unblocks = decision.kind === 'waiting' && valid.state.blockedReason !== null;
  if (!(await settleIfMarked(runner, valid, unblocks))) {
    return 'lost';
  }
  const { task, timetable, state } = valid;
  const reason = waitText(decision, task);
  const subject = { task: task.name, scope: state.scopeKey, node: runner.node.name, slotAt: null };
  tellLife(runner, { event: 'waiting', ...subject, nextSlotAt: nextSlotOf(timetable, state), reason });
  return notRun(valid, reason);
}

/** A marked row leaves the due list, and waits for its next slot; any other waits already. */
function settleIfMarked(
  runner: Runner,
  { task, state, timetable }: Valid,
  unblocks: boolean,
): Promise<boolean> {
  const patch = {
    ...waitingOrOver(task, timetable, state),
    fault: null,
    ...(unblocks ? { blockedReason: null } : {}),
  };
  const isSettled = patch.earliestStart === state.earliestStart && patch.dueTick === state.dueTick;
  return isSettled && state.fault === null && !unblocks
    ? Promise.resolve(true)
    : settleState(runner.driver, state, patch);
}

type Start = {
  readonly slots: SlotRange;
  readonly attempt: number | undefined;
  readonly message: string | null;
  readonly again: boolean;
};

async function start(
  runner: Runner,
  valid: Valid,
  { slots, attempt, message, again }: Start,
): Promise<Handling> {
  const { task, timetable, state, tick } = valid;
  const number = attempt ?? (await nextAttempt(runner, state, slots.slot));
  const at = tick.tickAt;
  const failurePolicy = failurePolicyOf(task, timetable);
  const patch =
    attempt === undefined
      ? claimSlots(state, timetable, { slots, attempt: number, at, failurePolicy })
      : takeRetry(state, timetable, { attempt: number, at });
  const result = await runAttempt(runner, {
    task,
    options: task.options,
    state,
    patch,
    trigger: 'schedule',
    slots,
    attempt: number,
    message,
    endPolicy: endPolicyOf(task, timetable),
  });
  switch (result.kind) {
    case 'ended':
      return {
        kind: 'ran',
        run: result.run,
        superseded: await supersededRun(runner, state, slots),
        again,
        waitedFor: blockageText(state),
      };
    case 'lost':
      return 'lost';
    case 'full':
      return { kind: 'full', notRun: fullNotRun(valid, result.running), running: result.running };
    case 'held':
      return notRun(valid, waitText({ kind: 'held', reason: holdText(result.hold) }, task));
  }
}

async function skipSlotsOf(
  runner: Runner,
  valid: Valid,
  decision: Decision & { readonly kind: 'skip' },
): Promise<Handling> {
  const { task, timetable, state, tick } = valid;
  const { slots, reason, again, attempt, resource } = decision;
  const isSuperseding = state.retryAt !== null && attempt === undefined;
  const dropped = supersededText(state, isSuperseding ? state.attempt + 1 : undefined);
  const message = joinMessages(skipText(decision), dropped, waitedFor(valid, slots)) ?? reason;
  const record = { id: task.id, fields: task };
  const patch = await skip(
    runner,
    { record, task, timetable, state },
    {
      slots,
      reason,
      message,
      mended: true,
      attempt,
      dropped: attempt === undefined ? undefined : 'offline',
      patchOf: (taking) => afterSkip(decision, { state, timetable }, { ...taking, tickAt: tick.tickAt }),
    },
  );
  if (patch === undefined) {
    return 'lost';
  }
  return {
    ...notRun(valid, `${skippedText(slots)}, ${message}`, patch.nextSlot ?? null),
    superseded:
      attempt === undefined
        ? await supersededRun(runner, state, slots)
        : await failedWithPending(runner, state, leftOut(resource ?? '', patch)),
    again,
    waitedFor: blockageText(state),
  };
}

async function giveUpTask(
  runner: Runner,
  valid: Valid,
  { reason, slots }: Decision & { readonly kind: 'give-up' },
): Promise<Handling> {
  const { task, timetable, state } = valid;
  const patch = giveUp(state, failurePolicyOf(task, timetable), { reason, at: runner.clock() });
  const move = await endState(runner.driver, state, patch, 'superseded');
  if (move === 'lost') {
    return 'lost';
  }
  return {
    ...tellTerminated(runner, valid, { reason, move }),
    superseded: await supersededRun(runner, state, slots, reason),
  };
}

/** Ends a task that waited for a slot or an attempt that does not come any more. */
async function endTask(
  runner: Runner,
  valid: Valid,
  { reason }: Decision & { readonly kind: 'over' },
): Promise<Handling> {
  const { driver, clock } = runner;
  const move = await endState(driver, valid.state, { ...terminated(clock(), reason), fault: null });
  return move === 'lost' ? 'lost' : tellTerminated(runner, valid, { reason, move });
}

function tellTerminated(
  runner: Runner,
  { task, state }: Valid,
  { reason, move }: { readonly reason: string; readonly move: Move },
): Handled & { readonly kind: 'not-run' } {
  const subject = { task: task.name, scope: state.scopeKey, node: runner.node.name };
  const life = { ...subject, slotAt: state.handledSlot, nextSlotAt: null, reason };
  tellLife(runner, { event: 'terminated', ...life });
  if (move === 'removed') {
    tellLife(runner, { event: 'removed', ...life });
  }
  return {
    kind: 'not-run',
    notRun: { task: task.name, reason: `terminated: ${reason}`, nextSlotAt: null, newFault: false },
  };
}

/** The run whose pending attempt newer slots took away. */
function supersededRun(
  runner: Runner,
  state: TaskState,
  slots: SlotRange,
  terminated: string | null = null,
): Promise<RunReport | undefined> {
  return slots.slot === state.handledSlot
    ? Promise.resolve(undefined)
    : failedWithPending(runner, state, { because: SUPERSEDED, nextSlotAt: slots.slot, terminated });
}

function notRun(
  { task, timetable, state }: Valid,
  reason: string,
  nextSlotAt: Instant | null = nextSlotOf(timetable, state),
): Handled & { readonly kind: 'not-run' } {
  return { kind: 'not-run', notRun: { task: task.name, reason, nextSlotAt, newFault: false } };
}

function fullNotRun({ task }: Valid, running: readonly Run[]): NotRun {
  const names = running.map((run) => `${run.taskName} (run ${run.id})`).join(', ');
  const reason = `max_running reached: ${running.length} tasks run on this node: ${names}`;
  return { task: task.name, reason, nextSlotAt: null, newFault: false };
}

import { NotFoundError, UsageError } from '../core/errors.ts';
import { type Instant, toShortText } from '../core/instants.ts';
import type { JsonObject } from '../core/json.ts';
import { joinMessages } from '../core/outcome.ts';
import { DONE, type TaskState } from '../core/state.ts';
import { ALL_NODES, runsOn, type Task } from '../core/task.ts';
import { timetableOf } from '../core/timetable.ts';
import { type StatePatch, terminated, waitingFor } from '../core/transitions.ts';
import { greatestAttempt } from '../store/attempts.ts';
import type { Run } from '../store/run-row.ts';
import { listAliveRuns } from '../store/task-runs.ts';
import { loadCandidate } from '../store/tick-statements.ts';
import type { Confirm } from './confirmation.ts';
import { isStateOf } from './definition.ts';
import { BusyError, type HandStart, notHere, startByHand, taskWithOptions } from './hand-start.ts';
import type { Runner, RunReport } from './runner.ts';

/** The run of the ledger whose slot is to be run again, and the options that replace those of the definition. */
export type Rerun = {
  readonly run: Run;
  readonly overrides: JsonObject;
  /** Asked where the task needs a confirmation; without it such a task is refused. */
  readonly confirm?: Confirm | undefined;
};

/**
 * Runs the slot of a run once more, as a new attempt and by the definition of today. It is a run by hand: it moves no
 * slot, counter, back-off or stored state, and is never retried. An attempt of that very slot that is pending gives way
 * to it.
 *
 * @throws UsageError for a run without a slot; NotFoundError for a task that is gone, or whose state another node has;
 * BusyError while the slot runs, or the task does and may not overlap; DefinitionError for an invalid task or option;
 * ConfirmationError when it is not confirmed
 */
export function rerunSlot(runner: Runner, { run, overrides, confirm }: Rerun): Promise<RunReport> {
  const slot = slotOf(run);
  refuseOtherState(runner, run);
  return startByHand(runner, () => lookAgain(runner, { run, slot, overrides }), confirm);
}

function slotOf({ id, slot, trigger, taskName }: Run): Instant {
  if (trigger === 'fault') {
    throw new UsageError(
      `rerun: expected a run, got ${id}, which records a fault in the definition of task ${JSON.stringify(taskName)}`,
    );
  }
  if (slot === null) {
    throw new UsageError(
      `rerun: expected a run of a slot, got ${id}, which was started by hand: "periodic-cron run_manually -t ${taskName}" runs its task once more`,
    );
  }
  return slot;
}

function refuseOtherState({ node }: Runner, { id, scopeKey }: Run): void {
  if (scopeKey !== ALL_NODES && scopeKey !== node.name) {
    throw new NotFoundError(
      `run ${id} is one of node ${JSON.stringify(scopeKey)}, and this is node ${JSON.stringify(node.name)}: call rerun there, or name that node with --node`,
    );
  }
}

type Looking = { readonly run: Run; readonly slot: Instant; readonly overrides: JsonObject };

/** The state is read first: whatever starts or ends after that moves it, so that the claim is lost and this looks again. */
async function lookAgain(runner: Runner, { run, slot, overrides }: Looking): Promise<HandStart> {
  const { taskId, scopeKey, taskName, id } = run;
  const candidate = await loadCandidate(runner.driver, { taskId, scopeKey, ordering: 0 });
  if (candidate === undefined) {
    throw new NotFoundError(
      `task ${JSON.stringify(taskName)} of run ${id} was removed, or keeps no state on ${scopeKey === ALL_NODES ? 'all nodes together' : `node ${JSON.stringify(scopeKey)}`} any more`,
    );
  }
  const { state, liveRuns } = candidate;
  const task = await taskWithOptions(runner, candidate, overrides);
  if (!runsOn(task.nodes, runner.node.name) || !isStateOf(task, state)) {
    throw notHere(runner, `task ${JSON.stringify(task.name)}`);
  }
  await refuseLiveSlot(runner, run, slot);
  const isHandled = slot === state.handledSlot;
  const known = await greatestAttempt(runner.driver, state, slot);
  const attempt = Math.max(known, isHandled ? state.attempt : 0) + 1;
  const pending = isHandled && state.retryAt !== null ? state.attempt + 1 : undefined;
  return {
    task,
    overrides,
    state,
    liveRuns,
    again: {
      run,
      slots: { first: slot, slot, count: 1 },
      attempt,
      patch: isHandled ? patchOfHandled(runner, { task, state, attempt }) : {},
      pending,
      remark: remarkOf(run, pending),
    },
  };
}

function remarkOf({ id }: Run, pending: number | undefined): string {
  const place = pending === undefined ? null : `takes the place of attempt ${pending}, which was pending`;
  return joinMessages(`rerun of run ${id}`, place) ?? '';
}

async function refuseLiveSlot({ driver }: Runner, { taskId, scopeKey, taskName }: Run, slot: Instant) {
  const alive = (await listAliveRuns(driver, taskId)).find(
    (other) => other.scopeKey === scopeKey && other.slot === slot,
  );
  if (alive !== undefined) {
    throw new BusyError(
      `slot ${toShortText(slot)} of task ${JSON.stringify(taskName)} is running, as run ${alive.id}: wait for its end, or see "periodic-cron cancel ${alive.id}"`,
    );
  }
}

/**
 * The handled slot has one attempt more, so that the number of no later one clashes with it. It counts as none of the
 * retries that the policy grants, and takes the place of an attempt that is pending.
 */
function patchOfHandled(
  { node, clock }: Runner,
  { task, state, attempt }: { readonly task: Task; readonly state: TaskState; readonly attempt: number },
): StatePatch {
  const numbers = { attempt, firstAttempt: state.firstAttempt + attempt - state.attempt };
  if (state.retryAt === null) {
    return numbers;
  }
  const freed: TaskState = { ...state, ...numbers, retryAt: null };
  const isWaiting = task.active && state.terminatedAt === null && state.earliestStart !== 'decide-anew';
  const timetable = timetableOf(task, { scopeKey: state.scopeKey, nodeTimezone: node.timezone });
  // Nothing that is to come would end a task whose only slot waited for this attempt.
  const isDone = isWaiting && timetable.once;
  return {
    ...(isWaiting ? waitingFor(timetable, freed) : {}),
    ...numbers,
    retryAt: null,
    ...(isDone ? terminated(clock(), `${DONE} been run again by hand`) : {}),
  };
}

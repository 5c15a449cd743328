import { DefinitionError, NotFoundError, PeriodicCronError } from '../core/errors.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { NO_FOLLOW_UP } from '../core/run-end.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, nameOf, runsOn, type Task, type TaskRecord } from '../core/task.ts';
import { findHold, type Hold } from '../store/hold.ts';
import { addNodeFor } from '../store/nodes.ts';
import { type Candidate, loadCandidate } from '../store/tick-statements.ts';
import { checkWholly, isStateOf } from './definition.ts';
import { LOST_CLAIMS } from './handled.ts';
import { holdText } from './reasons.ts';
import { runAttempt } from './run-task.ts';
import type { Runner, RunReport } from './runner.ts';

/** A task cannot be started by hand now, because it runs. */
export class BusyError extends PeriodicCronError {
  override readonly code = 'E_BUSY';
  override readonly exitCode: number = 1;
}

/** A task to be run by hand, and the options that replace those of its definition for this run. */
export type ManualRun = {
  readonly taskId: number;
  readonly overrides: JsonObject;
  /** The node is the one that this machine is, not another that was named: it may become known by this run. */
  readonly isOwnNode: boolean;
};

/**
 * Runs a task now, by hand: it takes no slot and moves no slot, counter, back-off or state. An inactive or terminated
 * task runs all the same, and the ledger says so.
 *
 * @throws DefinitionError for an invalid task or option, BusyError while it runs and may not overlap, NotFoundError
 * when it is not a task of this node
 */
export async function runByHand(runner: Runner, request: ManualRun): Promise<RunReport> {
  for (let tries = 0; tries < LOST_CLAIMS; tries += 1) {
    const { task, state, liveRuns } = await taskHere(runner, request);
    refuseOverlap(task, liveRuns);
    const hold = await findHold(runner.driver, runner.node.name, runner.clock());
    const note = noteOf(task, state, hold);
    if (note !== null && tries === 0) {
      runner.onEvent({
        kind: 'warning',
        message: `task ${JSON.stringify(task.name)}: ${note}, it runs all the same`,
      });
    }
    const result = await runAttempt(runner, {
      task,
      options: task.options,
      state,
      patch: {},
      trigger: 'manual',
      slots: null,
      attempt: 1,
      message: note,
      endPolicy: NO_FOLLOW_UP,
    });
    if (result.kind === 'ended') {
      return result.run;
    }
  }
  throw new BusyError(
    'expected the task to hold still for a moment, but others kept starting or changing it: try again',
  );
}

type TaskHere = { readonly task: Task; readonly state: TaskState; readonly liveRuns: number };

async function taskHere(runner: Runner, request: ManualRun): Promise<TaskHere> {
  const { taskId, overrides } = request;
  const candidate = await candidateHere(runner, request);
  if (candidate === undefined) {
    throw notHere(runner, `task ${taskId}`);
  }
  const { record, state, liveRuns } = candidate;
  const checked = await checkWholly(withOptions(record, overrides), await runner.registry());
  if (checked.faults.length > 0 || checked.kind === 'invalid') {
    throw new DefinitionError(`task ${JSON.stringify(nameOf(record))} is invalid`, checked.faults);
  }
  if (!runsOn(checked.task.nodes, runner.node.name) || !isStateOf(checked.task, state)) {
    throw notHere(runner, `task ${JSON.stringify(nameOf(record))}`);
  }
  return { task: checked.task, state, liveRuns };
}

/**
 * The state that counts on this node. A scope that was changed leaves other states behind, and a node that never ticked
 * has none yet of the tasks that run on all nodes.
 */
async function candidateHere(
  { driver, node }: Runner,
  { taskId, isOwnNode }: ManualRun,
): Promise<Candidate | undefined> {
  const load = (scopeKey: string) => loadCandidate(driver, { taskId, scopeKey, ordering: 0 });
  const own = await load(node.name);
  if (own !== undefined && own.record.fields.scope !== 'one') {
    return own;
  }
  const shared = await load(ALL_NODES);
  if (shared?.record.fields.scope === 'one') {
    return shared;
  }
  if (isOwnNode) {
    await addNodeFor(driver, taskId, node.name);
  }
  return load(node.name);
}

function withOptions(record: TaskRecord, overrides: JsonObject): TaskRecord {
  const { options } = record.fields;
  return Object.keys(overrides).length === 0 || !isJsonObject(options)
    ? record
    : { ...record, fields: { ...record.fields, options: { ...options, ...overrides } } };
}

function notHere({ node }: Runner, task: string): NotFoundError {
  return new NotFoundError(
    `${task} is not a task of node ${JSON.stringify(node.name)}: name another node with --node, or add this one with "periodic-cron set"`,
  );
}

function refuseOverlap(task: Task, liveRuns: number): void {
  const most = task.overlap === 'allow' ? task.maxParallel : 1;
  if (liveRuns >= most) {
    throw new BusyError(
      `task ${JSON.stringify(task.name)} is running (overlap ${task.overlap}): wait for its end, or see "periodic-cron history ${task.name}"`,
    );
  }
}

function noteOf(task: Task, state: TaskState, hold: Hold | undefined): string | null {
  const notes = [
    ...(task.active ? [] : ['the task is not active']),
    ...(state.terminatedAt === null
      ? []
      : [`the task is terminated (${state.terminatedReason ?? 'no reason'})`]),
    ...(hold === undefined ? [] : [holdText(hold)]),
  ];
  return notes.length === 0 ? null : notes.join('; ');
}

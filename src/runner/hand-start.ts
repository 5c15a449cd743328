import { conditionsOf, resourcesNeeded } from '../core/conditions.ts';
import { DefinitionError, NotFoundError, PeriodicCronError } from '../core/errors.ts';
import { asksTheWorld, type Conditions } from '../core/gate.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { joinMessages } from '../core/outcome.ts';
import { NO_FOLLOW_UP } from '../core/run-end.ts';
import type { SlotRange } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import { nameOf, type Task, type TaskRecord } from '../core/task.ts';
import type { StatePatch } from '../core/transitions.ts';
import { findHold, type Hold } from '../store/hold.ts';
import type { Run } from '../store/run-row.ts';
import type { Candidate } from '../store/tick-statements.ts';
import { type Confirm, confirmRun, NOBODY } from './confirmation.ts';
import { checkWholly } from './definition.ts';
import { LOST_CLAIMS } from './handled.ts';
import { lazyLooks } from './lazy-looks.ts';
import type { Looks } from './looks.ts';
import { holdText, offlineText } from './reasons.ts';
import { runAttempt } from './run-task.ts';
import type { Runner, RunReport } from './runner.ts';

/** A task cannot be started by hand now, because it runs. */
export class BusyError extends PeriodicCronError {
  override readonly code = 'E_BUSY';
  override readonly exitCode: number = 1;
}

/** A task cannot be started by hand now, because what it requires does not hold on this node, or nobody could tell. */
export class ConditionError extends PeriodicCronError {
  override readonly code = 'E_CONDITION';
  override readonly exitCode: number = 1;
}

/** A run by hand that may start, as a look at the database found it. */
export type HandStart = {
  /** With the options of this run. */
  readonly task: Task;
  readonly overrides: JsonObject;
  readonly state: TaskState;
  readonly liveRuns: number;
  /** The run whose slot is run again, and what that takes; null for a run without a slot. */
  readonly again: {
    readonly run: Run;
    readonly slots: SlotRange;
    readonly attempt: number;
    readonly patch: StatePatch;
    /** The pending attempt of which it takes the place. */
    readonly pending: number | undefined;
    /** What the ledger says of it. */
    readonly remark: string;
  } | null;
};

/**
 * Starts what a look finds, and looks again as long as others move the state first. An inactive or terminated task runs
 * all the same, and one that needs a confirmation when `confirm` gives one; the ledger says so. It is asked for once,
 * unless the definition is changed meanwhile.
 *
 * @throws BusyError while the task runs and may not overlap, ConditionError, ConfirmationError, and what the look throws
 */
export async function startByHand(
  runner: Runner,
  look: () => Promise<HandStart>,
  confirm: Confirm = NOBODY,
): Promise<RunReport> {
  const looks = lazyLooks(runner);
  let confirmed: { readonly definition: string; readonly by: string } | undefined;
  for (let tries = 0; tries < LOST_CLAIMS; tries += 1) {
    const start = await look();
    const { task, state, again } = start;
    refuseOverlap(start);
    const conditions = await conditionsByHand(runner, task, looks);
    refuseUnmet(task, conditions);
    const note = await noteOf(runner, { ...start, isOffline: conditions?.offline === true }, tries === 0);
    const definition = JSON.stringify(task);
    if (task.confirmation && confirmed?.definition !== definition) {
      confirmed = { definition, by: await confirmStart(runner, start, confirm) };
    }
    const confirmation = confirmed === undefined ? null : `confirmed by ${confirmed.by}`;
    const result = await runAttempt(runner, {
      task,
      options: task.options,
      state,
      patch: again?.patch ?? {},
      trigger: 'manual',
      slots: again?.slots ?? null,
      attempt: again?.attempt ?? 1,
      message: joinMessages(again?.remark ?? null, note, confirmation),
      endPolicy: NO_FOLLOW_UP,
    });
    if (result.kind === 'ended') {
      tellPending(runner, start);
      return result.run;
    }
  }
  throw new BusyError(
    'expected the task to hold still for a moment, but others kept starting or changing it: try again',
  );
}

function tellPending(runner: Runner, { task, again }: HandStart): void {
  if (again?.pending !== undefined) {
    const message = `task ${JSON.stringify(task.name)}: attempt ${again.pending}, which was pending, has given way to this run`;
    runner.onEvent({ kind: 'warning', message });
  }
}

function confirmStart(
  runner: Runner,
  { task, overrides, state, again }: HandStart,
  confirm: Confirm,
): Promise<string> {
  const about = { task, overrides, node: runner.node.name, rerunOf: again?.run ?? null };
  return confirmRun(runner, about, { confirm, state });
}

function refuseOverlap({ task, liveRuns }: HandStart): void {
  const most = task.overlap === 'allow' ? task.maxParallel : 1;
  if (liveRuns >= most) {
    throw new BusyError(
      `task ${JSON.stringify(task.name)} is running (overlap ${task.overlap}): wait for its end, or see "periodic-cron history ${task.name}"`,
    );
  }
}

type Noted = HandStart & { readonly isOffline: boolean };

async function noteOf(runner: Runner, noted: Noted, isTold: boolean): Promise<string | null> {
  const { task } = noted;
  const hold = await findHold(runner.driver, runner.node.name, runner.clock());
  const note = joinMessages(...notesOf(noted, hold));
  if (note !== null && isTold) {
    const message = `task ${JSON.stringify(task.name)}: ${note}, it runs all the same`;
    runner.onEvent({ kind: 'warning', message });
  }
  return note;
}

function notesOf({ task, state, isOffline }: Noted, hold: Hold | undefined): readonly string[] {
  return [
    ...(task.active ? [] : ['the task is not active']),
    ...(state.terminatedAt === null
      ? []
      : [`the task is terminated (${state.terminatedReason ?? 'no reason'})`]),
    ...(hold === undefined ? [] : [holdText(hold)]),
    ...(isOffline ? [offlineText(task.offlineResource ?? '')] : []),
  ];
}

async function conditionsByHand(
  { cancel }: Runner,
  task: Task,
  looks: Looks,
): Promise<Conditions | undefined> {
  if (!asksTheWorld(task)) {
    return undefined;
  }
  const lookup = await looks.at(resourcesNeeded(task));
  if (cancel.aborted) {
    // A look that was broken off says nothing, neither for the run nor against it.
    throw new ConditionError(
      `task ${JSON.stringify(task.name)} was not started: the runner was told to end while it looked at what that needs`,
    );
  }
  return conditionsOf(task, lookup);
}

function refuseUnmet({ name }: Task, conditions: Conditions | undefined): void {
  if (conditions?.unmet !== undefined) {
    throw new ConditionError(`task ${JSON.stringify(name)} may not run here now: it ${conditions.unmet}`);
  }
}

/**
 * The task of a record with the options of one run, wholly checked.
 *
 * @throws DefinitionError
 */
export async function taskWithOptions(
  runner: Pick<Runner, 'registry'>,
  { record }: Pick<Candidate, 'record'>,
  overrides: JsonObject,
): Promise<Task> {
  const checked = await checkWholly(withOptions(record, overrides), await runner.registry());
  if (checked.faults.length > 0 || checked.kind === 'invalid') {
    throw new DefinitionError(`task ${JSON.stringify(nameOf(record))} is invalid`, checked.faults);
  }
  return checked.task;
}

/** The record as it is for one run, some of whose options replace those of the definition. */
export function withOptions(record: TaskRecord, overrides: JsonObject): TaskRecord {
  const { options } = record.fields;
  return Object.keys(overrides).length === 0 || !isJsonObject(options)
    ? record
    : { ...record, fields: { ...record.fields, options: { ...options, ...overrides } } };
}

/** The task is not one of the node as which this call acts. */
export function notHere({ node }: Pick<Runner, 'node'>, task: string): NotFoundError {
  return new NotFoundError(
    `${task} is not a task of node ${JSON.stringify(node.name)}: name another node with --node, or add this one with "periodic-cron set"`,
  );
}

import { type Decision, decide, earliestOf, nextSlotOf } from '../core/due.ts';
import { faultText } from '../core/errors.ts';
import { floorToMinute, type Instant } from '../core/instants.ts';
import { once } from '../core/once.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import type { TaskState } from '../core/state.ts';
import { nameOf, runsOn, type Task } from '../core/task.ts';
import { settle, takeRetry, takeSlots } from '../core/transitions.ts';
import {
  type Candidate,
  listDueKeys,
  loadCandidate,
  nextEarliestStart,
  UNASSIGNED,
} from '../store/tick-statements.ts';
import { definitionOf, isStateOf } from './definition.ts';
import { skipText, waitText } from './reasons.ts';
import type { NotRun, Runner, RunReport } from './runner.ts';
import type { TickReport } from './tick.ts';

/**
 * What a tick at this instant would do with the states as they are now. Reads, and changes nothing, neither the database
 * nor a file. Each task is decided by itself: the limit of running tasks, which depends on how long they take, is not
 * foreseen.
 */
export async function previewTick(runner: Runner, at: Instant): Promise<TickReport> {
  const tickAt = floorToMinute(at);
  const runs: RunReport[] = [];
  const notRun: NotRun[] = [];
  const nextAts: Array<Instant | null> = [];
  const registry = once(async () => (await runner.registry()).readOnly());
  for (const key of await listDueKeys(runner.driver, runner.node.name, tickAt)) {
    const candidate = await loadCandidate(runner.driver, key);
    const state = candidate === undefined ? undefined : await stateHere(runner, candidate);
    if (candidate !== undefined && state !== undefined) {
      const previewed = await preview(runner, { ...candidate, state }, { tickAt, now: at, registry });
      runs.push(...previewed.runs);
      notRun.push(...previewed.notRun);
      nextAts.push(previewed.nextAt);
    }
  }
  const later = await nextEarliestStart(runner.driver, runner.node.name, tickAt);
  const next = nextAts.reduce(earliestOf, later);
  const idleForSeconds = next === null ? null : Math.max(0, Math.ceil((next - at) / 1_000));
  return { node: runner.node.name, tickAt, runs, notRun, idleForSeconds };
}

/** The state that the tick would decide: a node that has never ticked gets its states of `*` tasks only by ticking. */
async function stateHere(runner: Runner, { record, state }: Candidate): Promise<TaskState | undefined> {
  const { nodes } = record.fields;
  if (state.scopeKey !== UNASSIGNED || !Array.isArray(nodes) || nodes.length === 0) {
    return state;
  }
  const own = { taskId: record.id, scopeKey: runner.node.name, ordering: 0 };
  const exists = (await loadCandidate(runner.driver, own)) !== undefined;
  return runsOn(nodes, runner.node.name) && !exists ? { ...state, scopeKey: runner.node.name } : undefined;
}

type PreviewedTick = {
  readonly tickAt: Instant;
  readonly now: Instant;
  readonly registry: Runner['registry'];
};

type Previewed = {
  readonly runs: readonly RunReport[];
  readonly notRun: readonly NotRun[];
  /** When the state would be looked at again after this tick. */
  readonly nextAt: Instant | null;
};

const NOTHING: Previewed = { runs: [], notRun: [], nextAt: null };

async function preview(
  runner: Runner,
  { record, state, liveRuns }: Candidate,
  { tickAt, now, registry }: PreviewedTick,
): Promise<Previewed> {
  const definition = await definitionOf(
    { record, state, nodeTimezone: runner.node.timezone },
    await registry(),
  );
  if (definition.kind === 'invalid') {
    const reason = `invalid: ${faultText(definition.faults)}`;
    const notRun = [{ task: nameOf(record), reason, nextSlotAt: null, newFault: false }];
    return { runs: [], notRun, nextAt: null };
  }
  const { task, schedule } = definition;
  if (!isStateOf(task, state)) {
    return NOTHING;
  }
  const decision = decide({ definition, state, liveRuns, tickAt, now });
  return {
    ...described(task, state, decision, nextSlotOf(schedule, state)),
    nextAt: nextLook(decision, state, schedule),
  };
}

/** When the tick after which this decision was acted on would look at the state again. */
function nextLook(decision: Decision, state: TaskState, schedule: Schedule): Instant | null {
  switch (decision.kind) {
    case 'run':
    case 'skip':
      return instantOf(takeSlots(state, schedule, decision.slots).earliestStart);
    case 'retry':
      return instantOf(takeRetry(state, schedule, decision.attempt).earliestStart);
    case 'waiting':
    case 'still-running':
    case 'handled-in-future':
      return instantOf(settle(state, schedule).earliestStart);
    default:
      return null;
  }
}

function instantOf(earliestStart: TaskState['earliestStart'] | undefined): Instant | null {
  return typeof earliestStart === 'number' ? earliestStart : null;
}

type Described = Omit<Previewed, 'nextAt'>;

function described(task: Task, state: TaskState, decision: Decision, nextSlotAt: Instant | null): Described {
  switch (decision.kind) {
    case 'run':
      return {
        runs: [wouldRun(task, { slotAt: decision.slots.slot, missed: decision.slots.count - 1, attempt: 1 })],
        notRun: [],
      };
    case 'retry':
      return {
        runs: [wouldRun(task, { slotAt: decision.slot, missed: 0, attempt: decision.attempt })],
        notRun: [],
      };
    case 'skip':
      return notRunning(task, `would be skipped, ${skipText(task, decision.reason)}`, nextSlotAt);
    case 'waiting':
    case 'still-running':
    case 'handled-in-future':
      return notRunning(task, waitText(decision), nextSlotAt);
    case 'terminated':
      return notRunning(task, `terminated: ${state.terminatedReason ?? 'without a reason'}`, null);
    case 'inactive':
    case 'invalid':
      return NOTHING;
  }
}

function notRunning(task: Task, reason: string, nextSlotAt: Instant | null): Described {
  return { runs: [], notRun: [{ task: task.name, reason, nextSlotAt, newFault: false }] };
}

function wouldRun(task: Task, run: Pick<RunReport, 'slotAt' | 'missed' | 'attempt'>): RunReport {
  return {
    ...run,
    task: task.name,
    status: 'would run',
    durationMs: null,
    error: null,
    exitCode: null,
    retryAt: null,
    spooled: false,
    output: '',
  };
}

import { stateAfter } from '../core/advance.ts';
import { conditionsOf, type ResourceLookup } from '../core/conditions.ts';
import { type Decision, type DueInput, decide } from '../core/due.ts';
import { faultText } from '../core/errors.ts';
import { asksTheWorld } from '../core/gate.ts';
import { floorToMinute, type Instant } from '../core/instants.ts';
import { once } from '../core/once.ts';
import { earliestOf, nextSlotOf, type TickTime } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import { nameOf, runsOn } from '../core/task.ts';
import { findHold } from '../store/hold.ts';
import { listOfflineKeys } from '../store/offline-states.ts';
import {
  type Candidate,
  type DueKey,
  listDueKeys,
  loadCandidate,
  nextEarliestStart,
  UNASSIGNED,
} from '../store/tick-statements.ts';
import { tickNumbers } from '../store/ticks.ts';
import { type Definition, definitionOf, isStateOf } from './definition.ts';
import { whyNotRun } from './preview-reasons.ts';
import { holdText } from './reasons.ts';
import { recordedResources } from './recorded-states.ts';
import { retryAhead } from './retry-ahead.ts';
import { rhythmSeconds } from './rhythm.ts';
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
  const last = await tickNumbers(runner.driver, runner.node.name);
  const hold = await findHold(runner.driver, runner.node.name, at);
  const ticks = { own: last.own + 1, all: last.all + 1 };
  const lookup = once(async () =>
    (await recordedResources(runner.driver, runner.node.name)).datedOn(runner.node.name),
  );
  const held = hold === undefined ? {} : { hold: holdText(hold) };
  const tick = { tickAt, ticks, now: at, registry, lookup, ...held };
  for (const key of await keysOf(runner, tick)) {
    const candidate = await loadCandidate(runner.driver, key);
    const state = candidate === undefined ? undefined : await stateHere(runner, candidate);
    if (candidate !== undefined && state !== undefined) {
      const previewed = await preview(runner, { ...candidate, state }, tick);
      runs.push(...previewed.runs);
      notRun.push(...previewed.notRun);
      nextAts.push(previewed.nextAt);
    }
  }
  const later = await nextEarliestStart(runner.driver, runner.node.name, tickAt);
  const next = nextAts.reduce(earliestOf, later);
  const idleForSeconds = next === null ? null : Math.max(0, Math.ceil((next - at) / 1_000));
  return {
    node: runner.node.name,
    tickAt,
    runs,
    notRun,
    idleForSeconds,
  };
}

/** What the tick would look at: what is due, and what rests because it is offline, in the order of the tick. */
async function keysOf(
  { driver, node }: Runner,
  { tickAt, ticks, hold }: TickTime,
): Promise<readonly DueKey[]> {
  const due = await listDueKeys(driver, node.name, tickAt, ticks);
  if (hold !== undefined) {
    // A node that starts nothing wakes nothing.
    return due;
  }
  const isDue = new Set(due.map(textOf));
  const resting = (await listOfflineKeys(driver, node.name)).filter((key) => !isDue.has(textOf(key)));
  return [...due, ...resting].sort(
    (one, other) => one.ordering - other.ordering || one.taskId - other.taskId,
  );
}

function textOf({ taskId, scopeKey }: DueKey): string {
  return JSON.stringify([taskId, scopeKey]);
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

type PreviewedTick = TickTime & {
  readonly now: Instant;
  readonly registry: Runner['registry'];
  /** What is recorded of the resources of the node: a dry run looks at none. */
  readonly lookup: () => Promise<ResourceLookup>;
};

type Previewed = {
  readonly runs: readonly RunReport[];
  readonly notRun: readonly NotRun[];
  /** When the state would be looked at again after this tick. */
  readonly nextAt: Instant | null;
};

const NOTHING: Previewed = { runs: [], notRun: [], nextAt: null };

async function preview(runner: Runner, candidate: Candidate, tick: PreviewedTick): Promise<Previewed> {
  const { record, state } = candidate;
  const definition = await definitionOf(
    { record, state, nodeTimezone: runner.node.timezone },
    await tick.registry(),
  );
  if (definition.kind === 'invalid') {
    const reason = `invalid: ${faultText(definition.faults)}`;
    const notRun = [{ task: nameOf(record), reason, nextSlotAt: null, newFault: false }];
    return { runs: [], notRun, nextAt: null };
  }
  if (!isStateOf(definition.task, state)) {
    return NOTHING;
  }
  const isRhythmAsked = definition.task.catchUp === 'skip';
  const lookup = asksTheWorld(definition.task) ? await tick.lookup() : undefined;
  return previewState(definition, candidate, {
    ...tick,
    known: lookup,
    rhythmSeconds: isRhythmAsked ? await rhythmSeconds(runner) : undefined,
  });
}

/** Decides again and again, as the tick does, until nothing of the state is left for it; what starts succeeds. */
function previewState(
  definition: Definition & { readonly kind: 'valid' },
  { state: found, liveRuns }: Candidate,
  tick: PreviewedTick & Pick<DueInput, 'rhythmSeconds'> & { readonly known: ResourceLookup | undefined },
): Previewed {
  const { task, timetable } = definition;
  const runs: RunReport[] = [];
  const notRun: NotRun[] = [];
  let state = found;
  let again = true;
  let retryAt: Instant | undefined;
  while (again) {
    const conditions = tick.known === undefined ? undefined : conditionsOf(task, tick.known);
    const decision = decide({ ...tick, definition, state, liveRuns, conditions });
    const reason = whyNotRun(decision, { task, state, known: tick.known });
    retryAt = retryAhead(decision, state);
    runs.push(...wouldRun(definition, state, decision));
    again = decision.kind === 'online' || ('again' in decision && decision.again);
    state = stateAfter(decision, { task, timetable, state }, tick);
    notRun.push(...wouldNotRun(definition, decision, { reason, nextSlotAt: nextSlotOf(timetable, state) }));
  }
  const dueAt = typeof state.earliestStart === 'number' ? state.earliestStart : null;
  return { runs, notRun, nextAt: retryAt ?? dueAt };
}

function wouldRun(
  { task }: Definition & { readonly kind: 'valid' },
  { scopeKey: scope }: TaskState,
  decision: Decision,
): readonly RunReport[] {
  switch (decision.kind) {
    case 'run':
      return [
        {
          ...WOULD_RUN,
          task: task.name,
          scope,
          slotAt: decision.slots.slot,
          missed: decision.slots.count - 1,
        },
      ];
    case 'retry':
      return [{ ...WOULD_RUN, task: task.name, scope, slotAt: decision.slot, attempt: decision.attempt }];
    default:
      return [];
  }
}

const WOULD_RUN = {
  slotAt: null,
  missed: 0,
  attempt: 1,
  status: 'would run',
  durationMs: null,
  error: null,
  warning: null,
  exitCode: null,
  retryAt: null,
  nextSlotAt: null,
  terminated: null,
  spooled: false,
  output: '',
} as const;

function wouldNotRun(
  { task }: Definition & { readonly kind: 'valid' },
  decision: Decision,
  { reason, nextSlotAt }: { readonly reason: string | undefined; readonly nextSlotAt: Instant | null },
): readonly NotRun[] {
  const ends = ['terminated', 'give-up', 'over', 'offline-disabled'].includes(decision.kind);
  return reason === undefined
    ? []
    : [{ task: task.name, reason, nextSlotAt: ends ? null : nextSlotAt, newFault: false }];
}

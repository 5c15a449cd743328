import { patchOf, stateAfter } from '../core/advance.ts';
import { conditionsOf, type ResourceLookup } from '../core/conditions.ts';
import { type Decision, decide } from '../core/due.ts';
import { floorToMinute, type Instant, SECOND_MS } from '../core/instants.ts';
import { COUNT_LIMIT } from '../core/schedule/next-slot.ts';
import { dueSlots, type TickNumbers } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import type { Task } from '../core/task.ts';
import type { Timetable } from '../core/timetable.ts';
import { openRegistry } from '../runner/open-runner.ts';
import { holdText } from '../runner/reasons.ts';
import { recordedResources } from '../runner/recorded-states.ts';
import type { TickReport } from '../runner/tick.ts';
import { listTasks } from '../store/definitions.ts';
import { findHold } from '../store/hold.ts';
import { tickNumbers } from '../store/ticks.ts';
import type { Context } from './context.ts';
import { rhythmOf } from './rhythm.ts';
import type { Session } from './session.ts';
import type { StateView } from './state-view.ts';
import { viewTasks } from './task-view.ts';

/**
 * What a tick would do with the due slots of one task. `due` is the sum of the parts. Slots that one step takes
 * together are counted up to 10,000, so a part that comes to that may be more; `wouldRun` is always exact.
 */
export type SlotAccount = {
  readonly task: string;
  readonly due: number;
  /** Slots with a run of their own. */
  readonly wouldRun: number;
  /** Missed slots for which the run of a newer one stands. */
  readonly folded: number;
  readonly wouldBeSkipped: number;
  /** Slots that the tick would leave as they are. */
  readonly left: number;
  /** What is left is left because the task requires what does not hold here, by what is recorded. */
  readonly blocked: boolean;
};

type AccountedTick = {
  readonly tickAt: Instant;
  readonly now: Instant;
  readonly ticks: TickNumbers;
  readonly rhythmSeconds: number | undefined;
  readonly hold: string | undefined;
  readonly lookup: ResourceLookup;
};

/**
 * Accounts for the due slots of the tasks that a dry run at the instant has looked at; what would run, its report says.
 * Reads only.
 */
export async function slotAccounts(
  context: Context,
  session: Session,
  { report, at }: { readonly report: Pick<TickReport, 'runs' | 'notRun'>; readonly at: Instant },
): Promise<readonly SlotAccount[]> {
  const { config, store } = session;
  const { runs, notRun } = report;
  const names = [...new Set([...runs, ...notRun].map(({ task }) => task))];
  const registry = (await openRegistry(config, context.io.cwd)).readOnly();
  const tasks = names.length === 0 ? [] : await listTasks(store.database, names);
  const views = await viewTasks(context, session, tasks, { registry, node: config.node });
  const tick = await accountedTick(session, at);
  return views.flatMap(({ task, states }) =>
    task === undefined ? [] : states.flatMap((view) => accountOf(task, view, tick) ?? []),
  );
}

async function accountedTick(session: Session, at: Instant): Promise<AccountedTick> {
  const { config, store } = session;
  const last = await tickNumbers(store.driver, config.node);
  const rhythmMs = await rhythmOf(session, config.node);
  const hold = await findHold(store.driver, config.node, at);
  const resources = await recordedResources(store.driver, config.node);
  return {
    tickAt: floorToMinute(at),
    now: at,
    ticks: { own: last.own + 1, all: last.all + 1 },
    rhythmSeconds: rhythmMs === undefined ? undefined : rhythmMs / SECOND_MS,
    hold: hold === undefined ? undefined : holdText(hold),
    lookup: resources.on(config.node),
  };
}

/**
 * Decides again and again, as the tick does; what starts succeeds. Undefined where nothing is due, as in a
 * terminated state.
 */
function accountOf(
  task: Task,
  { timetable, state: found, liveRuns }: StateView,
  tick: AccountedTick,
): SlotAccount | undefined {
  if (timetable === undefined || found.terminatedAt !== null || dueIn(timetable, found, tick) === 0) {
    return undefined;
  }
  const definition = { kind: 'valid', task, timetable } as const;
  const parts = { wouldRun: 0, folded: 0, wouldBeSkipped: 0, left: 0, blocked: false };
  let state = found;
  let again = true;
  while (again) {
    const conditions = conditionsOf(task, tick.lookup);
    const decision = decide({ ...tick, definition, state, liveRuns, conditions });
    if (decision.kind === 'offline-disabled') {
      // A task that rests waits for nothing.
      return undefined;
    }
    count(parts, decision);
    again = decision.kind === 'online' || ('again' in decision && decision.again);
    if (!again) {
      parts.blocked = decision.kind === 'blocked';
      parts.left = leftBy(decision, { task, timetable, state }, tick);
    }
    state = stateAfter(decision, { task, timetable, state }, tick);
  }
  const due = parts.wouldRun + parts.folded + parts.wouldBeSkipped + parts.left;
  return due === 0 ? undefined : { task: task.name, due, ...parts };
}

/** A retry, or one that is left out, takes no new slot. */
function count(
  parts: { wouldRun: number; folded: number; wouldBeSkipped: number },
  decision: Decision,
): void {
  if (decision.kind === 'run') {
    parts.wouldRun += 1;
    parts.folded += decision.slots.count - 1;
  }
  if (decision.kind === 'skip' && decision.attempt === undefined) {
    parts.wouldBeSkipped += decision.slots.count;
  }
  if (decision.kind === 'go-offline') {
    parts.wouldBeSkipped += decision.slots?.count ?? 0;
  }
}

/** How many slots the last decision leaves. A run leaves none: those that its success may bring were not due. */
function leftBy(decision: Decision, subject: Subject, tick: AccountedTick): number {
  const taken = { ...subject.state, ...patchOf(decision, subject, tick) };
  return decision.kind === 'run' ? 0 : dueIn(subject.timetable, taken, tick);
}

type Subject = { readonly task: Task; readonly timetable: Timetable; readonly state: TaskState };

function dueIn(timetable: Timetable, state: TaskState, tick: AccountedTick): number {
  return dueSlots(timetable, state, tick)?.count ?? 0;
}

/** The account in words, without the task: `12 slots: 3 would run, 9 would be skipped`. */
export function accountText({ due, wouldRun, folded, wouldBeSkipped, left, blocked }: SlotAccount): string {
  const parts = [
    { count: wouldRun, isCut: false, what: 'would run' },
    // The newest of the slots that were counted is the one that runs.
    { count: folded, isCut: folded >= COUNT_LIMIT - 1, what: 'would share that run' },
    { count: wouldBeSkipped, isCut: wouldBeSkipped >= COUNT_LIMIT, what: 'would be skipped' },
    {
      count: left,
      isCut: left >= COUNT_LIMIT,
      what: `would be left as ${left === 1 ? 'it is' : 'they are'}${blocked ? ' (blocked)' : ''}`,
    },
  ].filter(({ count }) => count > 0);
  const isCut = parts.some((part) => part.isCut);
  const slots = `${numberText({ count: due, isCut })} ${due === 1 ? 'slot' : 'slots'}`;
  return `${slots}: ${parts.map((part) => `${numberText(part)} ${part.what}`).join(', ')}`;
}

/** Slots are counted up to a limit. */
function numberText({ count, isCut }: { readonly count: number; readonly isCut: boolean }): string {
  return isCut ? `${count} or more` : String(count);
}

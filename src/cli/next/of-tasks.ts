import { localTimezone } from '../../config/local-zone.ts';
import { didYouMean } from '../../config/near-miss.ts';
import { NotFoundError } from '../../core/errors.ts';
import { floorToMinute } from '../../core/instants.ts';
import { normalizeName } from '../../core/names.ts';
import type { TaskState } from '../../core/state.ts';
import { ALL_NODES, nameOf, runsOn, type Task } from '../../core/task.ts';
import { checkTask } from '../../core/task-schema.ts';
import { faultText, hashSeedOf, isStateOf, scheduleOf } from '../../runner/definition.ts';
import { listTasks, type StoredTask } from '../../store/definitions.ts';
import type { Context } from '../context.ts';
import { withSession } from '../session.ts';
import { type Answer, clockChangesOf, type Question, whyNever } from './answer.ts';
import { comingStarts, freshState } from './coming-starts.ts';

/** A task's answer; an invalid task has none but its faults. */
export type TaskAnswer = Answer & { readonly isInvalid: boolean };

/**
 * When tasks come next on the node, ascending by (ordering, id), with what has been handled there.
 *
 * @throws NotFoundError for a name that no task has
 */
export function answersOfTasks(
  context: Context,
  { names, node }: { readonly names: readonly string[]; readonly node: string | undefined },
  question: Question,
): Promise<readonly TaskAnswer[]> {
  return withSession(context, { node, readOnly: true }, async ({ store, config }) => {
    const stored = await listTasks(store.path);
    const wanted = names.map(normalizeName);
    refuseUnknown(wanted, stored);
    const here = { node: config.node, timezone: localTimezone(context.io.env) };
    return stored
      .filter(({ record }) => wanted.includes(nameOf(record)))
      .map((task) => answerOf(task, here, question));
  });
}

function refuseUnknown(wanted: readonly string[], stored: readonly StoredTask[]): void {
  const known = stored.map(({ record }) => nameOf(record));
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new NotFoundError(`there is no task ${JSON.stringify(unknown)}${didYouMean(unknown, known)}`);
  }
}

type Here = { readonly node: string; readonly timezone: string };

function answerOf(stored: StoredTask, here: Here, question: Question): TaskAnswer {
  const { record } = stored;
  const checked = checkTask(record);
  if (checked.kind === 'invalid') {
    const { scheduleKind, schedule, timezone } = record.fields;
    return {
      task: nameOf(record),
      kind: String(scheduleKind),
      schedule: String(schedule),
      timezone: String(timezone),
      next: [],
      remarks: [`invalid: ${faultText(checked.faults)}`],
      clockChanges: [],
      isInvalid: true,
    };
  }
  return { ...answerOfValid(checked.task, stored, here, question), isInvalid: false };
}

function answerOfValid(task: Task, stored: StoredTask, here: Here, question: Question): Answer {
  const { scheduleKind: kind, schedule } = task;
  const { state: found, remark } = stateFor(task, stored, here.node);
  const state = withLast(found, question);
  const timezone = task.timezone === '' ? here.timezone : task.timezone;
  const parsed = scheduleOf(task, state, timezone);
  const why = whyNot(task, state);
  return {
    task: task.name,
    kind,
    schedule,
    timezone,
    next: why.length > 0 ? [] : comingStarts(parsed, state, question),
    remarks: [...remark, ...why],
    clockChanges: clockChangesOf(
      { kind, schedule, timezone },
      hashSeedOf(task, state.scopeKey),
      question.from,
    ),
  };
}

/** The state on the node; where there is none, one that has just begun to count, or that of another node. */
function stateFor(task: Task, { record, states }: StoredTask, node: string) {
  const own = states.filter((state) => isStateOf(task, state));
  const key = task.scope === 'one' ? ALL_NODES : node;
  const state = own.find(({ scopeKey }) => scopeKey === key);
  if (state !== undefined) {
    return { state, remark: [] };
  }
  const [other] = own;
  if (other !== undefined && !runsOn(task.nodes, node)) {
    return {
      state: other,
      remark: [`not a task of node ${node}: this is when it starts on ${other.scopeKey}`],
    };
  }
  const created = floorToMinute(record.createdAt);
  const firstSlot = task.runImmediately ? created : null;
  return { state: freshState(created, { scopeKey: key, firstSlot }), remark: [] };
}

/** The state as if the slot that `--last` names were the handled one; without it, as it is. */
function withLast(state: TaskState, { last, from }: Question): TaskState {
  if (last === undefined) {
    return state;
  }
  return last === 'never'
    ? { ...state, handledSlot: null, firstSlot: from, countedFrom: from, retryAt: null }
    : { ...state, handledSlot: last, firstSlot: null, retryAt: null };
}

function whyNot(task: Task, state: TaskState): readonly string[] {
  const never = whyNever(task.scheduleKind, task.schedule);
  return [
    ...(task.active ? [] : ['not active']),
    ...(state.terminatedAt === null ? [] : [`terminated: ${state.terminatedReason ?? 'without a reason'}`]),
    ...(never === undefined ? [] : [never]),
  ];
}

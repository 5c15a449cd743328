import type { DecidedDefinition } from '../core/due.ts';
import { type Fault, messageOf } from '../core/errors.ts';
import { parseSchedule } from '../core/schedule/next-slot.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, checkedBefore, type Task, type TaskRecord } from '../core/task.ts';
import type { Registry } from '../modules/registry.ts';

/**
 * A definition as the decision takes it. An invalid one keeps its schedule where that can be read: a module that is
 * missing today leaves the slots of today their trace.
 */
export type Definition = DecidedDefinition & { readonly schedule: Schedule | undefined };

/**
 * Checks a record wholly: its columns, its schedule, that its module is there and takes its options. Loads the schema
 * when it is first called.
 */
export async function checkWholly(record: TaskRecord, registry: Registry): Promise<CheckedWholly> {
  const { checkTask } = await import('../core/task-schema.ts');
  const checked = checkTask(record);
  if (checked.kind === 'invalid') {
    return checked;
  }
  const faults = await registry.checkOptions(checked.task.module, checked.task.options);
  return { kind: 'checked', task: checked.task, faults };
}

export type CheckedWholly =
  | { readonly kind: 'invalid'; readonly faults: readonly Fault[] }
  /** The columns are valid; `faults` are those of the module and of its options. */
  | { readonly kind: 'checked'; readonly task: Task; readonly faults: readonly Fault[] };

export type Candidate = {
  readonly record: TaskRecord;
  readonly state: TaskState;
  readonly nodeTimezone: string;
};

/**
 * What the decision needs to know of a record on this node. A record is checked when it has changed, which its marked
 * state tells, and again while it has a fault; for any other only what may change without it is looked at: its module.
 */
export async function definitionOf(candidate: Candidate, registry: Registry): Promise<Definition> {
  const { record, state, nodeTimezone } = candidate;
  const unchanged = state.earliestStart !== 'decide-anew' && state.fault === null;
  const checked = unchanged ? await checkModule(record, registry) : await checkWholly(record, registry);
  if (checked.kind === 'invalid') {
    return { kind: 'invalid', faults: checked.faults, schedule: readableSchedule(candidate, checked.faults) };
  }
  const { task, faults } = checked;
  try {
    const schedule = scheduleOf(task, state, nodeTimezone);
    return faults.length > 0 ? { kind: 'invalid', faults, schedule } : { kind: 'valid', task, schedule };
  } catch (error) {
    // Another version of the program, or of its time zones, took it for valid.
    return {
      kind: 'invalid',
      faults: [{ field: 'schedule', message: messageOf(error) }],
      schedule: undefined,
    };
  }
}

const SCHEDULE_FIELDS = ['schedule', 'schedule_kind', 'timezone', 'scope'];

/** The schedule of a definition whose faults lie elsewhere. */
function readableSchedule(
  { record, state, nodeTimezone }: Candidate,
  faults: readonly Fault[],
): Schedule | undefined {
  if (faults.some(({ field }) => SCHEDULE_FIELDS.includes(field))) {
    return undefined;
  }
  try {
    return scheduleOf(checkedBefore(record), state, nodeTimezone);
  } catch {
    // It was checked beside the other columns, but only those of a valid definition are sure to be what they seem.
    return undefined;
  }
}

async function checkModule(record: TaskRecord, registry: Registry): Promise<CheckedWholly> {
  const task = checkedBefore(record);
  const module = await registry.resolve(task.module);
  switch (module.kind) {
    case 'fault':
      return { kind: 'checked', task, faults: [{ field: 'module', message: module.message }] };
    case 'foreign':
      return { kind: 'checked', task, faults: await registry.checkOptions(task.module, task.options) };
    // A shipped module changes with the program only, and checks its options itself before it runs.
    case 'command':
    case 'shipped':
      return { kind: 'checked', task, faults: [] };
  }
}

/** The schedule of a valid task, as it counts for one of its states. */
export function scheduleOf(
  task: Task,
  state: Pick<TaskState, 'scopeKey' | 'countedFrom'>,
  nodeTimezone: string,
): Schedule {
  return parseSchedule(task.scheduleKind, task.schedule, {
    timezone: task.timezone === '' ? nodeTimezone : task.timezone,
    hashSeed: hashSeedOf(task, state.scopeKey),
    countedFrom: state.countedFrom,
  });
}

/** What decides `H` for one state of a task: its id, and the node for scope `each`. */
export function hashSeedOf(task: Task, scopeKey: string): string {
  return scopeKey === ALL_NODES ? String(task.id) : `${task.id}/${scopeKey}`;
}

/**
 * True when the state is one that the task keeps: of all nodes together for scope `one`, of a listed node otherwise. A
 * state of another scope, or of a node that is not listed any more, only remembers what was handled.
 */
export function isStateOf(
  { scope, nodes }: Pick<TaskRecord['fields'], 'scope' | 'nodes'>,
  state: TaskState,
): boolean {
  if (scope === 'one') {
    return state.scopeKey === ALL_NODES;
  }
  return Array.isArray(nodes) && (nodes.includes(state.scopeKey) || nodes.includes(ALL_NODES));
}

/**
 * What is wrong with the nodes of a record of which none can be. Where at least one can be, there are no faults here: the
 * state of that node tells of the others.
 */
export async function faultsOfNodes(record: TaskRecord): Promise<readonly Fault[]> {
  const { checkTask } = await import('../core/task-schema.ts');
  const checked = checkTask(record);
  const faults = checked.kind === 'valid' ? [] : checked.faults.filter(({ field }) => isOfNodes(field));
  const { nodes } = record.fields;
  const faulty = new Set(faults.map(({ field }) => field));
  return Array.isArray(nodes) && faulty.size < nodes.length ? [] : faults;
}

/** `nodes`, or one of them, such as `nodes.0`. */
function isOfNodes(field: string): boolean {
  return field === 'nodes' || field.startsWith('nodes.');
}

/** The fault of whatever a check threw that should not throw. */
export function unexpectedFault(error: unknown): readonly Fault[] {
  return [{ field: 'definition', message: messageOf(error) }];
}

import type { DecidedDefinition } from '../core/due.ts';
import { type Fault, messageOf, PeriodicCronError } from '../core/errors.ts';
import { goneFault } from '../core/owners.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES, checkedBefore, type Task, type TaskDefinition, type TaskRecord } from '../core/task.ts';
import { type Timetable, timetableOf } from '../core/timetable.ts';
import type { Registry } from '../modules/registry.ts';

/**
 * A definition as the decision takes it. An invalid one keeps its task and timetable where they can be read: a module
 * that is missing today leaves the slots of today their trace.
 */
export type Definition =
  | (DecidedDefinition & { readonly kind: 'valid' })
  | (DecidedDefinition & { readonly kind: 'invalid'; readonly readable: ReadableDefinition | undefined });

/** A task whose schedule can be read, whatever else is wrong with it. */
export type ReadableDefinition = { readonly task: Task; readonly timetable: Timetable };

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
  const faults = [
    ...(await registry.checkOptions(checked.task.module, checked.task.options)),
    ...(await faultsOfPlace(checked.task, registry)),
  ];
  const isGone = faults.length > 0 && record.fields.gone === true;
  return { kind: 'checked', task: checked.task, faults: isGone ? [goneFault(record)] : faults };
}

/**
 * The faults of policies that only a child process of ours can follow: a command says in its options how it runs, and the
 * modules of the runner run as the runner does.
 */
export async function faultsOfPlace(
  { module, runUser, memoryLimitBytes }: Pick<TaskDefinition, 'module' | 'runUser' | 'memoryLimitBytes'>,
  registry: Registry,
): Promise<readonly Fault[]> {
  if (runUser === null && memoryLimitBytes === null) {
    return [];
  }
  const { kind } = await registry.resolve(module);
  if (kind === 'foreign' || kind === 'fault') {
    return [];
  }
  const instead =
    kind === 'command' ? ', whose options user and limits say that' : ', which runs in the runner';
  const message = `expected it for a module that runs in a child process, got ${JSON.stringify(module)}${instead}`;
  return [
    ...(runUser === null ? [] : [{ field: 'run_user', message }]),
    ...(memoryLimitBytes === null ? [] : [{ field: 'memory_limit', message }]),
  ];
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
    return { kind: 'invalid', faults: checked.faults, readable: readableOf(candidate, checked.faults) };
  }
  const { task, faults } = checked;
  try {
    const timetable = timetableOf(task, { scopeKey: state.scopeKey, nodeTimezone });
    return faults.length > 0
      ? { kind: 'invalid', faults, readable: { task, timetable } }
      : { kind: 'valid', task, timetable };
  } catch (error) {
    // Another version of the program, or of its time zones, took it for valid.
    return {
      kind: 'invalid',
      faults: [{ field: 'schedule', message: messageOf(error) }],
      readable: undefined,
    };
  }
}

/**
 * The same for whoever asks before the state is handled: what a check throws that should not is a fault of that task
 * alone, and ends nothing else.
 */
export async function definitionOrFaults(
  candidate: Candidate,
  registry: Registry,
): Promise<Definition | { readonly kind: 'unchecked'; readonly faults: readonly Fault[] }> {
  try {
    return await definitionOf(candidate, registry);
  } catch (error) {
    if (error instanceof PeriodicCronError) {
      throw error;
    }
    return { kind: 'unchecked', faults: unexpectedFault(error) };
  }
}

/** What decides the slots of a task, and what becomes of those that are due. */
const SCHEDULE_FIELDS = [
  'schedule',
  'schedule_kind',
  'timezone',
  'scope',
  'anchor',
  'random_offset',
  'backoff',
  'max_period',
  'deactivate_after',
];

/** A definition whose faults lie elsewhere than in its schedule. */
function readableOf(
  { record, state, nodeTimezone }: Candidate,
  faults: readonly Fault[],
): ReadableDefinition | undefined {
  if (faults.some(({ field }) => SCHEDULE_FIELDS.includes(field))) {
    return undefined;
  }
  try {
    const task = checkedBefore(record);
    return { task, timetable: timetableOf(task, { scopeKey: state.scopeKey, nodeTimezone }) };
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

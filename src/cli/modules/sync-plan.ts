import { DefinitionError, type Fault, UsageError } from '../../core/errors.ts';
import { declaringFile, isOfFile } from '../../core/owners.ts';
import { saysNever } from '../../core/schedule/never.ts';
import { ALL_NODES, nameOf, runsOn, type TaskDefinition, type TaskRecord } from '../../core/task.ts';
import type { CheckedDefinition } from '../../core/task-schema.ts';
import type { StoredForSync, TaskChanges } from '../../store/synced-tasks.ts';

/** A task that a file on this node declares, as the row that it is to be. */
export type DeclaredTask = { readonly file: string; readonly definition: TaskDefinition };

/** What the files of a node say, and what is to be known of them and of it. */
export type Declarations = {
  readonly node: string;
  readonly tasks: readonly DeclaredTask[];
  /** The faults that were found before. */
  readonly faults: readonly Fault[];
  /** Files that load and hold no module at all. */
  readonly emptyFiles: readonly string[];
  /** What came instead, where the configuration names nothing that could hold modules. */
  readonly missing: string | undefined;
};

/** One line of what is to be done. */
export type SyncLine = {
  readonly kind: 'added' | 'changed' | 'gone';
  readonly task: string;
  /** What changes, in words. */
  readonly what: string;
};

export type SyncPlan = TaskChanges & {
  readonly lines: readonly SyncLine[];
  readonly unchanged: number;
  /** Tasks that no file of this node declares and that stay all the same. */
  readonly left: ReadonlyArray<{ readonly task: string; readonly reason: string }>;
  /** Files without any module, and the tasks that they declared: such a file may be half of what it is to be. */
  readonly emptyFiles: ReadonlyArray<{ readonly file: string; readonly tasks: readonly string[] }>;
};

/** Says of the columns of a task whether they are valid together. */
export type Check = (fields: Readonly<Record<string, unknown>>) => CheckedDefinition;

/**
 * What makes the rows what the files of a node say. A row that belongs to nobody's file is never touched, and neither is
 * what an operator sets: whether it is active, its policies, its tags.
 *
 * @throws DefinitionError with every name that belongs to somebody else, and everything that would make a row invalid;
 * UsageError where tasks would go for want of anything that could declare them
 */
export function planSync(declarations: Declarations, stored: StoredForSync, check: Check): SyncPlan {
  const { node, tasks } = declarations;
  const byName = new Map(stored.records.map((record) => [nameOf(record), record]));
  const names = new Set(tasks.map(({ definition }) => definition.name));
  const declared = tasks.map((task) => declaredStep(task, byName.get(task.definition.name), { node, check }));
  const faults = [
    ...declarations.faults,
    ...declared.flatMap((step) => (step.kind === 'fault' ? step.faults : [])),
  ];
  if (faults.length > 0) {
    throw new DefinitionError('modules sync', faults);
  }
  const undeclared = stored.records.filter(
    (record) => isOwnedHere(record, node) && !names.has(nameOf(record)),
  );
  const isOnlyNode = stored.nodes.every((known) => known === node);
  const steps = [...declared, ...undeclared.map((record) => undeclaredStep(record, { node, isOnlyNode }))];
  refuseWithoutSources(declarations, steps);
  return {
    lines: steps.flatMap(lineOf),
    added: steps.flatMap((step) => (step.kind === 'added' ? [step.definition] : [])),
    changed: steps.flatMap((step) => (step.kind === 'changed' || step.kind === 'gone' ? [step] : [])),
    unchanged: declared.filter(({ kind }) => kind === 'unchanged').length,
    left: steps.flatMap((step) => (step.kind === 'left' ? [{ task: step.task, reason: step.reason }] : [])),
    emptyFiles: emptiedFiles(declarations.emptyFiles, undeclared),
  };
}

/** What becomes of one task. */
type Step =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'fault'; readonly faults: readonly Fault[] }
  | { readonly kind: 'added'; readonly definition: TaskDefinition; readonly what: string }
  | {
      readonly kind: 'changed' | 'gone';
      readonly record: TaskRecord;
      readonly fields: Partial<TaskDefinition>;
      readonly what: string;
    }
  | { readonly kind: 'left'; readonly task: string; readonly reason: string };

const UNCHANGED: Step = { kind: 'unchanged' };

function lineOf(step: Step): readonly SyncLine[] {
  switch (step.kind) {
    case 'added':
      return [{ kind: step.kind, task: step.definition.name, what: step.what }];
    case 'changed':
    case 'gone':
      return [{ kind: step.kind, task: nameOf(step.record), what: step.what }];
    case 'unchanged':
    case 'fault':
    case 'left':
      return [];
  }
}

function declaredStep(
  task: DeclaredTask,
  record: TaskRecord | undefined,
  { node, check }: { readonly node: string; readonly check: Check },
): Step {
  const { definition, file } = task;
  if (record === undefined) {
    return { kind: 'added', definition, what: `every ${definition.schedule} (${file})` };
  }
  const fault = faultOfOwner(record, task, node);
  if (fault !== undefined) {
    return { kind: 'fault', faults: [fault] };
  }
  const fields = changedFields(record, definition, node);
  const what = changesText(record, fields, file);
  if (what === '') {
    return UNCHANGED;
  }
  // An operator's policies may not go with what the code says now.
  const checked = check({ ...record.fields, ...fields });
  return checked.kind === 'valid'
    ? { kind: 'changed', record, fields, what }
    : { kind: 'fault', faults: faultsOf(definition.name, checked.faults) };
}

/** The faults of a task among those of others. */
export function faultsOf(task: string, faults: readonly Fault[]): readonly Fault[] {
  return faults.map(({ field, message }) => ({ field: `${task}.${field}`, message }));
}

function changedFields(
  record: TaskRecord,
  definition: TaskDefinition,
  node: string,
): Partial<TaskDefinition> {
  const { owner, module, scheduleKind, schedule, runImmediately, nodes, gone } = record.fields;
  return {
    ...(owner === definition.owner ? {} : { owner: definition.owner }),
    ...(module === definition.module ? {} : { module: definition.module, options: {} }),
    ...(scheduleKind === 'every' && schedule === definition.schedule
      ? {}
      : { scheduleKind: 'every', schedule: definition.schedule }),
    // What never runs has no first slot either, and the row is long made when it runs again.
    ...(runImmediately === true && saysNever('every', definition.schedule) ? { runImmediately: false } : {}),
    ...(runsOn(listOf(nodes), node) ? {} : { nodes: [...listOf(nodes), node] }),
    ...(gone === true ? { gone: false, active: true } : {}),
  };
}

function changesText(record: TaskRecord, fields: Partial<TaskDefinition>, file: string): string {
  const { module, scheduleKind, schedule } = record.fields;
  const words = {
    gone: 'enabled: its file declares it again',
    owner: `file ${declaringFile(record)} -> ${file}`,
    module: `module ${String(module)} -> ${fields.module}`,
    schedule: `${String(scheduleKind)} ${String(schedule)} -> every ${fields.schedule}`,
    runImmediately: 'no first slot any more',
    nodes: `node ${fields.nodes?.at(-1)} added`,
  };
  return Object.entries(words)
    .flatMap(([field, text]) => (field in fields ? [text] : []))
    .join(', ');
}

/** On other nodes the file may be there as before. */
function undeclaredStep(
  record: TaskRecord,
  { node, isOnlyNode }: { readonly node: string; readonly isOnlyNode: boolean },
): Step {
  const task = nameOf(record);
  const others = listOf(record.fields.nodes).filter((other) => other !== node);
  const isEverywhere = others.includes(ALL_NODES);
  if (others.length > 0 && !isEverywhere) {
    const what = `node ${node} removed: no file declares it here`;
    return { kind: 'gone', record, fields: { nodes: others }, what };
  }
  if (record.fields.gone === true) {
    return UNCHANGED;
  }
  if (isEverywhere && !isOnlyNode) {
    const reason = `no file declares it on node ${node}, but it is on every node ("${ALL_NODES}"): name the nodes that have its file with "periodic-cron set ${task} -n …", or end it with "periodic-cron remove ${task}"`;
    return { kind: 'left', task, reason };
  }
  const what = 'disabled: no file declares it any more';
  return { kind: 'gone', record, fields: { active: false, gone: true }, what };
}

/** A configuration that lost its modules says nothing of what the files declare. */
function refuseWithoutSources({ missing, node }: Declarations, steps: readonly Step[]): void {
  const gone = steps.filter(({ kind }) => kind === 'gone').length;
  if (missing === undefined || gone === 0) {
    return;
  }
  const tasks = gone === 1 ? '1 task that a file declared' : `${gone} tasks that files declared`;
  throw new UsageError(
    `modules sync: expected folders or packages of modules, got ${missing}: ${tasks} would go from node ${node}; name them under "modules", or say what becomes of the tasks with "periodic-cron set NAME -n …" or "periodic-cron remove NAME"`,
  );
}

function emptiedFiles(
  emptyFiles: readonly string[],
  undeclared: readonly TaskRecord[],
): SyncPlan['emptyFiles'] {
  const going = undeclared.filter(({ fields }) => fields.gone !== true);
  return emptyFiles.flatMap((file) => {
    const tasks = going.filter((record) => declaringFile(record) === file).map(nameOf);
    return tasks.length === 0 ? [] : [{ file, tasks }];
  });
}

function isOwnedHere({ fields }: TaskRecord, node: string): boolean {
  return isOfFile(fields.owner) && runsOn(listOf(fields.nodes), node);
}

/**
 * A row of another file is taken over where that file is this node's and does not declare it any more: the code has moved.
 * Names are declared once here, so such a file does not declare it.
 */
function faultOfOwner(record: TaskRecord, { definition }: DeclaredTask, node: string): Fault | undefined {
  const { owner } = record.fields;
  if (owner === definition.owner || isOwnedHere(record, node)) {
    return undefined;
  }
  return {
    field: definition.name,
    message: `expected a new name or a task of its file, got that of a task that belongs to ${ownerText(record)}`,
  };
}

function ownerText(record: TaskRecord): string {
  const { owner } = record.fields;
  if (owner === null) {
    return 'an operator';
  }
  return isOfFile(owner) ? `${declaringFile(record)} on another node` : String(owner);
}

function listOf(nodes: unknown): readonly string[] {
  return Array.isArray(nodes) ? nodes.map(String) : [];
}

import { DefinitionError, type Fault } from '../../core/errors.ts';
import { declaringFile, isOfFile } from '../../core/owners.ts';
import { ALL_NODES, nameOf, runsOn, type TaskDefinition, type TaskRecord } from '../../core/task.ts';
import type { TaskChanges } from '../../store/synced-tasks.ts';

/** A task that a file on this node declares, as the row that it is to be. */
export type DeclaredTask = { readonly file: string; readonly definition: TaskDefinition };

/** One line of what is to be done. */
export type SyncLine = {
  readonly kind: 'added' | 'changed' | 'gone';
  readonly task: string;
  /** What changes, in words. */
  readonly what: string;
};

export type SyncPlan = TaskChanges & { readonly lines: readonly SyncLine[]; readonly unchanged: number };

/**
 * What makes the rows what the files of a node say. A row that belongs to nobody's file is never touched, and neither is
 * what an operator sets: whether it is active, its policies, its tags.
 *
 * @throws DefinitionError with every name that belongs to somebody else; `known` are the faults that were found before
 */
export function planSync(
  declared: readonly DeclaredTask[],
  records: readonly TaskRecord[],
  { node, known }: { readonly node: string; readonly known: readonly Fault[] },
): SyncPlan {
  const byName = new Map(records.map((record) => [nameOf(record), record]));
  const names = new Set(declared.map(({ definition }) => definition.name));
  const faults = [...known];
  const steps: Step[] = [];
  for (const task of declared) {
    const record = byName.get(task.definition.name);
    const fault = record === undefined ? undefined : faultOfOwner(record, task, node);
    if (fault !== undefined) {
      faults.push(fault);
    } else {
      steps.push(record === undefined ? added(task) : changed(record, task, node));
    }
  }
  if (faults.length > 0) {
    throw new DefinitionError('modules sync', faults);
  }
  const gone = records.filter((record) => isOwnedHere(record, node) && !names.has(nameOf(record)));
  steps.push(...gone.map((record) => goneStep(record, node)));
  const done = steps.filter(({ line }) => line !== undefined);
  return {
    lines: done.flatMap(({ line }) => line ?? []),
    added: done.flatMap((step) => step.definition ?? []),
    changed: done.flatMap(({ record, fields }) =>
      record === undefined || fields === undefined ? [] : [{ record, fields }],
    ),
    unchanged: declared.length - done.filter(({ line }) => line?.kind !== 'gone').length,
  };
}

/** Without a line there is nothing to do. */
type Step = {
  readonly line?: SyncLine;
  readonly definition?: TaskDefinition;
  readonly record?: TaskRecord;
  readonly fields?: Partial<TaskDefinition>;
};

function added({ definition, file }: DeclaredTask): Step {
  const what = `every ${definition.schedule} (${file})`;
  return { definition, line: { kind: 'added', task: definition.name, what } };
}

function changed(record: TaskRecord, task: DeclaredTask, node: string): Step {
  const { definition } = task;
  const { owner, module, scheduleKind, schedule, nodes, gone } = record.fields;
  const fields: Partial<TaskDefinition> = {
    ...(owner === definition.owner ? {} : { owner: definition.owner }),
    ...(module === definition.module ? {} : { module: definition.module, options: {} }),
    ...(scheduleKind === 'every' && schedule === definition.schedule
      ? {}
      : { scheduleKind: 'every', schedule: definition.schedule }),
    ...(runsOn(listOf(nodes), node) ? {} : { nodes: [...listOf(nodes), node] }),
    ...(gone === true ? { gone: false, active: true } : {}),
  };
  const what = changesText(record, fields, task.file);
  return what === '' ? {} : { record, fields, line: { kind: 'changed', task: definition.name, what } };
}

function changesText(record: TaskRecord, fields: Partial<TaskDefinition>, file: string): string {
  const { module, scheduleKind, schedule } = record.fields;
  const words = {
    gone: 'enabled: its file declares it again',
    owner: `file ${declaringFile(record)} -> ${file}`,
    module: `module ${String(module)} -> ${fields.module}`,
    schedule: `${String(scheduleKind)} ${String(schedule)} -> every ${fields.schedule}`,
    nodes: `node ${fields.nodes?.at(-1)} added`,
  };
  return Object.entries(words)
    .flatMap(([field, text]) => (field in fields ? [text] : []))
    .join(', ');
}

/** On other nodes the file may be there as before. */
function goneStep(record: TaskRecord, node: string): Step {
  const task = nameOf(record);
  const others = listOf(record.fields.nodes).filter((other) => other !== node);
  if (others.length > 0 && !others.includes(ALL_NODES)) {
    const what = `node ${node} removed: no file declares it here`;
    return { record, fields: { nodes: others }, line: { kind: 'gone', task, what } };
  }
  if (record.fields.gone === true) {
    return {};
  }
  const what = 'disabled: no file declares it any more';
  return { record, fields: { active: false, gone: true }, line: { kind: 'gone', task, what } };
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

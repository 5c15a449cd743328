import type { Config } from '../../config/config.ts';
import { formatDuration } from '../../core/durations.ts';
import type { Fault } from '../../core/errors.ts';
import { OWNED_BY_FILE } from '../../core/owners.ts';
import type { TaskDefinition } from '../../core/task.ts';
import { NO_MODULE } from '../../modules/foreign-modules.ts';
import { type PeriodicSpec, whyNotScheduled } from '../../modules/periodic-task.ts';
import type { ModuleEntry, ModuleListing } from '../../modules/registry.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { readSyncedTasks, type StoredForSync, writeSyncedTasks } from '../../store/synced-tasks.ts';
import { actorName } from '../actor.ts';
import type { Context } from '../context.ts';
import { logChange } from '../event-log-change.ts';
import { EXIT } from '../exit-codes.ts';
import { type Session, withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import {
  type Check,
  type Declarations,
  type DeclaredTask,
  faultsOf,
  planSync,
  type SyncPlan,
} from './sync-plan.ts';

/** Makes rows of the tasks that the files of this node declare, or with `plan` says what it would do. */
export function syncModules(
  context: Context,
  { plan = false }: { readonly plan?: boolean },
): Promise<number> {
  return withSession(context, { readOnly: plan }, async (session) => {
    const { config, store } = session;
    const registry = await openRegistry(config, context.io.cwd);
    const declared = declaredIn(await (plan ? registry.readOnly() : registry).list());
    const { checkDefinition: check } = await import('../../core/task-schema.ts');
    const { tasks, faults } = definitionsOf(declared, config, check);
    const declarations: Declarations = {
      node: config.node,
      tasks,
      faults: [...declared.faults, ...faults],
      emptyFiles: declared.emptyFiles,
      missing: missingIn(config),
    };
    const names = tasks.map(({ definition }) => definition.name);
    const decide = (stored: StoredForSync): SyncPlan => planSync(declarations, stored, check);
    const actor = actorName(context.io.uid);
    const done = plan
      ? decide(await readSyncedTasks(store.database, names))
      : await writeSyncedTasks(store.database, { names, actor }, decide);
    if (!plan) {
      await logAll(context, session, done);
    }
    tell(context, done, { plan, declared: declared.modules });
    return EXIT.ok;
  });
}

/** Says where modules should have been named, if the configuration names none. */
function missingIn({ modules, file }: Config): string | undefined {
  if (modules.folders.length > 0 || modules.packages.length > 0) {
    return undefined;
  }
  return file === undefined ? 'no configuration file' : `none in ${file}`;
}

type Declared = {
  readonly modules: readonly DeclaredModule[];
  readonly faults: readonly Fault[];
  readonly emptyFiles: readonly string[];
};
type DeclaredModule = { readonly id: string; readonly file: string; readonly spec: PeriodicSpec };

/** A file that cannot be read may declare anything: without it nobody can say which tasks are gone. */
function declaredIn({ modules, faults }: ModuleListing): Declared {
  const periodic = modules.filter(({ periodic: spec }) => spec !== undefined);
  const twice = new Map(periodic.flatMap(({ id, fault }) => (fault === undefined ? [] : [[id, fault]])));
  return {
    modules: periodic.flatMap(declaredModule),
    faults: [
      ...faults
        .filter(({ message }) => message !== NO_MODULE)
        .map(({ file, message }) => ({ field: file, message })),
      ...[...twice].map(([field, message]) => ({ field, message })),
    ],
    emptyFiles: faults.filter(({ message }) => message === NO_MODULE).map(({ file }) => file),
  };
}

function declaredModule({ id, file, periodic: spec, fault }: ModuleEntry): readonly DeclaredModule[] {
  return file === undefined || spec === undefined || fault !== undefined ? [] : [{ id, file, spec }];
}

function definitionsOf(
  { modules }: Declared,
  config: Config,
  check: Check,
): { readonly tasks: readonly DeclaredTask[]; readonly faults: readonly Fault[] } {
  const tasks: DeclaredTask[] = [];
  const faults: Fault[] = [];
  for (const module of modules) {
    const checked = check(fieldsOf(module, config));
    if (checked.kind === 'valid') {
      tasks.push({ file: module.file, definition: checked.definition });
    } else {
      faults.push(...faultsOf(module.id, checked.faults));
    }
  }
  return { tasks, faults };
}

/** What is not scheduled has a period that is never, so that whether it is active stays the operator's to say. */
function fieldsOf(
  { id, file, spec }: DeclaredModule,
  { node, defaultSpacingSeconds }: Config,
): Partial<TaskDefinition> {
  const seconds = spec.spacingSeconds === 0 ? defaultSpacingSeconds : spec.spacingSeconds;
  const isScheduled = whyNotScheduled(spec) === undefined;
  return {
    name: id,
    module: id,
    scheduleKind: 'every',
    schedule: formatDuration(isScheduled ? seconds : -Math.abs(seconds)),
    runImmediately: isScheduled && spec.runImmediately,
    owner: `${OWNED_BY_FILE}${file}`,
    nodes: [node],
  };
}

const EVENTS = { added: 'created', changed: 'changed', gone: 'disabled' } as const;

async function logAll(context: Context, session: Session, { lines }: SyncPlan): Promise<void> {
  const actor = actorName(context.io.uid);
  const scopes = [session.config.node];
  for (const { kind, task } of lines) {
    await logChange(context, session, { event: EVENTS[kind], task, scopes, nextSlotAt: null, actor });
  }
}

const SIGNS = { added: '+', changed: '~', gone: '-' } as const;

function tell(
  { output }: Context,
  { lines, unchanged, left, emptyFiles }: SyncPlan,
  { plan, declared }: { readonly plan: boolean; readonly declared: readonly DeclaredModule[] },
): void {
  const notScheduled = declared.flatMap(({ id, spec }) => {
    const reason = whyNotScheduled(spec);
    return reason === undefined ? [] : [{ task: id, reason }];
  });
  if (output.isJson) {
    output.document({ applied: !plan, changes: lines, unchanged, notScheduled, left, emptyFiles });
    return;
  }
  for (const { file, tasks } of emptyFiles) {
    output.line(
      printable(
        `! ${file} holds no module any more, and declared ${tasks.join(', ')}: if it is not whole, put it right and sync again`,
      ),
    );
  }
  for (const { kind, task, what } of lines) {
    output.line(printable(`${SIGNS[kind]} ${task}: ${what}`));
  }
  for (const { task, reason } of notScheduled) {
    output.line(printable(`  ${task}: not scheduled: ${reason}`));
  }
  for (const { task, reason } of left) {
    output.line(printable(`  ${task}: left as it is: ${reason}`));
  }
  output.line(
    lines.length === 0
      ? `nothing to do: ${unchanged} as ${unchanged === 1 ? 'its file says' : 'their files say'}`
      : `${plan ? 'would be' : 'done'}: ${countsText(lines)}, ${unchanged} unchanged`,
  );
}

function countsText(lines: SyncPlan['lines']): string {
  return (['added', 'changed', 'gone'] as const)
    .map((kind) => `${lines.filter((line) => line.kind === kind).length} ${kind}`)
    .join(', ');
}
